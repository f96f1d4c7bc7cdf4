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
//! How keys change without a gap stands in `rotation`.

mod record;
mod rotation;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::rotation::Rotation;

use self::record::{Entry, Owner, Remembered};
use crate::sig::SigError;
use crate::sig::key::PrivateKey;
use crate::store::file::{file_name, short_hash};
use crate::store::{Disk, StoreError};

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
                    "others may read it (mode {:04o}): run `chmod -R go= {}`; if somebody could have, `tidings key rotate` next",
                    mode & 0o7777,
                    self.disk.root().display()
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
            state.record = Some(Remembered::read(&self.disk)?);
        }
        Ok(state.record.as_mut().expect("it was read just now"))
    }

    fn remember(&self, state: &mut State, owner: &Owner, entry: Entry) -> Result<(), StoreError> {
        let mut record = self.record(state)?.clone();
        record.set(owner, entry);
        record.write(&self.disk)?;
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

fn read_pem(pem: &str) -> Result<PrivateKey, SigError> {
    PrivateKey::from_pkcs8_pem(pem)
}

fn fingerprint_of(key: &PrivateKey) -> String {
    short_hash(&key.public_pem())
}

#[cfg(test)]
mod tests;
