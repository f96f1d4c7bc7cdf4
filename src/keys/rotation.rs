//! The change of an actor's keys, so that it can be interrupted anywhere.
//!
//! A rotation goes through these steps, each on disk before the next, and each may be repeated:
//! 1. the new keys lie in `next-*.pem`, and `keys.json` names them: from here the rotation is always completed, at the
//!    next start if need be;
//! 2. the Update is queued, to be signed with the present key whenever it is delivered (by [`crate::publish`]);
//! 3. a copy of the present key lies in `former/FINGERPRINT.pem`, until no delivery needs it;
//! 4. `keys.json` says that the new keys are the present ones, and they take the place of the old;
//! 5. `next-*.pem` go.

use std::sync::Arc;

use super::record::Owner;
use super::{ED25519, GENERATORS, KeyPair, Keys, MISSING, RSA, State, fingerprint_of};
use crate::store::StoreError;
use crate::store::file::file_name;

/// A rotation under way.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The fingerprint of the key that goes: it signs the Update.
    pub former: String,
    /// The new keys.
    pub new: Arc<KeyPair>,
}

impl Keys {
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

    /// Puts the next keys in place (steps 4 and 5).
    pub(super) fn put_next_in_place(&self, state: &mut State, owner: &Owner) -> Result<(), StoreError> {
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
}
