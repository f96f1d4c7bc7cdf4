//! One running tidings: what the rivers share.
//!
//! The daemon makes one, and so does a command that finds no daemon running: both take the same code path.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::{Notify, broadcast};

use crate::ap::actor;
use crate::ap::iri::Iris;
use crate::article::Discussion;
use crate::clock::Clock;
use crate::config::Config;
use crate::deliver;
use crate::hooks;
use crate::inbox::blocklist::{self, Rules};
use crate::inbox::gate::Gate;
use crate::keys::{KeyPair, Keys};
use crate::net::Client;
use crate::remote;
use crate::store::{Activity, Job, Store, StoreError};
use crate::widget::{Shelf, Streams, Templates};

/// How many happenings a slow listener may be behind before it misses some.
const HAPPENINGS: usize = 256;

/// One running tidings.
#[derive(Debug)]
pub struct Instance {
    config: RwLock<Arc<Config>>,
    /// How often the configuration was changed.
    configured: AtomicU64,
    /// The maker of our ids.
    pub iris: Iris,
    /// The data directory.
    pub store: Store,
    /// Our own keys.
    pub keys: Keys,
    /// The way out.
    pub client: Client,
    /// What is known of other servers.
    pub remote: remote::Memory,
    /// The time.
    pub clock: Clock,
    /// Where hook calls are left to be made.
    pub calls: hooks::Desk,
    /// Where the commands of hooks are run.
    pub place: Arc<hooks::Place>,
    /// What waits for delivery.
    pub outbound: deliver::Outbound,
    /// Rung when the folder should be read again.
    pub scan: Notify,
    /// How much its inboxes take.
    pub gate: Gate,
    /// The blocks by words and patterns.
    pub rules: Rules,
    /// What was said, as far as it was read for pages.
    pub shelf: Shelf,
    /// How that is drawn.
    pub templates: Templates,
    /// Readers who are told so.
    pub streams: Streams,
    /// Told when something changed under an object: its KEY. For streams of events.
    pub changed: broadcast::Sender<Arc<str>>,
    /// The time in the last fresh id, and how many before it had the same.
    last_id: Mutex<(i64, u16)>,
}

/// An activity on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The name of the actor that does it, and signs.
    pub actor: String,
    /// Its ID: the last segment of its id.
    pub id: String,
    /// The KEY of our object that it is about.
    pub object: Option<String>,
    /// The document, without bto and bcc.
    pub activity: Value,
    /// Where it goes, each inbox once; may be empty.
    pub inboxes: Vec<String>,
}

impl Instance {
    /// Puts together what `config` describes.
    pub fn new(config: Config, store: Store, client: Client, clock: Clock) -> Instance {
        Instance {
            gate: Gate::new(config.server.rates),
            iris: Iris::new(&config.site.url),
            config: RwLock::new(Arc::new(config)),
            configured: AtomicU64::new(0),
            keys: Keys::new(&store.disk),
            store,
            client,
            remote: remote::Memory::default(),
            clock,
            calls: hooks::Desk::default(),
            place: Arc::default(),
            outbound: deliver::Outbound::default(),
            last_id: Mutex::default(),
            scan: Notify::new(),
            rules: Rules::default(),
            shelf: Shelf::default(),
            templates: Templates::default(),
            streams: Streams::default(),
            changed: broadcast::channel(HAPPENINGS).0,
        }
    }

    /// The configuration as it is now; hold it no longer than one piece of work takes.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in place (SIGHUP).
    pub fn set_config(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.configured.fetch_add(1, Ordering::Release);
    }

    /// Grows with every change of what is shown under any object but what others say: the configuration, our objects, and
    /// the pictures that are kept.
    pub fn surroundings(&self) -> u64 {
        self.configured.load(Ordering::Acquire) + self.store.objects.version() + self.store.media.revision()
    }

    /// Grows with every change of what we serve, but for followers: a document that was made at one version is good as
    /// long as it stays. It is to be asked for before the document is made.
    pub fn version(&self) -> u64 {
        self.configured.load(Ordering::Acquire) + self.keys.version() + self.store.version()
    }

