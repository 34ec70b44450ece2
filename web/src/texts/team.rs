//! What the pages about the people of a space say.

side_by_side! {
    /// Texts about the people of a space.
    TeamTexts {
        you: "You", "Vous", "Sie";
        profile: "Profile", "Profil", "Profil";
        removed_people: "Removed", "Exclus", "Entfernt";
        left_people: "Left", "Partis", "Gegangen";
        invite_again: "Invite again", "Inviter à nouveau", "Erneut einladen";
        reminded_on: "Reminded", "Relance", "Erinnert";
        just_invited: "Invited just now", "Invités à l’instant", "Soeben eingeladen";
        fill_in: "You can fill in what you know about your guests; they can correct it themselves.", "Vous pouvez compléter ce que vous savez de vos invités ; ils pourront le corriger eux-mêmes.", "Sie können ergänzen, was Sie über Ihre Gäste wissen; diese können es selbst berichtigen.";
        fill_in_profile: "Fill in the profile", "Compléter le profil", "Profil ergänzen";
        left_out_one: "1 entry was left out, because it is no e-mail address.", "1 entrée a été laissée de côté : ce n’est pas une adresse e-mail.", "1 Eintrag wurde ausgelassen, weil er keine E-Mail-Adresse ist.";
        left_out_many: "{} entries were left out, because they are no e-mail addresses.", "{} entrées ont été laissées de côté : ce ne sont pas des adresses e-mail.", "{} Einträge wurden ausgelassen, weil sie keine E-Mail-Adressen sind.";
        asked_one: "1 of these people belongs to the organisation you are visiting: the owner of the space was asked to let them in.", "1 de ces personnes fait partie de l’organisation qui vous reçoit : le propriétaire de l’espace a été invité à l’admettre.", "1 dieser Personen gehört zur Organisation, bei der Sie zu Gast sind: Wem der Space gehört, wurde um Zugang für sie gebeten.";
        asked_many: "{} of these people belong to the organisation you are visiting: the owner of the space was asked to let them in.", "{} de ces personnes font partie de l’organisation qui vous reçoit : le propriétaire de l’espace a été invité à les admettre.", "{} dieser Personen gehören zur Organisation, bei der Sie zu Gast sind: Wem der Space gehört, wurde um Zugang für sie gebeten.";
        many_people: "There are {} people here now. A space works best with up to 15.", "{} personnes participent désormais. Un espace fonctionne au mieux jusqu’à 15 personnes.", "Hier sind jetzt {} Personen. Am besten funktioniert ein Space mit bis zu 15.";
        bad_address: "A whole address is needed, such as name@example.com.", "Il faut une adresse complète, par exemple nom@example.com.", "Es braucht eine vollständige Adresse, zum Beispiel name@example.com.";
        address_too_long: "An address has at most 254 characters.", "Une adresse compte au plus 254 caractères.", "Eine Adresse hat höchstens 254 Zeichen.";
        entry_too_long: "An entry has at most 600 characters.", "Une entrée compte au plus 600 caractères.", "Ein Eintrag hat höchstens 600 Zeichen.";
        suggestions: "Colleagues", "Collègues", "Kolleginnen und Kollegen";
        suggested_one: "1 colleague found; choose with the arrow keys.", "1 collègue trouvé ; choisissez avec les flèches.", "1 Person gefunden; wählen Sie mit den Pfeiltasten.";
        suggested_many: "{} colleagues found; choose with the arrow keys.", "{} collègues trouvés ; choisissez avec les flèches.", "{} Personen gefunden; wählen Sie mit den Pfeiltasten.";
        back_to_people: "All people", "Toutes les personnes", "Alle Personen";
        joined: "Here since", "Ici depuis", "Dabei seit";
        edit_profile: "Edit the profile", "Modifier le profil", "Profil bearbeiten";
        edit_explained: "The guest sees what you write here and can correct it.", "L’invité voit ce que vous écrivez ici et peut le corriger.", "Der Gast sieht, was Sie hier schreiben, und kann es berichtigen.";
        edit_own: "Edit your profile", "Modifier votre profil", "Ihr Profil bearbeiten";
        may_heading: "What they may do here", "Ce que cette personne peut faire ici", "Was die Person hier darf";
        yes: "Yes", "Oui", "Ja";
        no: "No", "Non", "Nein";
        may_view: "See the content", "Voir le contenu", "Inhalte sehen";
        may_comment: "Comment", "Commenter", "Kommentieren";
        no_policy: "the organisation’s policy says no", "la politique de l’organisation l’interdit", "die Richtlinie der Organisation lässt es nicht zu";
        no_space: "the settings of this space say no", "les réglages de cet espace l’interdisent", "die Einstellungen dieses Space lassen es nicht zu";
        no_kind: "guests cannot do this", "réservé aux membres de l’organisation", "Gästen steht das nicht offen";
        no_state: "the space is archived", "l’espace est archivé", "der Space ist archiviert";
        no_consent: "the privacy notice is not agreed to", "l’avis de confidentialité n’est pas accepté", "der Datenschutzhinweis ist nicht angenommen";
        make_owner: "Make owner", "Désigner comme propriétaire", "Space übergeben";
        make_owner_explained: "The space belongs to this person from then on. Whoever owns it now stays as a colleague.", "L’espace appartiendra à cette personne. Le propriétaire actuel y reste comme collègue.", "Der Space gehört dann dieser Person. Wem er bisher gehört, bleibt als Kollegin oder Kollege dabei.";
        leave: "Leave the space", "Quitter l’espace", "Space verlassen";
        leave_explained: "You see nothing of it any more, until somebody invites you again.", "Vous n’en verrez plus rien tant que personne ne vous réinvite.", "Sie sehen nichts mehr davon, bis jemand Sie erneut einlädt.";
        owner_leaves: "The space is yours. To leave it, hand it over to a colleague first: open their profile and choose “Make owner”.", "Cet espace vous appartient. Pour le quitter, transmettez-le d’abord à un collègue : ouvrez son profil et choisissez « Désigner comme propriétaire ».", "Der Space gehört Ihnen. Bevor Sie ihn verlassen, übergeben Sie ihn: Öffnen Sie das Profil einer Kollegin oder eines Kollegen und wählen Sie „Space übergeben“.";
        not_an_owner: "Only a colleague who takes part can own the space.", "Seul un collègue participant peut être propriétaire de l’espace.", "Nur wer aus der Organisation teilnimmt, kann den Space übernehmen.";
        not_a_guest: "Members change their profile themselves.", "Les membres modifient eux-mêmes leur profil.", "Mitglieder ändern ihr Profil selbst.";
        not_invited: "They have come in already, or left.", "Cette personne est déjà entrée, ou repartie.", "Die Person ist schon da oder wieder gegangen.";
        guests_may_not_invite: "You may not invite these people here.", "Vous ne pouvez pas inviter ces personnes ici.", "Sie dürfen diese Personen hier nicht einladen.";
        done_transferred: "The space has a new owner.", "L’espace a un nouveau propriétaire.", "Der Space ist übergeben.";
        done_left: "You have left the space.", "Vous avez quitté l’espace.", "Sie haben den Space verlassen.";
        space_address: "Address of the space", "Adresse de l’espace", "Adresse des Space";
        space_address_fixed: "It never changes, so links to it stay good.", "Elle ne change jamais : les liens restent valables.", "Sie ändert sich nie; Links darauf bleiben gültig.";
    }
}
