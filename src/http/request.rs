//! A request as handlers see it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, EXPECT};
use hyper::http::request::Parts;

use super::peer::Peer;
use super::respond::{Reply, problem};
use crate::instance::Instance;

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
