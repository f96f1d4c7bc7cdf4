//! Keys: our own, which sign, and those of others, which verify.
//!
//! Every key is made, every signature made and checked by aws-lc-rs; `pkcs1` and `pkcs8` read and write the encodings.

mod private;
mod public;

use std::fmt;

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use pkcs8::ObjectIdentifier;

use super::SigError;
use super::error::excerpt;

pub use self::private::PrivateKey;
pub use self::public::PublicKey;

/// The object identifiers that name a kind of key in PKCS#8 and SPKI: RFC 8017, RFC 8410, RFC 5480.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaSha512,
    /// RSASSA-PSS with SHA-512.
    RsaPssSha512,
    /// EdDSA with Curve25519.
    Ed25519,
    /// ECDSA with P-256 and SHA-256, the signature as r and s of 32 bytes each.
    EcdsaP256Sha256,
}

impl Algorithm {
    const ALL: [Algorithm; 5] = [
        Algorithm::RsaSha256,
        Algorithm::RsaSha512,
        Algorithm::RsaPssSha512,
        Algorithm::Ed25519,
        Algorithm::EcdsaP256Sha256,
    ];

    /// The name in the registry of RFC 9421, 6.2.2 (`rsa-v1_5-sha512` isn't in it, but in use).
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-v1_5-sha256",
            Algorithm::RsaSha512 => "rsa-v1_5-sha512",
            Algorithm::RsaPssSha512 => "rsa-pss-sha512",
            Algorithm::Ed25519 => "ed25519",
            Algorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
        }
    }

    /// Finds an algorithm by that name, in any case of letters.
    pub(super) fn named(name: &str) -> Result<Algorithm, SigError> {
        let found = Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| SigError::UnknownAlgorithm(excerpt(name)))
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Algorithm::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RsaSha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_FIXED,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
    P256,
}

impl Kind {
    fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Kind::Rsa => &[Algorithm::RsaSha256, Algorithm::RsaPssSha512],
            Kind::Ed25519 => &[Algorithm::Ed25519],
            Kind::P256 => &[Algorithm::EcdsaP256Sha256],
        }
    }
}
