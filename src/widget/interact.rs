//! The form that sends a reader to their own server, where they can follow, reply, like or boost.
//!
//! The reader names a handle or a server; WebFinger tells where to go: by Activity Intents (FEP-3b86), else by the
//! subscribe template of OStatus, else to `authorize_interaction`, which most servers know. The reader is asked before
//! leaving, and gets the plain address to copy in any case. What is asked about is ours or shown here, so the form
//! can't be used to lend our name to somebody else's address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use minijinja::context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::home::{Home, MAX_HANDLE, root};
use super::{page, render, url_of, viewer};
use crate::ap::iri::Local;
use crate::instance::Instance;
use crate::net::host_of;
use crate::remote::RemoteError;
use crate::remote::webfinger;
use crate::store::{Interaction, InteractionKind, InteractionState, StoreError};

/// Where the intents of FEP-3b86 are named.
const INTENTS: &str = "https://w3id.org/fep/3b86/";
/// The template that Mastodon and those after it publish.
const SUBSCRIBE: &str = "http://ostatus.org/schema/1.0/subscribe";
/// Longest address of ours that is passed on, in bytes; and longest template and result.
const MAX_ADDRESS: usize = 4 * 1024;
/// What a reader wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what the words say")]
pub enum Intent {
    Follow,
    Reply,
    Like,
    Boost,
}

impl Intent {
    fn read(word: &str) -> Option<Intent> {
        Some(match word {
            "follow" => Intent::Follow,
            "reply" => Intent::Reply,
            "like" => Intent::Like,
            "boost" => Intent::Boost,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Intent::Follow => "follow",
            Intent::Reply => "reply",
            Intent::Like => "like",
            Intent::Boost => "boost",
        }
    }

    /// The rel of its template, below [`INTENTS`].
    fn rel(self) -> &'static str {
        match self {
            Intent::Follow => "Follow",
            Intent::Reply => "Create",
            Intent::Like => "Like",
            Intent::Boost => "Announce",
        }
    }
}

/// What a reader wants to do to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    intent: Intent,
    /// The id that is passed on.
    uri: String,
    /// How it is called on the page.
    name: String,
    /// The page that it belongs to.
    back: String,
}

impl Wish {
    /// Reads a wish; without `uri` it is to follow the first actor. `None` when it is about nothing of ours, or nothing
    /// that is shown here.
    ///
    /// # Errors
    /// When a record can't be read.
    pub fn read(instance: &Instance, uri: &str, intent: &str) -> Result<Option<Wish>, StoreError> {
        let config = instance.config();
        let first = instance.iris.actor(&config.default_actor().name);
        let uri = if uri.is_empty() { first.as_str() } else { uri };
        if uri.len() > MAX_ADDRESS {
            return Ok(None);
        }
        let asked = Intent::read(intent);
        if let Some(Local::Actor(name)) = instance.iris.read(uri) {
            return Ok(config.actor(&name).map(|actor| Wish {
                intent: Intent::Follow,
                uri: instance.iris.actor(&actor.name),
                name: config.handle(&actor.name),
                back: config.site.url.to_string(),
            }));
        }
        // An object can't be followed.
        let intent = asked
            .filter(|intent| *intent != Intent::Follow)
            .unwrap_or(Intent::Reply);
        if let Some(key) = page::find(instance, uri) {
            let back = url_of(instance, &key);
            return Ok(Some(Wish {
                intent,
                uri: instance.iris.object(&key),
                name: back.clone(),
                back,
            }));
        }
        let id = Interaction::id_of(InteractionKind::Reply, "", None, Some(uri));
        let Some(record) = instance.store.interactions.get(&id)? else {
            return Ok(None);
        };
        let shown = record.public && record.state == InteractionState::Shown;
        let back = record
            .object
            .filter(|key| page::is_open(instance, key))
            .map(|key| url_of(instance, &key));
        Ok(match (back, shown, record.remote_object) {
            (Some(back), true, Some(remote)) if remote == uri => Some(Wish {
                intent,
                uri: remote.clone(),
                name: remote,
                back,
            }),
            _ => None,
        })
    }
}

