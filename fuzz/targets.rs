//! What is fuzzed: every parser that outsiders reach. Each function takes any bytes and panics when a promise of the
//! library doesn't hold. The fuzzers of `fuzz_targets/` call one each; `tests/tidings/fuzz.rs` calls all of them with the
//! seeds and with seeds that were damaged, on the stable compiler.
#![allow(dead_code, reason = "each fuzzer uses one")]

use std::collections::HashMap;
use std::path::Path;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use scraper::{Html, Node};
use serde_json::Value;
use tidings::ap::iri::{self, Iris};
use tidings::ap::webfinger::Resource;
use tidings::config;
use tidings::dom;
use tidings::inbox::activity::{Activity, MAX_DEPTH, MAX_RECIPIENTS};
use tidings::inbox::value;
use tidings::net::guard::{Reach, is_public};
use tidings::publish::markdown;
use tidings::remote::Profile;
use tidings::remote::webfinger::{Handle, actor_in};
use tidings::sanitize;
use tidings::sig::key::PublicKey;
use tidings::sig::{self, Message, Scheme, digest, multibase};
use tidings::site::{feed, page};
use url::{Host, Url};

/// A target, by its name.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const ALL: [Target; 14] = [
    ("activity", activity),
    ("actor", actor),
    ("address", address),
    ("cavage", cavage),
    ("config", config),
    ("digest", digest),
    ("dom", dom),
    ("feed", feed),
    ("key", key),
    ("note", note),
    ("page", page),
    ("remote_html", remote_html),
    ("rfc9421", rfc9421),
    ("webfinger", webfinger),
];

fn site() -> Url {
    Url::parse("https://blog.example/").expect("it is one")
}

/// A request as text: a line of method, absolute URI and the second at which it arrives; lines of headers, an empty
/// line, the body.
struct Request<'a> {
    method: &'a str,
    target: String,
    now: Timestamp,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn read(input: &'a [u8]) -> Option<Request<'a>> {
        let end = input
            .windows(2)
            .position(|two| two == b"\n\n")
            .unwrap_or(input.len());
        let mut lines = input[..end].split(|byte| *byte == b'\n');
        let mut words = std::str::from_utf8(lines.next()?).ok()?.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let now = Timestamp::from_second(words.next()?.parse().ok()?).ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            headers.append(
                name,
                HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?,
            );
        }
        Some(Request {
            method,
            target: path.to_owned(),
            now,
            headers,
            body: input.get(end + 2..).unwrap_or_default(),
        })
    }

    fn message(&self) -> Message<'_> {
        Message {
            method: self.method,
            target_uri: &self.target,
            headers: &self.headers,
            body: (!self.body.is_empty()).then_some(self.body),
        }
    }
}

/// No claim that passes the checks is of the other scheme, too old, or one of too many; nobody has the key.
fn signature(input: &[u8], scheme: Scheme) {
    let Some(request) = Request::read(input) else {
        return;
    };
    let (message, now) = (request.message(), request.now);
    let Ok(claims) = sig::read(&message) else { return };
    assert!(claims.len() <= sig::MAX_SIGNATURES);
    let key = PublicKey::from_multibase("z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2");
    for claim in claims.iter().filter(|claim| claim.scheme() == scheme) {
        assert!(!claim.key_id().is_empty());
        let base = claim.base(&message);
        assert_eq!(base.is_ok(), claim.base(&message).is_ok());
        if let Ok(checked) = claim.check(&message, now) {
            assert!(base.is_ok(), "what passed the checks has a base");
            assert!(checked.signed().duration_since(now).abs() <= sig::MAX_SKEW);
            if let Ok(key) = &key {
                assert!(checked.verify(key).is_err());
            }
        }
    }
}

/// Headers of draft-cavage-http-signatures-12.
pub(crate) fn cavage(input: &[u8]) {
    signature(input, Scheme::Cavage);
}

/// Headers of RFC 9421, and the structured fields in them.
pub(crate) fn rfc9421(input: &[u8]) {
    signature(input, Scheme::Rfc9421);
}

/// `Digest` and `Content-Digest`: a line of header, then the body. What names another body's digest isn't taken.
pub(crate) fn digest(input: &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let Ok(header) = std::str::from_utf8(&input[..end]) else {
        return;
    };
    let body = input.get(end + 1..).unwrap_or_default();
    assert!(digest::check_digest(&digest::digest(body), body).is_ok());
    assert!(digest::check_content_digest(&digest::content_digest(body), body).is_ok());
    let mut other = body.to_vec();
    other.push(b'!');
    if digest::check_digest(header, body).is_ok() {
        assert!(digest::check_digest(header, &other).is_err());
    }
    if digest::check_content_digest(header, body).is_ok() {
        assert!(digest::check_content_digest(header, &other).is_err());
    }
}

