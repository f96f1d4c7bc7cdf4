//! Our own keys: made once, kept where only their owner can read them, and never replaced silently.
//!
//! Each actor has an RSA key, which every server understands, and an Ed25519 key beside it (FEP-521a):
//! `actors/NAME/key.pem` and `actors/NAME/ed25519.pem`, the instance actor's in `instance/`, PKCS#8 in PEM, mode 0600.
//! `keys.json` remembers the fingerprint of each RSA key, so that a lost or exchanged file is noticed: other servers
//! would refuse everything that a fresh key signs.
//!
//! The ids of the keys stay `#main-key` and `#ed25519-key` also when the keys change: Mastodon, GoToSocial and others
//! keep one key of an actor under one id, take the new one from the Update (or fetch the actor again when a signature
//! fails), and some servers refuse another id than `#main-key`.
//!
//! A rotation goes through these steps, each on disk before the next, and each may be repeated:
//! 1. the new keys lie in `next-*.pem`, and `keys.json` names them: from here the rotation is always completed, at the
//!    next start if need be;
//! 2. the Update is queued, to be signed with the present key whenever it is delivered (by [`crate::publish`]);
//! 3. a copy of the present key lies in `former/FINGERPRINT.pem`, until no delivery needs it;
//! 4. `keys.json` says that the new keys are the present ones, and they take the place of the old;
//! 5. `next-*.pem` go.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::sig::SigError;
use crate::sig::key::PrivateKey;
use crate::store::file::{file_name, short_hash};
use crate::store::{Disk, StoreError};

/// The record of the fingerprints, `keys.json`.
const RECORD: &str = "keys";
/// The RSA key of an actor.
const RSA: &str = "key.pem";
/// The Ed25519 key of an actor.
const ED25519: &str = "ed25519.pem";

/// Makes a key, as PKCS#8 in PEM.
type Generate = fn() -> Result<String, SigError>;

/// The files of an actor's keys, and how each is made.
const GENERATORS: [(&str, Generate); 2] = [
    (ED25519, PrivateKey::generate_ed25519),
    (RSA, PrivateKey::generate_rsa),
];

/// The keys of one actor.
#[derive(Debug)]
pub struct KeyPair {
    /// `#main-key`: signs requests in both schemes.
    pub rsa: PrivateKey,
    /// `#ed25519-key`, the `assertionMethod`.
    pub ed25519: Arc<PrivateKey>,
    /// 16 hexadecimal digits of the SHA-256 of the public RSA key's PEM.
    pub fingerprint: String,
}

/// All keys of a data directory, read or made when they are first asked for.
#[derive(Debug)]
pub struct Keys {
    disk: Disk,
    state: Mutex<State>,
    /// See [`Keys::version`].
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    loaded: BTreeMap<Owner, Arc<KeyPair>>,
    former: BTreeMap<String, Arc<KeyPair>>,
    record: Option<Remembered>,
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Actor(String),
    Instance,
}

impl Owner {
    fn folder(&self) -> String {
        match self {
            Owner::Actor(name) => format!("actors/{}", file_name(name)),
            Owner::Instance => "instance".to_string(),
        }
    }
}

/// `keys.json`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Remembered {
    #[serde(default)]
    actors: BTreeMap<String, Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Entry>,
}

impl Remembered {
    fn get(&self, owner: &Owner) -> Option<&Entry> {
        match owner {
            Owner::Actor(name) => self.actors.get(name),
            Owner::Instance => self.instance.as_ref(),
        }
    }

    fn set(&mut self, owner: &Owner, entry: Entry) {
        match owner {
            Owner::Actor(name) => drop(self.actors.insert(name.clone(), entry)),
            Owner::Instance => self.instance = Some(entry),
        }
    }
}

/// What is remembered of an actor's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The fingerprint of `key.pem`.
    key: String,
    /// During a rotation, the fingerprint of the key that comes; the same as `key` while it takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The fingerprints of earlier keys that deliveries may still need, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<String>,
}

