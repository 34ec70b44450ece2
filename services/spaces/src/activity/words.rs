//! The sentences of the timeline, in each language. No I/O.

use service_kit::locale::Locale;

use super::entity::{Activity, ActivityKind};

/// Returns the whole in one sentence.
pub(super) fn summary(activity: &Activity, locale: Locale) -> String {
    let actor = match (activity.actor_user_id, activity.actor_display_name.as_str()) {
        (None, _) => system(locale),
        (Some(_), "") => somebody(locale),
        (Some(_), name) => name,
    };
    let object = match (activity.object_name.as_str(), activity.kind) {
        ("", ActivityKind::CrmLogged) => "CRM",
        ("", _) => somebody_as_object(locale),
        (name, _) => name,
    };
    fill(sentence(activity.kind, locale), actor, object)
}

/// Puts names into a sentence; what stands in a name is never taken for a place of another.
fn fill(sentence: &str, actor: &str, object: &str) -> String {
    let mut filled = String::with_capacity(sentence.len() + actor.len() + object.len());
    for (index, part) in sentence.split('{').enumerate() {
        match part.split_once('}') {
            Some((place, rest)) if index > 0 => {
                filled.push_str(if place == "actor" { actor } else { object });
                filled.push_str(rest);
            }
            _ => filled.push_str(part),
        }
    }
    filled
}

fn system(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "The system",
        Locale::French => "Le système",
        Locale::German => "Das System",
    }
}

fn somebody(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "Somebody",
        Locale::French => "Quelqu’un",
        Locale::German => "Jemand",
    }
}

fn somebody_as_object(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "somebody",
        Locale::French => "quelqu’un",
        Locale::German => "jemanden",
    }
}

