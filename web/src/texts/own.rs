//! What the pages of one's own account say.

side_by_side! {
    /// Texts about one's own account.
    OwnTexts {
        signed_in: "Where you are signed in", "Vos connexions", "Wo Sie angemeldet sind";
        signed_in_explained: "End what you do not know or no longer use; within minutes that device asks for a new sign-in.", "Fermez ce que vous ne reconnaissez pas ou n’utilisez plus ; l’appareil demandera une nouvelle connexion dans les minutes qui suivent.", "Beenden Sie, was Sie nicht kennen oder nicht mehr brauchen; das Gerät verlangt innerhalb weniger Minuten eine neue Anmeldung.";
        picture: "Your picture", "Votre photo", "Ihr Bild";
        picture_explained: "Shown beside your name to those you share a space with.", "Affichée à côté de votre nom aux personnes avec qui vous partagez un espace.", "Steht neben Ihrem Namen bei allen, mit denen Sie einen Space teilen.";
        picture_file: "Picture", "Photo", "Bild";
        remove_picture: "Remove the picture", "Retirer la photo", "Bild entfernen";
        sessions: "Sign-ins", "Connexions", "Anmeldungen";
        this_browser: "This browser", "Ce navigateur", "Dieser Browser";
        unknown_device: "Unknown device", "Appareil inconnu", "Unbekanntes Gerät";
        by_password: "with a password", "par mot de passe", "mit Passwort";
        by_link: "with a link from a mail", "par un lien reçu par e-mail", "mit einem Link aus einer Mail";
        by_code: "with a code from a mail", "par un code reçu par e-mail", "mit einem Code aus einer Mail";
        by_invitation: "by an invitation", "par une invitation", "mit einer Einladung";
        last_used: "Last used", "Dernière utilisation", "Zuletzt benutzt";
        began: "Since", "Depuis", "Seit";
        end_session: "Sign out", "Déconnecter", "Abmelden";
        end_others: "Sign out everywhere else", "Déconnecter partout ailleurs", "Überall sonst abmelden";
        end_all: "Sign out everywhere, here too", "Déconnecter partout, ici aussi", "Überall abmelden, auch hier";
        mails: "Mails", "E-mails", "Mails";
        quiet_hours: "Quiet hours", "Heures calmes", "Ruhezeiten";
        quiet_explained: "Mails about news in your spaces wait until the quiet hours are over. What you ask for yourself, such as a sign-in link, comes at once.", "Les e-mails de nouveautés attendent la fin des heures calmes. Ce que vous demandez vous-même, comme un lien de connexion, arrive tout de suite.", "Mails über Neues in Ihren Spaces warten, bis die Ruhezeit vorbei ist. Was Sie selbst anfordern, etwa einen Anmeldelink, kommt sofort.";
        from: "From", "De", "Von";
        until: "Until", "À", "Bis";
        in_zone: "Times are those of {}.", "Les heures sont celles de {}.", "Die Zeiten gelten für {}.";
        in_utc: "Times are UTC, because your profile names no time zone.", "Les heures sont en UTC, car votre profil n’indique pas de fuseau.", "Die Zeiten gelten in UTC, weil Ihr Profil keine Zeitzone nennt.";
        no_quiet_hours: "Without quiet hours", "Sans heures calmes", "Keine Ruhezeit";
        rule_quiet: "Give both times, such as 22:00 and 07:00, and not the same one twice.", "Indiquez les deux heures, par exemple 22:00 et 07:00, et pas deux fois la même.", "Geben Sie beide Zeiten an, zum Beispiel 22:00 und 07:00, und nicht zweimal dieselbe.";
        by_space: "Space by space", "Espace par espace", "Space für Space";
        by_space_explained: "For each space you choose which mails you get.", "Pour chaque espace, choisissez les e-mails que vous recevez.", "Für jeden Space wählen Sie, welche Mails Sie bekommen.";
        privacy: "Privacy", "Confidentialité", "Datenschutz";
        your_consent: "Your consent", "Votre consentement", "Ihre Einwilligung";
        consent_stands: "You have agreed to the privacy notice. You can take that back at any time; then you see nothing of any space until you agree again.", "Vous avez accepté l’avis de confidentialité. Vous pouvez le retirer à tout moment ; vous ne verrez alors plus aucun espace avant d’accepter à nouveau.", "Sie haben dem Datenschutzhinweis zugestimmt. Sie können das jederzeit widerrufen; dann sehen Sie keinen Space mehr, bis Sie erneut zustimmen.";
        consent_stands_not: "No consent of yours stands at the moment. You see your spaces once you have agreed to the notice.", "Aucun consentement de votre part n’est en vigueur. Vous verrez vos espaces après avoir accepté l’avis.", "Zurzeit gilt keine Einwilligung von Ihnen. Sie sehen Ihre Spaces, sobald Sie dem Hinweis zustimmen.";
        members_need_none: "You belong to the organisation: its own rules hold for you, and no consent is asked.", "Vous faites partie de l’organisation : ses propres règles s’appliquent et aucun consentement n’est demandé.", "Sie gehören zur Organisation: Für Sie gelten deren eigene Regeln, eine Einwilligung wird nicht verlangt.";
        history: "What you agreed to, and when", "Ce que vous avez accepté, et quand", "Wozu Sie wann zugestimmt haben";
        agreed: "Agreed to version {}", "Version {} acceptée", "Version {} zugestimmt";
        withdrawn: "Took back the consent to version {}", "Consentement à la version {} retiré", "Einwilligung zu Version {} widerrufen";
        via_invitation: "on the page of an invitation", "sur la page d’une invitation", "auf der Seite einer Einladung";
        via_account: "while signed in", "une fois connecté", "nach der Anmeldung";
        no_history: "Nothing yet.", "Rien pour l’instant.", "Noch nichts.";
        withdraw: "Take back the consent", "Retirer le consentement", "Einwilligung widerrufen";
        read_and_agree: "Read the notice and agree", "Lire l’avis et l’accepter", "Hinweis lesen und zustimmen";
        notice_in_force: "The notice in force", "L’avis en vigueur", "Der geltende Hinweis";
        done_ended: "Signed out there.", "Déconnecté là-bas.", "Dort abgemeldet.";
        done_withdrawn: "Your consent is taken back.", "Votre consentement est retiré.", "Ihre Einwilligung ist widerrufen.";
    }
}
