//! HTTP signatures, both schemes: draft-cavage-http-signatures-12 and RFC 9421.
//!
//! Pure: the request, the key and the time are handed in. Fetching keys, keeping them and deciding whose
//! signature an activity needs is the business of [`crate::inbox`]; this module says whether a request is
//! covered by a signature, fresh, unchanged, and made by a given key.
//!
//! A request is checked in three steps, so that no key is fetched for what will be refused anyway:
//! [`read`] parses, [`Claim::check`] applies every rule that needs no key, [`Checked::verify`] does the
//! mathematics.
//!
//! ```
//! use hyper::header::HeaderMap;
//! use tidings::sig::{self, Message, Outgoing, Scheme, key::{PrivateKey, PublicKey}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = PrivateKey::from_pkcs8_pem(&PrivateKey::generate_ed25519()?)?;
//! let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse()?;
//! let url: url::Url = "https://social.example/inbox".parse()?;
//! let body: &[u8] = br#"{"type":"Like"}"#;
//!
//! let request = Outgoing { method: "POST", url: &url, body: Some(body), content_type: None };
//! let headers: HeaderMap = sig::sign(Scheme::Rfc9421, &request, &key, "https://blog.example/ap/actors/blog#main-key", now)?;
//!
//! let message = Message { method: "POST", target_uri: url.as_str(), headers: &headers, body: Some(body) };
//! for claim in sig::read(&message)? {
//!     let checked = claim.check(&message, now)?; // here the key named claim.key_id() would be fetched
//!     checked.verify(&PublicKey::from_pem(&key.public_pem())?)?;
//! }
//! # Ok(())
//! # }
//! ```

pub mod cavage;
pub mod digest;
pub mod key;
pub mod multibase;
pub mod rfc9421;
mod target;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::key::{Algorithm, PrivateKey, PublicKey};
use self::target::Target;

/// How far the time of a signature may be off our clock, in both directions: an hour, as Mastodon has it,
/// which also forgives a server that got daylight saving time wrong.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_hours(1);

/// Most signatures of one request that are looked at. A proxy may add its own to that of the sender; more
/// would let a stranger choose how much is computed here, and how many keys are fetched.
pub const MAX_SIGNATURES: usize = 4;

/// Longest signature header that is parsed, in bytes, several lines together. Four RSA-4096 signatures
/// with their key ids take about 4 KiB.
pub const MAX_HEADER: usize = 8 * 1024;

/// Most components that a signature may cover; the longest list seen in the field has eight.
pub const MAX_COMPONENTS: usize = 32;

/// Longest part of somebody else's text that is repeated in an error, in characters.
const MAX_EXCERPT: usize = 64;

/// The header that carries a signature, in both schemes.
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
/// The header that says what an RFC 9421 signature covers.
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// The digest of the body in draft-cavage (RFC 3230).
const DIGEST: HeaderName = HeaderName::from_static("digest");
/// The digest of the body in RFC 9421 (RFC 9530).
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The scheme of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// draft-cavage-http-signatures, in the reading that the fediverse shares.
    Cavage,
    /// HTTP Message Signatures, RFC 9421.
    Rfc9421,
}

/// A request as a signature sees it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The absolute URI with its query, rebuilt from our own ORIGIN, never from forwarded headers. What a
    /// signature says about host and authority is compared with this one: a proxy may pass another Host.
    pub target_uri: &'a str,
    /// The headers as received.
    pub headers: &'a HeaderMap,
    /// The body; `None` when the request has none.
    pub body: Option<&'a [u8]>,
}

impl Message<'_> {
    /// Whether a signature must cover a digest: always on a method that carries a body, and whenever there is one.
    fn needs_digest(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD") || self.body.is_some_and(|body| !body.is_empty())
    }

    /// The lines of a header joined by ", ", or `None` when it is absent.
    fn header(&self, name: &str) -> Result<Option<String>, SigError> {
        let mut joined: Option<String> = None;
        for value in self.headers.get_all(name) {
            let value = value
                .to_str()
                .map_err(|_| SigError::Malformed("a covered header isn't ASCII"))?
                .trim();
            match &mut joined {
                None => joined = Some(value.to_owned()),
                Some(all) => {
                    all.push_str(", ");
                    all.push_str(value);
                }
            }
        }
        Ok(joined)
    }
}

/// A request that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a url::Url,
    /// The body; `None` on GET.
    pub body: Option<&'a [u8]>,
    /// What the body is; becomes the Content-Type header and isn't signed, for proxies rewrite it.
    pub content_type: Option<&'a str>,
}

