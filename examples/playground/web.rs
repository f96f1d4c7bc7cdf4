//! Requests and answers: the little of HTTP that both servers share.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::Value;
use tidings::sig::key::PrivateKey;
use tidings::sig::{self, Outgoing, Scheme};
use url::Url;

/// A body of any origin.
pub(crate) type Body = BoxBody<Bytes, hyper::Error>;
/// An answer of one of the two servers.
pub(crate) type Response = hyper::Response<Body>;

/// The media type of ActivityPub documents.
pub(crate) const ACTIVITY_JSON: &str = "application/activity+json";
/// Largest body that is read whole, in bytes: what the inbox of tidings takes, too.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;
/// How long a whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a body of bytes.
pub(crate) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// Makes an answer.
pub(crate) fn response(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut response = hyper::Response::new(body(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An answer that sends the browser elsewhere.
pub(crate) fn redirect(status: StatusCode, to: &str) -> Response {
    let mut response = response(status, "text/plain; charset=utf-8", "");
    match HeaderValue::from_str(to) {
        Ok(to) => {
            response.headers_mut().insert(LOCATION, to);
            response
        }
        Err(_) => self::response(
            StatusCode::BAD_REQUEST,
            "text/plain; charset=utf-8",
            "bad address\n",
        ),
    }
}

/// An answer in JSON.
pub(crate) fn json(media_type: &'static str, value: &Value) -> Response {
    response(StatusCode::OK, media_type, format!("{value:#}\n"))
}

/// Reads a body up to [`BODY_LIMIT`].
pub(crate) async fn read<B>(body: B) -> Result<Bytes>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) => bail!("reading the body: {error}"),
    }
}

/// Makes text safe inside HTML text and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Whether an Accept header begins with ActivityPub JSON: what tells a server from a browser.
pub(crate) fn prefers_activity_json(headers: &hyper::HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let accept = accept.trim_start().to_ascii_lowercase();
    accept.starts_with(ACTIVITY_JSON) || accept.starts_with("application/ld+json")
}

/// Who signs a request.
pub(crate) struct Signer<'a> {
    /// The key itself.
    pub(crate) key: &'a PrivateKey,
    /// The URL under which it is found.
    pub(crate) key_id: &'a str,
    /// The scheme to sign by.
    pub(crate) scheme: Scheme,
}

/// The HTTP client of both servers. It speaks with loopback addresses only.
#[derive(Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Body>);

impl Client {
    pub(crate) fn new() -> Client {
        Client(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request as it is and hands back the answer, whose body may go on for as long as it likes.
    pub(crate) async fn pass(
        &self,
        request: Request<Body>,
    ) -> Result<hyper::Response<hyper::body::Incoming>> {
        check_loopback(request.uri())?;
        Ok(self.0.request(request).await?)
    }

    /// Fetches a document, signed.
    pub(crate) async fn get(&self, url: &str, accept: &'static str, signer: &Signer<'_>) -> Result<Value> {
        let (status, body) = self.exchange(&Method::GET, url, None, accept, signer).await?;
        if !status.is_success() {
            bail!("{url} answers {status}");
        }
        serde_json::from_slice(&body).with_context(|| format!("{url} is not JSON"))
    }

    /// Sends an activity, signed. Returns the status and the text of the answer.
    pub(crate) async fn post(
        &self,
        url: &str,
        activity: &Value,
        signer: &Signer<'_>,
    ) -> Result<(StatusCode, String)> {
        let bytes = Bytes::from(activity.to_string());
        let (status, body) = self
            .exchange(&Method::POST, url, Some(bytes), ACTIVITY_JSON, signer)
            .await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn exchange(
        &self,
        method: &Method,
        url: &str,
        bytes: Option<Bytes>,
        accept: &'static str,
        signer: &Signer<'_>,
    ) -> Result<(StatusCode, Bytes)> {
        let parsed = Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
        let outgoing = Outgoing {
            method: method.as_str(),
            url: &parsed,
            body: bytes.as_deref(),
            content_type: bytes.is_some().then_some(ACTIVITY_JSON),
        };
        let headers = sig::sign(
            signer.scheme,
            &outgoing,
            signer.key,
            signer.key_id,
            Timestamp::now(),
        )?;
        let mut request = Request::new(body(bytes.unwrap_or_default()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = parsed.as_str().parse::<Uri>()?;
        *request.headers_mut() = headers;
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static(accept));
        let exchange = async {
            let response = self.pass(request).await?;
            Ok((response.status(), read(response.into_body()).await?))
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("{url} takes too long"))?
    }
}

fn check_loopback(uri: &Uri) -> Result<()> {
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let is_loopback =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_loopback || uri.scheme_str() != Some("http") {
        bail!("{uri} is not on this machine; the playground goes nowhere else");
    }
    Ok(())
}
