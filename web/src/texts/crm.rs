//! What pages say of CRMs: English, French and German side by side.

/// Declares the texts, and one table for each language.
macro_rules! texts {
    ($($name:ident: $english:literal, $french:literal, $german:literal;)*) => {
        /// The texts of one language.
        pub(crate) struct CrmTexts {
            $(pub(crate) $name: &'static str,)*
        }

        pub(super) static ENGLISH: CrmTexts = CrmTexts { $($name: $english,)* };
        pub(super) static FRENCH: CrmTexts = CrmTexts { $($name: $french,)* };
        pub(super) static GERMAN: CrmTexts = CrmTexts { $($name: $german,)* };

        #[cfg(test)]
        const ALL: &[(&str, [&str; 3])] = &[$((stringify!($name), [$english, $french, $german]),)*];
    };
}

texts! {
    crm: "CRM", "CRM", "CRM";
    connections: "CRM connections", "Connexions au CRM", "CRM-Verbindungen";
    intro: "Connect the CRM your team works in. Spaces, invitations and snapshots are then logged where deals are followed.",
        "Connectez le CRM de votre équipe : espaces, invitations et instantanés y sont alors consignés, là où se suivent vos affaires.",
        "Verbinden Sie das CRM Ihres Teams. Räume, Einladungen und Momentaufnahmen werden dann dort protokolliert, wo Sie Ihre Geschäfte verfolgen.";
    no_connections: "No CRM is connected yet. Choose yours below.",
        "Aucun CRM n’est encore connecté. Choisissez le vôtre ci-dessous.",
        "Noch ist kein CRM verbunden. Wählen Sie unten das Ihre.";
    needs_plan: "CRM logging is part of the plan Ultimate, which your organisation does not have.",
        "La consignation dans un CRM fait partie de l’offre Ultimate, que votre organisation n’a pas.",
        "Das Protokollieren im CRM gehört zum Tarif Ultimate, den Ihre Organisation nicht hat.";
    connected: "Connected", "Connecté", "Verbunden";
    reconnect_needed: "Must be connected again", "À reconnecter", "Muss neu verbunden werden";
    disconnected: "Disconnected", "Déconnecté", "Getrennt";
    paused_until: "Paused until", "En pause jusqu’au", "Pausiert bis";
    connected_on: "Connected on", "Connecté le", "Verbunden am";
    by_code: "Allowed in the CRM", "Autorisé dans le CRM", "Im CRM erlaubt";
    by_client: "Signs in as an application", "S’identifie comme application", "Meldet sich als Anwendung an";
    by_password: "Signs in with user and password", "S’identifie par nom et mot de passe", "Meldet sich mit Benutzer und Passwort an";
    by_key: "Signs in with a key", "S’identifie par une clé", "Meldet sich mit einem Schlüssel an";
    test: "Test", "Tester", "Testen";
    reconnect: "Connect again", "Reconnecter", "Neu verbinden";
    disconnect: "Disconnect", "Déconnecter", "Trennen";
    disconnect_heading: "Disconnect {}?", "Déconnecter {} ?", "{} trennen?";
    disconnect_explained: "What we sign in with is deleted, and logs that still wait will fail. What was logged stays listed here, and stays in the CRM.",
        "Nos identifiants sont effacés et les entrées encore en attente échoueront. Ce qui a été consigné reste affiché ici, et reste dans le CRM.",
        "Unsere Anmeldedaten werden gelöscht, und wartende Einträge schlagen fehl. Was protokolliert wurde, bleibt hier aufgeführt und bleibt im CRM.";
    findings_of: "Test of {}", "Test de {}", "Test von {}";
    finding_ok: "Works", "Fonctionne", "Geht";
    finding_warning: "With a limit", "Avec une limite", "Mit Einschränkung";
    finding_error: "Missing", "Il manque", "Fehlt";
    check_sign_in: "Sign-in", "Identification", "Anmeldung";
    check_external_id: "Each log once", "Chaque entrée une seule fois", "Jeder Eintrag nur einmal";
    check_sales_app: "Opportunities and leads", "Opportunités et prospects", "Verkaufschancen und Leads";
    check_create_right: "Right to create tasks", "Droit de créer des tâches", "Recht, Aufgaben anzulegen";
    check_quota: "Calls left today", "Appels restants aujourd’hui", "Heute übrige Aufrufe";
    all_works: "Everything works.", "Tout fonctionne.", "Alles geht.";
    logging: "Logging", "Consignation", "Protokollieren";
    logging_explained: "What holds for everybody in your organisation.", "Ce qui vaut pour toute votre organisation.", "Was für Ihre ganze Organisation gilt.";
    mode_off: "Off", "Désactivée", "Aus";
    mode_off_hint: "Nothing is logged. What waits already still goes to the CRM.", "Rien n’est consigné. Ce qui attend déjà part encore vers le CRM.", "Nichts wird protokolliert. Was schon wartet, geht noch ins CRM.";
    mode_available: "Available", "Disponible", "Möglich";
    mode_available_hint: "Whoever creates a space or invites may tick a box to log it.", "Qui crée un espace ou invite peut cocher une case pour le consigner.", "Wer einen Raum anlegt oder einlädt, kann ein Häkchen setzen.";
    mode_default_on: "On by default", "Activée d’office", "Von vornherein an";
    mode_default_on_hint: "The box is ticked already, and a record is asked for.", "La case est déjà cochée et un enregistrement est demandé.", "Das Häkchen ist schon gesetzt, und es wird nach einem Datensatz gefragt.";
    connect_heading: "Connect a CRM", "Connecter un CRM", "Ein CRM verbinden";
    connect_to: "Connect {}", "Connecter {}", "{} verbinden";
    reconnect_to: "Connect {} again", "Reconnecter {}", "{} neu verbinden";
    reconnect_explained: "Logs and links are kept. Type secrets anew: they are never shown.", "Entrées et liens sont conservés. Saisissez à nouveau les secrets : ils ne sont jamais affichés.", "Einträge und Verknüpfungen bleiben. Geheimes bitte neu eingeben: Es wird nie gezeigt.";
    about_salesforce: "You allow it at Salesforce, as an administrator there.", "Vous l’autorisez chez Salesforce, en tant qu’administrateur.", "Sie erlauben es bei Salesforce, als Administrator dort.";
    about_dynamics: "By an application of your Entra tenant, or allowed by you at Microsoft.", "Par une application de votre locataire Entra, ou autorisé par vous chez Microsoft.", "Über eine Anwendung Ihres Entra-Mandanten oder von Ihnen bei Microsoft erlaubt.";
    about_c4c: "The first version (Cloud for Customer), with an integration user.", "La première version (Cloud for Customer), avec un utilisateur d’intégration.", "Die erste Version (Cloud for Customer), mit einem Integrationsbenutzer.";
    about_sales_cloud: "Version 2, with an API user.", "La version 2, avec un utilisateur d’API.", "Version 2, mit einem API-Benutzer.";
    display_name: "Name of the connection", "Nom de la connexion", "Name der Verbindung";
    display_name_hint: "Colleagues see it when they choose a record.", "Vos collègues le voient en choisissant un enregistrement.", "Ihre Kollegen sehen ihn, wenn sie einen Datensatz wählen.";
    login_url: "Sign-in address", "Adresse d’identification", "Anmeldeadresse";
    login_url_hint: "https://login.salesforce.com, https://test.salesforce.com for a sandbox, or your own My Domain.", "https://login.salesforce.com, https://test.salesforce.com pour un bac à sable, ou votre propre My Domain.", "https://login.salesforce.com, https://test.salesforce.com für eine Sandbox, oder Ihre eigene My Domain.";
    instance_url: "Address of the CRM", "Adresse du CRM", "Adresse des CRM";
    instance_url_hint: "As in the browser, up to the first slash: {}.", "Comme dans le navigateur, jusqu’à la première barre oblique : {}.", "Wie im Browser, bis zum ersten Schrägstrich: {}.";
    sign_in: "How we sign in", "Mode d’identification", "Art der Anmeldung";
    as_application: "As an application (client credentials)", "Comme application (client credentials)", "Als Anwendung (Client Credentials)";
    as_application_hint: "Needs an application user in the environment. Nobody has to stay signed in.", "Demande un utilisateur d’application dans l’environnement. Personne n’a besoin de rester connecté.", "Braucht einen Anwendungsbenutzer in der Umgebung. Niemand muss angemeldet bleiben.";
    as_person: "As you, allowed at Microsoft", "En votre nom, autorisé chez Microsoft", "Als Sie, bei Microsoft erlaubt";
    as_person_hint: "You are led to Microsoft and back. Client id and secret stay empty.", "Vous êtes conduit chez Microsoft, puis ramené ici. Identifiant et secret restent vides.", "Sie werden zu Microsoft geführt und zurück. Client-ID und Geheimnis bleiben leer.";
    tenant: "Directory (tenant)", "Annuaire (locataire)", "Verzeichnis (Mandant)";
    tenant_hint: "The tenant’s id or domain, such as contoso.onmicrosoft.com.", "L’identifiant ou le domaine du locataire, p. ex. contoso.onmicrosoft.com.", "ID oder Domäne des Mandanten, etwa contoso.onmicrosoft.com.";
    client_id: "Application (client) id", "Identifiant de l’application (client)", "Anwendungs-ID (Client)";
    client_id_hint: "From the app registration in Entra.", "De l’inscription d’application dans Entra.", "Aus der App-Registrierung in Entra.";
    client_secret: "Client secret", "Secret client", "Clientgeheimnis";
    username: "User", "Utilisateur", "Benutzer";
    username_hint: "A user for machines, which may read accounts, opportunities, contacts and leads and create tasks.", "Un utilisateur technique, qui peut lire comptes, opportunités, contacts et prospects et créer des tâches.", "Ein technischer Benutzer, der Accounts, Verkaufschancen, Kontakte und Leads lesen und Aufgaben anlegen darf.";
    secret_hint: "Kept sealed, used for this CRM alone, and never shown again.", "Conservé sous scellés, utilisé pour ce CRM seulement et jamais réaffiché.", "Wird versiegelt aufbewahrt, nur für dieses CRM gebraucht und nie wieder gezeigt.";
    connect: "Connect", "Connecter", "Verbinden";
    leave_heading: "Allow access at {}", "Autoriser l’accès chez {}", "Zugriff bei {} erlauben";
    leave_words: "You are led to {}. Sign in there as an administrator and allow access; you are then brought back here. You have ten minutes.",
        "Vous allez être conduit à {}. Identifiez-vous là-bas comme administrateur et autorisez l’accès ; vous serez ramené ici. Vous avez dix minutes.",
        "Sie werden zu {} geführt. Melden Sie sich dort als Administrator an und erlauben Sie den Zugriff; danach kommen Sie hierher zurück. Sie haben zehn Minuten.";
    leave: "Continue to {}", "Continuer vers {}", "Weiter zu {}";
    not_connected: "Nothing was connected", "Rien n’a été connecté", "Es wurde nichts verbunden";
    denied: "Access was not allowed in the CRM.", "L’accès n’a pas été autorisé dans le CRM.", "Der Zugriff wurde im CRM nicht erlaubt.";
    trouble: "Logs in trouble", "Entrées en difficulté", "Einträge mit Problemen";
    trouble_explained: "Of the spaces you take part in, the last active ones first: what failed, or waits for the CRM.", "Dans les espaces auxquels vous participez, les derniers actifs d’abord : ce qui a échoué, ou attend le CRM.", "Aus den Räumen, an denen Sie teilnehmen, die zuletzt aktiven zuerst: was fehlschlug oder auf das CRM wartet.";
    no_trouble: "Every log of these spaces is in its CRM.", "Toutes les entrées de ces espaces sont dans leur CRM.", "Alle Einträge dieser Räume sind in ihrem CRM.";
    further_spaces: "Further spaces", "Autres espaces", "Weitere Räume";
    log_creation: "Log the creation to the CRM", "Consigner la création dans le CRM", "Das Anlegen im CRM protokollieren";
    log_creation_hint: "On an account or an opportunity; the space stays linked to it.", "Sur un compte ou une opportunité ; l’espace y reste lié.", "Bei einem Account oder einer Verkaufschance; der Raum bleibt damit verknüpft.";
    which_crm: "CRM", "CRM", "CRM";
    all_crms: "All CRMs", "Tous les CRM", "Alle CRM";
    find_record: "Account or opportunity", "Compte ou opportunité", "Account oder Verkaufschance";
    find_person: "Contact or lead", "Contact ou prospect", "Kontakt oder Lead";
    find_person_optional: "Contact or lead (optional)", "Contact ou prospect (facultatif)", "Kontakt oder Lead (freiwillig)";
    find_hint: "A part of the name, at least two characters.", "Une partie du nom, deux caractères au moins.", "Ein Teil des Namens, mindestens zwei Zeichen.";
    find_person_hint: "A part of the name or address, at least two characters.", "Une partie du nom ou de l’adresse, deux caractères au moins.", "Ein Teil des Namens oder der Adresse, mindestens zwei Zeichen.";
    find: "Find", "Chercher", "Suchen";
    nobody: "Nobody in particular", "Personne en particulier", "Niemand Bestimmtes";
    found_nothing: "Nothing found for “{}”.", "Rien trouvé pour « {} ».", "Nichts gefunden für „{}“.";
    too_short: "Type at least two characters, at most 100.", "Saisissez au moins deux caractères, au plus 100.", "Geben Sie mindestens zwei Zeichen ein, höchstens 100.";
    choose_record: "Choose an account or an opportunity.", "Choisissez un compte ou une opportunité.", "Wählen Sie einen Account oder eine Verkaufschance.";
    account: "Account", "Compte", "Account";
    opportunity: "Opportunity", "Opportunité", "Verkaufschance";
    contact: "Contact", "Contact", "Kontakt";
    lead: "Lead", "Prospect", "Lead";
    linked_record: "Linked record", "Enregistrement lié", "Verknüpfter Datensatz";
    not_linked: "This space is linked to no record yet. Once it is, its logs are offered that record.", "Cet espace n’est encore lié à aucun enregistrement. Une fois lié, cet enregistrement est proposé pour ses entrées.", "Dieser Raum ist noch mit keinem Datensatz verknüpft. Ist er es, wird dieser für seine Einträge angeboten.";
    open_in: "Open in {}", "Ouvrir dans {}", "In {} öffnen";
    change_link: "Link to another record", "Lier à un autre enregistrement", "Mit einem anderen Datensatz verknüpfen";
    link_space: "Link to a record", "Lier à un enregistrement", "Mit einem Datensatz verknüpfen";
    link: "Link", "Lier", "Verknüpfen";
    unlink: "Remove the link", "Supprimer le lien", "Verknüpfung lösen";
    add_log: "Add log", "Ajouter une entrée", "Eintrag hinzufügen";
    add_log_explained: "Records the space as it is now: title, description, creation date, participants and the list of content.", "Consigne l’espace tel qu’il est maintenant : titre, description, date de création, participants et liste du contenu.", "Hält den Raum fest, wie er jetzt ist: Titel, Beschreibung, Anlagedatum, Teilnehmende und die Liste der Inhalte.";
    logging_off: "Your organisation has switched logging off.", "Votre organisation a désactivé la consignation.", "Ihre Organisation hat das Protokollieren ausgeschaltet.";
    none_works: "No CRM can be reached at the moment: an administrator must connect it again.", "Aucun CRM n’est joignable : un administrateur doit le reconnecter.", "Zurzeit ist kein CRM erreichbar: Ein Administrator muss es neu verbinden.";
    logs: "Logs", "Entrées", "Einträge";
    no_logs: "Nothing has been logged yet.", "Rien n’a encore été consigné.", "Noch wurde nichts protokolliert.";
    kind_creation: "Space created", "Espace créé", "Raum angelegt";
    kind_invitation: "Invitation", "Invitation", "Einladung";
    kind_snapshot: "Snapshot", "Instantané", "Momentaufnahme";
    state_pending: "Being logged", "En cours", "Wird eingetragen";
    state_logged: "Logged", "Consigné", "Eingetragen";
    state_deferred: "Waits", "En attente", "Wartet";
    state_failed: "Failed", "Échec", "Fehlgeschlagen";
    state_reconnect: "Reconnect needed", "Reconnexion nécessaire", "Neu verbinden nötig";
    tried_after: "Tried again after", "Nouvel essai après le", "Nächster Versuch nach";
    ask_admin: "An administrator must connect the CRM again; then try once more.", "Un administrateur doit reconnecter le CRM ; réessayez ensuite.", "Ein Administrator muss das CRM neu verbinden; versuchen Sie es danach noch einmal.";
    retry: "Try again", "Réessayer", "Noch einmal versuchen";
    open_log: "Open in the CRM", "Ouvrir dans le CRM", "Im CRM öffnen";
    invite_heading: "Invite contacts and leads of the CRM", "Inviter des contacts et prospects du CRM", "Kontakte und Leads des CRM einladen";
    invite_explained: "The invitation is logged on the record you choose and on each person. Only contacts and leads of the CRM can be invited this way.",
        "L’invitation est consignée sur l’enregistrement choisi et sur chaque personne. Seuls des contacts et prospects du CRM peuvent être invités ainsi.",
        "Die Einladung wird beim gewählten Datensatz und bei jeder Person protokolliert. So können nur Kontakte und Leads des CRM eingeladen werden.";
    invite_without: "Invite without a log", "Inviter sans entrée au CRM", "Ohne Eintrag einladen";
    invite_with: "Log to the CRM …", "Consigner dans le CRM …", "Im CRM protokollieren …";
    done_invited: "Invitations are on their way; how their log fares is shown below.", "Les invitations sont parties ; l’état de leur entrée s’affiche ci-dessous.", "Die Einladungen sind unterwegs; wie es ihrem Eintrag geht, steht unten.";
    add: "Add", "Ajouter", "Hinzufügen";
    look_up: "Look up the addresses", "Vérifier les adresses", "Adressen nachschlagen";
    matches: "In the CRM", "Dans le CRM", "Im CRM";
    not_in_crm: "neither contact nor lead", "ni contact ni prospect", "weder Kontakt noch Lead";
    no_address: "no address", "sans adresse", "ohne Adresse";
    cannot_invite: "These cannot be invited with a log: they are no e-mail addresses, or neither contact nor lead of the CRM. Nothing has been sent yet:",
        "Impossible de les inviter avec une entrée au CRM : ce ne sont pas des adresses, ou ni des contacts ni des prospects du CRM. Rien n’a encore été envoyé :",
        "Diese können mit Eintrag im CRM nicht eingeladen werden: Sie sind keine E-Mail-Adressen oder weder Kontakt noch Lead im CRM. Noch wurde nichts gesendet:";
    refused: "The CRM refused this.", "Le CRM l’a refusé.", "Das CRM hat das abgelehnt.";
    unavailable: "The CRM does not answer right now. Please try again in a moment.", "Le CRM ne répond pas en ce moment. Veuillez réessayer dans un instant.", "Das CRM antwortet gerade nicht. Bitte versuchen Sie es gleich noch einmal.";
    reason_reconnect: "The CRM has ended this connection: an administrator must connect it again.", "Le CRM a mis fin à cette connexion : un administrateur doit la rétablir.", "Das CRM hat diese Verbindung beendet: Ein Administrator muss sie neu herstellen.";
    reason_state: "This sign-in was begun too long ago, or by somebody else. Please begin again.", "Cette identification a été commencée il y a trop longtemps, ou par quelqu’un d’autre. Veuillez recommencer.", "Diese Anmeldung wurde vor zu langer Zeit oder von jemand anderem begonnen. Bitte beginnen Sie noch einmal.";
    reason_too_many: "An organisation has at most 20 connections.", "Une organisation a au plus 20 connexions.", "Eine Organisation hat höchstens 20 Verbindungen.";
    reason_gone: "This connection is there no more.", "Cette connexion n’existe plus.", "Diese Verbindung gibt es nicht mehr.";
    reason_not_failed: "This log is under way already.", "Cette entrée est déjà en cours.", "Dieser Eintrag ist schon unterwegs.";
    rule_url: "An https address of this CRM’s own, without anything behind the host, such as {}.", "Une adresse https de ce CRM, sans rien après l’hôte, par exemple {}.", "Eine https-Adresse dieses CRM ohne etwas hinter dem Host, etwa {}.";
    rule_needed: "This is needed.", "Ce champ est nécessaire.", "Das wird gebraucht.";
    rule_form: "This is too long, or not of the form that is asked for.", "C’est trop long, ou pas de la forme demandée.", "Das ist zu lang oder hat nicht die verlangte Form.";
    done_created: "The space is ready; its creation is on its way to the CRM.", "L’espace est prêt ; sa création part vers le CRM.", "Der Raum ist bereit; sein Anlegen ist unterwegs ins CRM.";
    done_connected: "Connected. Test it to see what is there.", "Connecté. Testez pour voir ce qui s’y trouve.", "Verbunden. Testen Sie, um zu sehen, was da ist.";
    done_disconnected: "Disconnected.", "Déconnecté.", "Getrennt.";
    done_linked: "The space is linked.", "L’espace est lié.", "Der Raum ist verknüpft.";
    done_unlinked: "The link is removed.", "Le lien est supprimé.", "Die Verknüpfung ist gelöst.";
    done_logging: "The log is on its way to the CRM.", "L’entrée est en route vers le CRM.", "Der Eintrag ist unterwegs ins CRM.";
    done_retrying: "It is tried once more.", "Un nouvel essai est en cours.", "Es wird noch einmal versucht.";
}

impl CrmTexts {
    /// What a reason of crm-sync means to a person.
    pub(super) fn reason(&self, reason: &str) -> Option<&'static str> {
        Some(match reason {
            "CRM_REFUSED" => self.refused,
            "CRM_UNAVAILABLE" => self.unavailable,
            "RECONNECT_NEEDED" => self.reason_reconnect,
            "CRM_LOGGING_OFF" => self.logging_off,
            "NO_CRM_TARGET" => self.choose_record,
            "CONNECTION_STATE_REFUSED" => self.reason_state,
            "TOO_MANY_CONNECTIONS" => self.reason_too_many,
            "CONNECTION_NOT_FOUND" => self.reason_gone,
            "LOG_NOT_FAILED" => self.reason_not_failed,
            _ => return None,
        })
    }

    /// What has just been done.
    pub(super) fn done(&self, what: &str) -> Option<&'static str> {
        Some(match what {
            "crm-created" => self.done_created,
            "crm-connected" => self.done_connected,
            "crm-disconnected" => self.done_disconnected,
            "crm-linked" => self.done_linked,
            "crm-unlinked" => self.done_unlinked,
            "crm-logging" => self.done_logging,
            "crm-invited" => self.done_invited,
            "crm-retrying" => self.done_retrying,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_crms_is_there_in_every_language_with_the_same_places_to_fill() {
        for (name, texts) in ALL {
            let places = texts.map(|text| text.matches("{}").count());
            assert!(texts.iter().all(|text| !text.trim().is_empty()), "{name}");
            assert!(places.iter().all(|count| *count == places[0]), "{name}");
        }
        let same = ALL.iter().filter(|(_, [english, french, german])| english == french || english == german);
        assert!(same.count() < 20);
    }
}