impl Keys {
    /// The keys below a data directory. Nothing is read yet.
    pub fn new(disk: &Disk) -> Keys {
        Keys {
            disk: disk.clone(),
            state: Mutex::default(),
            version: AtomicU64::new(0),
        }
    }

    /// Grows whenever a key is read or made: what shows a key is good as long as it stays.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The keys of an actor; made when it never had any.
    ///
    /// # Errors
    /// When the actor had a key whose file is missing, damaged, exchanged, or readable by others.
    pub fn of(&self, actor: &str) -> Result<Arc<KeyPair>, StoreError> {
        self.get(&Owner::Actor(actor.to_string()))
    }

    /// The keys of the instance actor; made when it never had any.
    ///
    /// # Errors
    /// As [`Keys::of`].
    pub fn instance(&self) -> Result<Arc<KeyPair>, StoreError> {
        self.get(&Owner::Instance)
    }

    /// The keys of an actor with this fingerprint, when they are kept still; otherwise its present ones.
    ///
    /// # Errors
    /// As [`Keys::of`].
    pub fn with_fingerprint(&self, actor: &str, fingerprint: &str) -> Result<Arc<KeyPair>, StoreError> {
        let now = self.of(actor)?;
        if now.fingerprint == fingerprint {
            return Ok(now);
        }
        if let Some(former) = self.lock().former.get(fingerprint) {
            return Ok(Arc::clone(former));
        }
        let file = format!(
            "{}/former/{}.pem",
            Owner::Actor(actor.into()).folder(),
            file_name(fingerprint)
        );
        let Some(rsa) = self.read_key(&file)? else {
            return Ok(now);
        };
        let former = Arc::new(KeyPair {
            fingerprint: fingerprint_of(&rsa),
            rsa,
            ed25519: Arc::clone(&now.ed25519),
        });
        self.lock()
            .former
            .insert(fingerprint.to_string(), Arc::clone(&former));
        Ok(former)
    }

    /// Makes the next keys of an actor (step 1), or goes on with a rotation that was interrupted. Whoever calls queues the
    /// Update next and then calls [`Keys::finish_rotation`].
    ///
    /// # Errors
    /// As [`Keys::of`], and when the disk can't be written.
    pub fn begin_rotation(&self, actor: &str) -> Result<Rotation, StoreError> {
        let present = self.of(actor)?;
        if let Some(rotation) = self.unfinished_rotation(actor)? {
            return Ok(rotation);
        }
        let owner = Owner::Actor(actor.to_string());
        let folder = owner.folder();
        let mut state = self.lock();
        for (name, generate) in GENERATORS {
            let file = format!("{folder}/next-{name}");
            let pem = generate().map_err(|error| self.bad(&file, &error.to_string()))?;
            self.disk.replace_secret(&file, pem.as_bytes())?;
        }
        let next = self.next(&folder)?;
        let mut entry = self.entry(&mut state, &owner)?.unwrap_or_default();
        entry.next = Some(next.fingerprint.clone());
        self.remember(&mut state, &owner, entry)?;
        Ok(Rotation {
            former: present.fingerprint.clone(),
            new: next,
        })
    }

    /// The rotation of an actor's keys that was begun and not finished.
    ///
    /// # Errors
    /// As [`Keys::of`].
    pub fn unfinished_rotation(&self, actor: &str) -> Result<Option<Rotation>, StoreError> {
        let present = self.of(actor)?;
        let owner = Owner::Actor(actor.to_string());
        let mut state = self.lock();
        let entry = self.entry(&mut state, &owner)?.unwrap_or_default();
        if entry.next.is_none_or(|next| next == entry.key) {
            return Ok(None);
        }
        Ok(Some(Rotation {
            former: present.fingerprint.clone(),
            new: self.next(&owner.folder())?,
        }))
    }