fn sentence(kind: ActivityKind, locale: Locale) -> &'static str {
    let (en, fr, de) = match kind {
        ActivityKind::SpaceCreated => {
            ("{actor} created the space", "{actor} a créé l’espace", "{actor} hat den Space erstellt")
        }
        ActivityKind::SpaceRenamed => (
            "{actor} renamed the space to “{object}”",
            "{actor} a renommé l’espace en « {object} »",
            "{actor} hat den Space in „{object}“ umbenannt",
        ),
        ActivityKind::DescriptionChanged => (
            "{actor} changed the description",
            "{actor} a modifié la description",
            "{actor} hat die Beschreibung geändert",
        ),
        ActivityKind::SharingChanged => (
            "{actor} changed what guests may do",
            "{actor} a modifié les droits des invités",
            "{actor} hat geändert, was Gäste dürfen",
        ),
        ActivityKind::LookChanged => {
            ("{actor} changed the look", "{actor} a modifié l’apparence", "{actor} hat das Aussehen geändert")
        }
        ActivityKind::LogoSet => {
            ("{actor} set the logo", "{actor} a défini le logo", "{actor} hat das Logo gesetzt")
        }
        ActivityKind::LogoRemoved => {
            ("{actor} removed the logo", "{actor} a retiré le logo", "{actor} hat das Logo entfernt")
        }
        ActivityKind::ParticipantInvited => {
            ("{actor} invited {object}", "{actor} a invité {object}", "{actor} hat {object} eingeladen")
        }
        ActivityKind::ParticipantJoined => {
            ("{actor} joined the space", "{actor} a rejoint l’espace", "{actor} ist dem Space beigetreten")
        }
        ActivityKind::ParticipantLeft => {
            ("{actor} left the space", "{actor} a quitté l’espace", "{actor} hat den Space verlassen")
        }
        ActivityKind::ParticipantRevoked => (
            "{actor} ended the access of {object}",
            "{actor} a mis fin à l’accès de {object}",
            "{actor} hat den Zugang für {object} beendet",
        ),
        ActivityKind::OwnershipTransferred => (
            "{actor} made {object} the owner",
            "{actor} a transféré la propriété à {object}",
            "{actor} hat den Space an {object} übergeben",
        ),
        ActivityKind::ItemAdded => (
            "{actor} added “{object}”",
            "{actor} a ajouté « {object} »",
            "{actor} hat „{object}“ hinzugefügt",
        ),
        ActivityKind::ItemChanged => (
            "{actor} changed “{object}”",
            "{actor} a modifié « {object} »",
            "{actor} hat „{object}“ geändert",
        ),
        ActivityKind::ItemRemoved => (
            "{actor} removed “{object}”",
            "{actor} a supprimé « {object} »",
            "{actor} hat „{object}“ entfernt",
        ),
        ActivityKind::ItemOpened => {
            ("{actor} opened “{object}”", "{actor} a ouvert « {object} »", "{actor} hat „{object}“ geöffnet")
        }
        ActivityKind::ItemDownloaded => (
            "{actor} downloaded “{object}”",
            "{actor} a téléchargé « {object} »",
            "{actor} hat „{object}“ heruntergeladen",
        ),
        ActivityKind::CommentAdded => (
            "{actor} commented on “{object}”",
            "{actor} a commenté « {object} »",
            "{actor} hat „{object}“ kommentiert",
        ),
        ActivityKind::CommentDeleted => (
            "{actor} deleted a comment on “{object}”",
            "{actor} a supprimé un commentaire sur « {object} »",
            "{actor} hat einen Kommentar zu „{object}“ gelöscht",
        ),
        ActivityKind::SpaceArchived => {
            ("{actor} archived the space", "{actor} a archivé l’espace", "{actor} hat den Space archiviert")
        }
        ActivityKind::SpaceReactivated => (
            "{actor} opened the space again",
            "{actor} a rouvert l’espace",
            "{actor} hat den Space wieder geöffnet",
        ),
        ActivityKind::SpaceDeleted => {
            ("{actor} deleted the space", "{actor} a supprimé l’espace", "{actor} hat den Space gelöscht")
        }
        ActivityKind::CrmLogged => (
            "{actor} logged the space to “{object}”",
            "{actor} a consigné l’espace dans « {object} »",
            "{actor} hat den Space bei „{object}“ protokolliert",
        ),
        ActivityKind::SpaceVisited => {
            ("{actor} visited the space", "{actor} a visité l’espace", "{actor} hat den Space besucht")
        }
        ActivityKind::NotificationDefaultsChanged => (
            "{actor} changed the notification defaults",
            "{actor} a modifié les notifications par défaut",
            "{actor} hat die Voreinstellungen der Benachrichtigungen geändert",
        ),
        ActivityKind::ParticipantReminded => (
            "{actor} reminded {object} of the invitation",
            "{actor} a rappelé l’invitation à {object}",
            "{actor} hat {object} an die Einladung erinnert",
        ),
        ActivityKind::AccessRequested => (
            "{actor} noted that {object} asks for access",
            "{actor} a noté que {object} demande l’accès",
            "{actor} hat vermerkt, dass Zugang erbeten wird: {object}",
        ),
        ActivityKind::AccessGranted => (
            "{actor} granted access to {object}",
            "{actor} a accordé l’accès à {object}",
            "{actor} hat den Zugang gewährt: {object}",
        ),
        ActivityKind::AccessDeclined => (
            "{actor} declined the request of {object}",
            "{actor} a refusé la demande de {object}",
            "{actor} hat die Anfrage abgelehnt: {object}",
        ),
        ActivityKind::ProfileChanged => (
            "{actor} changed the profile of {object}",
            "{actor} a modifié le profil de {object}",
            "{actor} hat das Profil geändert: {object}",
        ),
    };
    match locale {
        Locale::English => en,
        Locale::French => fr,
        Locale::German => de,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;

    fn activity(kind: ActivityKind, actor: &str, object: &str) -> Activity {
        Activity {
            activity_id: Uuid::nil(),
            kind,
            actor_user_id: Some(Uuid::nil()),
            actor_display_name: actor.to_owned(),
            object_id: None,
            object_name: object.to_owned(),
            create_time: service_kit::clock::Clock::now(&*testkit::clock()),
        }
    }

    #[test]
    fn every_kind_has_a_sentence_of_its_own_in_every_language() {
        let mut sentences = HashSet::new();
        for kind in ActivityKind::ALL {
            for locale in [Locale::English, Locale::French, Locale::German] {
                let told = summary(&activity(kind, "Ann", "Bob"), locale);
                assert!(told.starts_with("Ann ") && !told.contains(['{', '}']), "{told}");
                assert_eq!(told.contains("Bob"), sentence(kind, locale).contains("{object}"), "{told}");
                assert!(sentences.insert(told), "{kind:?} in {locale:?} is said twice");
            }
        }
    }

    #[test]
    fn a_name_is_never_taken_for_a_place_of_another() {
        let told =
            summary(&activity(ActivityKind::ParticipantInvited, "{object}", "{actor}"), Locale::English);
        assert_eq!(told, "{object} invited {actor}");
    }

    #[test]
    fn who_has_no_name_is_somebody_and_nobody_is_the_system() {
        let mut nameless = activity(ActivityKind::ParticipantInvited, "", "");
        let all = |activity: &Activity| {
            [Locale::English, Locale::French, Locale::German].map(|locale| summary(activity, locale))
        };
        let somebody =
            ["Somebody invited somebody", "Quelqu’un a invité quelqu’un", "Jemand hat jemanden eingeladen"];
        assert_eq!(all(&nameless), somebody);
        nameless.kind = ActivityKind::CrmLogged;
        assert_eq!(summary(&nameless, Locale::English), "Somebody logged the space to “CRM”");
        nameless.actor_user_id = None;
        assert!(summary(&nameless, Locale::German).starts_with("Das System hat "));
    }
}
