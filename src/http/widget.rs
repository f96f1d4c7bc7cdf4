//! What readers' pages ask for: interactions, fragments, pictures, events, and the form.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either};
use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY,
};

use super::request::Asked;
use super::respond::{self, Cache, Reply, not_found, plain, problem, retry_after, store_trouble};
use crate::aside;
use crate::config::Order;
use crate::instance::Instance;
use crate::store::StoreError;
use crate::widget::events::{self, Closed, Feed};
use crate::widget::interact::{self, Problem, Wish};
use crate::widget::{self, Drawing};

const HTML: &str = "text/html; charset=utf-8";
/// After how many seconds a reader whom there is no room for may come again.
const COME_BACK: u64 = 60;
/// Our own pages: our own style and pictures and script, nothing else, in nobody's frame.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; \
                                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The script of the form, and no other, not even of the same site.
const FORM_SCRIPT: &str = "/ap/widgets/tidings.js";
/// A picture that somebody opens by itself can do nothing.
const PICTURE_POLICY: &str = "default-src 'none'; sandbox";

/// The JSON of a page's interactions.
pub(super) async fn interactions(asked: &Asked<'_>) -> Reply {
    match read(asked, widget::interactions_drawing).await {
        Ok(Some(json)) => drawn("application/json", &json),
        Ok(None) => problem(StatusCode::NOT_FOUND, "that page is not published"),
        Err(refusal) => refusal,
    }
}

/// The thread of a page, in the order that is asked for; one that isn't known is as none, for an include never prints an
/// error.
pub(super) async fn thread(asked: &Asked<'_>) -> Reply {
    let order = asked.parameter("order").and_then(|word| Order::named(&word));
    fragment(asked, move |instance, page| {
        widget::thread_drawing(instance, page, order)
    })
    .await
}

/// The numbers of a page.
pub(super) async fn counts(asked: &Asked<'_>) -> Reply {
    fragment(asked, widget::counts_drawing).await
}

async fn fragment(
    asked: &Asked<'_>,
    make: impl FnOnce(&Instance, &str) -> Result<Option<Arc<Drawing>>, StoreError> + Send + 'static,
) -> Reply {
    match read(asked, make).await {
        Ok(Some(html)) => drawn(HTML, &html),
        Ok(None) => fresh(HTML, String::new()),
        Err(refusal) => refusal,
    }
}

/// The button to follow an actor.
pub(super) async fn follow(asked: &Asked<'_>) -> Reply {
    let actor = asked.parameter("actor").unwrap_or_default();
    fresh(HTML, widget::follow(asked.instance, &actor))
}

/// The custom elements.
pub(super) fn script() -> Reply {
    let body = widget::SCRIPT.as_bytes().to_vec();
    respond::document("text/javascript; charset=utf-8", body, Cache::Hour)
}

/// The stylesheet.
pub(super) fn style() -> Reply {
    let body = widget::STYLE.as_bytes().to_vec();
    respond::document("text/css; charset=utf-8", body, Cache::Hour)
}

/// A picture that is kept here.
pub(super) async fn picture(asked: &Asked<'_>, hash: &str) -> Reply {
    let (instance, hash) = (Arc::clone(asked.instance), hash.to_string());
    let found = blocking(move || instance.store.media.get(&hash)).await;
    let mut reply = match found {
        Ok(Some(picture)) => {
            let kind = picture.format.kind.media_type();
            respond::document(kind, picture.bytes, Cache::Forever)
        }
        Ok(None) => not_found(),
        Err(refusal) => return refusal,
    };
    reply
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
    reply
}

