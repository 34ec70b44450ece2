//! Verifying an access token against the library alone.
//!
//! Owns the section on tokens: one thread, no network, no database.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::de::IgnoredAny;
use service_kit::verify::AUDIENCE;
use testkit::ISSUER;
use testkit::forge::{Forge, person_claims};
use xtask::process::say;

use crate::stage::Stage;

const TIME: Duration = Duration::from_secs(2);

/// Our verifier against `jsonwebtoken`, which checks the same signature and the registered claims.
pub(crate) fn verification(stage: &mut Stage) -> anyhow::Result<()> {
    say("Tokens …");
    let forge = Forge::generate();
    let verifier = forge.verifier();
    let token = forge.person(&person_claims());
    let set = forge.people_jwks();
    let key = DecodingKey::from_jwk(set.keys.first().context("no key")?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    ensure!(verifier.verify(&token).is_ok(), "the token is refused");
    decode::<IgnoredAny>(&token, &key, &validation)?;

    let ours = rate(|| verifier.verify(black_box(&token)).is_ok());
    let bare = rate(|| decode::<IgnoredAny>(black_box(&token), &key, &validation).is_ok());
    let limit = Some((bare, "jsonwebtoken, same key and claims"));
    stage.report.add_rate("Access tokens verified, 1 thread", ours, limit, None);
    Ok(())
}

/// Returns how often something can be done a second, by one thread.
fn rate(mut once: impl FnMut() -> bool) -> f64 {
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < TIME {
        for _ in 0..100 {
            count += u32::from(black_box(once()));
        }
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}
