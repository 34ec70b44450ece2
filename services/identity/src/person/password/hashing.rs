//! Hashing with argon2id (RFC 9106) at OWASP's parameters.
//!
//! Owns the parameters, which of them a stored hash may have, and the memory: one lasting buffer per hashing that runs at
//! once, so that a burst of sign-ins takes no more than a few. Must not know who hashes, nor how many may at once.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{anyhow, bail};
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use service_kit::ids::Ids;

const ALGORITHM: Algorithm = Algorithm::Argon2id;
const VERSION: Version = Version::V0x13;
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
/// Parameters of a stored hash beyond these are refused: who can write a row must not be able to exhaust the memory.
const MEMORY_KIB_CAP: u32 = 65_536;
const ITERATIONS_CAP: u32 = 10;
const LANES_CAP: u32 = 4;
const SALT_BYTES: usize = 16;

/// What came of verifying a password.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) matches: bool,
    /// The hash to keep from now on, where the stored one was made with less than the present parameters.
    pub(crate) rehashed: Option<SecretString>,
}

impl Verified {
    /// It was not the password.
    pub(super) const NO: Self = Self { matches: false, rehashed: None };
}

/// Makes and verifies hashes, as PHC strings.
#[derive(Clone)]
pub(super) struct Hasher {
    ids: Ids,
    /// The buffers at rest. There are never more than hashings ran at once.
    buffers: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Hasher {
    pub(super) fn new(ids: Ids) -> Self {
        Self { ids, buffers: Arc::default() }
    }

    /// Hashes a password with a new salt.
    pub(super) fn hash_text(&self, password: &SecretString) -> anyhow::Result<SecretString> {
        self.hash(password.expose_secret().as_bytes())
    }

    /// Hashes bytes with a new salt.
    pub(super) fn hash(&self, password: &[u8]) -> anyhow::Result<SecretString> {
        let params = present_params()?;
        let salt = Salt::new(&self.ids.secret_bytes::<SALT_BYTES>()?).map_err(|error| anyhow!("{error}"))?;
        let hash = PasswordHash {
            algorithm: ALGORITHM.ident(),
            version: Some(VERSION.into()),
            params: ParamsString::try_from(&params).map_err(|error| anyhow!("{error}"))?,
            salt: Some(salt),
            hash: Some(self.output((ALGORITHM, VERSION, params), password, &salt)?),
        };
        Ok(SecretString::from(hash.to_string()))
    }

    /// Tells whether a password is the one behind a stored hash, and what to store instead where that has become weak.
    pub(super) fn verify(&self, password: &SecretString, stored: &SecretString) -> anyhow::Result<Verified> {
        let malformed = || anyhow!("a stored password hash is malformed");
        let stored = PasswordHash::new(stored.expose_secret()).map_err(|_| malformed())?;
        let params = Params::try_from(&stored).map_err(|_| malformed())?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|_| malformed())?;
        let version = stored.version.map(Version::try_from).transpose().map_err(|_| malformed())?;
        let version = version.unwrap_or(VERSION);
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else { return Err(malformed()) };
        let is_affordable = params.m_cost() <= MEMORY_KIB_CAP
            && params.t_cost() <= ITERATIONS_CAP
            && params.p_cost() <= LANES_CAP;
        if !is_affordable {
            bail!("a stored password hash has parameters beyond the cap");
        }
        let is_weak = algorithm != ALGORITHM
            || version != VERSION
            || params.m_cost() < MEMORY_KIB
            || params.t_cost() < ITERATIONS;
        let bytes = password.expose_secret().as_bytes();
        // Comparing takes the same time wherever they differ.
        if self.output((algorithm, version, params), bytes, &salt)? != expected {
            return Ok(Verified::NO);
        }
        let rehashed = is_weak.then(|| self.hash(bytes)).transpose()?;
        Ok(Verified { matches: true, rehashed })
    }

    fn output(
        &self,
        (algorithm, version, params): (Algorithm, Version, Params),
        password: &[u8],
        salt: &Salt,
    ) -> anyhow::Result<Output> {
        let mut bytes = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let blocks = params.block_count();
        let argon2 = Argon2::new(algorithm, version, params);
        self.with_memory(blocks, |memory| {
            argon2.hash_password_into_with_memory(password, salt, &mut bytes, memory)
        })
        .map_err(|error| anyhow!("a password could not be hashed: {error}"))?;
        Output::new(&bytes).map_err(|error| anyhow!("{error}"))
    }

