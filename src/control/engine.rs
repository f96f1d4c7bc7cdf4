//! What a command works on: the open store and who publishes.

use std::sync::{Arc, OnceLock};

use super::Failure;
use crate::ap::iri::Iris;
use crate::clock::Clock;
use crate::config::Config;
use crate::instance::Instance;
use crate::net::{Client, Resolver, Settings, user_agent};
use crate::publish::Publisher;
use crate::store::Store;

/// What commands work on.
#[derive(Debug)]
pub struct Engine {
    /// What the rivers share.
    pub instance: Arc<Instance>,
    /// Who publishes.
    pub publisher: Arc<Publisher>,
    /// Who works.
    pub role: Role,
    /// Where the daemon listens, as it says at its start.
    pub address: OnceLock<String>,
}

/// Who works on a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The daemon: what is queued goes out by itself.
    Daemon,
    /// A command alone: what is queued waits for the daemon unless the command waits for it.
    Command,
}

impl Engine {
    /// Opens the data directory that the configuration names.
    ///
    /// # Errors
    /// When it is in use, damaged, newer, or another site's.
    pub fn open(config: Config, role: Role) -> Result<Engine, Failure> {
        let iris = Iris::new(&config.site.url);
        let store = Store::open(&config.site.data, iris.origin(), &config.federation.handle_domain)?;
        let client = Client::new(Settings {
            allow_private: config.federation.allow_private_addresses,
            user_agent: user_agent(iris.origin()),
            resolver: Resolver::System,
        })
        .map_err(Failure::failed)?;
        let instance = Arc::new(Instance::new(config, store, client, Clock::system()));
        Ok(Engine {
            publisher: Arc::new(Publisher::new(Arc::clone(&instance))),
            instance,
            role,
            address: OnceLock::new(),
        })
    }

    /// Reads all keys, and makes those of new actors. Blocks.
    ///
    /// # Errors
    /// When a key is lost, damaged or exposed.
    pub fn prepare_keys(&self) -> Result<(), Failure> {
        self.instance.keys.instance()?;
        for actor in &self.instance.config().actors {
            self.instance.keys.of(&actor.name)?;
        }
        Ok(())
    }
}