/// Keys as actors publish them: PEM of two kinds, and Multikey. What was read is written so that it reads the same.
pub(crate) fn key(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(bytes) = multibase::decode(text) {
        assert_eq!(
            multibase::decode(&multibase::encode(&bytes)).as_deref(),
            Ok(bytes.as_slice())
        );
    }
    for key in [PublicKey::from_pem(text), PublicKey::from_multibase(text)]
        .into_iter()
        .flatten()
    {
        let again = PublicKey::from_pem(&key.to_pem()).expect("what we write we read");
        assert_eq!(again.to_pem(), key.to_pem());
        for algorithm in key.algorithms() {
            assert!(key.verify(*algorithm, b"message", b"no signature").is_err());
        }
    }
}

/// A body that arrives in an inbox.
pub(crate) fn activity(input: &[u8]) {
    let Ok(activity) = Activity::parse(input) else {
        return;
    };
    assert!(!activity.actor().is_empty());
    assert!(value::depth(activity.raw()) <= MAX_DEPTH);
    let audience = activity.audience();
    assert!(!(audience.is_empty() && audience.is_public()));
    let again = Activity::parse(activity.raw().to_string().as_bytes()).expect("what was read is read again");
    assert_eq!(again.kind(), activity.kind());
    assert_eq!((again.id(), again.actor()), (activity.id(), activity.actor()));
    let (_, _, _) = (activity.object_id(), activity.published(), activity.emoji());
    assert!(value::ids(activity.object(), MAX_RECIPIENTS).len() <= MAX_RECIPIENTS);
    if let Some(content) = value::text(activity.object(), "content") {
        clean_of_others(&sanitize::remote_html(content));
    }
}

/// An actor's document: all that we would send to lies on its own host, or one below or above it.
pub(crate) fn actor(input: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    let Some(id) = document["id"].as_str() else { return };
    let Ok(profile) = Profile::read(id, &document) else {
        return;
    };
    let host = |url: &str| {
        let url = Url::parse(url).expect("it was read as one");
        url.host_str().map(str::to_owned)
    };
    for inbox in [Some(&profile.inbox), profile.shared_inbox.as_ref()]
        .into_iter()
        .flatten()
    {
        let (inbox, own) = (host(inbox).expect("checked"), host(id).expect("checked"));
        let below =
            |name: &str, above: &str| name.strip_suffix(above).is_some_and(|front| front.ends_with('.'));
        assert!(
            inbox == own || below(&inbox, &own) || below(&own, &inbox),
            "{own} has its inbox at {inbox}"
        );
    }
    for key in &profile.keys {
        assert!(std::ptr::eq(profile.key(&key.id).expect("it is there"), key) || profile.keys.len() > 1);
    }
    assert!(!profile.handle.contains(['\n', '\r']));
}

/// The tree of a page: what scraper, which leaves all to html5ever, has as well.
pub(crate) fn dom(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let theirs = Html::parse_document(&text);
    let mut depths = HashMap::new();
    let theirs = theirs.tree.root().descendants().map(|node| {
        let depth = node.parent().map_or(0, |parent| depths[&parent.id()] + 1);
        depths.insert(node.id(), depth);
        let what = match node.value() {
            Node::Element(element) => What::Element(element.name(), element.attrs().collect()),
            Node::Text(text) => What::Text(text),
            _ => What::Other,
        };
        (depth, what)
    });
    let theirs = outline(theirs);
    let ours = dom::Html::parse_document(&text);
    let mut depths = HashMap::new();
    let ours = ours.root().descendants().map(|node| {
        let depth = node.parent().map_or(0, |parent| depths[&parent.id()] + 1);
        depths.insert(node.id(), depth);
        let what = match node.value() {
            dom::Node::Element(element) => What::Element(element.name(), element.attrs().collect()),
            dom::Node::Text(text) => What::Text(text),
            dom::Node::Other => What::Other,
        };
        (depth, what)
    });
    assert_eq!(outline(ours), theirs);
}

/// A node of a page, for comparing.
enum What<'a> {
    Element(&'a str, Vec<(&'a str, &'a str)>),
    Text(&'a str),
    Other,
}

/// A line for each element and each text, with its depth; texts side by side are one.
fn outline<'a>(nodes: impl Iterator<Item = (usize, What<'a>)>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut text: Option<(usize, String)> = None;
    for (depth, what) in nodes {
        match what {
            What::Element(name, mut attributes) => {
                attributes.sort_unstable();
                lines.extend(text.take().map(|(depth, text)| format!("{depth} {text:?}")));
                lines.push(format!("{depth} {name} {attributes:?}"));
            }
            What::Text(more) => match &mut text {
                Some((at, before)) if *at == depth => before.push_str(more),
                _ => {
                    lines.extend(text.take().map(|(depth, text)| format!("{depth} {text:?}")));
                    text = Some((depth, more.to_owned()));
                }
            },
            What::Other => {}
        }
    }
    lines.extend(text.map(|(depth, text)| format!("{depth} {text:?}")));
    lines
}

