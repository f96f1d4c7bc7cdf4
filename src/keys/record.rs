//! What `keys.json` remembers: by it a key that was lost or exchanged is noticed, and a rotation finds its way to the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::file::file_name;
use crate::store::{Disk, StoreError};

/// The record of the fingerprints, `keys.json`.
const RECORD: &str = "keys";

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Actor(String),
    Instance,
}

impl Owner {
    /// Where its keys lie.
    pub(super) fn folder(&self) -> String {
        match self {
            Owner::Actor(name) => format!("actors/{}", file_name(name)),
            Owner::Instance => "instance".to_string(),
        }
    }
}

/// `keys.json`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    #[serde(default)]
    pub(super) actors: BTreeMap<String, Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Entry>,
}

impl Remembered {
    /// Reads it; empty in a new data directory.
    pub(super) fn read(disk: &Disk) -> Result<Remembered, StoreError> {
        Ok(match disk.get(RECORD)? {
            None => Remembered::default(),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
                path: disk.path(RECORD),
                reason: error.to_string(),
            })?,
        })
    }

    /// Writes it.
    pub(super) fn write(&self, disk: &Disk) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("names and fingerprints are strings");
        bytes.push(b'\n');
        disk.replace(RECORD, &bytes)
    }

    pub(super) fn get(&self, owner: &Owner) -> Option<&Entry> {
        match owner {
            Owner::Actor(name) => self.actors.get(name),
            Owner::Instance => self.instance.as_ref(),
        }
    }

    pub(super) fn set(&mut self, owner: &Owner, entry: Entry) {
        match owner {
            Owner::Actor(name) => drop(self.actors.insert(name.clone(), entry)),
            Owner::Instance => self.instance = Some(entry),
        }
    }
}

/// What is remembered of an actor's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The fingerprint of `key.pem`.
    pub(super) key: String,
    /// During a rotation, the fingerprint of the key that comes; the same as `key` while it takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// The fingerprints of earlier keys that deliveries may still need, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) former: Vec<String>,
}
