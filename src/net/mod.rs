//! The one HTTP client, and the guard against private addresses.
//!
//! It knows nothing of actors and activities: callers hand in headers, or a signer for requests that may be
//! redirected. HTTP/1.1 only: a delivery is one request on one connection, which HTTP/2 would only make larger.

mod connect;
pub mod guard;
mod tls;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub use self::connect::{CONNECT_TIME, LookUp, Resolver};
use self::connect::{Connector, GuardedResolver};
pub use self::guard::{Reach, Refusal};

/// Longest time from the first step to the last byte of the answer, redirects included (the contract's 20 s).
pub const TOTAL_TIME: Duration = Duration::from_secs(20);
/// Largest ActivityPub document that is read, in bytes. 256 KiB is usual; collections and long articles are larger.
pub const DOCUMENT_LIMIT: usize = 1024 * 1024;
/// How much of the answer to a POST is read, in bytes: enough for the reason of a refusal.
pub const ANSWER_LIMIT: usize = 16 * 1024;
/// Most redirects that are followed: `http` to `https`, apex to `www`, an old name to a new one.
pub const REDIRECTS: usize = 4;
/// Most header lines of an answer; servers send about 30.
pub const HEADER_COUNT: usize = 100;
/// Largest head of an answer, in bytes.
pub const HEAD_LIMIT: usize = 32 * 1024;
/// How many idle connections to one host are kept for the next request.
const IDLE_PER_HOST: usize = 2;
/// How long they are kept. Short, because a busy hour touches thousands of hosts, and each connection holds 26 KiB, with
/// TLS more; long enough for what follows at once, as the Accept does on the fetch of who follows.
const IDLE_TIME: Duration = Duration::from_secs(3);

/// What the client must know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether http, and addresses that aren't public, are allowed: `allow_private_addresses`.
    pub allow_private: bool,
    /// `tidings/VERSION (+ORIGIN/)`; see [`user_agent`].
    pub user_agent: String,
    /// Who turns names into addresses.
    pub resolver: Resolver,
}

/// How tidings calls itself towards other servers; ORIGIN is where their owners find ours.
pub fn user_agent(origin: &str) -> String {
    format!("tidings/{} (+{origin}/)", env!("CARGO_PKG_VERSION"))
}

/// What went wrong between us and another server, before there was a whole answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetError {
    /// The URL is not contacted at all.
    #[error("{url} is refused: {refusal}")]
    Refused {
        /// The URL.
        url: String,
        /// Why.
        refusal: Refusal,
    },
    /// The name can't be looked up, or leads to private addresses only, or nobody answers there, or TLS fails.
    #[error("can't connect to {host}: {reason}")]
    Connect {
        /// The host.
        host: String,
        /// What the operating system, the guard or TLS says.
        reason: String,
    },
    /// No whole answer in [`TOTAL_TIME`], or no connection in [`CONNECT_TIME`].
    #[error("{host} took too long")]
    Timeout {
        /// The host.
        host: String,
    },
    /// The connection broke, or what came isn't HTTP.
    #[error("{host} broke off: {reason}")]
    Broken {
        /// The host.
        host: String,
        /// What hyper says.
        reason: String,
    },
    /// The answer is larger than the limit.
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is compressed although we asked for none; we don't unpack what strangers packed.
    #[error("the answer of {url} is encoded as {encoding}")]
    Encoded {
        /// The URL.
        url: String,
        /// Its Content-Encoding.
        encoding: String,
    },
    /// A redirect that isn't followed.
    #[error("{url} redirects {reason}")]
    Redirect {
        /// The URL.
        url: String,
        /// Why it isn't followed.
        reason: &'static str,
    },
    /// The request couldn't be made (a header or a signature).
    #[error("the request to {url} can't be made: {reason}")]
    Request {
        /// The URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// TLS can't be set up on this machine.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it came from, after redirects.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without parameters, in small letters.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next()?.trim().to_ascii_lowercase())
    }
}

/// Whether a connection is kept for another request to the same host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// More will follow soon.
    Keep,
    /// This was the last one for now.
    Close,
}

/// What happens to a body that is larger than the limit.
#[derive(Clone, Copy)]
enum Excess {
    Refuse,
    CutOff,
}

/// The way out.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    reach: Reach,
    user_agent: HeaderValue,
}

impl Client {
    /// A client; reads the system's certificates.
    pub fn new(settings: Settings) -> Result<Client, NetError> {
        let reach = if settings.allow_private {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        let user_agent = HeaderValue::from_str(&settings.user_agent).map_err(|error| NetError::Request {
            url: settings.user_agent.clone(),
            reason: error.to_string(),
        })?;
        let connector = Connector::new(GuardedResolver::new(settings.resolver, reach), tls::config()?);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIME)
            .http1_max_buf_size(HEAD_LIMIT)
            .http1_max_headers(HEADER_COUNT)
            .build(connector);
        Ok(Client {
            http,
            reach,
            user_agent,
        })
    }

