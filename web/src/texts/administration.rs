//! What the pages of an organisation's administration say.

side_by_side! {
    /// Texts for admins.
    AdminTexts {
        organization: "Organisation", "Organisation", "Organisation";
        facts: "Fixed by the operator", "Fixé par l’exploitant", "Vom Betreiber festgelegt";
        short_name: "Short name", "Nom court", "Kurzname";
        plan: "Plan", "Formule", "Paket";
        plan_plus: "Plus: spaces", "Plus : espaces", "Plus: Spaces";
        plan_ultimate: "Ultimate: spaces and CRM logging", "Ultimate : espaces et journal CRM", "Ultimate: Spaces und CRM-Protokoll";
        base_url: "Links begin with", "Les liens commencent par", "Links beginnen mit";
        own_language: "Language of the organisation", "Langue de l’organisation", "Sprache der Organisation";
        own_language_hint: "For people whose own language is not known yet.", "Pour les personnes dont la langue n’est pas encore connue.", "Für Personen, deren eigene Sprache noch nicht bekannt ist.";
        sign_in_policy: "Signing in", "Connexion", "Anmeldung";
        mode_guided: "Say at once what to do next", "Indiquer tout de suite la suite", "Sofort sagen, wie es weitergeht";
        mode_guided_hint: "Easier: whoever types an address learns whether it is known. Guessing is slowed down.", "Plus simple : qui saisit une adresse apprend si elle est connue. Les essais sont freinés.", "Bequemer: Wer eine Adresse eingibt, erfährt, ob sie bekannt ist. Raten wird gebremst.";
        mode_verify: "Prove the address first", "Prouver d’abord l’adresse", "Erst die Adresse beweisen";
        mode_verify_hint: "More discreet: the answer is always the same, and only a mail says how to go on.", "Plus discret : la réponse est toujours la même, seul un e-mail dit comment continuer.", "Verschwiegener: Die Antwort ist immer dieselbe, und nur eine Mail sagt, wie es weitergeht.";
        password_length: "Fewest characters of a password", "Longueur minimale d’un mot de passe", "Mindestlänge eines Passworts";
        password_length_hint: "12 to 64. Holds for passwords set from now on.", "De 12 à 64. Vaut pour les mots de passe définis désormais.", "12 bis 64. Gilt für Passwörter, die ab jetzt gesetzt werden.";
        rule_password_length: "12 to 64 characters.", "De 12 à 64 caractères.", "12 bis 64 Zeichen.";
        allow_download_hint: "Off: guests see files and cannot take them with them.", "Désactivé : les invités voient les fichiers sans pouvoir les emporter.", "Aus: Gäste sehen Dateien und können sie nicht mitnehmen.";
        allow_invite_hint: "Off: only your people bring in guests.", "Désactivé : seuls les vôtres invitent.", "Aus: Nur Ihre Leute laden Gäste ein.";
        allow_upload_hint: "Off: only your people add content.", "Désactivé : seuls les vôtres ajoutent du contenu.", "Aus: Nur Ihre Leute fügen Inhalte hinzu.";
        search_members: "Search by name or address", "Chercher par nom ou adresse", "Nach Name oder Adresse suchen";
        nobody_found: "Nobody of your organisation has “{}” in their name or address.", "Personne dans votre organisation n’a « {} » dans son nom ou son adresse.", "Niemand in Ihrer Organisation hat „{}“ im Namen oder in der Adresse.";
        edit_member: "Edit", "Modifier", "Bearbeiten";
        admin_hint: "Admins manage the organisation and see all its spaces.", "Les administrateurs gèrent l’organisation et voient tous ses espaces.", "Administratoren verwalten die Organisation und sehen alle ihre Spaces.";
        take_access: "Take the access away", "Retirer l’accès", "Zugang entziehen";
        take_access_explained: "They are signed out everywhere at once, and can no longer sign in. Their spaces and what they added stay. This cannot be undone here.", "La personne est déconnectée partout aussitôt et ne peut plus se connecter. Ses espaces et ses contenus restent. C’est irréversible ici.", "Die Person wird sofort überall abgemeldet und kann sich nicht mehr anmelden. Ihre Spaces und Inhalte bleiben. Das lässt sich hier nicht rückgängig machen.";
        last_admin: "Somebody must remain admin: give another person the role first.", "Il faut au moins un administrateur : donnez d’abord ce rôle à quelqu’un d’autre.", "Jemand muss Administrator bleiben: Geben Sie die Rolle zuerst einer anderen Person.";
        all_states: "All", "Tous", "Alle";
        filter: "Show", "Afficher", "Anzeigen";
        retry: "Send again", "Renvoyer", "Erneut senden";
        reason: "Why", "Pourquoi", "Warum";
        attempts: "Tries", "Essais", "Versuche";
        no_mail_like_this: "No mail like this.", "Aucun e-mail de ce genre.", "Keine solche Mail.";
        not_failed: "This mail has not failed, or is waiting already.", "Cet e-mail n’a pas échoué, ou attend déjà.", "Diese Mail ist nicht fehlgeschlagen oder wartet bereits.";
        suppressions: "Addresses without mails", "Adresses sans e-mails", "Adressen ohne Mails";
        suppressions_explained: "Their mail servers refused them for good, so nothing is sent there any more but what people ask for themselves.", "Leur serveur les a refusées définitivement : on n’y envoie plus rien, sauf ce que les personnes demandent elles-mêmes.", "Ihr Mailserver hat sie endgültig abgelehnt; dorthin geht nichts mehr, außer was jemand selbst anfordert.";
        no_suppressions: "Every address gets its mails.", "Toutes les adresses reçoivent leurs e-mails.", "Alle Adressen bekommen ihre Mails.";
        refused_by_server: "Refused by the mail server", "Refusée par le serveur de messagerie", "Vom Mailserver abgelehnt";
        allow_again: "Allow again", "Autoriser à nouveau", "Wieder zulassen";
        notices: "Privacy notices", "Avis de confidentialité", "Datenschutzhinweise";
        notices_explained: "Guests agree to the notice before they see anything of a space. Every version is kept, as evidence of what they agreed to.", "Les invités acceptent l’avis avant de voir quoi que ce soit d’un espace. Chaque version est conservée, comme preuve de ce qu’ils ont accepté.", "Gäste stimmen dem Hinweis zu, bevor sie etwas von einem Space sehen. Jede Fassung bleibt als Nachweis erhalten, wozu sie zugestimmt haben.";
        write_version: "Write a new version", "Rédiger une nouvelle version", "Neue Fassung schreiben";
        version: "Version {}", "Version {}", "Fassung {}";
        in_force: "In force", "En vigueur", "In Kraft";
        is_material: "Asked everybody again", "Consentement redemandé", "Zustimmung neu erfragt";
        since: "since", "depuis le", "seit";
        material: "Ask every guest again", "Redemander l’accord de chaque invité", "Jeden Gast erneut fragen";
        material_hint: "Tick this when the change matters to people. Until they agree, they see nothing of any space.", "Cochez si le changement compte pour les personnes. Jusqu’à leur accord, elles ne voient aucun espace.", "Ankreuzen, wenn die Änderung für die Menschen wichtig ist. Bis zur Zustimmung sehen sie keinen Space.";
        notice_in: "Text in {}", "Texte en {}", "Text auf {}";
        notice_hint: "Plain text. It must be there in {}, your organisation’s language; a language without a text is shown that one.", "Texte simple. Il doit exister en {}, la langue de votre organisation ; une langue sans texte affiche celui-ci.", "Reiner Text. Auf {}, der Sprache Ihrer Organisation, muss es ihn geben; Sprachen ohne Text zeigen diesen.";
        publish: "Publish", "Publier", "Veröffentlichen";
        guests_read: "This is what guests read", "Voici ce que lisent les invités", "Das lesen Ihre Gäste";
        rule_notice: "1 to 20,000 characters, and a text in the organisation’s own language.", "De 1 à 20 000 caractères, avec un texte dans la langue de l’organisation.", "1 bis 20.000 Zeichen, mit einem Text in der Sprache der Organisation.";
        evidence: "Evidence of consent", "Preuves de consentement", "Nachweis der Einwilligungen";
        evidence_explained: "Each consent is chained to the one before. The check recomputes the whole chain.", "Chaque consentement est lié au précédent. La vérification recalcule toute la chaîne.", "Jede Einwilligung ist mit der vorigen verkettet. Die Prüfung rechnet die ganze Kette nach.";
        verify: "Check the evidence", "Vérifier les preuves", "Nachweis prüfen";
        intact: "The evidence is whole: {} entries.", "Les preuves sont intactes : {} entrées.", "Der Nachweis ist vollständig: {} Einträge.";
        broken: "The evidence does not hold from entry {} on.", "Les preuves ne tiennent plus à partir de l’entrée {}.", "Der Nachweis hält ab Eintrag {} nicht.";
        deleted_spaces: "Deleted spaces", "Espaces supprimés", "Gelöschte Spaces";
        deleted_explained: "They can be taken back for 30 days; then they are gone with their files.", "Ils peuvent être repris pendant 30 jours ; ensuite ils disparaissent avec leurs fichiers.", "Sie lassen sich 30 Tage lang zurückholen; danach sind sie mit ihren Dateien weg.";
        no_deleted: "Nothing is waiting to be purged.", "Rien n’attend d’être effacé.", "Nichts wartet darauf, endgültig zu verschwinden.";
        purged_on: "Gone on", "Effacé le", "Endgültig weg am";
        take_back: "Take back", "Reprendre", "Zurückholen";
        theme_changed_live: "Spaces with this theme change with it.", "Les espaces qui l’utilisent changent avec lui.", "Spaces mit diesem Design ändern sich mit.";
        replace_by: "Put in its place", "À sa place", "An seine Stelle kommt";
        delete_theme: "Delete theme", "Supprimer le thème", "Design löschen";
        done_published: "The new version is in force.", "La nouvelle version est en vigueur.", "Die neue Fassung ist in Kraft.";
        done_deactivated: "They have no access any more.", "Cette personne n’a plus accès.", "Der Zugang ist entzogen.";
        done_retried: "The mail is on its way again.", "L’e-mail est de nouveau en route.", "Die Mail ist wieder unterwegs.";
        done_allowed: "The address gets mails again.", "L’adresse reçoit de nouveau des e-mails.", "Die Adresse bekommt wieder Mails.";
        done_restored: "The space is back.", "L’espace est de retour.", "Der Space ist wieder da.";
    }
}
