//! `ap.toml`: what the owner asks for, valid or not at all.
//!
//! The rest of the program sees only [`Config`], in which every value is possible and every path absolute. [`parse()`]
//! makes one from text, [`Config::read`] from a file.

mod actor;
mod address;
pub mod default;
mod hook;
mod interactions;
mod parse;
mod problem;
mod section;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::GlobSet;
use ipnet::IpNet;
use url::Url;

use crate::ap::actor::Description;
use crate::article::{Kind, Visibility};
use crate::site::watch::Method;

pub use self::address::is_private;
pub use self::hook::{Hook, HookEvent, HookTarget};
pub use self::interactions::{Interactions, Moderation, Order, Show};
pub use self::parse::{MAX_FILE, parse};
pub use self::problem::Problem;

/// A domain without port, or an IP address, as URLs write it; `None` when the text is neither.
pub fn domain(text: &str) -> Option<String> {
    address::domain(text).ok()
}

/// The absolute path without `..` and symbolic links; of what doesn't exist yet, the path that it will have. `None` when
/// the way there can't be read.
pub fn real_path(path: &Path) -> Option<PathBuf> {
    let path = parse::below(&std::env::current_dir().ok()?, path);
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let rest = path.strip_prefix(there).ok()?;
    Some(there.canonicalize().ok()?.join(rest))
}

pub use crate::article::QuotePolicy;

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// `[site]`
    pub site: Site,
    /// `[server]`
    pub server: Server,
    /// `[[actor]]`: at least one; the first is the default.
    pub actors: Vec<Actor>,
    /// `[publish]`
    pub publish: Publish,
    /// `[federation]`
    pub federation: Federation,
    /// `[interactions]`
    pub interactions: Interactions,
    /// `[[hook]]`
    pub hooks: Vec<Hook>,
}

/// `[site]`: where readers find the site, and where its files lie.
#[derive(Clone, Debug)]
pub struct Site {
    /// Ends in a slash; a path after the host is allowed.
    pub url: Url,
    /// What the generator writes; only ever read.
    pub output: PathBuf,
    /// Everything tidings writes.
    pub data: PathBuf,
    /// How changes of the output folder are noticed.
    pub watch: Method,
}

/// `[server]`: where the proxy finds tidings.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to accept connections.
    pub listen: Listen,
    /// The mode of a unix socket.
    pub listen_mode: u32,
    /// Whose X-Forwarded-For and Forwarded are believed.
    pub trusted_proxies: TrustedProxies,
    /// How much an inbox takes.
    pub rates: Rates,
}

/// How much an inbox takes a minute; for a while it takes more at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one address, what doesn't verify.
    pub failures: usize,
    /// Of one host, what does.
    pub activities: usize,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates {
            failures: default::FAILURES_PER_MINUTE,
            activities: default::ACTIVITIES_PER_MINUTE,
        }
    }
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `127.0.0.1:8790`; port 0 picks a free one.
    Tcp(SocketAddr),
    /// `unix:/run/tidings/http.sock`
    Unix(PathBuf),
}

/// The peers whose word about the reader's address is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// Addresses and ranges.
    pub ranges: Vec<IpNet>,
    /// Whether whoever may connect to our unix socket is one.
    pub unix: bool,
}

impl TrustedProxies {
    /// Whether a peer at this address is believed.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }
}

