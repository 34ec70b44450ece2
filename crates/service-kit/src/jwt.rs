//! Signing and verifying JWTs with `jsonwebtoken` over ring.
//!
//! Owns the provider that lets `jsonwebtoken` use the one crypto library of the build: its own choices would bring
//! the `rsa` crate (RUSTSEC-2023-0071) or aws-lc. Must not hold any rule about claims; those are in `verify`.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{self as ring_signature, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, UnparsedPublicKey};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use ring in this process. Repeating it changes nothing.
pub fn install_provider() {
    // Fails only where a provider stands already, which can only be this one: the build has no other.
    let _second = CryptoProvider::install_default(&PROVIDER);
}

enum Signer {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair, SystemRandom),
    /// For assertions to others (RFC 7523), who take nothing newer; our own tokens are never signed with it.
    Rs256(Box<RsaKeyPair>, SystemRandom),
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let invalid = |_| Error::from(ErrorKind::InvalidKeyFormat);
    match algorithm {
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(invalid)?;
            Ok(Box::new(Signer::EdDsa(pair)))
        }
        Algorithm::ES256 => {
            let random = SystemRandom::new();
            let fixed = &ring_signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_pkcs8(fixed, key.as_bytes(), &random).map_err(invalid)?;
            Ok(Box::new(Signer::Es256(pair, random)))
        }
        Algorithm::RS256 => {
            let pair = RsaKeyPair::from_pkcs8(key.as_bytes()).map_err(invalid)?;
            Ok(Box::new(Signer::Rs256(Box::new(pair), SystemRandom::new())))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

impl signature::Signer<Vec<u8>> for Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        match self {
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Es256(pair, random) => {
                let signed = pair.sign(random, message).map_err(|_| signature::Error::new())?;
                Ok(signed.as_ref().to_vec())
            }
            Self::Rs256(pair, random) => {
                let mut signed = vec![0; pair.public().modulus_len()];
                pair.sign(&ring_signature::RSA_PKCS1_SHA256, random, message, &mut signed)
                    .map_err(|_| signature::Error::new())?;
                Ok(signed)
            }
        }
    }
}

impl JwtSigner for Signer {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::EdDsa(_) => Algorithm::EdDSA,
            Self::Es256(..) => Algorithm::ES256,
            Self::Rs256(..) => Algorithm::RS256,
        }
    }
}

enum Verifier {
    /// EdDSA and ES256: the key is the bare public key.
    Bytes(Algorithm, &'static dyn ring_signature::VerificationAlgorithm, Vec<u8>),
    /// RS256: what a cluster's token issuer signs with.
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let verifier = match algorithm {
        Algorithm::EdDSA => {
            Verifier::Bytes(*algorithm, &ring_signature::ED25519, key.try_get_as_bytes()?.to_vec())
        }
        Algorithm::ES256 => Verifier::Bytes(
            *algorithm,
            &ring_signature::ECDSA_P256_SHA256_FIXED,
            key.try_get_as_bytes()?.to_vec(),
        ),
        Algorithm::RS256 => match key.kind() {
            jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, e } => {
                Verifier::Rs256 { n: n.clone(), e: e.clone() }
            }
            jsonwebtoken::DecodingKeyKind::SecretOrDer(_) => return Err(ErrorKind::InvalidKeyFormat.into()),
        },
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(Box::new(verifier))
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        match self {
            Self::Bytes(_, algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
            Self::Rs256 { n, e } => ring_signature::RsaPublicKeyComponents { n, e }.verify(
                &ring_signature::RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        }
        .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Bytes(algorithm, ..) => *algorithm,
            Self::Rs256 { .. } => Algorithm::RS256,
        }
    }
}
