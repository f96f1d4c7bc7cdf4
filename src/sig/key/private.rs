//! Keys of our own.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use pkcs8::{LineEnding, PrivateKeyInfo, SecretDocument};

use super::{Algorithm, ED25519, Kind, PublicKey, RSA_ENCRYPTION};
use crate::sig::SigError;

/// Size of the RSA keys made here: what every server takes, and the cheapest to sign with.
const NEW_RSA: KeySize = KeySize::Rsa2048;

/// A key of our own. Parsed once and kept; nothing of it is ever printed.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes an RSA key of 2048 bits, as PEM (PKCS#8). Takes up to a second: not for an async task.
    ///
    /// # Errors
    /// [`SigError::Key`] when the system has no randomness.
    pub fn generate_rsa() -> Result<String, SigError> {
        // The exponent is 65537.
        RsaKeyPair::generate(NEW_RSA)
            .and_then(|pair| pair.as_der())
            .and_then(|der| pem(der.as_ref()))
            .map_err(|_| SigError::Key("no RSA key could be made"))
    }

    /// Makes an Ed25519 key, as PEM (PKCS#8).
    ///
    /// # Errors
    /// [`SigError::Key`] when the system has no randomness.
    pub fn generate_ed25519() -> Result<String, SigError> {
        Ed25519KeyPair::generate()
            .and_then(|pair| pair.to_pkcs8v1())
            .and_then(|der| pem(der.as_ref()))
            .map_err(|_| SigError::Key("no Ed25519 key could be made"))
    }

    /// Reads an RSA (2048 to 8192 bits) or Ed25519 key from PEM (PKCS#8, `BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    /// [`SigError::Key`]
    pub fn from_pkcs8_pem(pem: &str) -> Result<PrivateKey, SigError> {
        let (label, der) =
            SecretDocument::from_pem(pem.trim()).map_err(|_| SigError::Key("the PEM can't be read"))?;
        if label != "PRIVATE KEY" {
            return Err(SigError::Key("the PEM holds no PKCS#8 private key"));
        }
        let info: PrivateKeyInfo<'_> = der
            .decode_msg()
            .map_err(|_| SigError::Key("the private key can't be read"))?;
        let rejected = |_| SigError::Key("the private key is damaged or too weak");
        let (pair, public) = match info.algorithm.oid {
            RSA_ENCRYPTION => {
                let pair = RsaKeyPair::from_pkcs8(der.as_bytes()).map_err(rejected)?;
                let public = PublicKey::from_rsa(pair.public_key().as_ref())?;
                (Pair::Rsa(pair), public)
            }
            ED25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(der.as_bytes()).map_err(rejected)?;
                let public = PublicKey::parse(Kind::Ed25519, pair.public_key().as_ref())?;
                (Pair::Ed25519(pair), public)
            }
            _ => return Err(SigError::Key("the private key is neither RSA nor Ed25519")),
        };
        Ok(PrivateKey { pair, public })
    }

    /// The algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithms()[0]
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`SigError::Key`] when the library fails, which it does for want of memory only.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigError> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| SigError::Key("signing failed"))?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigError::Key("signing failed")),
        }
    }

    /// The other half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The public key in PEM, as SPKI (`BEGIN PUBLIC KEY`).
    pub fn public_pem(&self) -> String {
        self.public.to_pem()
    }

    /// The public key as a Multikey's `publicKeyMultibase` (FEP-521a): `z6Mk…` for Ed25519.
    pub fn public_multibase(&self) -> String {
        self.public
            .to_multibase()
            .expect("keys of our own are RSA or Ed25519")
    }
}

/// A private key as PEM.
fn pem(pkcs8: &[u8]) -> Result<String, Unspecified> {
    let document = SecretDocument::try_from(pkcs8).map_err(|_| Unspecified)?;
    let pem = document.to_pem("PRIVATE KEY", LineEnding::LF);
    pem.map(|pem| pem.to_string()).map_err(|_| Unspecified)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("kind", &self.public.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector(name: &str) -> String {
        let path = format!(
            "{}/tests/vectors/http-signatures/keys/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_multikey_reads_back_as_the_key_it_was_made_of() {
        let ed25519 = PrivateKey::from_pkcs8_pem(&vector("test-key-ed25519.key.pem")).unwrap();
        assert!(ed25519.public_multibase().starts_with("z6Mk"));
        assert_eq!(
            PublicKey::from_multibase(&ed25519.public_multibase()).as_ref(),
            Ok(ed25519.public_key())
        );
        let rsa = PublicKey::from_pem(&vector("test-key-rsa.pub.pem")).unwrap();
        let multibase = rsa.to_multibase().unwrap();
        assert!(multibase.starts_with("z4MX"), "{multibase}");
        assert_eq!(PublicKey::from_multibase(&multibase), Ok(rsa));
        for text in ["z", "z6Mk", "zzzzzz", "x"] {
            assert!(PublicKey::from_multibase(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_new_key_of_either_kind_signs_and_its_public_half_verifies() {
        for pem in [
            PrivateKey::generate_rsa().unwrap(),
            PrivateKey::generate_ed25519().unwrap(),
        ] {
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            let key = PrivateKey::from_pkcs8_pem(&pem).unwrap();
            let public = PublicKey::from_pem(&key.public_pem()).unwrap();
            assert_eq!(&public, key.public_key());
            let signature = key.sign(b"one").unwrap();
            assert_eq!(public.verify(key.algorithm(), b"one", &signature), Ok(()));
            assert_eq!(
                public.verify(key.algorithm(), b"two", &signature),
                Err(SigError::BadSignature)
            );
        }
    }

    #[test]
    fn a_damaged_private_key_is_refused() {
        let pem = vector("test-key-ed25519.key.pem");
        for damaged in [
            &pem[..pem.len() / 2],
            "",
            &pem.replace("MC4C", "MC4D"),
            &vector("test-key-ed25519.pub.pem"),
        ] {
            assert!(
                matches!(PrivateKey::from_pkcs8_pem(damaged), Err(SigError::Key(_))),
                "{damaged}"
            );
        }
    }

    #[test]
    fn printing_a_private_key_shows_nothing_of_it() {
        let key = PrivateKey::from_pkcs8_pem(&vector("test-key-ed25519.key.pem")).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { kind: Ed25519, .. }");
    }

    proptest! {
        #[test]
        fn no_pem_makes_the_parser_panic(body in "[A-Za-z0-9+/=\n]{0,80}") {
            let _ = PrivateKey::from_pkcs8_pem(&format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"));
        }
    }
}