/// What goes wrong on the reader's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is neither a handle nor the name of a server.
    Handle,
    /// The server doesn't answer, or isn't one that we ask.
    Unreachable,
    /// The server doesn't know the account.
    Unknown,
    /// Too often, or too many at once; after so many seconds again.
    Often(u64),
}

impl Problem {
    fn word(self) -> &'static str {
        match self {
            Problem::Handle => "handle",
            Problem::Unreachable => "unreachable",
            Problem::Unknown => "unknown",
            Problem::Often(_) => "often",
        }
    }
}

/// The page with the form: a whole HTML document.
pub fn form(instance: &Instance, wish: &Wish) -> String {
    draw(instance, wish, "", None, None)
}

/// The page with the form, and with what went wrong.
pub fn refused(instance: &Instance, wish: &Wish, handle: &str, problem: Problem) -> String {
    draw(instance, wish, handle, Some(problem), None)
}

/// The page that asks before it sends the reader on.
pub fn onward(instance: &Instance, wish: &Wish, handle: &str, to: &Url) -> String {
    draw(instance, wish, handle, None, Some(to))
}

fn draw(
    instance: &Instance,
    wish: &Wish,
    handle: &str,
    problem: Option<Problem>,
    onward: Option<&Url>,
) -> String {
    let handle: String = handle.chars().take(MAX_HANDLE).collect();
    let context = context! {
        lang => viewer(instance).locale.tag(),
        intent => wish.intent.word(),
        uri => &wish.uri,
        target => &wish.name,
        back => &wish.back,
        handle,
        problem => problem.map(Problem::word),
        onward => onward.map(Url::as_str),
        onward_host => onward.map(host_of),
    };
    render(instance, "interact.html", &context)
}

/// Where a reader goes with a wish: asks the server that `handle` names. `reader` is the address that it is counted
/// against.
///
/// # Errors
/// Why the reader can't be sent anywhere.
pub async fn look_up(
    instance: &Arc<Instance>,
    reader: Option<IpAddr>,
    wish: &Wish,
    handle: &str,
) -> Result<Url, Problem> {
    let home = Home::read(handle).ok_or(Problem::Handle)?;
    let (jrd, base) = match &home {
        Home::Account(account) => {
            let reader = reader.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            let now = instance.clock.now();
            instance.gate.look_up(reader, now).map_err(Problem::Often)?;
            let _place = instance.gate.place().await.ok_or(Problem::Often(60))?;
            let found = webfinger::look_up(instance, account).await.map_err(|error| {
                tracing::debug!("a reader's {handle:?} can't be looked up: {error}");
                match error {
                    RemoteError::NotFound(_) | RemoteError::Gone(_) => Problem::Unknown,
                    _ => Problem::Unreachable,
                }
            })?;
            // The account may live on another host than its handle says.
            let web = webfinger::actor_in(&found.jrd).and_then(|id| Url::parse(&id).ok());
            (found.jrd, web.unwrap_or(found.asked))
        }
        Home::Server(host) => (
            Value::Null,
            root(host, instance.client.reach()).ok_or(Problem::Handle)?,
        ),
    };
    destination(&jrd, &base, wish)
        .into_iter()
        .find(|url| instance.client.reach().check_url(url).is_ok() && is_plain(url))
        .ok_or(Problem::Unreachable)
}

