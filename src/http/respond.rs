//! Answers: documents with their validators, redirects, and problems.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, LOCATION, RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::negotiate;
use crate::ap::ACTIVITY_JSON;
use crate::store::StoreError;

/// The body of an answer: known whole, or a stream.
pub(super) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, std::convert::Infallible>>;

/// An answer.
pub(super) type Reply = hyper::Response<Body>;

/// How long an answer stays good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    /// A minute, for everybody: a post that is boosted is asked for thousands of times in that minute.
    Minute,
    /// As long as it is the same: who has it asks every time, and is told with 304.
    Revalidate,
    /// For ever: what is served under this URL never changes.
    Forever,
    /// An hour, for everybody: what changes with the configuration only.
    Hour,
    /// Not at all: it is for the one who asked, or it is no answer.
    Never,
}

impl Cache {
    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Cache::Minute => "public, max-age=60",
            Cache::Revalidate => "public, no-cache",
            Cache::Forever => "public, max-age=31536000, immutable",
            Cache::Hour => "public, max-age=3600",
            Cache::Never => "private, no-store",
        })
    }
}

/// An answer without headers of its own.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(Either::Left(Full::new(body.into())));
    *reply.status_mut() = status;
    reply
}

/// A document with its strong ETag.
pub(super) fn document(media_type: &'static str, body: Vec<u8>, cache: Cache) -> Reply {
    with_status(StatusCode::OK, media_type, body, cache)
}

/// An ActivityPub document; it varies with `Accept`, since a browser gets something else under the same URL.
pub(super) fn activity(document: &Value, cache: Cache) -> Reply {
    activity_with(StatusCode::OK, document, cache)
}

/// The Tombstone of something that was deleted: 410.
pub(super) fn gone(tombstone: &Value, cache: Cache) -> Reply {
    activity_with(StatusCode::GONE, tombstone, cache)
}

fn activity_with(status: StatusCode, document: &Value, cache: Cache) -> Reply {
    let mut reply = with_status(status, ACTIVITY_JSON, document.to_string().into_bytes(), cache);
    vary(&mut reply);
    reply
}

/// Says that the answer depends on `Accept`.
pub(super) fn vary(reply: &mut Reply) {
    reply.headers_mut().insert(VARY, HeaderValue::from_name(ACCEPT));
}

fn with_status(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>, cache: Cache) -> Reply {
    let body = body.into();
    let etag = HeaderValue::from_str(&etag(&body)).expect("hexadecimal digits in quotes");
    let mut reply = plain(status, body);
    let headers = reply.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, cache.value());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// A document that is made elsewhere, where another one has another number.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    /// Its number.
    pub(super) number: u64,
    body: Bytes,
}

/// A document with a number, and without an ETag, which takes a while: either the same one is kept, or [`sealed`] gives
/// it one.
pub(super) fn numbered(number: u64, media_type: &'static str, body: Bytes, cache: Cache) -> Reply {
    let mut reply = plain(StatusCode::OK, body.clone());
    reply.extensions_mut().insert(Numbered { number, body });
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, cache.value());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// The same with its strong ETag.
pub(super) fn sealed(mut reply: Reply) -> Reply {
    if let Some(numbered) = reply.extensions_mut().remove::<Numbered>() {
        let etag = HeaderValue::from_str(&etag(&numbered.body)).expect("hexadecimal digits in quotes");
        reply.headers_mut().insert(ETAG, etag);
    }
    reply
}

/// 304 instead of a document that the one who asks has already.
pub(super) fn unless_had(asked: &HeaderMap, mut reply: Reply) -> Reply {
    let etag = reply.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
    if reply.status() == StatusCode::OK && etag.is_some_and(|etag| negotiate::has_already(asked, etag)) {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        *reply.body_mut() = Either::Left(Full::default());
        reply.headers_mut().remove(CONTENT_TYPE);
    }
    reply
}

/// A strong ETag: half a SHA-256 of the body, which is more than enough to tell versions apart.
fn etag(body: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(body);
    let mut etag = String::with_capacity(34);
    etag.push('"');
    for byte in &digest[..16] {
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    etag
}

/// 302 to another place.
pub(super) fn redirect(to: &str, cache: Cache) -> Reply {
    let Ok(to) = HeaderValue::from_str(to) else {
        return problem(StatusCode::NOT_FOUND, "what you ask for has no address");
    };
    let mut reply = plain(StatusCode::FOUND, Bytes::new());
    reply.headers_mut().insert(LOCATION, to);
    reply.headers_mut().insert(CACHE_CONTROL, cache.value());
    reply
}

/// What went wrong (RFC 9457).
pub(super) fn problem(status: StatusCode, detail: &str) -> Reply {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut reply = plain(status, body.to_string());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Signature headers=\"(request-target) host date\""),
        );
    }
    reply
}

/// Adds after how many seconds it is worth trying again.
pub(super) fn retry_after(mut reply: Reply, seconds: u64) -> Reply {
    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    reply
}

/// Nothing is served there.
pub(super) fn not_found() -> Reply {
    problem(StatusCode::NOT_FOUND, "nothing is served here")
}

/// What a reader waits when the store can't be read, in seconds: whoever looks after the disk needs a while.
const STORE_TROUBLE: u64 = 60;

/// The store failed: logged here, because nobody above can do better, and told without details.
pub(super) fn store_trouble(error: &StoreError) -> Reply {
    tracing::error!("a request can't be answered: {error}");
    let reply = problem(StatusCode::SERVICE_UNAVAILABLE, "the store can't be read");
    retry_after(reply, STORE_TROUBLE)
}

/// Headers of every answer: nobody guesses at types, and pages of other sites may read what everybody may see.
pub(super) fn finish(mut reply: Reply, is_readable: bool) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_readable {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            HeaderName::from_static("access-control-expose-headers"),
            HeaderValue::from_static("ETag, Location"),
        );
    }
    reply
}
