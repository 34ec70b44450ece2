//! Tokens of people that nobody may take.

use ring::signature::KeyPair;
use serde_json::{Value, json};

use super::{
    CLUSTER, CLUSTER_KID, Forge, PEOPLE_KID, ed_jwk, eddsa, encode, hs256, now, people_header, person_claims,
    service_claims, signed, signed_text, with,
};

/// Returns tokens of people that must be refused, each wrong in one thing, with what that is. All keep within 8 KiB
/// but the one that says so.
pub fn forged(forge: &Forge) -> Vec<(String, String)> {
    let mut tokens: Vec<(String, String)> = wrong_claims()
        .into_iter()
        .map(|(name, value)| {
            (format!("claim {name} = {value}"), forge.person(&with(person_claims(), name, value)))
        })
        .collect();
    for (name, value) in wrong_headers() {
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
    claims.extend([
        ("exp", json!(1e300)),
        ("exp", json!([now + 300])),
        ("exp", json!(true)),
        ("aud", json!(7)),
        ("aud", json!([])),
        ("iss", json!(["https://elsewhere.test"])),
        ("sub", json!("")),
        ("sub", json!("00000000-0000-0000-0000-00000000000g")),
        ("org", json!(["00000000-0000-7000-8000-000000000000"])),
        ("org", json!({"id": "00000000-0000-7000-8000-000000000000"})),
        ("roles", json!({"ADMIN": true})),
        ("roles", json!([1])),
        ("kind", json!(["MEMBER"])),
        ("kind", json!("ADMIN")),
        ("consent_notice_version", json!("1")),
    ]);
    claims.extend(
        ["iss", "aud", "exp", "nbf", "sub", "org", "sid", "kind"].map(|required| (required, Value::Null)),
    );
    claims
}

fn wrong_headers() -> Vec<(&'static str, Value)> {
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
        ("alg", json!("None")),
        ("alg", json!("NONE")),
        ("alg", json!("nOnE")),
        ("alg", json!("")),
        ("alg", json!(["EdDSA"])),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", json!("PS256")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("RS256")),
        ("alg", Value::Null),
        ("crit", json!(["unknown"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("typ", json!("at+JWT+x")),
        ("typ", json!("application/at+jwt;x")),
        ("typ", json!("")),
        ("typ", json!(7)),
        ("kid", json!(1)),
        ("kid", json!("people-1\u{0}")),
        ("kid", json!("people-1 ")),
        ("kid", json!("PEOPLE-1")),
        ("kid", json!("file:///proc/self/environ")),
        ("jwk", json!("OKP")),
    ]
}

fn wrong_signatures(forge: &Forge) -> Vec<(&'static str, String)> {
    let header = people_header();
    let claims = person_claims();
    let alg = |alg: &str| with(header.clone(), "alg", json!(alg));
    let public = forge.people.public_key().as_ref();
    let valid = forge.person(&claims);
    let (head, rest) = valid.split_once('.').expect("three parts");
    let (body, signature) = rest.split_once('.').expect("three parts");
    let other = with(claims.clone(), "roles", json!(["ADMIN"]));
    let other_body = encode(other.to_string());
    let stranger = &forge.stranger;
    let own_jwk = with(header.clone(), "jwk", ed_jwk(PEOPLE_KID, stranger));
    let own_jku = with(header.clone(), "jku", json!("http://127.0.0.1:1/jwks.json"));
    let own_x5c = with(header.clone(), "x5c", json!([encode(stranger.public_key().as_ref())]));
    let own_x5u = with(header.clone(), "x5u", json!("http://127.0.0.1:1/x5u.pem"));
    let eddsa_text = |header: &Value, text: &str| {
        signed_text(header, text, |message| forge.people.sign(message).as_ref().to_vec())
    };
    let twice = |name: &str, value: &Value| {
        let text = claims.to_string();
        eddsa_text(&header, &format!("{{\"{name}\":{value},{}", text.trim_start_matches('{')))
    };
    let nested = with(header.clone(), "cty", json!("JWT"));
    let mut shapes = vec![
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
        ("a stranger's key as x5c", eddsa(stranger, &own_x5c, &claims)),
        ("claims changed after signing", format!("{head}.{other_body}.{signature}")),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{valid}.{signature}")),
        ("a shortened signature", valid.trim_end_matches(signature).to_owned() + signature.split_at(82).0),
        ("a signature of zeros", signed(&header, &claims, |_| vec![0; 64])),
        ("claims that are no object", forge.person(&json!(["a"]))),
        ("claims that are null", forge.person(&Value::Null)),
        ("one byte more than 8 KiB", forge.person_of_length(8 * 1024 + 1)),
        ("garbage", "garbage".to_owned()),
        ("dots", "..".to_owned()),
        ("other base64", format!("{}.{}.{}", "+/==", body, signature)),
    ];
    shapes.extend([
        ("alg none with a valid signature", eddsa(&forge.people, &alg("none"), &claims)),
        ("HS512 with the public key as the secret", hs256(public, &alg("HS512"), &claims)),
        ("an empty secret", hs256(&[], &alg("HS256"), &claims)),
        ("exp twice", twice("exp", &json!(now() + 300))),
        ("org twice", twice("org", &json!("00000000-0000-7000-8000-000000000000"))),
        ("sub twice", twice("sub", &json!("00000000-0000-7000-8000-000000000000"))),
        ("kind twice", twice("kind", &json!("MEMBER"))),
        ("a token within the token", eddsa_text(&nested, &valid)),
        ("a token within the token, as JSON", eddsa_text(&nested, &json!(valid).to_string())),
        ("claims cut off", eddsa_text(&header, claims.to_string().trim_end_matches('}'))),
        ("claims with something behind", eddsa_text(&header, &format!("{claims}{{}}"))),
        ("no claims", eddsa_text(&header, "")),
        ("claims that are no text", eddsa_text(&header, "\u{0}\u{0}")),
        ("a cluster's claims under a person's header", forge.person(&service_claims())),
        ("a signature of another token", format!("{head}.{body}.{}", signature_of(&forge.person(&other)))),
        ("a signature with a byte more", format!("{valid}AA")),
        ("a signature with padding", format!("{valid}==")),
        ("a space before", format!(" {valid}")),
        ("a space within", format!("{head}. {body}.{signature}")),
        ("a dot before", format!(".{valid}")),
        ("a dot behind", format!("{valid}.")),
        ("the header alone", head.to_owned()),
        ("the header and two dots", format!("{head}..")),
        ("no header", format!(".{body}.{signature}")),
        ("null", "null".to_owned()),
        ("five parts, as encrypted ones have", format!("{head}.{body}.{signature}.{body}.{signature}")),
    ]);
    shapes
}

fn signature_of(token: &str) -> &str {
    token.rsplit('.').next().unwrap_or_default()
}