/// The places to go to, the best first.
fn destination(jrd: &Value, base: &Url, wish: &Wish) -> Vec<Url> {
    let template = |rel: &str| {
        jrd["links"].as_array()?.iter().find(|link| {
            link["rel"]
                .as_str()
                .is_some_and(|found| found.eq_ignore_ascii_case(rel))
        })?["template"]
            .as_str()
            .filter(|template| template.len() <= MAX_ADDRESS)
    };
    let intent = template(&format!("{INTENTS}{}", wish.intent.rel()));
    // A Create that doesn't take what is answered would begin a post about nothing.
    let intent = intent.filter(|template| wish.intent != Intent::Reply || template.contains("{inReplyTo}"));
    let object = template(&format!("{INTENTS}Object")).filter(|template| template.contains("{object}"));
    let subscribe = template(SUBSCRIBE).filter(|template| template.contains("{uri}"));
    let mut places: Vec<Url> = [intent, object, subscribe]
        .into_iter()
        .flatten()
        .filter_map(|template| Url::parse(&expand(template, &wish.uri)).ok())
        .collect();
    let mut last = base.clone();
    last.set_path("/authorize_interaction");
    last.set_fragment(None);
    last.set_query(None);
    last.query_pairs_mut().append_pair("uri", &wish.uri);
    places.push(last);
    places
}

/// Fills a template: what stands for the object gets its id, all else nothing.
fn expand(template: &str, uri: &str) -> String {
    let encoded = utf8_percent_encode(uri, NON_ALPHANUMERIC).to_string();
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, name, after)) = rest
        .split_once('{')
        .and_then(|(before, inner)| inner.split_once('}').map(|(name, after)| (before, name, after)))
    {
        out.push_str(before);
        if matches!(name, "uri" | "object" | "inReplyTo") {
            out.push_str(&encoded);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a reader sees in the address where it leads: no name and password before the host.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.as_str().len() <= MAX_ADDRESS * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Reach;
    use serde_json::json;

    fn wish(intent: Intent) -> Wish {
        Wish {
            intent,
            uri: "https://blog.example/ap/objects/posts~hello".into(),
            name: "x".into(),
            back: "https://blog.example/".into(),
        }
    }

    fn first(jrd: &Value, intent: Intent) -> String {
        let base = Url::parse("https://social.example/users/ada").unwrap();
        destination(jrd, &base, &wish(intent))[0].to_string()
    }

    #[test]
    fn the_best_way_that_the_server_offers_is_taken() {
        let all = json!({ "links": [
            { "rel": SUBSCRIBE, "template": "https://social.example/authorize_interaction?uri={uri}&x=1" },
            { "rel": "https://w3id.org/fep/3b86/Like", "template": "https://social.example/like?o={object}&next={on-success}" },
            { "rel": "https://w3id.org/fep/3b86/Create", "template": "https://social.example/share?text={content}" },
        ] });
        let encoded = "https%3A%2F%2Fblog%2Eexample%2Fap%2Fobjects%2Fposts%7Ehello";
        assert_eq!(
            first(&all, Intent::Like),
            format!("https://social.example/like?o={encoded}&next=")
        );
        let subscribe = format!("https://social.example/authorize_interaction?uri={encoded}&x=1");
        assert_eq!(first(&all, Intent::Boost), subscribe);
        assert_eq!(
            first(&all, Intent::Reply),
            subscribe,
            "its Create takes no inReplyTo"
        );
        assert_eq!(
            first(&Value::Null, Intent::Follow),
            "https://social.example/authorize_interaction?uri=https%3A%2F%2Fblog.example%2Fap%2Fobjects%2Fposts%7Ehello"
        );
    }

    #[test]
    fn a_template_can_lead_nowhere_but_to_the_web() {
        for template in [
            "javascript:alert('{uri}')",
            "https://a:b@evil.example/{uri}",
            "http://127.0.0.1/{uri}",
            "{uri}",
        ] {
            let jrd = json!({ "links": [{ "rel": SUBSCRIBE, "template": template }] });
            let base = Url::parse("https://social.example/").unwrap();
            let reached = destination(&jrd, &base, &wish(Intent::Follow))
                .into_iter()
                .find(|url| Reach::Public.check_url(url).is_ok() && is_plain(url))
                .unwrap();
            assert_eq!(reached.host_str(), Some("social.example"), "{template}");
        }
    }

    #[test]
    fn a_broken_template_is_filled_without_harm() {
        assert_eq!(expand("https://a.example/{", "x"), "https://a.example/{");
        assert_eq!(
            expand("https://a.example/}{x}{uri}", "a b"),
            "https://a.example/}a%20b"
        );
    }
}
