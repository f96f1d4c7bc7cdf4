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

mod cavage;
mod claim;
mod component;
pub mod digest;
mod error;
pub mod key;
mod message;
pub mod multibase;
mod rfc9421;
mod target;

use hyper::header::{CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::claim::{Checked, Claim, read};
pub use self::error::SigError;
use self::key::PrivateKey;
pub use self::message::{Message, Outgoing};
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

/// Signs a request that is about to be sent. Returns the headers to add to it: Host, Date, Content-Type (when
/// given), Digest or Content-Digest (when there is a body), Signature and, by RFC 9421, Signature-Input.
///
/// draft-cavage covers `(request-target) host date`, with a body `digest`; RFC 9421 covers `@method` and
/// `@target-uri`, with a body `content-digest`, and names the time, the key and the algorithm. That is what
/// Mastodon demands, and it takes no more than one signature.
///
/// # Errors
/// [`SigError::Malformed`] when the URL or the key id can't stand in a header, or the clock stands before 1970.
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
    // A Date header can't be older, and httpdate would panic.
    if now < Timestamp::UNIX_EPOCH {
        return Err(SigError::Malformed("the clock stands before 1970"));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const KEY_ID: &str = "https://blog.example/ap/actors/blog#main-key";
    const BODY: &[u8] = br#"{"hello": "world"}"#;

    static KEYS: LazyLock<[PrivateKey; 2]> = LazyLock::new(|| {
        [
            PrivateKey::generate_rsa().unwrap(),
            PrivateKey::generate_ed25519().unwrap(),
        ]
        .map(|pem| PrivateKey::from_pkcs8_pem(&pem).unwrap())
    });

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn headers(scheme: Scheme, body: Option<&[u8]>, key: &PrivateKey) -> HeaderMap {
        let url = "https://social.example/users/a/inbox?x=1".parse().unwrap();
        let method = if body.is_some() { "POST" } else { "GET" };
        let content_type = body.map(|_| "application/activity+json");
        sign(
            scheme,
            &Outgoing {
                method,
                url: &url,
                body,
                content_type,
            },
            key,
            KEY_ID,
            now(),
        )
        .unwrap()
    }

    fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
        headers[name].to_str().unwrap()
    }

    #[test]
    fn a_signed_post_by_draft_cavage_has_the_headers_that_everybody_reads() {
        let headers = headers(Scheme::Cavage, Some(BODY), &KEYS[0]);
        assert_eq!(text(&headers, "host"), "social.example");
        assert_eq!(text(&headers, "date"), "Sat, 21 Nov 2026 10:00:00 GMT");
        assert_eq!(
            text(&headers, "digest"),
            "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
        );
        assert_eq!(text(&headers, "content-type"), "application/activity+json");
        let signature = text(&headers, "signature");
        let start = r#"keyId="https://blog.example/ap/actors/blog#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature=""#;
        assert!(signature.starts_with(start), "{signature}");
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn a_signed_post_by_rfc_9421_has_one_signature_with_what_mastodon_demands() {
        let headers = headers(Scheme::Rfc9421, Some(BODY), &KEYS[0]);
        assert_eq!(
            text(&headers, "content-digest"),
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
        );
        assert_eq!(
            text(&headers, "signature-input"),
            r#"sig1=("@method" "@target-uri" "content-digest");created=1795255200;keyid="https://blog.example/ap/actors/blog#main-key";alg="rsa-v1_5-sha256""#
        );
        assert!(text(&headers, "signature").starts_with("sig1=:"));
        assert_eq!(headers.len(), 6);
    }

    #[test]
    fn a_signed_get_has_no_digest() {
        for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
            let headers = headers(scheme, None, &KEYS[1]);
            assert!(!headers.contains_key(DIGEST) && !headers.contains_key(CONTENT_DIGEST));
            assert!(!headers.contains_key(CONTENT_TYPE));
        }
    }

    #[test]
    fn a_clock_at_either_end_of_time_makes_no_panic() {
        let url = "https://social.example/inbox".parse().unwrap();
        let request = Outgoing {
            method: "GET",
            url: &url,
            body: None,
            content_type: None,
        };
        for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
            assert!(sign(scheme, &request, &KEYS[1], KEY_ID, Timestamp::MIN).is_err());
            let headers = sign(scheme, &request, &KEYS[1], KEY_ID, Timestamp::MAX).unwrap();
            let message = Message {
                method: "GET",
                target_uri: url.as_str(),
                headers: &headers,
                body: None,
            };
            let claims = read(&message).unwrap();
            assert!(matches!(
                claims[0].check(&message, Timestamp::MIN),
                Err(SigError::Stale { .. })
            ));
        }
    }

    #[test]
    fn a_key_id_that_would_break_the_header_is_refused() {
        let url = "https://social.example/inbox".parse().unwrap();
        let request = Outgoing {
            method: "GET",
            url: &url,
            body: None,
            content_type: None,
        };
        for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
            for key_id in ["a\"b", "a\\b", "a\nb"] {
                assert!(
                    sign(scheme, &request, &KEYS[1], key_id, now()).is_err(),
                    "{key_id}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_signed_verifies_and_what_is_changed_does_not(
            cavage: bool,
            which in 0..2_usize,
            host in "[a-z]{1,9}\\.example(:[1-9][0-9]{3})?",
            path in "(/[a-zA-Z0-9~._-]{1,8}){0,3}(\\?[a-z]=[a-z0-9%]{0,5})?",
            body in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..99)),
            seconds in 0..4_000_000_000_i64,
        ) {
            let (key, now) = (&KEYS[which], Timestamp::from_second(seconds).unwrap());
            let scheme = if cavage { Scheme::Cavage } else { Scheme::Rfc9421 };
            let url: url::Url = format!("https://{host}{path}").parse().unwrap();
            let method = if body.is_some() { "POST" } else { "GET" };
            let request = Outgoing { method, url: &url, body: body.as_deref(), content_type: None };
            let headers = sign(scheme, &request, key, KEY_ID, now).unwrap();
            let message = Message { method, target_uri: url.as_str(), headers: &headers, body: body.as_deref() };
            let verify = |message: &Message<'_>| read(message)?[0].verify(message, key.public_key(), now);
            let holds = |message: Message<'_>| verify(&message).is_ok();
            prop_assert_eq!(verify(&message), Ok(()));

            let other_path = format!("https://{host}/x{path}");
            prop_assert_eq!(holds(Message { target_uri: &other_path, ..message }), false);
            let other_host = format!("https://x{host}{path}");
            prop_assert_eq!(holds(Message { target_uri: &other_host, ..message }), false);
            prop_assert_eq!(holds(Message { method: "DELETE", ..message }), false);
            if let Some(body) = &body {
                let other_body = [body.as_slice(), b" "].concat();
                prop_assert_eq!(holds(Message { body: Some(&other_body), ..message }), false);
            }
            let mut moved = headers.clone();
            if cavage {
                let date = httpdate::fmt_http_date((now + SignedDuration::from_secs(1)).into());
                moved.insert(DATE, date.parse().unwrap());
            } else {
                let input = text(&headers, "signature-input");
                let later = input.replace(&format!("created={seconds};"), &format!("created={};", seconds + 1));
                moved.insert(SIGNATURE_INPUT, later.parse().unwrap());
            }
            prop_assert_eq!(verify(&Message { headers: &moved, ..message }), Err(SigError::BadSignature));
        }
    }
}