    /// Whether nothing is sent to a host and nothing taken or fetched from it: by `ap.toml`, or by a block of its domain or
    /// of one above it.
    pub fn refuses(&self, host: &str) -> bool {
        self.config().federation.refuses(host) || blocklist::domain_block(&self.store.blocks, host).is_some()
    }

    /// Whether what others say about one of our objects is taken and shown: by the configuration or by its page, whichever
    /// allows less. A note belongs to no page: it is always open.
    pub fn discussion(&self, key: &str) -> Discussion {
        let object = self.store.objects.brief(key);
        let page = object.and_then(|object| Some((object.page?, object.discussion)));
        match page {
            Some((path, of_page)) => self.config().interactions.discussion(&path).max(of_page),
            None => Discussion::Open,
        }
    }

    /// The document of one of our actors, as it is now.
    pub fn actor_document(&self, name: &str) -> Result<Option<Value>, StoreError> {
        if self.config().actor(name).is_none() {
            return Ok(None);
        }
        let keys = self.keys.of(name)?;
        Ok(self.actor_document_with(name, &keys))
    }

    /// The document of one of our actors with these keys: during a rotation the next ones are told before they are used.
    pub fn actor_document_with(&self, name: &str, keys: &KeyPair) -> Option<Value> {
        let config = self.config();
        let described = config.actor(name)?;
        let (rsa_pem, ed25519_multibase) = (keys.rsa.public_pem(), keys.ed25519.public_multibase());
        Some(actor::document(
            &config.describe(described),
            &self.iris,
            actor::Keys {
                rsa_pem: &rsa_pem,
                ed25519_multibase: &ed25519_multibase,
            },
        ))
    }

    /// The document of the actor that signs our fetches.
    pub fn instance_document(&self) -> Result<Value, StoreError> {
        let config = self.config();
        let keys = self.keys.instance()?;
        let (rsa_pem, ed25519_multibase) = (keys.rsa.public_pem(), keys.ed25519.public_multibase());
        Ok(actor::instance(
            &self.iris,
            &config.federation.handle_domain,
            config.site.url.as_str(),
            actor::Keys {
                rsa_pem: &rsa_pem,
                ed25519_multibase: &ed25519_multibase,
            },
        ))
    }

    /// A fresh id that nobody can guess: later ones are greater. 11 hexadecimal digits of time in milliseconds, 4 that
    /// count within one, 12 of chance.
    pub fn fresh_id(&self) -> String {
        let mut chance = [0; 8];
        getrandom::fill(&mut chance[2..]).expect("the operating system has randomness");
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        // The clock may step back, and a millisecond has room for more ids than can be stored in it.
        let now = self.clock.now().as_millisecond().max(last.0);
        *last = match last.1.checked_add(1) {
            Some(count) if now == last.0 => (now, count),
            None if now == last.0 => (now + 1, 0),
            _ => (now, 0),
        };
        format!("{:011x}{:04x}{:012x}", last.0, last.1, u64::from_be_bytes(chance))
    }

    /// Stores an activity, then its delivery job, then wakes the delivery. Repeating it with the same ID changes nothing
    /// but sends again.
    pub fn send(&self, outgoing: Outgoing) -> Result<(), StoreError> {
        self.send_with_key(outgoing, None)
    }

    /// As [`Instance::send`], signed with the former key of this fingerprint: the Update that announces a new one.
    pub fn send_with_key(&self, outgoing: Outgoing, key: Option<String>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let activity = Activity {
            id: outgoing.id,
            actor: outgoing.actor,
            at: now,
            object: outgoing.object,
            answer: None,
            activity: outgoing.activity,
        };
        self.store.activities.put(&activity)?;
        if outgoing.inboxes.is_empty() {
            return Ok(());
        }
        let job = Job {
            id: self.fresh_id(),
            actor: activity.actor,
            key,
            activity: self.iris.activity(&activity.id),
            created: now,
            inboxes: outgoing.inboxes,
            body: activity.activity,
        };
        self.store.jobs.put(&job)?;
        self.outbound.add(&job);
        Ok(())
    }
}
