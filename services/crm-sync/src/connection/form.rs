//! What each way to sign in needs of an admin's form.

use secrecy::ExposeSecret;
use service_kit::validate::Violations;

use crate::connectors::{Credentials, SignInKind};

/// Notes which credentials are missing for a way to sign in. What only one CRM asks beside these, its connector checks.
pub(super) fn require_credentials(check: &mut Violations, sign_in: SignInKind, given: &Credentials) {
    let needed: &[(&str, &str)] = match sign_in {
        SignInKind::Code => &[],
        SignInKind::JwtBearer => &[
            ("client_id", &given.client_id),
            ("username", &given.username),
            ("private_key_pem", given.private_key_pem.expose_secret()),
        ],
        SignInKind::ClientCredentials => {
            &[("client_id", &given.client_id), ("client_secret", given.client_secret.expose_secret())]
        }
        SignInKind::Basic => &[("username", &given.username), ("password", given.password.expose_secret())],
        SignInKind::SamlBearer => &[
            ("client_id", &given.client_id),
            ("client_secret", given.client_secret.expose_secret()),
            ("username", &given.username),
            ("private_key_pem", given.private_key_pem.expose_secret()),
            ("certificate_pem", &given.certificate_pem),
            ("issuer", &given.issuer),
        ],
    };
    for (name, value) in needed {
        if value.is_empty() {
            check.add(format!("credentials.{name}"), format!("is needed to sign in by {}", sign_in.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_sign_in_names_the_credentials_that_it_lacks() {
        for (sign_in, count) in [
            (SignInKind::Code, 0),
            (SignInKind::JwtBearer, 3),
            (SignInKind::ClientCredentials, 2),
            (SignInKind::Basic, 2),
            (SignInKind::SamlBearer, 6),
        ] {
            let mut check = Violations::default();
            require_credentials(&mut check, sign_in, &Credentials::default());
            assert_eq!(check.iter().count(), count, "{sign_in:?}");
            assert!(check.iter().all(|violation| violation.field.starts_with("credentials.")));
        }
    }
}
