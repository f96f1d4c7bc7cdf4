//! What holds where `ap.toml` says nothing. The shipped `ap.toml` shows the same values.

use std::time::Duration;

use super::{
    ActorKind, FirstRun, FollowPolicy, Moderation, Order, QuotePolicy, Share, Show, Signatures, Translations,
};
use crate::article::Visibility;
use crate::site::watch::Method;

/// `site.watch`
pub const WATCH: Method = Method::Auto;
/// `server.listen`
pub const LISTEN: &str = "127.0.0.1:8790";
/// `server.listen_mode`: the proxy's group may connect.
pub const LISTEN_MODE: u32 = 0o660;
/// `server.trusted_proxies`: this machine.
pub const TRUSTED_PROXIES: [&str; 3] = ["127.0.0.0/8", "::1", "unix"];
/// `server.failures_per_minute`: a server that lost its keys sends some dozen activities before its owner notices.
pub const FAILURES_PER_MINUTE: usize = 180;
/// `server.activities_per_minute`: more than two cores can store.
pub const ACTIVITIES_PER_MINUTE: usize = 600_000;
/// `actor.type`
pub const ACTOR_KIND: ActorKind = ActorKind::Person;
/// `actor.discoverable`
pub const DISCOVERABLE: bool = true;
/// `actor.indexable`
pub const INDEXABLE: bool = true;
/// `actor.hide_followers`
pub const HIDE_FOLLOWERS: bool = false;
/// `actor.followers`
pub const FOLLOWERS: FollowPolicy = FollowPolicy::Accept;
/// `actor.pages`, `publish.include`: all.
pub const ALL_PAGES: [&str; 1] = ["**"];
/// `publish.visibility`
pub const VISIBILITY: Visibility = Visibility::Public;
/// `publish.quotes`
pub const QUOTES: QuotePolicy = QuotePolicy::Anyone;
/// `publish.first_run`
pub const FIRST_RUN: FirstRun = FirstRun::Baseline;
/// `publish.translations`
pub const TRANSLATIONS: Translations = Translations::Separate;
/// `publish.settle`: longer than a generator pauses between two files.
pub const SETTLE: Duration = Duration::from_secs(2);
/// `publish.delete_grace`: longer than a deployment that clears the folder first.
pub const DELETE_GRACE: Duration = Duration::from_secs(10 * 60);
/// `publish.max_changes`: more than a writer changes by hand in a day.
pub const MAX_CHANGES: usize = 20;
/// `publish.max_deletes`
pub const MAX_DELETES: Share = Share::Percent(10.0);
/// `publish.featured`: what Mastodon shows of pinned posts.
pub const FEATURED: usize = 5;
/// `federation.signatures`
pub const SIGNATURES: Signatures = Signatures::Auto;
/// `interactions.moderation`
pub const MODERATION: Moderation = Moderation::First;
/// `interactions.show`
pub const SHOW: Show = Show::All;
/// `interactions.order`: as a conversation is read.
pub const ORDER: Order = Order::Oldest;
/// `interactions.templates`
pub const TEMPLATES: &str = "widgets";
/// `interactions.locale`
pub const LOCALE: &str = "en";
/// `interactions.media_limit`, in bytes: some ten thousand avatars.
pub const MEDIA_LIMIT: u64 = 256 << 20;
/// `hook.timeout`: longer than a message takes, short enough that what hangs is noticed.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(60);
