//! Links by which somebody gets out of one kind of mail of one space (RFC 8058).
//!
//! Owns their token: whom it takes out of what, and a keyed hash of that. It has no end, holds no secret of a person and
//! lets nobody in. The same mail always has the same, so that a copy is the same byte for byte. Must not mute: spaces does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::mac::{MAC_BYTES, MacKey};
use sharedspaces_proto::spaces::v1::MuteableMail;
use uuid::Uuid;

const PURPOSE: &str = "unsubscribe";
/// Three ids and a kind.
const BODY_BYTES: usize = 3 * 16 + 1;
/// The only length a token has, in characters.
const TOKEN_CHARACTERS: usize = (BODY_BYTES + MAC_BYTES) * 4 / 3;

/// Makes and reads links.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    key: MacKey,
}

/// The two links of one mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UnsubscribeLinks {
    /// Where a mail program posts to; for the header `List-Unsubscribe`.
    pub(crate) one_click: String,
    /// Where a person goes; the token is in the fragment.
    pub(crate) page: String,
}

/// Who is taken out of what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wish {
    /// Whose space it is.
    pub(crate) organization_id: OrganizationId,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The person.
    pub(crate) user_id: UserId,
    /// The mails.
    pub(crate) mail: MuteableMail,
}

impl Links {
    /// Returns what makes links with a key of 32 bytes, written in base64.
    pub(crate) fn try_new(key: &SecretString) -> anyhow::Result<Self> {
        Ok(Self { key: MacKey::try_new(key)? })
    }

    /// Returns the links of somebody's mails of a kind; `base_url` is the web client's, without a slash at its end.
    pub(crate) fn of(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
        user_id: UserId,
        mail: MuteableMail,
        base_url: &str,
    ) -> UnsubscribeLinks {
        let token = self.token(Wish { organization_id, space_id, user_id, mail });
        UnsubscribeLinks {
            one_click: format!("{base_url}/v1/unsubscribe?token={token}"),
            page: format!("{base_url}/unsubscribe#{token}"),
        }
    }

    /// Reads a token; nothing where it was not made with this key.
    pub(crate) fn read(&self, token: &str) -> Option<Wish> {
        if token.len() != TOKEN_CHARACTERS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, hash) = bytes.split_at_checked(BODY_BYTES)?;
        if !self.key.verify(PURPOSE, &[body], hash) {
            return None;
        }
        let (ids, kind) = body.split_at_checked(BODY_BYTES - 1)?;
        let mut ids = ids.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok());
        Some(Wish {
            organization_id: ids.next()?.into(),
            space_id: ids.next()?.into(),
            user_id: ids.next()?.into(),
            mail: MuteableMail::try_from(i32::from(*kind.first()?)).ok()?,
        })
    }

    fn token(&self, wish: Wish) -> String {
        let Wish { organization_id, space_id, user_id, mail } = wish;
        let mut bytes =
            [organization_id.uuid(), space_id.uuid(), user_id.uuid()].map(Uuid::into_bytes).concat();
        bytes.extend(i32::from(mail).to_be_bytes().last());
        let hash = self.key.hash(PURPOSE, &[&bytes]);
        bytes.extend(hash);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn links(byte: u8) -> Links {
        Links::try_new(&STANDARD.encode([byte; 32]).into()).unwrap()
    }

    fn wish(mail: MuteableMail) -> Wish {
        let [organization, space, user] = [1, 2, 3].map(Uuid::from_u128);
        Wish { organization_id: organization.into(), space_id: space.into(), user_id: user.into(), mail }
    }

    #[test]
    fn a_link_names_whom_it_takes_out_of_what_and_is_always_the_same() {
        for mail in [
            MuteableMail::VisitSummaries,
            MuteableMail::NewJoiners,
            MuteableMail::Comments,
            MuteableMail::NewContent,
        ] {
            let wish = wish(mail);
            let token = links(1).token(wish);
            assert_eq!(token.len(), TOKEN_CHARACTERS);
            assert_eq!(links(1).read(&token), Some(wish));
            let made = links(1).of(wish.organization_id, wish.space_id, wish.user_id, mail, "https://a.test");
            assert_eq!(made.one_click, format!("https://a.test/v1/unsubscribe?token={token}"));
            assert_eq!(made.page, format!("https://a.test/unsubscribe#{token}"));
        }
    }

    #[test]
    fn a_link_that_was_changed_cut_or_made_with_another_key_is_none() {
        let token = links(1).token(wish(MuteableMail::Comments));
        assert_eq!(links(2).read(&token), None);
        for at in 0..token.len() {
            assert_eq!(links(1).read(&token[..at]), None, "{at} characters");
            let mut changed = token.clone();
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            changed.replace_range(at..=at, other);
            assert_eq!(links(1).read(&changed), None, "character {at}");
        }
        for bad in
            ["", "!", &"A".repeat(TOKEN_CHARACTERS), &"é".repeat(TOKEN_CHARACTERS / 2), &"A".repeat(1 << 20)]
        {
            assert_eq!(links(1).read(bad), None);
        }
    }
}
