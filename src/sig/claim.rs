//! A signature from the moment it is read to the moment it is proved.

use std::borrow::Cow;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::key::{Algorithm, PublicKey};
use super::target::Target;
use super::{MAX_HEADER, MAX_SKEW, Message, SIGNATURE, SIGNATURE_INPUT, Scheme, SigError, cavage, rfc9421};

/// A signature that a request claims to bear: what can be known of it before its key is fetched.
#[derive(Clone, Debug)]
pub struct Claim {
    pub(super) key_id: String,
    pub(super) parts: Parts,
}

#[derive(Clone, Debug)]
pub(super) enum Parts {
    Cavage(cavage::Parts),
    Rfc9421(rfc9421::Parts),
}

/// Reads the signatures that a request claims to bear, without any cryptography: at most
/// [`MAX_SIGNATURES`](super::MAX_SIGNATURES). Of several one good one is enough, so an unreadable one is an error only when no other is left.
///
/// Signature-Input means RFC 9421; otherwise the scheme is draft-cavage, in `Signature` or in
/// `Authorization: Signature`.
///
/// # Errors
/// [`SigError::Missing`], [`SigError::Malformed`] or [`SigError::Unsupported`].
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

fn header_within_limit<'a>(
    message: &Message<'a>,
    name: &HeaderName,
) -> Result<Option<Cow<'a, str>>, SigError> {
    let length: usize = message.headers.get_all(name).iter().map(HeaderValue::len).sum();
    if length > MAX_HEADER {
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
        self.base_for(message, &Target::parse(message.target_uri)?)
    }

    fn base_for(&self, message: &Message<'_>, target: &Target<'_>) -> Result<String, SigError> {
        match &self.parts {
            Parts::Cavage(parts) => cavage::base(parts, message, target),
            Parts::Rfc9421(parts) => rfc9421::base(parts, message, target),
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
        let (signed, algorithm, bare_base) = match &self.parts {
            Parts::Cavage(parts) => {
                let signed = cavage::check(parts, message, now)?;
                // Servers differ in whether the query belongs to the target of a GET, so the line without
                // it counts as well. A GET changes nothing here, and what it reads is decided by its path.
                let bare = message.method == "GET" && target.query.is_some();
                let bare_base = bare
                    .then(|| cavage::base(parts, message, &target.without_query()))
                    .transpose()?;
                (signed, parts.algorithm()?, bare_base)
            }
            Parts::Rfc9421(parts) => {
                let signed = rfc9421::check(parts, message, &target, now)?;
                (signed, parts.algorithm()?, None)
            }
        };
        Ok(Checked {
            claim: self,
            signed,
            algorithm,
            base: self.base_for(message, &target)?,
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
    signed: Timestamp,
    algorithm: Option<Algorithm>,
    base: String,
    /// For a GET with a query: the base of a sender that leaves the query out.
    bare_base: Option<String>,
}

impl Checked<'_> {
    /// When the request was signed, by a time that the signature covers: `created`, or else Date.
    pub fn signed(&self) -> Timestamp {
        self.signed
    }

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

/// Refuses a time that is more than [`MAX_SKEW`] off, before or after; answers it otherwise.
pub(super) fn check_fresh(signed: Timestamp, now: Timestamp) -> Result<Timestamp, SigError> {
    match now.duration_since(signed).abs() > MAX_SKEW {
        true => Err(SigError::Stale { signed, now }),
        false => Ok(signed),
    }
}

/// Reads seconds since 1970.
pub(super) fn timestamp(seconds: i64) -> Result<Timestamp, SigError> {
    Timestamp::from_second(seconds).map_err(|_| SigError::Malformed("a time out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::key::PrivateKey;
    use crate::sig::{Outgoing, sign};
    use hyper::header::HeaderMap;

    const KEY_ID: &str = "https://blog.example/ap/actors/blog#main-key";

    fn key() -> PrivateKey {
        PrivateKey::from_pkcs8_pem(&PrivateKey::generate_ed25519().unwrap()).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn signed(scheme: Scheme, method: &str, url: &str, body: Option<&[u8]>, key: &PrivateKey) -> HeaderMap {
        let url = url.parse().unwrap();
        let request = Outgoing {
            method,
            url: &url,
            body,
            content_type: None,
        };
        sign(scheme, &request, key, KEY_ID, now()).unwrap()
    }

    fn verdict(message: &Message<'_>, key: &PublicKey, now: Timestamp) -> Result<(), SigError> {
        read(message)?[0].verify(message, key, now)
    }

    #[test]
    fn a_request_without_a_signature_is_not_signed() {
        let mut headers = HeaderMap::new();
        let uri = "https://b.example/inbox";
        let error = |headers: &HeaderMap| {
            read(&Message {
                method: "GET",
                target_uri: uri,
                headers,
                body: None,
            })
            .unwrap_err()
        };
        assert_eq!(error(&headers), SigError::Missing);
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert_eq!(error(&headers), SigError::Missing);
        headers.insert(SIGNATURE_INPUT, HeaderValue::from_static("sig1=();keyid=\"k\""));
        assert_eq!(
            error(&headers),
            SigError::Malformed("Signature-Input without Signature")
        );
        headers.insert(
            SIGNATURE,
            HeaderValue::from_str(&"x".repeat(MAX_HEADER + 1)).unwrap(),
        );
        assert_eq!(
            error(&headers),
            SigError::Malformed("a signature header is too long")
        );
    }

    #[test]
    fn draft_cavage_may_come_in_authorization() {
        let (key, uri) = (key(), "https://b.example/inbox");
        let mut headers = signed(Scheme::Cavage, "GET", uri, None, &key);
        let signature = headers.remove(SIGNATURE).unwrap();
        let authorization = format!("signature {}", signature.to_str().unwrap());
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        let message = Message {
            method: "GET",
            target_uri: uri,
            headers: &headers,
            body: None,
        };
        assert_eq!(verdict(&message, key.public_key(), now()), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_an_hour_before_and_after() {
        let (key, uri) = (key(), "https://b.example/inbox");
        for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
            let headers = signed(scheme, "GET", uri, None, &key);
            let message = Message {
                method: "GET",
                target_uri: uri,
                headers: &headers,
                body: None,
            };
            let at = |seconds: i64| {
                let now = now() + jiff::SignedDuration::from_secs(seconds);
                verdict(&message, key.public_key(), now)
            };
            assert_eq!((at(3600), at(-3600)), (Ok(()), Ok(())));
            assert!(matches!(at(3601), Err(SigError::Stale { .. })));
            assert!(matches!(at(-3601), Err(SigError::Stale { .. })));
        }
    }

    #[test]
    fn a_draft_cavage_target_without_the_query_counts_on_get_only() {
        let key = key();
        let (bare, full) = (
            "https://b.example/ap/outbox",
            "https://b.example/ap/outbox?page=1",
        );
        let headers = signed(Scheme::Cavage, "GET", bare, None, &key);
        let get = Message {
            method: "GET",
            target_uri: full,
            headers: &headers,
            body: None,
        };
        assert_eq!(verdict(&get, key.public_key(), now()), Ok(()));

        let headers = signed(Scheme::Cavage, "POST", bare, Some(b"x"), &key);
        let post = Message {
            method: "POST",
            target_uri: full,
            headers: &headers,
            body: Some(b"x"),
        };
        assert_eq!(
            verdict(&post, key.public_key(), now()),
            Err(SigError::BadSignature)
        );

        let headers = signed(Scheme::Rfc9421, "GET", bare, None, &key);
        let get = Message {
            method: "GET",
            target_uri: full,
            headers: &headers,
            body: None,
        };
        assert_eq!(
            verdict(&get, key.public_key(), now()),
            Err(SigError::BadSignature)
        );
    }

    #[test]
    fn a_proxy_may_pass_another_host() {
        let (key, uri) = (key(), "https://b.example/inbox");
        for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
            let mut headers = signed(scheme, "POST", uri, Some(b"x"), &key);
            headers.insert(hyper::header::HOST, HeaderValue::from_static("127.0.0.1:8790"));
            let message = Message {
                method: "POST",
                target_uri: uri,
                headers: &headers,
                body: Some(b"x"),
            };
            assert_eq!(verdict(&message, key.public_key(), now()), Ok(()));
        }
    }

    #[test]
    fn a_checked_signature_can_be_tried_with_a_second_key() {
        let (old, new, uri) = (key(), key(), "https://b.example/inbox");
        let headers = signed(Scheme::Rfc9421, "GET", uri, None, &new);
        let message = Message {
            method: "GET",
            target_uri: uri,
            headers: &headers,
            body: None,
        };
        let claims = read(&message).unwrap();
        assert_eq!(
            (claims[0].key_id(), claims[0].scheme()),
            (KEY_ID, Scheme::Rfc9421)
        );
        let checked = claims[0].check(&message, now()).unwrap();
        assert_eq!(checked.verify(old.public_key()), Err(SigError::BadSignature));
        assert_eq!(checked.verify(new.public_key()), Ok(()));
    }

    #[test]
    fn a_post_without_a_body_needs_a_digest_all_the_same() {
        let (key, uri) = (key(), "https://b.example/inbox");
        for (scheme, digest) in [(Scheme::Cavage, "digest"), (Scheme::Rfc9421, "content-digest")] {
            let headers = signed(scheme, "POST", uri, None, &key);
            let message = Message {
                method: "POST",
                target_uri: uri,
                headers: &headers,
                body: None,
            };
            assert_eq!(
                verdict(&message, key.public_key(), now()),
                Err(SigError::Uncovered(digest))
            );
        }
    }
}