/// `[[actor]]`: an account that people follow.
#[derive(Clone, Debug)]
pub struct Actor {
    /// `preferredUsername`, and the last segment of its id.
    pub name: String,
    /// Its ActivityStreams type.
    pub kind: ActorKind,
    /// Shown instead of the name.
    pub display_name: String,
    /// A few words about it: HTML.
    pub summary: String,
    /// Its picture: a path on the site or a URL.
    pub icon: Option<String>,
    /// Its header picture: a path on the site or a URL.
    pub image: Option<String>,
    /// Names and values of its profile's table.
    pub fields: Vec<(String, String)>,
    /// Whether it may be recommended and listed.
    pub discoverable: bool,
    /// Whether its posts may be found by full-text search (FEP-5feb).
    pub indexable: bool,
    /// Whether the followers collection shows only its size.
    pub hide_followers: bool,
    /// Sites that may name it as author in `fediverse:creator`.
    pub attribution_domains: Vec<String>,
    /// Other ids of the same person, for account moves.
    pub also_known_as: Vec<String>,
    /// What happens to a Follow.
    pub followers: FollowPolicy,
    /// Which pages speak with its voice; `None`, the default, is all that no other actor asks for.
    pub pages: Option<GlobSet>,
}

/// The ActivityStreams type of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the vocabulary")]
pub enum ActorKind {
    Person,
    Service,
    Organization,
    Group,
    Application,
}

impl ActorKind {
    /// Its name in the vocabulary.
    pub fn name(self) -> &'static str {
        match self {
            ActorKind::Person => "Person",
            ActorKind::Service => "Service",
            ActorKind::Organization => "Organization",
            ActorKind::Group => "Group",
            ActorKind::Application => "Application",
        }
    }
}

/// What happens to a Follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowPolicy {
    /// It is accepted at once.
    Accept,
    /// It waits for `followers approve`.
    Ask,
    /// It is rejected.
    Reject,
}

/// `[publish]`: which pages federate, as what, and when.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Globs over page paths without their leading slash.
    pub include: GlobSet,
    /// Likewise; wins over `include`.
    pub exclude: GlobSet,
    /// `None` is "auto": a page with a title is an Article, one without a Note.
    pub kind: Option<Kind>,
    /// Of pages that don't ask for another; never direct.
    pub visibility: Visibility,
    /// Who may quote.
    pub quotes: QuotePolicy,
    /// What happens to the pages of the first run.
    pub first_run: FirstRun,
    /// Whether pages that name each other as translations are one post.
    pub translations: Translations,
    /// How long the folder must be quiet before it is read.
    pub settle: Duration,
    /// How long a page must be gone before it is deleted.
    pub delete_grace: Duration,
    /// More changes than this at once are held.
    pub max_changes: usize,
    /// More deletes than this at once are held.
    pub max_deletes: Share,
    /// How many of the newest posts are pinned.
    pub featured: usize,
}

/// What happens to the pages of the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRun {
    /// They go into the outbox, unannounced.
    Baseline,
    /// They are announced like new ones.
    Announce,
}

/// What becomes of pages that name each other as translations (`hreflang`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translations {
    /// Each is a post of its own, in its language.
    Separate,
    /// They are one post in several languages.
    Together,
}

/// A number, or a share of a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// So many.
    Count(usize),
    /// Hundredths of the whole.
    Percent(f64),
}

impl Share {
    /// How many that is of `whole`, rounded down.
    pub fn of(self, whole: usize) -> usize {
        match self {
            Share::Count(count) => count,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            Share::Percent(percent) => (whole as f64 * percent / 100.0) as usize,
        }
    }
}

/// `[federation]`: with whom, and how.
#[derive(Clone, Debug)]
pub struct Federation {
    /// What stands after the second @, with the port if it isn't the scheme's own.
    pub handle_domain: String,
    /// Domains (with their subdomains) and addresses that are refused.
    pub blocked: Vec<String>,
    /// When not empty, the complete list of those that are not.
    pub allowed: Vec<String>,
    /// Which signature scheme is tried first.
    pub signatures: Signatures,
    /// Whether actors, objects, activities and collections are served to signed requests only.
    pub require_signed_fetch: bool,
    /// Whether http and loopback and private peers are allowed: for labs and tests only.
    pub allow_private_addresses: bool,
}

impl Federation {
    /// Whether nothing is sent to a host and nothing taken from it: a domain with its subdomains, or an address. A
    /// port is no part of it.
    pub fn refuses(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        let among = |list: &[String]| list.iter().any(|entry| covers(entry, host));
        among(&self.blocked) || (!self.allowed.is_empty() && !among(&self.allowed))
    }
}

