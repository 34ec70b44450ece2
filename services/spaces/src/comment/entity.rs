//! The rules of comments. No I/O.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{SpaceId, UserId};
use service_kit::validate::Violations;
use uuid::Uuid;

use super::CommentError;

/// Longest text, in characters.
const TEXT_MAX: usize = 5_000;
/// Most people that a comment mentions, each counted once.
const MENTIONS_MAX: usize = 20;

/// Checks a text: 1–5,000 characters, and not of spaces alone.
pub(crate) fn text(check: &mut Violations, field: &str, value: &str) -> String {
    let text = check.paragraphs(field, value, TEXT_MAX);
    if text.trim().is_empty() {
        check.add(field, format!("must have 1 to {TEXT_MAX} characters, and not spaces alone"));
    }
    text
}

/// Checks who is mentioned: at most 20 people; naming somebody again mentions them once.
pub(crate) fn mentions(check: &mut Violations, field: &str, values: &[String]) -> Vec<UserId> {
    let mut seen = HashSet::new();
    let named =
        values.iter().enumerate().map(|(index, value)| check.id::<Uuid>(&format!("{field}[{index}]"), value));
    let once: Vec<UserId> = named.filter(|user_id| seen.insert(*user_id)).map(UserId::from).collect();
    if once.len() > MENTIONS_MAX {
        check.add(field, format!("must name at most {MENTIONS_MAX} people, names {}", once.len()));
    }
    once
}

/// A comment to add.
#[derive(Clone, Debug)]
pub(crate) struct NewComment {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The item.
    pub(crate) item_id: Uuid,
    /// 1–5,000 characters.
    pub(crate) text: String,
    /// At most 20, each once.
    pub(crate) mentioned_user_ids: Vec<UserId>,
}

/// What to change.
#[derive(Clone, Debug)]
pub(crate) struct CommentChange {
    /// New text.
    pub(crate) text: String,
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
}

/// What somebody said about an item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Comment {
    /// The comment.
    pub(crate) comment_id: Uuid,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The item.
    pub(crate) item_id: Uuid,
    /// Who said it.
    pub(crate) author_user_id: UserId,
    /// The author's name as it was then.
    pub(crate) author_display_name: String,
    /// What was said.
    pub(crate) text: String,
    /// Whom it mentions.
    pub(crate) mentioned_user_ids: Vec<UserId>,
    /// Counts changes, from 1.
    pub(crate) version: i64,
    /// When it was said.
    pub(crate) create_time: DateTime<Utc>,
    /// When its text was last changed.
    pub(crate) update_time: DateTime<Utc>,
}

impl Comment {
    /// Changes the text; tells whether it differs. Refused where somebody else was faster.
    pub(super) fn change(&mut self, change: CommentChange, now: DateTime<Utc>) -> Result<bool, CommentError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(CommentError::Changed);
        }
        if change.text == self.text {
            return Ok(false);
        }
        self.text = change.text;
        self.version += 1;
        self.update_time = now;
        Ok(true)
    }

    /// Returns where the comment stands among those of its item.
    pub(crate) fn key(&self) -> CommentKey {
        CommentKey { create_time: self.create_time, comment_id: self.comment_id }
    }
}

/// Where a comment stands among those of its item.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct CommentKey {
    /// When it was said.
    pub(crate) create_time: DateTime<Utc>,
    /// Tells apart what was said at once.
    pub(crate) comment_id: Uuid,
}

/// What is left of a comment, also of one that was deleted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    pub(super) item_id: Uuid,
    pub(super) author_user_id: UserId,
    pub(super) is_deleted: bool,
}

/// A comment after it was added or changed.
#[derive(Clone, Debug)]
pub(crate) struct CommentSaved(pub(crate) Comment);

/// A comment is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommentDeleted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_from_1_to_5000_characters_and_refused_beyond_or_of_spaces_alone() {
        let checked = |value: &str| {
            let mut check = Violations::default();
            let text = text(&mut check, "text", value);
            check.into_result().map(|()| text)
        };
        for good in ["a", "a\r\n\tb", &"é".repeat(TEXT_MAX)] {
            assert!(checked(good).is_ok(), "{}", good.len());
        }
        assert_eq!(checked("a\r\nb").unwrap(), "a\nb");
        for bad in ["", " ", "\n\t ", "a\0", "a\u{202e}b", &"é".repeat(TEXT_MAX + 1)] {
            let refused = checked(bad).unwrap_err().to_string();
            assert!(refused.starts_with("text: "), "{bad:?}: {refused}");
        }
    }

    #[test]
    fn twenty_people_are_mentioned_and_no_more_each_counted_once() {
        let checked = |people: usize, times: usize| {
            let once: Vec<_> = (0..people).map(|n| Uuid::from_u128(n as u128).to_string()).collect();
            let mut check = Violations::default();
            let mentions = mentions(&mut check, "mentioned_user_ids", &vec![once; times].concat());
            check.into_result().map(|()| mentions.len())
        };
        assert_eq!(checked(0, 1).unwrap(), 0);
        assert_eq!(checked(MENTIONS_MAX, 1).unwrap(), MENTIONS_MAX);
        assert_eq!(checked(MENTIONS_MAX, 3).unwrap(), MENTIONS_MAX, "the same people again");
        let refused = checked(MENTIONS_MAX + 1, 1).unwrap_err().to_string();
        assert!(refused.starts_with("mentioned_user_ids: "), "{refused}");
        let mut check = Violations::default();
        mentions(&mut check, "mentioned_user_ids", &[Uuid::nil().to_string(), "nobody".to_owned()]);
        let refused = check.into_result().unwrap_err().to_string();
        assert!(refused.starts_with("mentioned_user_ids[1]: "), "{refused}");
    }
}