    /// Puts the next keys in the place of the present ones (steps 3 to 5); the Update is queued.
    ///
    /// # Errors
    /// As [`Keys::of`], and when the disk can't be written.
    pub fn finish_rotation(&self, actor: &str) -> Result<(), StoreError> {
        let Some(rotation) = self.unfinished_rotation(actor)? else {
            return Ok(());
        };
        let owner = Owner::Actor(actor.to_string());
        let folder = owner.folder();
        let mut state = self.lock();
        let file = format!("{folder}/{RSA}");
        let pem = self.disk.read(&file)?.ok_or_else(|| self.bad(&file, MISSING))?;
        let former = format!("{folder}/former/{}.pem", file_name(&rotation.former));
        self.disk.put_secret(&former, &pem)?;
        let mut entry = self.entry(&mut state, &owner)?.unwrap_or_default();
        entry.key = rotation.new.fingerprint.clone();
        if !entry.former.contains(&rotation.former) {
            entry.former.push(rotation.former);
        }
        self.remember(&mut state, &owner, entry)?;
        self.put_next_in_place(&mut state, &owner)?;
        state.loaded.remove(&owner);
        Ok(())
    }

    /// Removes the former keys of an actor but those that `needed` names.
    ///
    /// # Errors
    /// When the disk can't be written.
    pub fn forget_former(&self, actor: &str, mut needed: impl FnMut(&str) -> bool) -> Result<(), StoreError> {
        let owner = Owner::Actor(actor.to_string());
        let mut state = self.lock();
        let Some(mut entry) = self.entry(&mut state, &owner)? else {
            return Ok(());
        };
        let keep = |fingerprint: &String| needed(fingerprint);
        let (kept, gone): (Vec<String>, Vec<String>) = entry.former.iter().cloned().partition(keep);
        if gone.is_empty() {
            return Ok(());
        }
        for fingerprint in &gone {
            self.disk.remove(&format!(
                "{}/former/{}.pem",
                owner.folder(),
                file_name(fingerprint)
            ))?;
            state.former.remove(fingerprint);
        }
        entry.former = kept;
        self.remember(&mut state, &owner, entry)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, owner: &Owner) -> Result<Arc<KeyPair>, StoreError> {
        let mut state = self.lock();
        if let Some(pair) = state.loaded.get(owner) {
            return Ok(Arc::clone(pair));
        }
        let folder = owner.folder();
        let entry = self.entry(&mut state, owner)?;
        if entry
            .as_ref()
            .is_some_and(|entry| entry.next.as_ref() == Some(&entry.key))
        {
            self.put_next_in_place(&mut state, owner)?;
        }
        let rsa = self.read_or_make(&folder, RSA, entry.is_some(), PrivateKey::generate_rsa)?;
        let fingerprint = fingerprint_of(&rsa);
        match &entry {
            Some(entry) if entry.key != fingerprint => {
                return Err(self.bad(
                    &format!("{folder}/{RSA}"),
                    "it is another key than the one that was published: put the published one back from your backup",
                ));
            }
            Some(_) => {}
            None => {
                let entry = Entry {
                    key: fingerprint.clone(),
                    ..Entry::default()
                };
                self.remember(&mut state, owner, entry)?;
            }
        }
        let ed25519 = self.read_or_make(&folder, ED25519, false, PrivateKey::generate_ed25519)?;
        let pair = Arc::new(KeyPair {
            rsa,
            ed25519: Arc::new(ed25519),
            fingerprint,
        });
        state.loaded.insert(owner.clone(), Arc::clone(&pair));
        self.version.fetch_add(1, Ordering::Release);
        Ok(pair)
    }

    /// Puts the next keys in place (steps 4 and 5).
    fn put_next_in_place(&self, state: &mut State, owner: &Owner) -> Result<(), StoreError> {
        let folder = owner.folder();
        for (name, _) in GENERATORS {
            if let Some(pem) = self.disk.read(&format!("{folder}/next-{name}"))? {
                self.disk.replace_secret(&format!("{folder}/{name}"), &pem)?;
            }
        }
        if let Some(mut entry) = self.entry(state, owner)? {
            entry.next = None;
            self.remember(state, owner, entry)?;
        }
        for (name, _) in GENERATORS {
            self.disk.remove(&format!("{folder}/next-{name}"))?;
        }
        Ok(())
    }