/// A page of the output folder, in any encoding.
pub(crate) fn page(input: &[u8]) {
    let site = site();
    let source = page::Source {
        path: "/posts/hello/",
        html: input,
        site: &site,
        feed: None,
        changed: None,
        frame: None,
    };
    let read = page::read(&source);
    assert_eq!(read, page::read(&source), "reading is a function");
    if let page::Verdict::Post(article) = read.verdict {
        clean_of_scripts(&article.content);
        let _ = (article.digest(), article.fingerprint());
        assert!(Url::parse(&article.url).is_ok());
        for media in &article.attachments {
            let url = Url::parse(&media.url).expect("an attachment has an address");
            assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        }
    }
}

/// HTML of other servers: it comes out with the elements and attributes of the list alone, and cleaning it again
/// changes nothing.
pub(crate) fn remote_html(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let clean = sanitize::remote_html(&text);
    assert_eq!(sanitize::remote_html(&clean), clean, "cleaned twice");
    clean_of_others(&clean);
    let _ = sanitize::plain(&text);
}

/// RSS, Atom, RDF and JSON Feed.
pub(crate) fn feed(input: &[u8]) {
    let site = site();
    let own = site.join("/feed.xml").expect("it is one");
    let _ = feed::is_feed(input);
    let Some(feed) = feed::read(input, &own, &site) else {
        return;
    };
    for (path, _) in &feed.entries {
        assert!(path.starts_with('/'), "{path}");
        assert_eq!(iri::page_path(path), *path);
    }
}

/// The resource that WebFinger is asked for, a handle, and the answer of another server.
pub(crate) fn webfinger(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = Resource::read(&text);
    if let Some(handle) = Handle::parse(&text) {
        let written = format!("@{}@{}", handle.user, handle.host);
        assert_eq!(Handle::parse(&written).as_ref(), Some(&handle), "{written}");
    }
    if let Ok(jrd) = serde_json::from_slice::<Value>(input)
        && let Some(actor) = actor_in(&jrd)
    {
        assert!(Url::parse(&actor).is_ok_and(|url| url.has_host()));
    }
    let iris = Iris::new(&site());
    if iris.read(&text).is_some() {
        assert!(iris.is_ours(&text));
    }
}

/// A note in Markdown with its front matter.
pub(crate) fn note(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok((_, body)) = markdown::split(&text) else {
        return;
    };
    let somebody = markdown::Mentioned {
        name: "ada".into(),
        url: "https://social.example/@ada".into(),
    };
    let mentioned: HashMap<_, _> = markdown::mentions(body)
        .into_iter()
        .map(|handle| (handle, somebody.clone()))
        .collect();
    clean_of_scripts(&markdown::render(body, &mentioned, &site()).html);
}

/// The configuration: every problem names a line that is there.
pub(crate) fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Err(problems) = config::parse(&text, Path::new("/etc/tidings/ap.toml")) {
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(!problem.to_string().is_empty());
        }
    }
}

/// A URL that somebody else wants us to fetch: none leads to an address that isn't public.
pub(crate) fn address(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(url) = Url::parse(&text) else { return };
    if Reach::Public.check_url(&url).is_ok() {
        assert_eq!(url.scheme(), "https");
        match url.host().expect("checked") {
            Host::Ipv4(address) => assert!(is_public(address.into()), "{url}"),
            Host::Ipv6(address) => assert!(is_public(address.into()), "{url}"),
            Host::Domain(name) => assert!(name.contains('.'), "{url}"), // resolved, then each address is checked
        }
    }
}

/// Nothing that runs, nothing that hides where it leads.
fn clean_of_scripts(html: &str) {
    for element in Html::parse_fragment(html)
        .root_element()
        .descendent_elements()
        .map(|element| element.value())
    {
        let name = element.name();
        assert!(
            !matches!(
                name,
                "script"
                    | "style"
                    | "iframe"
                    | "object"
                    | "embed"
                    | "form"
                    | "link"
                    | "meta"
                    | "base"
                    | "svg"
            ),
            "<{name}> in {html}"
        );
        for (attribute, value) in element.attrs() {
            assert!(
                !attribute.starts_with("on") && attribute != "style",
                "{attribute} in {html}"
            );
            if matches!(attribute, "href" | "src") {
                let scheme =
                    Url::parse(value).map_or_else(|_| "relative".to_owned(), |url| url.scheme().to_owned());
                assert!(
                    matches!(scheme.as_str(), "http" | "https" | "mailto" | "relative"),
                    "{value} in {html}"
                );
            }
        }
    }
}

/// What may come from other servers: also no pictures, and links to the web alone.
fn clean_of_others(html: &str) {
    clean_of_scripts(html);
    for element in Html::parse_fragment(html).root_element().descendent_elements() {
        let name = element.value().name();
        assert!(
            !matches!(name, "img" | "video" | "audio" | "input"),
            "<{name}> in {html}"
        );
        if let Some(href) = element.value().attr("href") {
            let url = Url::parse(href).expect("an absolute address");
            assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        }
    }
}
