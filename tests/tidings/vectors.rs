//! Signatures made by others: the vectors of the documents, and 88 requests that real servers sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tidings::sig::key::{Algorithm, PublicKey};
use tidings::sig::{self, Message, Scheme, SigError};

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A message taken apart: start line, headers, body.
pub(crate) struct Raw {
    start: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// Reads a message whose head has lines that end with `line_end`.
    pub(crate) fn read(message: &[u8], line_end: &str) -> Raw {
        let empty_line = line_end.repeat(2);
        let head_end = message
            .windows(empty_line.len())
            .position(|window| window == empty_line.as_bytes());
        let head_end = head_end.expect("an empty line ends the head");
        let head = std::str::from_utf8(&message[..head_end]).expect("the head is ASCII");
        let mut lines = head.split(line_end);
        let start = lines.next().expect("a start line").to_owned();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value.trim()).unwrap(),
            );
        }
        Raw {
            start,
            headers,
            body: message[head_end + empty_line.len()..].to_vec(),
        }
    }

    pub(crate) fn word(&self, index: usize) -> &str {
        self.start
            .split(' ')
            .nth(index)
            .expect("a start line has three words")
    }

    fn message<'a>(&'a self, target_uri: &'a str) -> Message<'a> {
        let body = (!self.body.is_empty()).then_some(self.body.as_slice());
        Message {
            method: self.word(0),
            target_uri,
            headers: &self.headers,
            body,
        }
    }
}

/// One file of `http-signatures/`.
struct Vector {
    name: String,
    fields: BTreeMap<String, String>,
    raw: Raw,
    target_uri: String,
    base: String,
}

impl Vector {
    fn read(path: &Path) -> Vector {
        let text = fs::read_to_string(path).unwrap();
        let (head, rest) = text.split_once("--- message\n").expect("a message");
        let (message, base) = rest.split_once("\n--- base\n").expect("a base");
        let fields = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let raw = Raw::read(message.as_bytes(), "\n");
        let host = raw
            .headers
            .get("host")
            .map_or("example.com", |host| host.to_str().unwrap());
        let target_uri = format!("https://{host}{}", raw.word(1));
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        Vector {
            name,
            fields,
            raw,
            target_uri,
            base: base.strip_suffix('\n').unwrap_or(base).to_owned(),
        }
    }

    fn all() -> Vec<Vector> {
        let mut paths: Vec<PathBuf> = fs::read_dir(vectors().join("http-signatures"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .collect();
        paths.sort();
        paths.iter().map(|path| Vector::read(path)).collect()
    }

    fn message(&self) -> Message<'_> {
        self.raw.message(&self.target_uri)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.fields["now"].parse().unwrap()).unwrap()
    }

    fn key(&self) -> String {
        fs::read_to_string(vectors().join("http-signatures").join(&self.fields["key"])).unwrap()
    }

    /// What an inbox says: one good signature of several is enough.
    fn verdict(&self) -> Result<(), SigError> {
        let message = self.message();
        let mut verdict = Err(SigError::Missing);
        for claim in sig::read(&message)? {
            verdict = claim
                .check(&message, self.now())
                .and_then(|checked| checked.verify(&PublicKey::from_pem(&self.key())?));
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    /// The bytes of the signature, read without the code under test.
    fn signature_bytes(&self) -> Vec<u8> {
        let header = self.raw.headers["signature"].to_str().unwrap();
        let base64 = match self.fields["scheme"].as_str() {
            "cavage" => header
                .rsplit_once("signature=\"")
                .unwrap()
                .1
                .trim_end_matches('"'),
            // The last label is that of the sender.
            _ => header
                .rsplit(' ')
                .next()
                .unwrap()
                .split_once("=:")
                .unwrap()
                .1
                .trim_end_matches(':'),
        };
        STANDARD.decode(base64).unwrap()
    }

    /// Whether the signature holds for the printed base, whatever a policy says of it.
    fn holds_for_its_base(&self) -> bool {
        let (base, bytes) = (self.base.as_bytes(), self.signature_bytes());
        let algorithm = match self.fields["algorithm"].as_str() {
            "hmac-sha256" => {
                let secret = STANDARD.decode(self.key().trim()).unwrap();
                return hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret), base, &bytes).is_ok();
            }
            // The draft's own key has 1024 bits, which the product refuses.
            "rsa-sha256" if self.fields["key"].contains("cavage-test") => {
                let der: String = self
                    .key()
                    .lines()
                    .filter(|line| !line.starts_with("-----"))
                    .collect();
                let der = STANDARD.decode(der).unwrap();
                let key = signature::UnparsedPublicKey::new(
                    &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                    der,
                );
                return key.verify(base, &bytes).is_ok();
            }
            "rsa-sha256" | "rsa-v1_5-sha256" => Algorithm::RsaSha256,
            "rsa-pss-sha512" => Algorithm::RsaPssSha512,
            "ed25519" => Algorithm::Ed25519,
            "ecdsa-p256-sha256" => Algorithm::EcdsaP256Sha256,
            other => panic!("{}: unknown algorithm {other}", self.name),
        };
        PublicKey::from_pem(&self.key())
            .unwrap()
            .verify(algorithm, base, &bytes)
            .is_ok()
    }
}

