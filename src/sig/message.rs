//! Requests as signatures see them: one that came in, one that is about to go out.

use std::borrow::Cow;

use hyper::header::HeaderMap;

use super::SigError;

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

impl<'a> Message<'a> {
    /// Whether a signature must cover a digest: always on a method that carries a body, and whenever there is one.
    pub(super) fn needs_digest(&self) -> bool {
        !matches!(self.method, "GET" | "HEAD") || self.body.is_some_and(|body| !body.is_empty())
    }

    /// The lines of a header joined by ", ", or `None` when it is absent. Borrowed when there is one line only.
    pub(super) fn header(&self, name: &str) -> Result<Option<Cow<'a, str>>, SigError> {
        let mut joined: Option<Cow<'a, str>> = None;
        for value in self.headers.get_all(name) {
            let value = value
                .to_str()
                .map_err(|_| SigError::Malformed("a header isn't ASCII"))?
                .trim();
            match &mut joined {
                None => joined = Some(Cow::Borrowed(value)),
                Some(all) => {
                    let all = all.to_mut();
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
