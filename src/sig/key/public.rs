//! The keys of others.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::Decode as _;
use pkcs8::{Document, LineEnding, SubjectPublicKeyInfoRef};

use super::{Algorithm, EC_PUBLIC_KEY, ED25519, Kind, P256, RSA_ENCRYPTION};
use crate::sig::{SigError, multibase};

/// Sizes of RSA keys that are trusted, in bits. 1024 can be broken with much money; above 8192 a check
/// costs too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Longest PEM text that is read, in bytes; the public key of RSA-8192 takes 1.5 KiB.
const MAX_PEM: usize = 16 * 1024;

/// Prefixes of the multicodec table, as varints.
const MULTICODEC_ED25519: [u8; 2] = [0xed, 0x01];
const MULTICODEC_RSA: [u8; 2] = [0x85, 0x24];

/// The public key of somebody, known to be one; a clone is cheap.
///
/// Only its bytes are kept: what the library makes of them takes a kibibyte for each actor in memory, and to make it
/// again for each check takes no time that shows beside the check.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) kind: Kind,
    /// The bare key: PKCS#1 of RSA, the 32 bytes of Ed25519, the uncompressed point of P-256.
    bytes: Arc<[u8]>,
}

impl PublicKey {
    /// Reads a key from PEM, as actors carry it in `publicKeyPem`: SPKI (`BEGIN PUBLIC KEY`; RSA, Ed25519 or P-256)
    /// or PKCS#1 (`BEGIN RSA PUBLIC KEY`). Line ends and other spaces don't matter.
    ///
    /// # Errors
    /// [`SigError::Key`], among others for RSA keys of less than 2048 bits.
    pub fn from_pem(pem: &str) -> Result<PublicKey, SigError> {
        let (label, der) = read_pem(pem)?;
        match label {
            "PUBLIC KEY" => PublicKey::from_spki(&der),
            "RSA PUBLIC KEY" => PublicKey::from_rsa(&der),
            _ => Err(SigError::Key("the PEM holds no public key")),
        }
    }

    /// Reads a key from a Multikey's `publicKeyMultibase` (FEP-521a): Ed25519, or RSA as fedify writes it.
    ///
    /// # Errors
    /// [`SigError::Key`]
    pub fn from_multibase(text: &str) -> Result<PublicKey, SigError> {
        let bytes = multibase::decode(text)?;
        match bytes.split_first_chunk::<2>() {
            Some((&MULTICODEC_ED25519, key)) => PublicKey::parse(Kind::Ed25519, key),
            Some((&MULTICODEC_RSA, key)) => PublicKey::from_rsa(key),
            _ => Err(SigError::Key("neither Ed25519 nor RSA")),
        }
    }