/// Valid signatures that an inbox refuses all the same, and why.
fn refused_by_policy(name: &str) -> Option<SigError> {
    match name {
        "cavage-c1-default" => Some(SigError::Uncovered("(request-target)")),
        "cavage-c2-basic" => Some(SigError::Uncovered("digest")),
        "cavage-c3-all" => Some(SigError::Key("RSA with less than 2048 bits is too weak")),
        "sig-b21" | "sig-b22" | "sig-b25" => Some(SigError::Uncovered("@method")),
        "sig-b24" => Some(SigError::Uncovered("@method")),
        "sig-b26" => Some(SigError::Uncovered("@target-uri")),
        _ => None,
    }
}

/// The word of the vectors for an error.
fn word(error: &SigError) -> &'static str {
    match error {
        SigError::Missing | SigError::Malformed(_) => "invalid syntax",
        SigError::Uncovered(_) | SigError::Absent(_) | SigError::Unsupported(_) => "invalid component",
        SigError::Stale { .. } | SigError::Expired(_) => "invalid stale",
        SigError::Digest(_) => "invalid digest",
        SigError::UnknownAlgorithm(_) => "invalid algorithm",
        SigError::WrongAlgorithm(_) | SigError::BadSignature => "invalid signature",
        SigError::Key(_) => "unusable key",
    }
}

#[test]
fn every_vector_is_judged_as_its_header_expects() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 49);
    for vector in vectors {
        let verdict = vector.verdict();
        match (vector.fields["expect"].as_str(), refused_by_policy(&vector.name)) {
            ("valid", None) => assert_eq!(verdict, Ok(()), "{}", vector.name),
            ("valid", Some(error)) => assert_eq!(verdict, Err(error), "{}", vector.name),
            (expected, _) => {
                let error = verdict.expect_err(&vector.name);
                assert_eq!(word(&error), expected, "{}: {error}", vector.name);
            }
        }
    }
}

#[test]
fn every_valid_vector_has_the_printed_base_and_its_signature_holds() {
    for vector in Vector::all()
        .into_iter()
        .filter(|vector| vector.fields["expect"] == "valid")
    {
        assert!(vector.holds_for_its_base(), "{}", vector.name);
        let message = vector.message();
        let bases: Vec<_> = sig::read(&message)
            .unwrap()
            .iter()
            .map(|claim| claim.base(&message))
            .collect();
        match vector.name.as_str() {
            "sig-b24" => assert_eq!(
                bases,
                [Err(SigError::Unsupported("@status".to_owned()))],
                "a response"
            ),
            _ => assert!(
                bases.contains(&Ok(vector.base.clone())),
                "{}: {bases:#?}",
                vector.name
            ),
        }
    }
}

#[test]
fn of_two_signatures_each_is_a_claim_of_its_own() {
    let vector = Vector::read(&vectors().join("http-signatures/two-signatures.txt"));
    let claims = sig::read(&vector.message()).unwrap();
    let key_ids: Vec<_> = claims.iter().map(sig::Claim::key_id).collect();
    assert_eq!(key_ids, ["proxy", "https://example.com/users/alice#main-key"]);
    assert_eq!(
        claims[0].check(&vector.message(), vector.now()).unwrap_err(),
        SigError::Uncovered("@method")
    );
}

/// The keys of all actors of the lab, by key id.
fn lab_keys() -> BTreeMap<String, PublicKey> {
    let mut keys = BTreeMap::new();
    for server in ["fedify", "gts", "mitra", "pubby", "snac2"] {
        for entry in fs::read_dir(vectors().join("lab").join(server)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let actor: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                let key = PublicKey::from_pem(actor["publicKey"]["publicKeyPem"].as_str().unwrap()).unwrap();
                keys.insert(actor["publicKey"]["id"].as_str().unwrap().to_owned(), key);
            }
        }
    }
    keys
}

