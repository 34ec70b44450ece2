//! What the verifiers take and refuse.

use serde_json::{Value, json};
use service_kit::caller::{CallerKind, Principal};
use service_kit::verify::TokenRefused;

use crate::forge::{
    CLUSTER_KID, Forge, PEOPLE_KID, cluster_header, ed_jwk, eddsa, forged, now, person_claims,
    service_claims, set, signed, with,
};

#[test]
fn every_forged_token_of_a_person_is_refused() {
    let forge = Forge::generate();
    let verifier = forge.verifier();
    let tokens = forged(&forge);
    assert!(tokens.len() >= 80, "{}", tokens.len());
    let taken: Vec<_> = tokens
        .iter()
        .filter(|(_, token)| verifier.verify(token) != Err(TokenRefused))
        .map(|(name, _)| name)
        .collect();
    assert!(taken.is_empty(), "taken: {taken:#?}");
    assert_eq!(verifier.verify(""), Err(TokenRefused));
}

#[test]
fn a_valid_token_is_the_guest_member_or_admin_it_was_issued_for() {
    let forge = Forge::generate();
    for kind in [CallerKind::Guest, CallerKind::Member, CallerKind::Admin] {
        let caller = crate::caller(kind);
        let token = forge.person(&crate::TestKeys::claims(&caller));
        assert_eq!(forge.verifier().verify(&token), Ok(Principal::Person(caller)));
    }
}

#[test]
fn a_guest_who_claims_to_be_an_admin_stays_a_guest() {
    let forge = Forge::generate();
    let claims = with(with(person_claims(), "kind", json!("GUEST")), "roles", json!(["ADMIN"]));
    let Ok(Principal::Person(caller)) = forge.verifier().verify(&forge.person(&claims)) else {
        panic!("a valid token was refused");
    };
    assert_eq!(caller.kind, CallerKind::Guest);
}

#[test]
fn what_is_within_the_limits_of_a_token_is_taken() {
    let forge = Forge::generate();
    let now = now();
    let claims = [
        ("exp", json!(now - 2)),
        ("nbf", json!(now + 4)),
        ("aud", json!(["others", "sharedspaces"])),
        ("roles", Value::Null),
        ("roles", json!(["SOMETHING"])),
        ("later", json!({"a": "claim we do not know"})),
    ];
    for (name, value) in claims {
        let token = forge.person(&with(person_claims(), name, value));
        assert!(forge.verifier().verify(&token).is_ok(), "{name}");
    }
    let longest = forge.person_of_length(8 * 1024);
    assert_eq!(longest.len(), 8 * 1024);
    assert!(forge.verifier().verify(&longest).is_ok());
}

#[test]
fn a_valid_token_of_a_service_is_that_service() {
    let forge = Forge::generate();
    let expected = Ok(Principal::Service("assets".to_owned()));
    assert_eq!(forge.verifier().verify(&forge.service(&service_claims())), expected);
    let typed = forge.es256(&with(cluster_header(), "typ", json!("JWT")), &service_claims());
    assert_eq!(forge.verifier().verify(&typed), expected);
}

#[test]
fn every_forged_token_of_a_service_is_refused() {
    let forge = Forge::generate();
    let verifier = forge.verifier();
    // Even where somebody put an Ed25519 key among the cluster's.
    let strange = ed_jwk("ed", &forge.stranger);
    assert!(verifier.set_service_keys(&set(&[forge.cluster_jwk(), strange])));
    let wrong = [
        ("sub", json!("system:serviceaccount:other:assets")),
        ("sub", json!("system:serviceaccount:sharedspaces-2:assets")),
        ("sub", json!("assets")),
        ("sub", json!("system:node:assets")),
        ("sub", Value::Null),
        ("iss", json!(crate::ISSUER)),
        ("iss", Value::Null),
        ("aud", json!(["kubernetes"])),
        ("aud", Value::Null),
        ("exp", json!(now() - 7)),
        ("exp", Value::Null),
        ("nbf", json!(now() + 60)),
    ];
    let mut tokens: Vec<_> = wrong
        .into_iter()
        .map(|(name, value)| {
            (format!("{name} = {value}"), forge.service(&with(service_claims(), name, value)))
        })
        .collect();
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    let claims = service_claims();
    let typed = with(cluster_header(), "typ", json!("at+jwt"));
    tokens.extend([
        ("EdDSA".to_owned(), eddsa(&forge.stranger, &header("EdDSA", "ed"), &claims)),
        ("EdDSA with a person's key".to_owned(), eddsa(&forge.people, &header("EdDSA", PEOPLE_KID), &claims)),
        ("an access token's typ".to_owned(), forge.es256(&typed, &claims)),
        ("a person's claims with an access token's typ".to_owned(), forge.es256(&typed, &person_claims())),
        ("alg none".to_owned(), signed(&header("none", CLUSTER_KID), &claims, |_| Vec::new())),
        ("unknown kid".to_owned(), forge.es256(&header("ES256", "other"), &claims)),
    ]);
    let taken: Vec<_> =
        tokens.iter().filter(|(_, token)| verifier.verify(token).is_ok()).map(|(name, _)| name).collect();
    assert!(taken.is_empty(), "taken: {taken:#?}");
}

#[test]
fn a_key_set_without_a_usable_key_does_not_take_the_keys_away_and_a_new_one_replaces_them() {
    let forge = Forge::generate();
    let verifier = forge.verifier();
    let person = forge.person(&person_claims());
    let service = forge.service(&service_claims());
    let nameless = with(ed_jwk("x", &forge.people), "kid", Value::Null);
    for useless in [set(&[]), set(&[nameless])] {
        assert!(!verifier.set_people_keys(&useless));
        assert!(!verifier.set_service_keys(&useless));
        assert!(verifier.verify(&person).is_ok() && verifier.verify(&service).is_ok());
    }
    assert!(verifier.set_people_keys(&set(&[ed_jwk("new", &forge.stranger)])));
    assert_eq!(verifier.verify(&person), Err(TokenRefused), "a key that was retired must not be taken");
}