    fn from_spki(der: &[u8]) -> Result<PublicKey, SigError> {
        let unreadable = || SigError::Key("the PEM can't be read");
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| unreadable())?;
        let key = info.subject_public_key.as_bytes().ok_or_else(unreadable)?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => PublicKey::from_rsa(key),
            ED25519 => PublicKey::parse(Kind::Ed25519, key),
            EC_PUBLIC_KEY if info.algorithm.parameters_oid() == Ok(P256) => PublicKey::parse(Kind::P256, key),
            _ => Err(SigError::Key("neither RSA nor Ed25519 nor P-256")),
        }
    }

    pub(super) fn from_rsa(pkcs1: &[u8]) -> Result<PublicKey, SigError> {
        let key =
            pkcs1::RsaPublicKey::from_der(pkcs1).map_err(|_| SigError::Key("the RSA key can't be read"))?;
        let modulus = key.modulus.as_bytes();
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        match bits {
            _ if bits < *RSA_BITS.start() => Err(SigError::Key("RSA with less than 2048 bits is too weak")),
            _ if bits > *RSA_BITS.end() => Err(SigError::Key("RSA with more than 8192 bits is too slow")),
            _ => PublicKey::parse(Kind::Rsa, pkcs1),
        }
    }

    pub(super) fn parse(kind: Kind, key: &[u8]) -> Result<PublicKey, SigError> {
        // aws-lc would take other encodings too, and then these wouldn't be the bare key.
        let bare = match kind {
            Kind::Rsa => true,
            Kind::Ed25519 => key.len() == 32,
            Kind::P256 => key.len() == 65,
        };
        if !bare || parsed(kind, key).is_none() {
            return Err(SigError::Key("the numbers make no valid key"));
        }
        Ok(PublicKey {
            kind,
            bytes: key.into(),
        })
    }

    /// What signatures by this key may be when they don't say it, the usual one first.
    pub fn algorithms(&self) -> &'static [Algorithm] {
        self.kind.algorithms()
    }

    /// Checks a signature over a message.
    ///
    /// # Errors
    /// [`SigError::WrongAlgorithm`] or [`SigError::BadSignature`].
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), SigError> {
        let fits = match algorithm {
            Algorithm::RsaSha256 | Algorithm::RsaSha512 | Algorithm::RsaPssSha512 => self.kind == Kind::Rsa,
            Algorithm::Ed25519 => self.kind == Kind::Ed25519,
            Algorithm::EcdsaP256Sha256 => self.kind == Kind::P256,
        };
        if !fits {
            return Err(SigError::WrongAlgorithm(algorithm));
        }
        UnparsedPublicKey::new(algorithm.verification(), &self.bytes)
            .verify(message, signature)
            .map_err(|_| SigError::BadSignature)
    }

    /// The key in PEM, as SPKI: PeerTube and others read nothing else.
    pub fn to_pem(&self) -> String {
        let der = parsed(self.kind, &self.bytes)
            .and_then(|key| key.as_der().ok())
            .expect("a key that was parsed can be written");
        let document = Document::try_from(der.as_ref()).expect("aws-lc writes valid DER");
        document
            .to_pem("PUBLIC KEY", LineEnding::LF)
            .expect("the label and the length are valid")
    }

    /// The key as a Multikey's `publicKeyMultibase` (FEP-521a); `None` for P-256, which no key of ours is.
    pub fn to_multibase(&self) -> Option<String> {
        let prefix = match self.kind {
            Kind::Rsa => MULTICODEC_RSA,
            Kind::Ed25519 => MULTICODEC_ED25519,
            Kind::P256 => return None,
        };
        Some(multibase::encode(&[&prefix[..], &self.bytes].concat()))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.kind == other.kind && self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What the library makes of a key, if it is one.
fn parsed(kind: Kind, key: &[u8]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(kind.algorithms()[0].verification(), key).ok()
}

/// Reads the first PEM block: its label and its bytes.
fn read_pem(pem: &str) -> Result<(&str, Vec<u8>), SigError> {
    if pem.len() > MAX_PEM {
        return Err(SigError::Key("the PEM is too long"));
    }
    let block = || {
        let (_, rest) = pem.split_once("-----BEGIN ")?;
        let (label, rest) = rest.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        let base64: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        Some((label, STANDARD.decode(base64).ok()?))
    };
    block().ok_or(SigError::Key("the PEM can't be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n";

    fn vector(name: &str) -> String {
        let path = format!(
            "{}/tests/vectors/http-signatures/keys/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_pem_is_read_whatever_its_line_ends_and_spaces() {
        let key = PublicKey::from_pem(ED25519_PEM).unwrap();
        for pem in [
            ED25519_PEM.replace('\n', "\r\n"),
            ED25519_PEM.replace('\n', ""),
            ED25519_PEM.replace('\n', " \n\t"),
            format!("  {}", ED25519_PEM.trim_end()),
        ] {
            assert_eq!(PublicKey::from_pem(&pem).as_ref(), Ok(&key), "{pem}");
        }
        assert_eq!(key.to_pem(), ED25519_PEM);
    }

    #[test]
    fn spki_and_pkcs1_of_a_key_are_the_same_key() {
        let key = PublicKey::from_pem(&vector("test-key-rsa.pub.pem")).unwrap();
        assert!(vector("test-key-rsa.pub.pem").starts_with("-----BEGIN RSA PUBLIC KEY-----"));
        assert!(key.to_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
        assert_eq!(PublicKey::from_pem(&key.to_pem()), Ok(key));
    }

    #[test]
    fn rsa_with_1024_bits_is_too_weak() {
        let error = PublicKey::from_pem(&vector("cavage-test.pub.pem")).unwrap_err();
        assert_eq!(error, SigError::Key("RSA with less than 2048 bits is too weak"));
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let mut cut = ED25519_PEM.to_owned();
        cut.replace_range(30..40, "");
        for pem in [
            "",
            "key",
            "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
            &cut,
            &vector("test-key-ed25519.key.pem"),
        ] {
            assert!(matches!(PublicKey::from_pem(pem), Err(SigError::Key(_))), "{pem}");
        }
        assert!(PublicKey::from_pem(&format!("{}{ED25519_PEM}", " ".repeat(MAX_PEM))).is_err());
    }

    #[test]
    fn an_algorithm_that_doesnt_fit_the_key_is_named() {
        let key = PublicKey::from_pem(ED25519_PEM).unwrap();
        let error = key.verify(Algorithm::RsaSha256, b"", b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the signature's algorithm rsa-v1_5-sha256 doesn't fit the key"
        );
    }

    proptest! {
        #[test]
        fn no_pem_makes_the_parser_panic(body in "[A-Za-z0-9+/=\n]{0,80}") {
            let _ = PublicKey::from_pem(&format!("-----BEGIN PUBLIC KEY-----{body}-----END PUBLIC KEY-----"));
            let _ = PublicKey::from_pem(&format!("-----BEGIN RSA PUBLIC KEY-----{body}-----END RSA PUBLIC KEY-----"));
        }

        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = PublicKey::from_spki(&bytes);
            let _ = PublicKey::from_rsa(&bytes);
            let _ = PublicKey::from_multibase(&multibase::encode(&bytes));
        }
    }
}
