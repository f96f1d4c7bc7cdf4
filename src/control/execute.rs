//! The one function that carries out commands, for the daemon and for a command that finds no daemon.

use std::sync::Arc;

use serde_json::json;

use super::{Command, Failure, Reply, Watcher, show};
use crate::ap::iri::Iris;
use crate::clock::Clock;
use crate::config::Config;
use crate::instance::Instance;
use crate::net::{Client, Resolver, Settings, user_agent};
use crate::store::Store;

/// What commands work on.
#[derive(Debug)]
pub struct Engine {
    /// What the rivers share.
    pub instance: Arc<Instance>,
    /// Who works.
    pub role: Role,
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
        Ok(Engine { instance, role })
    }

    /// Reads all keys, and makes those of new actors; blocks.
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

/// Who works on a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The daemon: what is queued goes out by itself.
    Daemon,
    /// A command alone: what is queued waits for the daemon unless the command waits for it.
    Command,
}

/// Carries out a command.
///
/// # Errors
/// What went wrong, with the exit code that the command's process ends with.
pub async fn execute(engine: &Arc<Engine>, command: Command, watcher: Watcher) -> Result<Reply, Failure> {
    let instance = &engine.instance;
    let _ = watcher;
    match command {
        Command::Status => Ok(Reply::data(json!({ "version": env!("CARGO_PKG_VERSION") }))),
        Command::Followers => show::followers(instance),
        _ => Err(Failure::failed("later")),
    }
}