    /// Lends a buffer for as long as `work` takes. What a costlier hash needed beyond the present parameters is given
    /// back to the system at once.
    fn with_memory<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let lasting = usize::try_from(MEMORY_KIB).unwrap_or(usize::MAX);
        let mut memory = self.at_rest().pop().unwrap_or_default();
        if memory.len() < blocks {
            memory = vec![Block::new(); blocks.max(lasting)];
        }
        let result = work(&mut memory);
        if memory.len() == lasting {
            self.at_rest().push(memory);
        }
        result
    }

    #[cfg(test)]
    pub(super) fn buffers_at_rest(&self) -> usize {
        self.at_rest().len()
    }

    fn at_rest(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn present_params() -> anyhow::Result<Params> {
    Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(|error| anyhow!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{PasswordHasher, PasswordVerifier};

    fn hasher() -> Hasher {
        Hasher::new(testkit::ids())
    }

    /// A hash as argon2 makes it without us.
    fn foreign(algorithm: Algorithm, (memory, iterations, lanes): (u32, u32, u32)) -> SecretString {
        let params = Params::new(memory, iterations, lanes, None).unwrap();
        let hash: PasswordHash = Argon2::new(algorithm, VERSION, params).hash_password(b"x").unwrap();
        SecretString::from(hash.to_string())
    }

    #[test]
    fn a_hash_is_argon2id_at_the_chosen_parameters_as_others_verify_it() {
        let stored = hasher().hash(b"x").unwrap();
        assert!(stored.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let read = PasswordHash::new(stored.expose_secret()).unwrap();
        assert!(Argon2::default().verify_password(b"x", &read).is_ok());
        assert!(Argon2::default().verify_password(b"y", &read).is_err());
        assert_ne!(
            stored.expose_secret(),
            hasher().hash(b"x").unwrap().expose_secret(),
            "each has its own salt"
        );
    }

    #[test]
    fn a_hash_below_the_present_parameters_is_made_anew_and_one_at_or_above_them_is_kept() {
        let hasher = hasher();
        for (algorithm, params, is_weak) in [
            (ALGORITHM, (MEMORY_KIB, ITERATIONS, 1), false),
            (ALGORITHM, (MEMORY_KIB + 1, ITERATIONS + 1, 2), false),
            (ALGORITHM, (MEMORY_KIB - 1, ITERATIONS, 1), true),
            (ALGORITHM, (MEMORY_KIB, ITERATIONS - 1, 1), true),
            (Algorithm::Argon2i, (MEMORY_KIB, ITERATIONS, 1), true),
        ] {
            let stored = foreign(algorithm, params);
            let verified = hasher.verify(&"x".into(), &stored).unwrap();
            assert!(verified.matches, "{params:?}");
            assert_eq!(verified.rehashed.is_some(), is_weak, "{params:?}");
            assert!(!hasher.verify(&"y".into(), &stored).unwrap().matches);
            if let Some(rehashed) = verified.rehashed {
                assert!(rehashed.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
                assert!(hasher.verify(&"x".into(), &rehashed).unwrap().matches);
            }
        }
    }

    #[test]
    fn a_stored_hash_is_computed_up_to_the_cap_and_refused_beyond_it() {
        let hasher = hasher();
        let stored = hasher.hash(b"x").unwrap().expose_secret().to_owned();
        let most = foreign(ALGORITHM, (MEMORY_KIB_CAP, 1, LANES_CAP));
        assert!(hasher.verify(&"x".into(), &most).unwrap().matches);
        for (given, instead) in
            [("m=19456", "m=65537"), ("m=19456", "m=8388608"), ("t=2", "t=11"), ("p=1", "p=5")]
        {
            let costly = SecretString::from(stored.replace(given, instead));
            let error = hasher.verify(&"x".into(), &costly).unwrap_err().to_string();
            assert!(error.contains("beyond the cap"), "{error}");
        }
        assert!(hasher.verify(&"x".into(), &SecretString::from("nonsense")).is_err());
    }

    #[test]
    fn as_many_buffers_are_kept_as_hashings_ran_at_once_and_none_larger_than_the_present_parameters() {
        let hasher = hasher();
        for _ in 0..3 {
            hasher.hash(b"x").unwrap();
        }
        hasher.verify(&"x".into(), &foreign(ALGORITHM, (MEMORY_KIB_CAP, 1, 1))).unwrap();
        hasher.hash(b"x").unwrap();
        let sizes: Vec<_> = hasher.at_rest().iter().map(Vec::len).collect();
        assert_eq!(sizes, [19_456]);
    }
}
