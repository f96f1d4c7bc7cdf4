//! The route table: every path that is served, and what answers there.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};

use super::actor::Collection;
use super::compress::Coding;
use super::documents::{Documents, Moment};
use super::negotiate::{Wanted, wanted};
use super::peer::Peer;
use super::request::Asked;
use super::respond::{Numbered, Reply, finish, not_found, plain, problem};
use super::{actor, compress, discovery, inbox, object, respond, widget};
use crate::ap::nodeinfo::Version;
use crate::instance::Instance;
use crate::store::InteractionKind;

/// Everything that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    WebFinger,
    HostMeta,
    HostMetaJson,
    NodeInfoIndex,
    NodeInfo(Version),
    Instance,
    SharedInbox,
    Actor(&'a str),
    Inbox(&'a str),
    Collection(&'a str, Collection),
    Object(&'a str),
    Interactions(&'a str, InteractionKind),
    Activity(&'a str),
    Quote(&'a str),
    Resolve,
    Said,
    Thread,
    Counts,
    Follow,
    Script,
    Style,
    Interact,
    Events,
    Media(&'a str),
}

/// Under which name an answer is kept to be given again.
enum Keep {
    /// The path; not when there is a query.
    ByPath,
    /// The path and the query.
    ByQuery,
    /// None.
    Never,
}

/// The table.
fn find(path: &str) -> Option<Route<'_>> {
    let mut segments = [""; 4];
    let mut count = 0;
    for segment in path.strip_prefix('/')?.split('/') {
        *segments.get_mut(count)? = segment;
        count += 1;
    }
    Some(match &segments[..count] {
        [".well-known", "webfinger"] => Route::WebFinger,
        [".well-known", "host-meta"] => Route::HostMeta,
        [".well-known", "host-meta.json"] => Route::HostMetaJson,
        [".well-known", "nodeinfo"] => Route::NodeInfoIndex,
        ["ap", "nodeinfo", "2.0"] => Route::NodeInfo(Version::V2_0),
        ["ap", "nodeinfo", "2.1"] => Route::NodeInfo(Version::V2_1),
        ["ap", "instance"] => Route::Instance,
        ["ap", "inbox"] => Route::SharedInbox,
        ["ap", "actors", name] => Route::Actor(name),
        ["ap", "actors", name, "inbox"] => Route::Inbox(name),
        ["ap", "actors", name, "outbox"] => Route::Collection(name, Collection::Outbox),
        ["ap", "actors", name, "followers"] => Route::Collection(name, Collection::Followers),
        ["ap", "actors", name, "following"] => Route::Collection(name, Collection::Following),
        ["ap", "actors", name, "featured"] => Route::Collection(name, Collection::Featured),
        ["ap", "objects", key] => Route::Object(key),
        ["ap", "objects", key, "replies"] => Route::Interactions(key, InteractionKind::Reply),
        ["ap", "objects", key, "likes"] => Route::Interactions(key, InteractionKind::Like),
        ["ap", "objects", key, "shares"] => Route::Interactions(key, InteractionKind::Boost),
        ["ap", "activities", id] => Route::Activity(id),
        ["ap", "quotes", id] => Route::Quote(id),
        ["ap", "resolve"] => Route::Resolve,
        ["ap", "interactions"] => Route::Said,
        ["ap", "widgets", "thread"] => Route::Thread,
        ["ap", "widgets", "counts"] => Route::Counts,
        ["ap", "widgets", "follow"] => Route::Follow,
        ["ap", "widgets", "tidings.js"] => Route::Script,
        ["ap", "widgets", "tidings.css"] => Route::Style,
        ["ap", "interact"] => Route::Interact,
        ["ap", "events"] => Route::Events,
        ["ap", "media", hash] => Route::Media(hash),
        _ => return None,
    })
}

impl Route<'_> {
    /// The methods that are answered there.
    fn allow(self) -> &'static str {
        match self {
            Route::SharedInbox | Route::Inbox(_) => "POST, OPTIONS",
            Route::Interact => "GET, HEAD, POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Whether an answer may be given again as long as [`Instance::version`] stays.
    fn keep(self, headers: &HeaderMap) -> Keep {
        match self {
            Route::Actor(_) | Route::Object(_) if wanted(headers) == Wanted::Page => Keep::Never,
            // Followers aren't in the version: they come and go while posts stay.
            Route::Collection(_, Collection::Followers) => Keep::Never,
            Route::Resolve | Route::SharedInbox | Route::Inbox(_) => Keep::Never,
            // A picture is on disk as it is; a changed template of the owner's shows within the minute.
            Route::Interact | Route::Events | Route::Media(_) => Keep::Never,
            Route::Said | Route::Thread | Route::Counts | Route::Follow => Keep::ByQuery,
            // The pages of a collection differ in their query.
            Route::WebFinger | Route::Collection(..) | Route::Interactions(..) => Keep::ByQuery,
            Route::HostMeta
            | Route::HostMetaJson
            | Route::NodeInfoIndex
            | Route::NodeInfo(_)
            | Route::Instance
            | Route::Actor(_)
            | Route::Object(_)
            | Route::Activity(_)
            | Route::Quote(_)
            | Route::Script
            | Route::Style => Keep::ByPath,
        }
    }

    /// Whether it is fetched by readers' browsers, and worth packing.
    fn is_for_browsers(self) -> bool {
        matches!(
            self,
            Route::Said | Route::Thread | Route::Counts | Route::Follow | Route::Script | Route::Style
        )
    }

    /// Answers a GET; a HEAD is the same without the body, which hyper leaves out.
    async fn get(self, asked: &Asked<'_>) -> Reply {
        match self {
            Route::WebFinger => discovery::webfinger(asked),
            Route::HostMeta => discovery::host_meta(asked),
            Route::HostMetaJson => discovery::host_meta_json(asked),
            Route::NodeInfoIndex => discovery::nodeinfo_index(asked),
            Route::NodeInfo(version) => discovery::nodeinfo(asked, version),
            Route::Instance => actor::instance(asked),
            Route::Actor(name) => actor::actor(asked, name).await,
            Route::Collection(name, which) => actor::collection(asked, name, which).await,
            Route::Object(key) => object::object(asked, key).await,
            Route::Interactions(key, kind) => object::interactions(asked, key, kind).await,
            Route::Activity(id) => object::activity(asked, id).await,
            Route::Quote(id) => object::quote(asked, id).await,
            Route::Resolve => object::resolve(asked),
            Route::Said => widget::interactions(asked).await,
            Route::Thread => widget::thread(asked).await,
            Route::Counts => widget::counts(asked).await,
            Route::Follow => widget::follow(asked).await,
            Route::Script => widget::script(),
            Route::Style => widget::style(),
            Route::Interact => widget::form(asked).await,
            Route::Events => widget::events(asked),
            Route::Media(hash) => widget::picture(asked, hash).await,
            Route::SharedInbox | Route::Inbox(_) => self.not_allowed(),
        }
    }

    /// Answers a POST.
    async fn post(self, asked: &Asked<'_>, mut body: Incoming) -> Reply {
        match self {
            Route::SharedInbox => inbox::receive(asked, None, body).await,
            Route::Inbox(name) => inbox::receive(asked, Some(name), body).await,
            Route::Interact => widget::send(asked, body).await,
            _ => {
                asked.discard(&mut body).await;
                self.not_allowed()
            }
        }
    }

    /// What may be asked, also by pages of other sites (the CORS preflight).
    fn options(self) -> Reply {
        let mut reply = plain(StatusCode::NO_CONTENT, "");
        let headers = reply.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static(self.allow()));
        headers.insert(
            HeaderName::from_static("access-control-allow-methods"),
            HeaderValue::from_static(self.allow()),
        );
        headers.insert(
            HeaderName::from_static("access-control-allow-headers"),
            HeaderValue::from_static("Accept, Content-Type, If-None-Match"),
        );
        reply
    }

    fn not_allowed(self) -> Reply {
        let allow = self.allow();
        let mut reply = problem(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("only {allow} are answered here"),
        );
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        reply
    }
}

/// Answers a request.
pub(super) async fn answer(
    instance: &Arc<Instance>,
    documents: &Documents,
    peer: Peer,
    request: Request<Incoming>,
) -> Reply {
    let (parts, mut body) = request.into_parts();
    let asked = Asked {
        instance,
        parts: &parts,
        peer,
    };
    if !asked.names_one_host() {
        asked.discard(&mut body).await;
        return finish(
            problem(StatusCode::BAD_REQUEST, "a request has one Host header"),
            false,
        );
    }
    let route = find(parts.uri.path());
    if let Some(route) = route
        && matches!(parts.method, Method::GET | Method::HEAD)
    {
        return respond::unless_had(&parts.headers, read(&asked, documents, route).await);
    }
    let reply = match route {
        Some(route) if parts.method == Method::POST => route.post(&asked, body).await,
        Some(route) => {
            asked.discard(&mut body).await;
            match parts.method {
                Method::OPTIONS => route.options(),
                _ => route.not_allowed(),
            }
        }
        None => {
            asked.discard(&mut body).await;
            not_found()
        }
    };
    finish(reply, parts.method != Method::POST)
}

/// Answers a GET or a HEAD, with a document that was made lately if it is still good.
async fn read(asked: &Asked<'_>, documents: &Documents, route: Route<'_>) -> Reply {
    let uri = &asked.parts.uri;
    let kept_as = match route.keep(&asked.parts.headers) {
        Keep::ByPath if uri.query().is_none() => Some(uri.path()),
        Keep::ByQuery => uri.path_and_query().map(|target| target.as_str()),
        Keep::ByPath | Keep::Never => None,
    };
    let Some(target) = kept_as else {
        return finish(respond::sealed(route.get(asked).await), true);
    };
    let coding = match route.is_for_browsers() {
        true => compress::wanted(asked.parts),
        false => Coding::Plain,
    };
    // No target has a space in it.
    let packed = (coding == Coding::Gzip).then(|| format!("{target} gzip"));
    let target = packed.as_deref().unwrap_or(target);
    let moment = Moment::now(asked.instance);
    if let Some(reply) = documents.get(target, moment) {
        return reply;
    }
    let made = route.get(asked).await;
    let number = made.extensions().get::<Numbered>().map(|made| made.number);
    if let Some(number) = number
        && let Some(reply) = documents.again(target, moment, number)
    {
        return reply;
    }
    let mut reply = finish(respond::sealed(made), true);
    if route.is_for_browsers() {
        reply = compress::coded(reply, coding).await;
    }
    documents.put(target, moment, number, &reply);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_row_of_the_contract_and_nothing_else() {
        for (path, route) in [
            ("/.well-known/webfinger", Route::WebFinger),
            ("/.well-known/nodeinfo", Route::NodeInfoIndex),
            ("/ap/nodeinfo/2.1", Route::NodeInfo(Version::V2_1)),
            ("/ap/nodeinfo/2.0", Route::NodeInfo(Version::V2_0)),
            ("/.well-known/host-meta", Route::HostMeta),
            ("/.well-known/host-meta.json", Route::HostMetaJson),
            ("/ap/actors/blog", Route::Actor("blog")),
            ("/ap/actors/blog/inbox", Route::Inbox("blog")),
            (
                "/ap/actors/blog/outbox",
                Route::Collection("blog", Collection::Outbox),
            ),
            (
                "/ap/actors/blog/followers",
                Route::Collection("blog", Collection::Followers),
            ),
            (
                "/ap/actors/blog/following",
                Route::Collection("blog", Collection::Following),
            ),
            (
                "/ap/actors/blog/featured",
                Route::Collection("blog", Collection::Featured),
            ),
            ("/ap/instance", Route::Instance),
            ("/ap/inbox", Route::SharedInbox),
            ("/ap/objects/~", Route::Object("~")),
            (
                "/ap/objects/a~b/replies",
                Route::Interactions("a~b", InteractionKind::Reply),
            ),
            (
                "/ap/objects/a~b/likes",
                Route::Interactions("a~b", InteractionKind::Like),
            ),
            (
                "/ap/objects/a~b/shares",
                Route::Interactions("a~b", InteractionKind::Boost),
            ),
            ("/ap/activities/create~a~b", Route::Activity("create~a~b")),
            ("/ap/quotes/7", Route::Quote("7")),
            ("/ap/resolve", Route::Resolve),
            ("/ap/interactions", Route::Said),
            ("/ap/widgets/thread", Route::Thread),
            ("/ap/widgets/counts", Route::Counts),
            ("/ap/widgets/follow", Route::Follow),
            ("/ap/widgets/tidings.js", Route::Script),
            ("/ap/widgets/tidings.css", Route::Style),
            ("/ap/interact", Route::Interact),
            ("/ap/events", Route::Events),
            ("/ap/media/abc", Route::Media("abc")),
        ] {
            assert_eq!(find(path), Some(route), "{path}");
        }
        for path in [
            "",
            "/",
            "*",
            "/ap",
            "/ap/",
            "/ap/actors",
            "/ap/actors/blog/",
            "/ap/objects/a/b/c/d/e",
            "/ap/objects/a/likes/x",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}