    /// The keys that wait to take the place of the present ones.
    fn next(&self, folder: &str) -> Result<Arc<KeyPair>, StoreError> {
        let read = |name: &str| {
            let file = format!("{folder}/next-{name}");
            self.read_key(&file)?
                .ok_or_else(|| self.bad(&file, "it is missing in the middle of a rotation"))
        };
        let rsa = read(RSA)?;
        Ok(Arc::new(KeyPair {
            fingerprint: fingerprint_of(&rsa),
            rsa,
            ed25519: Arc::new(read(ED25519)?),
        }))
    }

    fn read_or_make(
        &self,
        folder: &str,
        name: &str,
        had_one: bool,
        generate: Generate,
    ) -> Result<PrivateKey, StoreError> {
        let file = format!("{folder}/{name}");
        if let Some(key) = self.read_key(&file)? {
            return Ok(key);
        }
        if had_one {
            return Err(self.bad(&file, MISSING));
        }
        let pem = generate().map_err(|error| self.bad(&file, &error.to_string()))?;
        self.disk.put_secret(&file, pem.as_bytes())?;
        self.read_key(&file)?.ok_or_else(|| self.bad(&file, MISSING))
    }

    /// A key from its file; `None` when there is no file.
    fn read_key(&self, file: &str) -> Result<Option<PrivateKey>, StoreError> {
        let Some(bytes) = self.disk.read(file)? else {
            return Ok(None);
        };
        let path = self.path(file);
        let mode = std::fs::metadata(&path)
            .map_err(|error| StoreError::io(&path, error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(self.bad(
                file,
                &format!(
                    "others may read it (mode {:04o}): run `chmod 600 {}`; if somebody could have, `tidings key rotate` next",
                    mode & 0o7777,
                    path.display()
                ),
            ));
        }
        let pem = String::from_utf8(bytes)
            .map_err(|_| self.bad(file, "it is damaged: put it back from your backup"))?;
        read_pem(&pem).map(Some).map_err(|error| {
            self.bad(
                file,
                &format!("it is damaged ({error}): put it back from your backup"),
            )
        })
    }

    fn entry(&self, state: &mut State, owner: &Owner) -> Result<Option<Entry>, StoreError> {
        Ok(self.record(state)?.get(owner).cloned())
    }

    fn record<'s>(&self, state: &'s mut State) -> Result<&'s mut Remembered, StoreError> {
        if state.record.is_none() {
            let record = match self.disk.get(RECORD)? {
                None => Remembered::default(),
                Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
                    path: self.disk.path(RECORD),
                    reason: error.to_string(),
                })?,
            };
            state.record = Some(record);
        }
        Ok(state.record.as_mut().expect("it was read just now"))
    }

    fn remember(&self, state: &mut State, owner: &Owner, entry: Entry) -> Result<(), StoreError> {
        let mut record = self.record(state)?.clone();
        record.set(owner, entry);
        let mut bytes = serde_json::to_vec_pretty(&record).expect("names and fingerprints are strings");
        bytes.push(b'\n');
        self.disk.replace(RECORD, &bytes)?;
        state.record = Some(record);
        Ok(())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.disk.root().join(file)
    }

    fn bad(&self, file: &str, reason: &str) -> StoreError {
        StoreError::Key {
            path: self.path(file),
            reason: reason.to_string(),
        }
    }
}

/// Why a key that was there and is no more isn't made again.
const MISSING: &str = "it is missing, and other servers know the account by it: put it back from your backup";

/// A rotation under way.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The fingerprint of the key that goes: it signs the Update.
    pub former: String,
    /// The new keys.
    pub new: Arc<KeyPair>,
}

fn read_pem(pem: &str) -> Result<PrivateKey, SigError> {
    PrivateKey::from_pkcs8_pem(pem)
}

fn fingerprint_of(key: &PrivateKey) -> String {
    short_hash(&key.public_pem())
}

#[cfg(test)]
mod tests;
