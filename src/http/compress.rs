//! Smaller answers for those who ask for them: gzip, for what readers' browsers fetch.
//!
//! Not for what is put into a page: a web server that includes a fragment often hands the reader's `Accept-Encoding` on
//! and can't unpack what comes. It asks by HTTP/1.0, as nginx does, or for a document that the browser navigates to
//! (`Sec-Fetch-Dest`); a script's fetch is neither. Our snippets take the header away besides.
//!
//! What is packed holds nothing secret, and is the same for everybody, so that its length tells nobody anything (BREACH);
//! the form, which repeats what its reader wrote, isn't packed. Brotli would save 9 % more of a large thread, and add
//! 1 MB to the program.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, VARY,
};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};

use super::respond::Reply;
use crate::aside;

/// Smallest body that is worth it, in bytes: below this it fits a packet either way.
const WORTH: usize = 1_024;
/// Bodies larger than this are packed on a thread that may take its time, in bytes.
const LARGE: usize = 16 * 1024;
/// How well: 6 is what web servers use; higher takes twice the time for a hundredth.
const LEVEL: Compression = Compression::new(6);
/// How well what is large: a thread of 1,000 replies (741 KB) takes 23 ms instead of 74, and 4 % more bytes.
const LARGE_LEVEL: Compression = Compression::new(3);
/// What is worth it: pictures are packed already.
const TYPES: [&str; 4] = ["text/html", "text/css", "text/javascript", "application/json"];

/// How an answer is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
}

/// The coding that a request wants, and may have.
pub(super) fn wanted(parts: &Parts) -> Coding {
    let navigates = parts
        .headers
        .get("sec-fetch-dest")
        .is_some_and(|value| value != "empty" && value != "script" && value != "style");
    match parts.version >= Version::HTTP_11 && !navigates && takes_gzip(&parts.headers) {
        true => Coding::Gzip,
        false => Coding::Plain,
    }
}

/// Whether gzip is among the codings that are asked for (RFC 9110, section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for line in headers.get_all(ACCEPT_ENCODING) {
        for coding in line.to_str().unwrap_or_default().split(',') {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|parameter| {
                let (key, value) = parameter.split_once('=').unwrap_or_default();
                key.trim().eq_ignore_ascii_case("q")
                    && value.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0)
            });
            if name.eq_ignore_ascii_case("gzip") {
                return !refused;
            }
            any |= name == "*" && !refused;
        }
    }
    any
}

/// The answer in that coding. Says in any case that it depends on what is asked for.
pub(super) async fn coded(mut reply: Reply, coding: Coding) -> Reply {
    let has_type = reply.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.to_str().unwrap_or_default();
        TYPES.contains(&kind.split(';').next().unwrap_or_default())
    });
    if reply.status() != StatusCode::OK || !has_type {
        return reply;
    }
    reply
        .headers_mut()
        .append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    if coding == Coding::Plain {
        return reply;
    }
    let body = match std::mem::replace(reply.body_mut(), Either::Left(Full::default())) {
        Either::Left(body) => body,
        stream @ Either::Right(_) => {
            *reply.body_mut() = stream;
            return reply;
        }
    };
    // A whole body is there at once, and can't fail.
    let Ok(whole) = body.collect().await;
    let whole = whole.to_bytes();
    let packed = match whole.len() {
        0..WORTH => None,
        WORTH..LARGE => Some(pack(&whole, LEVEL)),
        _ => {
            let large = whole.clone();
            aside::run(move || pack(&large, LARGE_LEVEL)).await.ok()
        }
    };
    let Some(packed) = packed else {
        *reply.body_mut() = Either::Left(Full::new(whole));
        return reply;
    };
    let headers = reply.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    // A strong ETag names the bytes.
    if let Some(etag) = headers.get(ETAG).and_then(|etag| etag.to_str().ok())
        && let Ok(etag) = HeaderValue::from_str(&format!("{}-gzip\"", etag.trim_end_matches('"')))
    {
        headers.insert(ETAG, etag);
    }
    headers.remove(HeaderName::from_static("accept-ranges"));
    *reply.body_mut() = Either::Left(Full::new(packed));
    reply
}

fn pack(bytes: &[u8], level: Compression) -> Bytes {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    packer
        .write_all(bytes)
        .and_then(|()| packer.finish())
        .expect("memory takes what is written to it")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn asks(version: Version, headers: &[(&str, &str)]) -> Coding {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        wanted(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn who_asks_gets_it_but_not_who_includes_it() {
        let gzip = ("accept-encoding", "br;q=1.0, GZIP;q=0.5");
        assert_eq!(asks(Version::HTTP_11, &[gzip]), Coding::Gzip);
        assert_eq!(asks(Version::HTTP_11, &[("accept-encoding", "*")]), Coding::Gzip);
        assert_eq!(
            asks(Version::HTTP_11, &[gzip, ("sec-fetch-dest", "empty")]),
            Coding::Gzip
        );
        assert_eq!(asks(Version::HTTP_10, &[gzip]), Coding::Plain);
        assert_eq!(
            asks(Version::HTTP_11, &[gzip, ("sec-fetch-dest", "document")]),
            Coding::Plain
        );
        for refused in ["", "identity", "br", "gzip;q=0", "*;q=0.0", "gzip; q=0, *"] {
            assert_eq!(
                asks(Version::HTTP_11, &[("accept-encoding", refused)]),
                Coding::Plain,
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_packed_can_be_unpacked_and_has_a_name_of_its_own() {
        use std::io::Read as _;
        let text = "<p>again</p>".repeat(5_000);
        for (body, is_packed) in [(text.as_str(), true), ("<p>short</p>", false)] {
            let make = || {
                super::super::respond::document(
                    "text/html; charset=utf-8",
                    body.as_bytes().to_vec(),
                    super::super::respond::Cache::Revalidate,
                )
            };
            let plain = coded(make(), Coding::Plain).await;
            let packed = coded(make(), Coding::Gzip).await;
            assert_eq!(plain.headers()[VARY], "accept-encoding");
            assert_eq!(packed.headers().contains_key(CONTENT_ENCODING), is_packed);
            assert_eq!(plain.headers()[ETAG] != packed.headers()[ETAG], is_packed);
            let bytes = packed.into_body().collect().await.unwrap().to_bytes();
            let mut unpacked = String::new();
            if is_packed {
                assert!(bytes.len() < body.len() / 10);
                flate2::read::GzDecoder::new(&bytes[..])
                    .read_to_string(&mut unpacked)
                    .unwrap();
                assert_eq!(unpacked, body);
            }
        }
    }
}
