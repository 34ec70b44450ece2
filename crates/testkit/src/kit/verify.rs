//! What the verifiers take and refuse.

use ring::signature::KeyPair;
use serde_json::{Value, json};
use service_kit::caller::{CallerKind, Principal};
use service_kit::verify::TokenRefused;

use super::forge::{
    CLUSTER, CLUSTER_KID, Forge, PEOPLE_KID, cluster_header, ed_jwk, eddsa, encode, hs256, now,
    people_header, person_claims, service_claims, set, signed, with,
};

/// Tokens of people that must be refused, each wrong in one thing.
pub(super) fn forged(forge: &Forge) -> Vec<(String, String)> {
    let mut tokens: Vec<(String, String)> = wrong_claims()
        .into_iter()
        .map(|(name, value)| {
            (format!("claim {name} = {value}"), forge.person(&with(person_claims(), name, value)))
        })
        .collect();
    for (name, value) in wrong_headers(forge) {
        let header = with(people_header(), name, value.clone());
        let signed = eddsa(&forge.people, &header, &person_claims());
        tokens.push((format!("header {name} = {value}"), signed));
    }
    tokens.extend(wrong_signatures(forge).into_iter().map(|(name, token)| (name.to_owned(), token)));
    tokens
}

fn wrong_claims() -> Vec<(&'static str, Value)> {
    let now = now();
    let mut claims = vec![
        ("iss", json!("https://elsewhere.test")),
        ("iss", json!(CLUSTER)),
        ("iss", json!(format!("{}/", crate::ISSUER))),
        ("aud", json!("others")),
        ("aud", json!(["others", "more"])),
        ("aud", json!("sharedspaces2")),
        ("exp", json!(now - 7)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!((now + 300).to_string())),
        ("nbf", json!(now + 60)),
        ("nbf", json!((now - 300).to_string())),
        ("org", json!("acme")),
        ("org", json!("")),
        ("sid", json!("not-a-uuid")),
        ("sub", json!("system:serviceaccount:sharedspaces:assets")),
        ("sub", json!(7)),
        ("kind", json!("ROBOT")),
        ("kind", json!("member")),
        ("kind", json!("")),
        ("roles", json!("ADMIN")),
    ];
    claims.extend(
        ["iss", "aud", "exp", "nbf", "sub", "org", "sid", "kind"].map(|required| (required, Value::Null)),
    );
    claims
}

fn wrong_headers(forge: &Forge) -> Vec<(&'static str, Value)> {
    vec![
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", Value::Null),
        ("kid", Value::Null),
        ("kid", json!("")),
        ("kid", json!("people-2")),
        ("kid", json!(CLUSTER_KID)),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("people-1' OR '1'='1")),
        ("kid", json!("x".repeat(4_000))),
        ("alg", json!("none")),
        ("alg", json!("NONE")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("RS256")),
        ("alg", Value::Null),
        ("crit", json!(["unknown"])),
        ("jwk", json!(ed_jwk(PEOPLE_KID, &forge.stranger)["kty"])),
    ]
}

fn wrong_signatures(forge: &Forge) -> Vec<(&'static str, String)> {
    let header = people_header();
    let claims = person_claims();
    let alg = |alg: &str| with(header.clone(), "alg", json!(alg));
    let public = forge.people.public_key().as_ref();
    let valid = forge.person(&claims);
    let (head, rest) = valid.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let other_body = encode(with(claims.clone(), "roles", json!(["ADMIN"])).to_string());
    let stranger = &forge.stranger;
    let own_jwk = with(header.clone(), "jwk", ed_jwk(PEOPLE_KID, stranger));
    let own_jku = with(header.clone(), "jku", json!("http://127.0.0.1:1/jwks.json"));
    let own_x5u = with(header.clone(), "x5u", json!("http://127.0.0.1:1/x5u.pem"));
    vec![
        ("alg none without a signature", signed(&alg("none"), &claims, |_| Vec::new())),
        ("HS256 with the public key as the secret", hs256(public, &alg("HS256"), &claims)),
        (
            "HS256 with the encoded key as the secret",
            hs256(encode(public).as_bytes(), &alg("HS256"), &claims),
        ),
        ("ES256 with the cluster's key", forge.es256(&alg("ES256"), &claims)),
        (
            "ES256 with the cluster's key, named by its id",
            forge.es256(&with(alg("ES256"), "kid", json!(CLUSTER_KID)), &claims),
        ),
        ("a stranger's key", eddsa(stranger, &header, &claims)),
        ("a stranger's key sent along as jwk", eddsa(stranger, &own_jwk, &claims)),
        ("a stranger's key behind jku", eddsa(stranger, &own_jku, &claims)),
        ("a stranger's key behind x5u", eddsa(stranger, &own_x5u, &claims)),
        ("claims changed after signing", format!("{head}.{other_body}.{signature}")),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{valid}.{signature}")),
        ("a shortened signature", valid[..valid.len() - 4].to_owned()),
        ("a signature of zeros", signed(&header, &claims, |_| vec![0; 64])),
        ("claims that are no object", forge.person(&json!(["a"]))),
        ("claims that are null", forge.person(&Value::Null)),
        ("one byte more than 8 KiB", forge.person_of_length(8 * 1024 + 1)),
        ("garbage", "garbage".to_owned()),
        ("dots", "..".to_owned()),
        ("other base64", format!("{}.{}.{}", "+/==", body, signature)),
    ]
}

#[test]
fn every_forged_token_of_a_person_is_refused() {
    let forge = Forge::new();
    let verifier = forge.verifier();
    let tokens = forged(&forge);
    assert!(tokens.len() >= 30);
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
    let forge = Forge::new();
    for kind in [CallerKind::Guest, CallerKind::Member, CallerKind::Admin] {
        let caller = crate::caller(kind);
        let token = forge.person(&crate::TestKeys::claims(&caller));
        assert_eq!(forge.verifier().verify(&token), Ok(Principal::Person(caller)));
    }
}

#[test]
fn a_guest_who_claims_to_be_an_admin_stays_a_guest() {
    let forge = Forge::new();
    let claims = with(with(person_claims(), "kind", json!("GUEST")), "roles", json!(["ADMIN"]));
    let Ok(Principal::Person(caller)) = forge.verifier().verify(&forge.person(&claims)) else {
        panic!("a valid token was refused");
    };
    assert_eq!(caller.kind, CallerKind::Guest);
}

#[test]
fn what_is_within_the_limits_of_a_token_is_taken() {
    let forge = Forge::new();
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
    let forge = Forge::new();
    let expected = Ok(Principal::Service("assets".to_owned()));
    assert_eq!(forge.verifier().verify(&forge.service(&service_claims())), expected);
    let typed = forge.es256(&with(cluster_header(), "typ", json!("JWT")), &service_claims());
    assert_eq!(forge.verifier().verify(&typed), expected);
}

#[test]
fn every_forged_token_of_a_service_is_refused() {
    let forge = Forge::new();
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
    let forge = Forge::new();
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