/// Whether a listed domain covers a host: itself with its subdomains; an address exactly.
pub fn covers(listed: &str, host: &str) -> bool {
    let bare = |name: &str| name.trim_matches(['[', ']']).to_ascii_lowercase();
    let (listed, host) = (bare(listed), bare(host));
    if listed == host {
        return true;
    }
    // The end of an address is not a domain.
    host.parse::<IpAddr>().is_err()
        && host
            .strip_suffix(&listed)
            .is_some_and(|front| front.ends_with('.'))
}

/// Which signature scheme is used towards a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// draft-cavage first; RFC 9421 for a host that signs so itself or refuses draft-cavage.
    Auto,
    /// draft-cavage only.
    Cavage,
    /// RFC 9421 only.
    Rfc9421,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// All problems of the file, or the one that it can't be read.
    pub fn read(file: &std::path::Path) -> Result<Config, Vec<Problem>> {
        match std::fs::read_to_string(file) {
            Ok(text) => parse(&text, file),
            Err(error) => Err(vec![Problem {
                file: file.to_path_buf(),
                line: 1,
                key: String::new(),
                message: format!("can't be read: {error}"),
                hint: (error.kind() == std::io::ErrorKind::NotFound)
                    .then(|| "`tidings init` writes one; --config names another".to_string()),
            }]),
        }
    }

    /// The actor with this name.
    pub fn actor(&self, name: &str) -> Option<&Actor> {
        self.actors.iter().find(|actor| actor.name == name)
    }

    /// The first actor, which speaks where no other is named.
    pub fn default_actor(&self) -> &Actor {
        self.actors
            .first()
            .expect("a valid configuration has at least one actor")
    }

    /// The actor with whose voice a page speaks: the first that asks for it, else the first that asks for none in
    /// particular, else the default one.
    pub fn actor_of_page(&self, path: &str) -> &Actor {
        let path = path.trim_start_matches('/');
        let asks = |actor: &&Actor| actor.pages.as_ref().is_some_and(|pages| pages.is_match(path));
        let mut actors = self.actors.iter();
        actors
            .find(asks)
            .or_else(|| self.actors.iter().find(|actor| actor.pages.is_none()))
            .unwrap_or_else(|| self.default_actor())
    }

    /// The actor that a page is published by: the one it asks for, when there is one of that name, else
    /// [`Config::actor_of_page`].
    pub fn speaker(&self, asked: Option<&str>, path: &str) -> &Actor {
        asked
            .and_then(|name| self.actor(name))
            .unwrap_or_else(|| self.actor_of_page(path))
    }

    /// What the document of an actor tells. Its page is the site.
    pub fn describe<'a>(&'a self, actor: &'a Actor) -> Description<'a> {
        let absolute = |picture: &String| self.site.url.join(picture).ok().map(String::from);
        Description {
            name: &actor.name,
            kind: actor.kind.name(),
            display_name: &actor.display_name,
            summary: &actor.summary,
            url: self.site.url.as_str(),
            icon: actor.icon.as_ref().and_then(absolute),
            image: actor.image.as_ref().and_then(absolute),
            fields: &actor.fields,
            discoverable: actor.discoverable,
            indexable: actor.indexable,
            approves_followers: actor.followers != FollowPolicy::Accept,
            attribution_domains: &actor.attribution_domains,
            also_known_as: &actor.also_known_as,
            handle_domain: &self.federation.handle_domain,
        }
    }

    /// Whether a hook is a command.
    pub fn runs_commands(&self) -> bool {
        self.hooks
            .iter()
            .any(|hook| matches!(hook.target, HookTarget::Command(_)))
    }

    /// The handle of an actor, `@blog@blog.example`.
    pub fn handle(&self, name: &str) -> String {
        format!("@{name}@{}", self.federation.handle_domain)
    }
}