/// The requests of the lab with what the index says of them.
fn lab_requests() -> Vec<(String, String, Raw)> {
    let index = fs::read(vectors().join("lab/index.json")).unwrap();
    let index: Vec<serde_json::Value> = serde_json::from_slice(&index).unwrap();
    let read = |entry: &serde_json::Value| {
        let file = entry["file"].as_str().unwrap();
        let raw = Raw::read(&fs::read(vectors().join("lab").join(file)).unwrap(), "\r\n");
        (
            file.to_owned(),
            entry["signature"].as_str().unwrap().to_owned(),
            raw,
        )
    };
    index.iter().map(read).collect()
}

fn sent_at(raw: &Raw) -> Timestamp {
    let date = httpdate::parse_http_date(raw.headers["date"].to_str().unwrap()).unwrap();
    date.try_into().unwrap()
}

#[test]
fn every_request_of_a_real_server_verifies() {
    let keys = lab_keys();
    let requests = lab_requests();
    assert_eq!(requests.len(), 88);
    let mut failures = Vec::new();
    for (file, signature, raw) in &requests {
        let target_uri = format!("https://blog.example{}", raw.word(1));
        let message = raw.message(&target_uri);
        let claims = sig::read(&message).unwrap();
        assert_eq!(claims.len(), 1, "{file}");
        let scheme = if signature == "rfc9421" {
            Scheme::Rfc9421
        } else {
            Scheme::Cavage
        };
        assert_eq!(claims[0].scheme(), scheme, "{file}");
        let key = &keys[claims[0].key_id()];
        if let Err(error) = claims[0].verify(&message, key, sent_at(raw)) {
            failures.push(format!("{file}: {error}"));
        }
    }
    assert_eq!(failures, Vec::<String>::new());
}

#[test]
fn no_request_of_a_real_server_verifies_once_it_is_changed() {
    let keys = lab_keys();
    for (file, _, raw) in &lab_requests() {
        let target_uri = format!("https://blog.example{}", raw.word(1));
        let message = raw.message(&target_uri);
        let claim = sig::read(&message).unwrap().remove(0);
        let key = &keys[claim.key_id()];
        let now = sent_at(raw);
        let other_target = format!("{target_uri}x");
        let mut other_body = raw.body.clone();
        other_body.push(b' ');
        for (change, message) in [
            (
                "target",
                Message {
                    target_uri: &other_target,
                    ..message
                },
            ),
            (
                "host",
                Message {
                    target_uri: "https://evil.example/ap/inbox",
                    ..message
                },
            ),
            (
                "method",
                Message {
                    method: "PUT",
                    ..message
                },
            ),
            (
                "body",
                Message {
                    body: Some(&other_body),
                    ..message
                },
            ),
        ] {
            assert!(claim.verify(&message, key, now).is_err(), "{file}: {change}");
        }
        let later = now + jiff::SignedDuration::from_mins(61);
        let error = claim.verify(&message, key, later).unwrap_err();
        assert!(matches!(error, SigError::Stale { .. }), "{file}: {error}");
        for (id, key) in keys.iter().filter(|(id, _)| *id != claim.key_id()) {
            assert_eq!(
                claim.verify(&message, key, now),
                Err(SigError::BadSignature),
                "{file} by {id}"
            );
        }
    }
}

#[test]
fn the_multikeys_of_a_real_actor_are_read_and_one_is_its_pem_key() {
    let actor = fs::read(vectors().join("lab/fedify/actor.json")).unwrap();
    let actor: serde_json::Value = serde_json::from_slice(&actor).unwrap();
    let multikey = |index: usize| {
        actor["assertionMethod"][index]["publicKeyMultibase"]
            .as_str()
            .unwrap()
    };
    let rsa = PublicKey::from_multibase(multikey(0)).unwrap();
    assert_eq!(
        Some(&rsa),
        lab_keys().get("https://fedify.example/users/erin#main-key")
    );
    assert_eq!(rsa.to_multibase().as_deref(), Some(multikey(0)));
    let ed25519 = PublicKey::from_multibase(multikey(1)).unwrap();
    assert_eq!(ed25519.algorithms(), [Algorithm::Ed25519]);
    assert_eq!(ed25519.to_multibase().as_deref(), Some(multikey(1)));
}
