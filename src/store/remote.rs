//! What is known of other servers: a cache, safe to delete.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Indexed, Record};
use crate::sig::Scheme;

/// A remote actor's document; `D` is how it is held: by itself, or borrowed to be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoteActor<D = Value> {
    /// Its id.
    pub id: String,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// As it came.
    pub document: D,
}

impl Record for RemoteActor {
    type Glance = RemoteActor;
}

impl Indexed for RemoteActor {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}

/// What is known of a remote host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoteHost {
    /// Host and port as in a URL.
    pub host: String,
    /// The signature scheme that it is known to take, and until when that is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<(Scheme, Timestamp)>,
}

impl Record for RemoteHost {
    type Glance = RemoteHost;
}

impl Indexed for RemoteHost {
    type Brief = ();

    fn id(&self) -> &str {
        &self.host
    }

    fn brief(&self) {}
}

/// When the replies to a reply were last looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RemoteWalk {
    /// The short id of the reply.
    pub id: String,
    /// When.
    pub walked: Timestamp,
}

impl Record for RemoteWalk {
    type Glance = RemoteWalk;
}

impl Indexed for RemoteWalk {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}
