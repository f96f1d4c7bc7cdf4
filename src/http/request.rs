//! A request as handlers see it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, EXPECT, HOST};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use percent_encoding::percent_decode_str;

use super::peer::Peer;
use super::respond::{Reply, problem};
use crate::instance::Instance;
use crate::widget;

/// Largest body of a request in bytes: the contract's figure; activities are a few KiB.
const MAX_BODY: usize = 1024 * 1024;

/// How long a body may take. A sender gives up after about 20 s itself.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a body that is refused is still taken and thrown away, in bytes: closing on a sender that is still writing would
/// tear down the answer before it reads it.
const MAX_DRAIN: usize = 8 * 1024 * 1024;

/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A request, without its body.
pub(super) struct Asked<'a> {
    /// Who is asked.
    pub(super) instance: &'a Arc<Instance>,
    /// Method, target and headers.
    pub(super) parts: &'a Parts,
    /// The other end of the connection.
    pub(super) peer: Peer,
}

impl Asked<'_> {
    /// Whether it says for whom it is, once: RFC 9112, section 3.2, wants it refused otherwise, since proxies and servers
    /// that each read another of two are played off against one another. HTTP/1.0 has no such header.
    pub(super) fn names_one_host(&self) -> bool {
        let count = self.parts.headers.get_all(HOST).iter().count();
        count == 1 || (count == 0 && self.parts.version == Version::HTTP_10)
    }

    /// The first value of a parameter in the query, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).next()
    }

    /// All values of a parameter in the query, decoded.
    pub(super) fn parameters<'b>(&'b self, name: &'b str) -> impl Iterator<Item = String> + 'b {
        let query = self.parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The page that a parameter names, as it was meant. A web server that includes a fragment may write the page's path
    /// into the query as it is, with its `+` and `&`; so the path is read as a form has it, with every plus as a plus,
    /// and with all that stands behind it, and the first that is published is it.
    pub(super) fn page(&self, name: &str) -> String {
        let asked_for = self.parameter(name).unwrap_or_default();
        let is_published = |page: &str| widget::find(self.instance, page).is_some();
        if is_published(&asked_for) {
            return asked_for;
        }
        let query = self.parts.uri.query().unwrap_or_default();
        let found = unescaped(query, name).into_iter().find(|page| is_published(page));
        found.unwrap_or(asked_for)
    }

    /// The URI that a signature covers: rebuilt from ORIGIN, because a proxy may pass another host.
    pub(super) fn target_uri(&self) -> String {
        let path = self.parts.uri.path_and_query().map_or("/", |path| path.as_str());
        format!("{}{path}", self.instance.iris.origin())
    }

    /// The address of who asks, as far as it is known.
    pub(super) fn client(&self) -> Option<IpAddr> {
        let config = self.instance.config();
        self.peer
            .client(&self.parts.headers, &config.server.trusted_proxies)
    }

    /// The body, within its limits of size and time.
    pub(super) async fn read(&self, mut body: Incoming) -> Result<Bytes, Reply> {
        let too_large = || {
            problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body is larger than {MAX_BODY} bytes"),
            )
        };
        let announced = self
            .parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > MAX_BODY as u64) {
            self.discard(&mut body).await;
            return Err(too_large());
        }
        let mut limited = Limited::new(&mut body, MAX_BODY);
        let mut read =
            Vec::with_capacity(announced.map_or(0, |length| usize::try_from(length).unwrap_or(MAX_BODY)));
        let reading = async {
            while let Some(frame) = limited.frame().await {
                if let Ok(data) = frame?.into_data() {
                    read.extend_from_slice(&data);
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        match tokio::time::timeout(BODY_TIMEOUT, reading).await {
            Ok(Ok(())) => Ok(read.into()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.discard(&mut body).await;
                Err(too_large())
            }
            Ok(Err(_)) => Err(problem(StatusCode::BAD_REQUEST, "the body broke off")),
            Err(_) => Err(problem(
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive",
            )),
        }
    }

    /// Takes a body that nobody wants, within reason, so that its sender gets to read the answer.
    pub(super) async fn discard(&self, body: &mut Incoming) {
        // Who waits to be told to go on hasn't sent it, and isn't told.
        if body.is_end_stream() || self.parts.headers.contains_key(EXPECT) {
            return;
        }
        let mut taken = 0;
        let taking = async {
            while let Some(Ok(frame)) = body.frame().await {
                taken += frame.data_ref().map_or(0, Bytes::len);
                if taken > MAX_DRAIN {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, taking).await;
    }
}

/// What a parameter says when its plus is a plus, and when the rest of the query belongs to it too.
fn unescaped(query: &str, name: &str) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut rest = query;
    loop {
        if let Some(value) = rest.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            let pair = value.split('&').next().unwrap_or_default();
            return vec![decoded(pair), decoded(value)];
        }
        match rest.split_once('&') {
            Some((_, later)) => rest = later,
            None => return Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_nobody_escaped_is_read_as_it_was_meant() {
        assert_eq!(
            unescaped("x=1&page=/c++/&/d%20e/", "page"),
            ["/c++/", "/c++/&/d e/"]
        );
        assert_eq!(unescaped("mypage=/a/", "page"), Vec::<String>::new());
        assert_eq!(unescaped("", "page"), Vec::<String>::new());
    }
}