    /// Which addresses this client contacts.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// GETs a document of at most `limit` bytes, following redirects. `sign` makes the headers of each hop, for a
    /// signature covers the URL. Any status is an answer.
    ///
    /// # Errors
    /// Any [`NetError`]; what `sign` says comes as [`NetError::Request`].
    pub async fn get<F, E>(&self, url: &Url, accept: &str, limit: usize, sign: F) -> Result<Answer, NetError>
    where
        F: Fn(&Url) -> Result<HeaderMap, E>,
        E: std::fmt::Display,
    {
        within(url, async {
            let mut url = url.clone();
            for _ in 0..=REDIRECTS {
                self.check(&url)?;
                let unmade = |reason: String| NetError::Request {
                    url: url.to_string(),
                    reason,
                };
                let mut headers = sign(&url).map_err(|error| unmade(error.to_string()))?;
                let accept = HeaderValue::from_str(accept).map_err(|error| unmade(error.to_string()))?;
                headers.insert(ACCEPT, accept);
                let response = self.exchange(Method::GET, &url, headers, Bytes::new()).await?;
                match next_hop(&url, &response)? {
                    Some(next) => url = next,
                    None => return self.whole(url, response, limit, Excess::Refuse).await,
                }
            }
            Err(NetError::Redirect {
                url: url.to_string(),
                reason: "too often",
            })
        })
        .await
    }

    /// POSTs a body with the headers given; redirects are not followed, and of the answer's body only
    /// [`ANSWER_LIMIT`] bytes are read. Any status is an answer.
    ///
    /// # Errors
    /// Any [`NetError`] but `TooLarge` and `Redirect`.
    pub async fn post(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        body: Bytes,
        reuse: Reuse,
    ) -> Result<Answer, NetError> {
        self.check(url)?;
        if reuse == Reuse::Close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        within(url, async {
            let response = self.exchange(Method::POST, url, headers, body).await?;
            self.whole(url.clone(), response, ANSWER_LIMIT, Excess::CutOff)
                .await
        })
        .await
    }

    fn check(&self, url: &Url) -> Result<(), NetError> {
        self.reach.check_url(url).map_err(|refusal| NetError::Refused {
            url: url.to_string(),
            refusal,
        })
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, NetError> {
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut bare = url.clone();
        bare.set_fragment(None);
        let mut request = Request::builder()
            .method(method)
            .uri(bare.as_str())
            .body(Full::new(body))
            .map_err(|error| NetError::Request {
                url: url.to_string(),
                reason: error.to_string(),
            })?;
        *request.headers_mut() = headers;
        self.http
            .request(request)
            .await
            .map_err(|error| failure(url, &error))
    }

    async fn whole(
        &self,
        url: Url,
        response: Response<Incoming>,
        limit: usize,
        excess: Excess,
    ) -> Result<Answer, NetError> {
        let (parts, body) = response.into_parts();
        if let Some(encoding) = parts.headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
            && matches!(excess, Excess::Refuse)
        {
            return Err(NetError::Encoded {
                url: url.to_string(),
                encoding: String::from_utf8_lossy(encoding.as_bytes()).into_owned(),
            });
        }
        let body = read(&url, body, limit, excess).await?;
        Ok(Answer {
            url,
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

async fn within<T>(url: &Url, work: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
    tokio::time::timeout(TOTAL_TIME, work)
        .await
        .unwrap_or_else(|_| Err(NetError::Timeout { host: host_of(url) }))
}

async fn read(url: &Url, mut body: Incoming, limit: usize, excess: Excess) -> Result<Bytes, NetError> {
    let too_large = || NetError::TooLarge {
        url: url.to_string(),
        limit,
    };
    let announced = body.size_hint().lower();
    if matches!(excess, Excess::Refuse) && announced > limit as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| NetError::Broken {
            host: host_of(url),
            reason: reason_of(&error),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let room = limit - whole.len();
        if data.len() <= room {
            whole.extend_from_slice(&data);
            continue;
        }
        match excess {
            Excess::Refuse => return Err(too_large()),
            Excess::CutOff => {
                whole.extend_from_slice(&data[..room]);
                break;
            }
        }
    }
    Ok(whole.freeze())
}

/// Where a redirect leads; `None` when the answer isn't one.
fn next_hop(url: &Url, response: &Response<Incoming>) -> Result<Option<Url>, NetError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |reason| NetError::Redirect {
        url: url.to_string(),
        reason,
    };
    let next = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| url.join(location).ok())
        .ok_or_else(|| refuse("to nowhere"))?;
    if url.scheme() == "https" && next.scheme() != "https" {
        return Err(refuse("away from https"));
    }
    Ok(Some(next))
}

fn failure(url: &Url, error: &legacy::Error) -> NetError {
    let host = host_of(url);
    if let Some(refusal) = connect::refusal_in(error) {
        return NetError::Connect {
            host,
            reason: refusal.to_string(),
        };
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::TimedOut
        {
            return NetError::Timeout { host };
        }
        source = inner.source();
    }
    if error.is_connect() {
        NetError::Connect {
            host,
            reason: reason_of(error),
        }
    } else {
        NetError::Broken {
            host,
            reason: reason_of(error),
        }
    }
}

/// The innermost cause, which is the one that says something ("connection refused").
fn reason_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

/// Host and port of a URL, as messages and the queue name it.
pub fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_string(),
        (None, _) => String::new(),
    }
}