/// The stream of events of a page.
pub(super) fn events(asked: &Asked<'_>) -> Reply {
    let page = asked.page("page");
    let feed = match events::open(asked.instance, &page, asked.client()) {
        Ok(feed) => feed,
        Err(Closed::Unknown) => return problem(StatusCode::NOT_FOUND, "that page is not published"),
        Err(Closed::Full) => {
            let reply = problem(StatusCode::SERVICE_UNAVAILABLE, "there are too many streams");
            return retry_after(reply, COME_BACK);
        }
    };
    let mut reply = plain(StatusCode::OK, Bytes::new());
    *reply.body_mut() = Either::Right(Stream::new(feed).boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather events until there are 4 KiB of them.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    reply
}

/// What a feed says next, and the feed for what comes after that.
type Next = dyn Future<Output = Option<(&'static str, Feed)>> + Send;

/// A feed as a body.
struct Stream {
    next: Pin<Box<Next>>,
}

impl Stream {
    fn new(feed: Feed) -> Stream {
        Stream {
            next: Box::pin(feed.next()),
        }
    }
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let said = ready!(self.next.as_mut().poll(context));
        Poll::Ready(match said {
            Some((text, feed)) => {
                self.next = Box::pin(feed.next());
                Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
            }
            None => {
                self.next = Box::pin(std::future::pending());
                None
            }
        })
    }
}

/// The form that asks for a reader's own server.
pub(super) async fn form(asked: &Asked<'_>) -> Reply {
    let uri = asked.parameter("uri").unwrap_or_default();
    let intent = asked.parameter("intent").unwrap_or_default();
    let instance = Arc::clone(asked.instance);
    let drawn = blocking(move || {
        let wish = Wish::read(&instance, &uri, &intent)?;
        Ok(wish.map(|wish| interact::form(&instance, &wish)))
    });
    match drawn.await {
        Ok(Some(html)) => page(asked, StatusCode::OK, html),
        Ok(None) => problem(StatusCode::NOT_FOUND, "uri names nothing that is shown here"),
        Err(refusal) => refusal,
    }
}

/// Looks up the reader's own server, and asks before it sends them there.
pub(super) async fn send(asked: &Asked<'_>, body: Incoming) -> Reply {
    let body = match asked.read(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    if !is_own_form(&asked.parts.headers, asked.instance.iris.origin()) {
        return problem(StatusCode::FORBIDDEN, "the form was sent by another site");
    }
    let is_form = asked
        .parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next() == Some("application/x-www-form-urlencoded"));
    if !is_form {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send a form");
    }
    let value = |name: &str| {
        url::form_urlencoded::parse(&body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let (uri, intent, handle) = (value("uri"), value("intent"), value("handle"));
    let instance = Arc::clone(asked.instance);
    let wish = match blocking(move || Wish::read(&instance, &uri, &intent)).await {
        Ok(Some(wish)) => wish,
        Ok(None) => return problem(StatusCode::NOT_FOUND, "uri names nothing that is shown here"),
        Err(refusal) => return refusal,
    };
    let instance = asked.instance;
    match interact::look_up(instance, asked.client(), &wish, &handle).await {
        Ok(to) => page(
            asked,
            StatusCode::OK,
            interact::onward(instance, &wish, &handle, &to),
        ),
        Err(trouble) => {
            let html = interact::refused(instance, &wish, &handle, trouble);
            match trouble {
                Problem::Often(seconds) => {
                    retry_after(page(asked, StatusCode::TOO_MANY_REQUESTS, html), seconds)
                }
                Problem::Handle => page(asked, StatusCode::BAD_REQUEST, html),
                Problem::Unknown | Problem::Unreachable => page(asked, StatusCode::OK, html),
            }
        }
    }
}

/// Whether a form comes from one of our own pages, as far as the browser tells; a program that isn't a browser may send
/// it, for it carries nobody's session.
fn is_own_form(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(found)) => found == origin,
        (None, None) => true,
    }
}

/// The form's page.
fn page(asked: &Asked<'_>, status: StatusCode, html: String) -> Reply {
    let mut reply = plain(status, html);
    let origin = asked.instance.iris.origin();
    let policy = HeaderValue::from_str(&format!("{PAGE_POLICY}; script-src {origin}{FORM_SCRIPT}"));
    let policy = policy.unwrap_or(HeaderValue::from_static(PAGE_POLICY));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    reply
}

/// A document that was drawn, without its ETag: the same one may be kept with it.
fn drawn(media_type: &'static str, drawing: &Drawing) -> Reply {
    respond::numbered(
        drawing.serial(),
        media_type,
        drawing.text().clone(),
        Cache::Revalidate,
    )
}

/// A document that is asked for again each time, and answered with 304 while it stays.
fn fresh(media_type: &'static str, body: String) -> Reply {
    respond::document(media_type, body.into_bytes(), Cache::Revalidate)
}

/// Reads what there is about the page that is asked for, on a thread that may block.
async fn read<T: Send + 'static>(
    asked: &Asked<'_>,
    make: impl FnOnce(&Instance, &str) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Reply> {
    let page = asked.page("page");
    let instance = Arc::clone(asked.instance);
    blocking(move || make(&instance, &page)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Reply> {
    match aside::run(work).await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(error)) => Err(store_trouble(&error)),
        Err(error) => {
            tracing::error!("a request can't be answered: {error}");
            Err(problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "something went wrong here",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_another_site_sends_is_told_apart() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect()
        };
        let own = "https://blog.example";
        for pairs in [
            &[][..],
            &[("origin", own)],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ] {
            assert!(is_own_form(&headers(pairs), own), "{pairs:?}");
        }
        for pairs in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site"), ("origin", own)],
        ] {
            assert!(!is_own_form(&headers(pairs), own), "{pairs:?}");
        }
    }
}