/// Why a signature was refused, couldn't be read, or couldn't be made. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// The request carries no signature.
    #[error("the request is not signed")]
    Missing,
    /// The signature's headers break their own grammar or our limits.
    #[error("malformed signature: {0}")]
    Malformed(&'static str),
    /// A component that must be covered isn't.
    #[error("the signature doesn't cover {0}")]
    Uncovered(&'static str),
    /// A covered component isn't in the request.
    #[error("the signature covers {0}, which the request doesn't have")]
    Absent(String),
    /// A covered component that is not known here.
    #[error("the signature covers {0}, which is not supported")]
    Unsupported(String),
    /// The time of the signature is too far off, before or after.
    #[error("the signature is stale: made at {signed}, but it is {now} here")]
    Stale {
        /// When the request says that it was signed.
        signed: Timestamp,
        /// What the clock here said.
        now: Timestamp,
    },
    /// The sender's own limit has passed.
    #[error("the signature is stale: it expired at {0}")]
    Expired(Timestamp),
    /// The body isn't the one that was signed, or its digest is of no kind that proves it.
    #[error("digest mismatch: {0}")]
    Digest(&'static str),
    /// An algorithm that isn't known, or no longer trusted.
    #[error("unknown signature algorithm {0}")]
    UnknownAlgorithm(String),
    /// The algorithm that the signature names can't be used with the key.
    #[error("the signature's algorithm {0} doesn't fit the key")]
    WrongAlgorithm(Algorithm),
    /// The mathematics say no: another key, or another request.
    #[error("bad signature: it doesn't match the request and the key")]
    BadSignature,
    /// A key that can't be read or isn't good enough.
    #[error("unusable key: {0}")]
    Key(&'static str),
}

/// A signature that a request claims to bear: what can be known of it before its key is fetched.
#[derive(Clone, Debug)]
pub struct Claim {
    key_id: String,
    parts: Parts,
}

#[derive(Clone, Debug)]
enum Parts {
    Cavage(cavage::Parts),
    Rfc9421(rfc9421::Parts),
}

/// Reads the signatures that a request claims to bear, at most [`MAX_SIGNATURES`], without any cryptography.
/// Of several one good one is enough, so an unreadable one is an error only when no other is left.
///
/// Signature-Input means RFC 9421; otherwise the scheme is draft-cavage, in `Signature` or in
/// `Authorization: Signature`.
///
/// # Errors
/// [`SigError::Missing`] or [`SigError::Malformed`].
pub fn read(message: &Message<'_>) -> Result<Vec<Claim>, SigError> {
    let signature = header_within_limit(message, &SIGNATURE)?;
    if let Some(input) = header_within_limit(message, &SIGNATURE_INPUT)? {
        return rfc9421::parse(
            &input,
            &signature.ok_or(SigError::Malformed("Signature-Input without Signature"))?,
        );
    }
    if let Some(signature) = signature {
        return Ok(vec![cavage::parse(&signature)?]);
    }
    // The name of an authentication scheme is case-insensitive: RFC 9110, 11.1.
    let authorization = header_within_limit(message, &AUTHORIZATION)?.ok_or(SigError::Missing)?;
    match authorization.split_once(' ') {
        Some((scheme, parameters)) if scheme.eq_ignore_ascii_case("signature") => {
            Ok(vec![cavage::parse(parameters)?])
        }
        _ => Err(SigError::Missing),
    }
}

fn header_within_limit(message: &Message<'_>, name: &HeaderName) -> Result<Option<String>, SigError> {
    if message
        .headers
        .get_all(name)
        .iter()
        .map(HeaderValue::len)
        .sum::<usize>()
        > MAX_HEADER
    {
        return Err(SigError::Malformed("a signature header is too long"));
    }
    message.header(name.as_str())
}

impl Claim {
    /// The key that is said to have made the signature: a URL, in what other servers send.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The scheme of the signature.
    pub fn scheme(&self) -> Scheme {
        match self.parts {
            Parts::Cavage(_) => Scheme::Cavage,
            Parts::Rfc9421(_) => Scheme::Rfc9421,
        }
    }

    /// The string that was signed, as far as this request goes: the "signing string" of draft-cavage, the
    /// "signature base" of RFC 9421.
    ///
    /// # Errors
    /// [`SigError::Absent`], [`SigError::Unsupported`] or [`SigError::Malformed`].
    pub fn base(&self, message: &Message<'_>) -> Result<String, SigError> {
        let target = Target::parse(message.target_uri)?;
        match &self.parts {
            Parts::Cavage(parts) => cavage::base(parts, message, &target),
            Parts::Rfc9421(parts) => rfc9421::base(parts, message, &target),
        }
    }

    /// Checks everything that needs no key: that enough is covered, that it is fresh and hasn't expired,
    /// that the algorithm is known, and that the digest fits the body. Nothing needs to be fetched for a
    /// request that fails here.
    ///
    /// # Errors
    /// Any but [`SigError::Missing`], [`SigError::WrongAlgorithm`], [`SigError::BadSignature`] and [`SigError::Key`].
    pub fn check(&self, message: &Message<'_>, now: Timestamp) -> Result<Checked<'_>, SigError> {
        let target = Target::parse(message.target_uri)?;
        let (algorithm, bare_base) = match &self.parts {
            Parts::Cavage(parts) => {
                cavage::check(parts, message, now)?;
                // Servers differ in whether the query belongs to the target of a GET, so the line without
                // it counts as well. A GET changes nothing here, and what it reads is decided by its path.
                let bare = message.method == "GET" && target.query.is_some();
                let bare_base = bare
                    .then(|| cavage::base(parts, message, &target.without_query()))
                    .transpose()?;
                (parts.algorithm()?, bare_base)
            }
            Parts::Rfc9421(parts) => {
                rfc9421::check(parts, message, &target, now)?;
                (parts.algorithm()?, None)
            }
        };
        Ok(Checked {
            claim: self,
            algorithm,
            base: self.base(message)?,
            bare_base,
        })
    }

    /// Checks everything: [`Claim::check`], then [`Checked::verify`].
    ///
    /// # Errors
    /// Any but [`SigError::Missing`].
    pub fn verify(&self, message: &Message<'_>, key: &PublicKey, now: Timestamp) -> Result<(), SigError> {
        self.check(message, now)?.verify(key)
    }
}

/// A signature that has passed every rule but one: that it was made by the key it names.
/// Made by [`Claim::check`] only. It borrows no part of the request, so it can wait for the key.
#[derive(Clone, Debug)]
pub struct Checked<'a> {
    claim: &'a Claim,
    algorithm: Option<Algorithm>,
    base: String,
    /// For a GET with a query: the base of a sender that leaves the query out.
    bare_base: Option<String>,
}

impl Checked<'_> {
    /// Checks the signature itself. May be called again with a key that was fetched afresh.
    ///
    /// # Errors
    /// [`SigError::WrongAlgorithm`] or [`SigError::BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), SigError> {
        let (signature, unnamed) = match &self.claim.parts {
            // hs2019 and no algorithm at all mean what everybody does with such a key.
            Parts::Cavage(parts) => (&parts.signature, &key.algorithms()[..1]),
            Parts::Rfc9421(parts) => (&parts.signature, key.algorithms()),
        };
        let algorithms = match &self.algorithm {
            Some(named) => std::slice::from_ref(named),
            None => unnamed,
        };
        let mut failure = SigError::BadSignature;
        for base in [Some(&self.base), self.bare_base.as_ref()].into_iter().flatten() {
            for algorithm in algorithms {
                match key.verify(*algorithm, base.as_bytes(), signature) {
                    Ok(()) => return Ok(()),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }
}

/// Signs a request that is about to be sent. Returns the headers to add to it: Host, Date, Content-Type (when
/// given), Digest or Content-Digest (when there is a body), Signature and, by RFC 9421, Signature-Input.
///
/// draft-cavage covers `(request-target) host date`, with a body `digest`; RFC 9421 covers `@method` and
/// `@target-uri`, with a body `content-digest`, and names the time, the key and the algorithm. That is what
/// Mastodon demands, and it takes no more than one signature.
///
/// # Errors
/// [`SigError::Malformed`] when the URL or the key id can't stand in a header.
pub fn sign(
    scheme: Scheme,
    request: &Outgoing<'_>,
    key: &PrivateKey,
    key_id: &str,
    now: Timestamp,
) -> Result<HeaderMap, SigError> {
    let target = Target::parse(request.url.as_str())?;
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(HOST, header_value(&target.authority)?);
    headers.insert(DATE, header_value(&httpdate::fmt_http_date(now.into()))?);
    if let Some(content_type) = request.content_type {
        headers.insert(CONTENT_TYPE, header_value(content_type)?);
    }
    match (scheme, request.body) {
        (_, None) => None,
        (Scheme::Cavage, Some(body)) => headers.insert(DIGEST, header_value(&digest::digest(body))?),
        (Scheme::Rfc9421, Some(body)) => {
            headers.insert(CONTENT_DIGEST, header_value(&digest::content_digest(body))?)
        }
    };
    let message = Message {
        method: request.method,
        target_uri: request.url.as_str(),
        headers: &headers,
        body: request.body,
    };
    match scheme {
        Scheme::Cavage => {
            let signature = cavage::sign(&message, &target, key, key_id)?;
            headers.insert(SIGNATURE, header_value(&signature)?);
        }
        Scheme::Rfc9421 => {
            let (input, signature) = rfc9421::sign(&message, &target, key, key_id, now)?;
            headers.insert(SIGNATURE_INPUT, header_value(&input)?);
            headers.insert(SIGNATURE, header_value(&signature)?);
        }
    }
    Ok(headers)
}

fn header_value(text: &str) -> Result<HeaderValue, SigError> {
    HeaderValue::from_str(text).map_err(|_| SigError::Malformed("a value that can't stand in a header"))
}

/// Refuses a time that is more than [`MAX_SKEW`] off, before or after.
fn check_fresh(signed: Timestamp, now: Timestamp) -> Result<(), SigError> {
    match now.duration_since(signed).abs() > MAX_SKEW {
        true => Err(SigError::Stale { signed, now }),
        false => Ok(()),
    }
}

/// Reads seconds since 1970.
fn timestamp(seconds: i64) -> Result<Timestamp, SigError> {
    Timestamp::from_second(seconds).map_err(|_| SigError::Malformed("a time out of range"))
}

/// The beginning of somebody else's text, fit for an error.
fn excerpt(text: &str) -> String {
    text.chars().take(MAX_EXCERPT).collect()
}
