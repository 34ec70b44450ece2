//! Ids and randomness.
//!
//! Owns the generator that is passed to all code that needs either, and [`typed_id`] for ids that cannot be mistaken
//! for one another. Must not be used to make anything secret but by [`Ids::secret_bytes`].

use ring::rand::{SecureRandom, SystemRandom};
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock::SharedClock;

/// Makes ids (UUIDv7, RFC 9562) and random bytes.
#[derive(Clone)]
pub struct Ids {
    clock: SharedClock,
    random: SystemRandom,
}

impl Ids {
    /// Returns a generator whose ids carry the time of `clock`.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, random: SystemRandom::new() }
    }

    /// Returns a new UUIDv7 as the wanted kind of id.
    pub fn next<T: From<Uuid>>(&self) -> T {
        let now = self.clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        T::from(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())))
    }

    /// Returns random bytes fit for secrets. Errors where the system has no randomness to give.
    pub fn secret_bytes<const N: usize>(&self) -> Result<[u8; N], RandomnessMissing> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| RandomnessMissing)?;
        Ok(bytes)
    }
}

/// The system had no randomness to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system has no randomness to give")]
pub struct RandomnessMissing;

/// Declares an id type over a UUID: `typed_id! { /// A space. SpaceId }`.
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd,
            serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Returns the bare UUID, for queries.
            pub fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

typed_id! {
    /// An organisation: the tenant.
    OrganizationId
}

typed_id! {
    /// A person of an organisation, member or guest.
    UserId
}

typed_id! {
    /// A space.
    SpaceId
}
