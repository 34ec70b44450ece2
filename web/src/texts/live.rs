//! What pages say of notices, of dragging and uploading, and when the browser is offline.

/// Declares the texts, each in English, French and German.
macro_rules! live {
    ($($name:ident: $english:literal, $french:literal, $german:literal;)*) => {
        /// These texts in one language.
        pub(crate) struct Live {
            $(pub(crate) $name: &'static str,)*
        }

        pub(super) static ENGLISH: Live = Live { $($name: $english,)* };
        pub(super) static FRENCH: Live = Live { $($name: $french,)* };
        pub(super) static GERMAN: Live = Live { $($name: $german,)* };

        #[cfg(test)]
        mod tests {
            #[test]
            fn every_text_has_the_same_places_to_fill_in_each_language() {
                for (name, english, others) in [$((stringify!($name), $english, [$french, $german]),)*] {
                    for other in others {
                        assert!(!other.trim().is_empty(), "{name}");
                        assert_eq!(other.matches("{}").count(), english.matches("{}").count(), "{name}: {other}");
                    }
                }
            }
        }
    };
}

live! {
    notices: "Notices", "Notifications", "Mitteilungen";
    unread: "unread", "non lues", "ungelesen";
    is_unread: "New", "Nouveau", "Neu";
    all: "All", "Toutes", "Alle";
    only_unread: "Unread", "Non lues", "Ungelesene";
    mark_all_read: "Mark all as read", "Tout marquer comme lu", "Alle als gelesen markieren";
    mark_read: "Mark as read", "Marquer comme lu", "Als gelesen markieren";
    nothing_yet: "Nothing new", "Rien de nouveau", "Nichts Neues";
    nothing_yet_words: "When somebody joins, comments or adds something in one of your spaces, you read it here.", "Quand quelqu’un arrive, commente ou ajoute quelque chose dans l’un de vos espaces, vous le lisez ici.", "Wenn in einem Ihrer Spaces jemand dazukommt, kommentiert oder etwas hinzufügt, lesen Sie es hier.";
    all_read: "You have read everything", "Vous avez tout lu", "Sie haben alles gelesen";
    close: "Close", "Fermer", "Schliessen";
    session_over: "Your session has ended. What you typed is still here.", "Votre session est terminée. Ce que vous avez saisi est toujours là.", "Ihre Sitzung ist beendet. Was Sie eingegeben haben, steht noch da.";
    offline: "You are offline. What you typed stays here until you are back.", "Vous êtes hors ligne. Ce que vous avez saisi reste ici jusqu’à votre retour.", "Sie sind offline. Was Sie eingegeben haben, bleibt stehen, bis Sie wieder verbunden sind.";
    unsent: "That could not be sent: the server does not answer. What you typed is still here; try again in a moment.", "L’envoi n’a pas abouti : le serveur ne répond pas. Ce que vous avez saisi est toujours là ; réessayez dans un instant.", "Das konnte nicht gesendet werden: Der Server antwortet nicht. Was Sie eingegeben haben, steht noch da; versuchen Sie es gleich noch einmal.";
    online_again: "You are back online.", "Vous êtes de nouveau en ligne.", "Sie sind wieder verbunden.";
    move_item: "Move {}", "Déplacer {}", "{} verschieben";
    move_hint: "Press Enter to pick up, the arrow keys to move, Enter to drop, Escape to put back.", "Entrée pour saisir, les flèches pour déplacer, Entrée pour déposer, Échap pour annuler.", "Mit Enter aufnehmen, mit den Pfeiltasten verschieben, mit Enter ablegen, mit Escape zurücklegen.";
    picked_up: "{} picked up, place {} of {}.", "{} saisi, place {} sur {}.", "{} aufgenommen, Platz {} von {}.";
    moved: "{}, place {} of {}.", "{}, place {} sur {}.", "{}, Platz {} von {}.";
    dropped: "{} is now at place {} of {}.", "{} est maintenant à la place {} sur {}.", "{} steht jetzt auf Platz {} von {}.";
    put_back: "{} is back where it was.", "{} est revenu à sa place.", "{} steht wieder, wo es war.";
    not_moved: "That could not be saved; it is back as it was.", "L’enregistrement n’a pas abouti ; tout est comme avant.", "Das konnte nicht gespeichert werden; es ist wieder wie vorher.";
    move_to: "Move to", "Déplacer vers", "Verschieben nach";
    top: "The space itself", "L’espace lui-même", "Der Space selbst";
    move_there: "Move", "Déplacer", "Verschieben";
    customer_logo_height: "Height of the customer’s logo", "Hauteur du logo du client", "Höhe des Kundenlogos";
    own_logo_height: "Height of our logo in this space", "Hauteur de notre logo dans cet espace", "Höhe unseres Logos in diesem Space";
    pixels: "{} pixels", "{} pixels", "{} Pixel";
    edit_comment: "Edit", "Modifier", "Bearbeiten";
    too_large: "{} is larger than 100 MB and was not sent.", "{} dépasse 100 Mo et n’a pas été envoyé.", "{} ist grösser als 100 MB und wurde nicht gesendet.";
    too_many_files: "At most 20 files at once.", "20 fichiers au plus à la fois.", "Höchstens 20 Dateien auf einmal.";
    sending: "Sending {}", "Envoi de {}", "{} wird gesendet";
    checking: "Checking {}", "Vérification de {}", "{} wird geprüft";
    is_there: "{} is there.", "{} est là.", "{} ist da.";
    not_sent: "{} could not be sent.", "{} n’a pas pu être envoyé.", "{} konnte nicht gesendet werden.";
    actions: "Actions", "Actions", "Aktionen";
}
