//! The sentences of notices, in each language. No I/O.

use service_kit::locale::Locale;

use super::entity::{Notice, NoticeKind};

/// Returns the whole in one sentence.
pub(crate) fn summary(notice: &Notice, locale: Locale) -> String {
    let actor =
        if notice.actor_display_name.is_empty() { somebody(locale) } else { &notice.actor_display_name };
    let object = if notice.object_name.is_empty() { somebody(locale) } else { &notice.object_name };
    let sentence = sentence(notice.kind, notice.actor_user_id.is_some(), locale);
    fill(sentence, actor, object, &notice.space_title)
}

/// Puts names into a sentence; what stands in a name is never taken for a place of another.
fn fill(sentence: &str, actor: &str, object: &str, space: &str) -> String {
    let mut filled = String::with_capacity(sentence.len() + actor.len() + object.len() + space.len());
    for (index, part) in sentence.split('{').enumerate() {
        match part.split_once('}') {
            Some((place, rest)) if index > 0 => {
                filled.push_str(match place {
                    "actor" => actor,
                    "object" => object,
                    _ => space,
                });
                filled.push_str(rest);
            }
            _ => filled.push_str(part),
        }
    }
    filled
}

fn somebody(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "Somebody",
        Locale::French => "Quelqu’un",
        Locale::German => "Jemand",
    }
}

fn sentence(kind: NoticeKind, has_actor: bool, locale: Locale) -> &'static str {
    let (en, fr, de) = match kind {
        NoticeKind::AddedToSpace => (
            "{actor} added you to “{space}”",
            "{actor} vous a ajouté à « {space} »",
            "{actor} hat Sie zu „{space}“ hinzugefügt",
        ),
        NoticeKind::NewJoiner => {
            ("{actor} joined “{space}”", "{actor} a rejoint « {space} »", "{actor} ist „{space}“ beigetreten")
        }
        NoticeKind::AccessRequested if has_actor => (
            "{actor} asks you to let {object} into “{space}”",
            "{actor} demande l’accès à « {space} » pour {object}",
            "{actor} bittet um Zugang zu „{space}“ für {object}",
        ),
        NoticeKind::AccessRequested => (
            "{object} asks for access to “{space}”",
            "{object} demande l’accès à « {space} »",
            "{object} bittet um Zugang zu „{space}“",
        ),
        NoticeKind::NewComment => (
            "{actor} commented on “{object}” in “{space}”",
            "{actor} a commenté « {object} » dans « {space} »",
            "{actor} hat „{object}“ in „{space}“ kommentiert",
        ),
        NoticeKind::Mentioned => (
            "{actor} mentioned you in a comment on “{object}” in “{space}”",
            "{actor} vous a mentionné dans un commentaire sur « {object} » dans « {space} »",
            "{actor} hat Sie in einem Kommentar zu „{object}“ in „{space}“ erwähnt",
        ),
        NoticeKind::NewContent => (
            "{actor} added “{object}” to “{space}”",
            "{actor} a ajouté « {object} » à « {space} »",
            "{actor} hat „{object}“ zu „{space}“ hinzugefügt",
        ),
        NoticeKind::Visit => {
            ("{actor} visited “{space}”", "{actor} a visité « {space} »", "{actor} hat „{space}“ besucht")
        }
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
    use crate::notice::NoticeId;

    fn notice(kind: NoticeKind, actor: &str, object: &str) -> Notice {
        Notice {
            notice_id: NoticeId::default(),
            position: 1,
            kind,
            space_id: Uuid::nil().into(),
            space_title: "Big deal".to_owned(),
            actor_user_id: Some(Uuid::nil().into()),
            actor_display_name: actor.to_owned(),
            object_id: None,
            object_name: object.to_owned(),
            locale: Locale::English,
            is_read: false,
            create_time: service_kit::clock::Clock::now(&*testkit::clock()),
        }
    }

    #[test]
    fn every_kind_has_a_sentence_of_its_own_in_every_language() {
        let mut sentences = HashSet::new();
        for kind in NoticeKind::ALL {
            for locale in Locale::ALL {
                let mut notice = notice(kind, "Ann", "Plan");
                let told = summary(&notice, locale);
                assert!(told.starts_with("Ann ") && told.contains("Big deal"), "{told}");
                assert!(!told.contains(['{', '}']), "{told}");
                assert!(sentences.insert(told), "{kind:?} in {locale:?} is said twice");
                notice.actor_user_id = None;
                let told = summary(&notice, locale);
                assert_eq!(told.starts_with("Plan "), kind == NoticeKind::AccessRequested, "{told}");
            }
        }
    }

    #[test]
    fn a_name_is_never_taken_for_a_place_of_another() {
        let mut notice = notice(NoticeKind::NewComment, "{object}", "{space}");
        notice.space_title = "{actor}".to_owned();
        assert_eq!(summary(&notice, Locale::English), "{object} commented on “{space}” in “{actor}”");
    }

    #[test]
    fn who_has_no_name_is_somebody() {
        let told = Locale::ALL.map(|locale| summary(&notice(NoticeKind::Visit, "", ""), locale));
        let expected = [
            "Somebody visited “Big deal”",
            "Quelqu’un a visité « Big deal »",
            "Jemand hat „Big deal“ besucht",
        ];
        assert_eq!(told, expected);
    }
}
