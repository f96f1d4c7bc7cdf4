//! Keys: our own, which sign, and those of others, which verify.
//!
//! Every signature is made and checked by aws-lc-rs. The `rsa` crate generates RSA keys and its parsers read
//! the encodings; no private key is ever used through it (RUSTSEC-2023-0071, a timing attack without a fix).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1;
use rsa::pkcs8::der::Decode as _;
use rsa::pkcs8::{
    Document, EncodePrivateKey as _, LineEnding, ObjectIdentifier, PrivateKeyInfo, SecretDocument,
    SubjectPublicKeyInfoRef,
};

use super::{SigError, multibase};

/// Sizes of RSA keys that are trusted, in bits. 1024 can be broken with much money; above 8192 a check
/// costs too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Size of the RSA keys made here, in bits: what every server takes, and the cheapest to sign with.
const NEW_RSA_BITS: usize = 2048;

/// Longest PEM text that is read, in bytes; the public key of RSA-8192 takes 1.5 KiB.
const MAX_PEM: usize = 16 * 1024;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Prefixes of the multicodec table, as varints.
const MULTICODEC_ED25519: [u8; 2] = [0xed, 0x01];
const MULTICODEC_RSA: [u8; 2] = [0x85, 0x24];

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
    pub(super) const ALL: [Algorithm; 5] = [
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

/// The public key of somebody, parsed once; a clone is cheap.
#[derive(Clone)]
pub struct PublicKey {
    kind: Kind,
    /// Ready for the first of [`PublicKey::algorithms`]. Its bytes are the bare key: PKCS#1 of RSA, the 32 bytes
    /// of Ed25519, the uncompressed point of P-256.
    parsed: Arc<ParsedPublicKey>,
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

    fn from_rsa(pkcs1: &[u8]) -> Result<PublicKey, SigError> {
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

    fn parse(kind: Kind, key: &[u8]) -> Result<PublicKey, SigError> {
        // aws-lc would take other encodings too, and then these wouldn't be the bare key.
        let bare = match kind {
            Kind::Rsa => true,
            Kind::Ed25519 => key.len() == 32,
            Kind::P256 => key.len() == 65,
        };
        let parsed = ParsedPublicKey::new(kind.algorithms()[0].verification(), key)
            .ok()
            .filter(|_| bare);
        let parsed = parsed.ok_or(SigError::Key("the numbers make no valid key"))?;
        Ok(PublicKey {
            kind,
            parsed: Arc::new(parsed),
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
        let verified = if algorithm == self.algorithms()[0] {
            self.parsed.verify_sig(message, signature)
        } else {
            signature::UnparsedPublicKey::new(algorithm.verification(), &*self.parsed)
                .verify(message, signature)
        };
        verified.map_err(|_| SigError::BadSignature)
    }

    /// The key in PEM, as SPKI: PeerTube and others read nothing else.
    pub fn to_pem(&self) -> String {
        let der = self
            .parsed
            .as_der()
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
        Some(multibase::encode(&[&prefix, (*self.parsed).as_ref()].concat()))
    }
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

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.kind == other.kind && (*self.parsed).as_ref() == (*other.parsed).as_ref()
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
        let failed = SigError::Key("no RSA key could be made");
        // The exponent is 65537.
        let key =
            rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, NEW_RSA_BITS).map_err(|_| failed.clone())?;
        key.to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(|_| failed)
    }

    /// Makes an Ed25519 key, as PEM (PKCS#8).
    ///
    /// # Errors
    /// [`SigError::Key`] when the system has no randomness.
    pub fn generate_ed25519() -> Result<String, SigError> {
        let failed = SigError::Key("no Ed25519 key could be made");
        let der = Ed25519KeyPair::generate()
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|_| failed.clone())?;
        let document = SecretDocument::try_from(der.as_ref()).map_err(|_| failed.clone())?;
        document
            .to_pem("PRIVATE KEY", LineEnding::LF)
            .map(|pem| pem.to_string())
            .map_err(|_| failed)
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
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
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

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("kind", &self.public.kind)
            .finish_non_exhaustive()
    }
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
            ED25519_PEM,
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
            let _ = PublicKey::from_pem(&format!("-----BEGIN RSA PUBLIC KEY-----{body}-----END"));
            let _ = PrivateKey::from_pkcs8_pem(&format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"));
        }

        #[test]
        fn no_bytes_in_a_pem_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = PublicKey::from_spki(&bytes);
            let _ = PublicKey::from_rsa(&bytes);
            let _ = PublicKey::from_multibase(&multibase::encode(&bytes));
        }
    }
}
