//! The JSON-file store: one data directory, one process, one file a record.
//!
//! Rivers use the tables; only [`mod@file`] touches the disk. What a table keeps in memory is rebuilt from the files at
//! start. All calls block: async code calls them from `tokio::task::spawn_blocking` where they may be slow.

pub mod activity;
pub mod author;
pub mod block;
pub mod cache;
pub mod call;
pub mod file;
pub mod follower;
mod index;
pub mod interaction;
pub mod job;
mod listing;
pub mod media;
mod moment;
mod name;
pub mod object;
pub mod quote;
pub mod remote;
pub mod report;
pub mod seen;
pub mod site;
pub mod table;
mod turn;
mod unnamed;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::ap::iri::key_of_path;

pub use self::activity::{Activity, Answer, AnswerVerdict};
pub use self::author::Approval;
pub use self::block::Block;
pub use self::cache::Cache;
pub use self::call::{About, Call, CallBrief};
pub use self::file::Disk;
pub use self::follower::{FollowState, Follower};
pub use self::interaction::{Attachment, Author, Interaction, InteractionKind, InteractionState};
pub use self::job::Job;
pub use self::media::{Format, Media, Picture, PictureKind};
pub use self::object::{Audience, Object, ObjectBrief, ObjectState, Pending, Reach, Translated};
pub use self::quote::Quote;
pub use self::remote::{RemoteActor, RemoteHost, RemoteWalk};
pub use self::report::Report;
pub use self::seen::{Going, Gone};
pub use self::site::{Held, SiteState};
pub use self::table::{Indexed, Record, Staged, Table};

/// The version of the data directory's layout that this program writes.
pub const LAYOUT: u32 = 1;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the data directory {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// A file can't be understood and must not be put aside.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// One of our own keys can't be used.
    #[error("the key {}: {reason}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("{} has layout {found}, newer than the {LAYOUT} that this program knows: use a newer tidings", path.display())]
    Newer {
        /// The layout file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It holds the account of another site.
    #[error(
        "the data directory {} belongs to {found}, but the configuration says {asked}: set site.url and federation.handle_domain back, or use another site.data",
        path.display()
    )]
    Foreign {
        /// The data directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose the configuration says it is.
        asked: String,
    },
    /// It belongs to another user of this machine.
    #[error(
        "the data directory {} belongs to user {owner}, this is user {asking}: run the command as its owner, for example with `sudo -u '#{owner}'`",
        path.display()
    )]
    WrongUser {
        /// The data directory.
        path: PathBuf,
        /// Its owner's id.
        owner: u32,
        /// Our own id.
        asking: u32,
    },
    /// The operating system says no.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
}

impl StoreError {
    /// An error of the operating system about a path.
    pub fn io(path: &Path, error: io::Error) -> StoreError {
        StoreError::Io {
            path: path.to_path_buf(),
            error,
        }
    }
}

/// Whose data directory it is, and how it is laid out: `layout.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Version of the layout.
    pub layout: u32,
    /// ORIGIN of the site.
    pub origin: String,
    /// What stands after the second @ of its handles.
    pub handle_domain: String,
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    /// Below which everything lies.
    pub disk: Disk,
    /// Our objects, by KEY.
    pub objects: Table<Object>,
    /// To which inboxes each announced object went, by KEY.
    pub audiences: Table<Audience>,
    /// What we sent, by ID.
    pub activities: Table<Activity>,
    /// What others said and did, by short id; grouped by the KEY of our object.
    pub interactions: Table<Interaction>,
    /// Deliveries that aren't done.
    pub jobs: Table<Job>,
    /// Who is blocked.
    pub blocks: Table<Block>,
    /// Authors whose replies are shown without asking.
    pub approvals: Table<Approval>,
    /// Complaints about us.
    pub reports: Table<Report>,
    /// Hooks that are to be called.
    pub calls: Table<Call>,
    /// QuoteAuthorizations, by ID.
    pub quotes: Table<Quote>,
    /// Ids of remote activities and objects that were undone or deleted.
    pub gone: Table<Gone>,
    /// Documents of remote actors: a cache.
    pub remote_actors: Cache<RemoteActor>,
    /// What is known of remote hosts: a cache.
    pub remote_hosts: Cache<RemoteHost>,
    /// When the replies to replies were last looked for: a cache.
    pub remote_walks: Cache<RemoteWalk>,
    /// Pictures of others that are kept here, for readers.
    pub media: Media,
    followers: RwLock<BTreeMap<String, Arc<Table<Follower>>>>,
    /// Held while `site.json` is read, changed and written back.
    site_lock: Mutex<()>,
    _lock: File,
}

impl Store {
    /// Opens the data directory, making it at the first start, and takes its lock until the store is dropped.
    pub fn open(root: &Path, origin: &str, handle_domain: &str) -> Result<Store, StoreError> {
        prepare(root)?;
        let lock = take_lock(root)?;
        let disk = Disk::new(root);
        check_layout(&disk, origin, handle_domain)?;
        // What a crash left half written goes when its folder is looked through: now, before anybody writes there.
        disk.files("")?;
        let store = Store {
            objects: Table::open(&disk, "objects")?,
            audiences: Table::open(&disk, "audiences")?,
            activities: Table::open(&disk, "activities")?,
            interactions: Table::open(&disk, "interactions")?,
            jobs: Table::open(&disk, "queue")?,
            blocks: Table::open(&disk, "blocks")?,
            approvals: Table::open(&disk, "approvals")?,
            reports: Table::open(&disk, "reports")?,
            calls: Table::open(&disk, "hooks")?,
            quotes: Table::open(&disk, "quotes")?,
            gone: Table::open(&disk, "gone")?,
            remote_actors: Cache::new(&disk, "remote/actors"),
            remote_hosts: Cache::new(&disk, "remote/hosts"),
            remote_walks: Cache::new(&disk, "remote/walks"),
            media: Media::open(&disk, "media")?,
            followers: RwLock::default(),
            disk,
            site_lock: Mutex::new(()),
            _lock: lock,
        };
        for name in store.disk.folders("actors")? {
            store.followers(&name)?;
        }
        Ok(store)
    }

    /// The followers of one of our actors, by the follower's id.
    pub fn followers(&self, actor: &str) -> Result<Arc<Table<Follower>>, StoreError> {
        if let Some(table) = self
            .followers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(actor)
        {
            return Ok(Arc::clone(table));
        }
        let mut tables = self.followers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(actor) {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(Table::open(
            &self.disk,
            &format!("actors/{}/followers", file::file_name(actor)),
        )?);
        tables.insert(actor.to_string(), Arc::clone(&table));
        Ok(table)
    }

    /// The KEY of the live object whose page moved to where this KEY would be its own, or that is in several languages
    /// and has a page there.
    pub fn object_of_other_key(&self, key: &str) -> Option<Arc<str>> {
        let mut found = None;
        self.objects.each(|own, object| {
            // Few objects ever move or have translations, so nearly all are passed over at once.
            let moved = object
                .page
                .as_deref()
                .filter(|_| !object.former_pages().is_empty());
            let translations = object
                .translations()
                .iter()
                .map(|translated| translated.page.as_str());
            if object.state == ObjectState::Live
                && moved
                    .into_iter()
                    .chain(translations)
                    .any(|page| key_of_path(page) == key)
            {
                found = Some(Arc::clone(own));
            }
        });
        found
    }

    /// Grows with every change of what we serve: objects, what was said about them, activities and stamps.
    pub fn version(&self) -> u64 {
        // Each only grows, so their sum stays the same only when all of them do.
        self.objects.version()
            + self.interactions.version()
            + self.activities.version()
            + self.quotes.version()
            + self.media.revision()
    }

    /// What is known of the site as a whole: `site.json`.
    pub fn site(&self) -> Result<SiteState, StoreError> {
        let Some(bytes) = self.disk.get("site")? else {
            return Ok(SiteState::default());
        };
        serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
            path: self.disk.path("site"),
            reason: error.to_string(),
        })
    }

    /// Changes what is known of the site as a whole.
    ///
    /// # Errors
    /// When the record can't be read or written.
    pub fn update_site(&self, change: impl FnOnce(&mut SiteState)) -> Result<(), StoreError> {
        let _writing = self.site_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.site()?;
        change(&mut state);
        self.disk.replace("site", &pretty(&state))
    }
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("our own records have string keys");
    bytes.push(b'\n');
    bytes
}

/// Makes the data directory if it isn't there, and checks whose it is.
pub(crate) fn prepare(root: &Path) -> Result<(), StoreError> {
    if !root.exists() {
        make_root(root).map_err(|error| StoreError::io(root, error))?;
    }
    check_owner(root)
}

/// Makes the data directory for its owner alone: private messages lie in it.
fn make_root(root: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Some(parent) = root.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(root)
}

pub(crate) fn check_owner(root: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(root)
        .map_err(|error| StoreError::io(root, error))?
        .uid();
    check_user(root, owner, rustix::process::geteuid().as_raw())
}

fn check_user(root: &Path, owner: u32, asking: u32) -> Result<(), StoreError> {
    if owner == asking {
        Ok(())
    } else {
        Err(StoreError::WrongUser {
            path: root.to_path_buf(),
            owner,
            asking,
        })
    }
}

pub(crate) fn take_lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    // For reading only: a file that is open for writing keeps a disk in trouble from being made read-only.
    let open = || match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            File::options().create(true).append(true).open(&path)?;
            File::open(&path)
        }
        opened => opened,
    };
    let file = open().map_err(|error| StoreError::io(&path, error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(root.to_path_buf())),
        Err(error) => Err(StoreError::io(&path, error.into())),
    }
}

fn check_layout(disk: &Disk, origin: &str, handle_domain: &str) -> Result<(), StoreError> {
    let path = disk.path("layout");
    let Some(bytes) = disk.get("layout")? else {
        let layout = Layout {
            layout: LAYOUT,
            origin: origin.into(),
            handle_domain: handle_domain.into(),
        };
        return disk.replace("layout", &pretty(&layout));
    };
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        path: path.clone(),
        reason: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    let found = value["layout"]
        .as_u64()
        .and_then(|found| u32::try_from(found).ok())
        .unwrap_or(0);
    if found > LAYOUT {
        return Err(StoreError::Newer { path, found });
    }
    if found == 0 {
        return Err(StoreError::Damaged {
            path,
            reason: "it names no layout that ever was".into(),
        });
    }
    let layout: Layout = serde_json::from_value(value).map_err(damaged)?;
    if layout.origin != origin || layout.handle_domain != handle_domain {
        let who = |origin: &str, domain: &str| format!("{origin} (handles end in @{domain})");
        return Err(StoreError::Foreign {
            path: disk.root().to_path_buf(),
            found: who(&layout.origin, &layout.handle_domain),
            asked: who(origin, handle_domain),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_own_the_data_directory_is_told_who_does() {
        let root = Path::new("/srv/blog/data");
        assert!(check_user(root, 990, 990).is_ok());
        let refused = check_user(root, 990, 0).unwrap_err();
        assert!(matches!(
            refused,
            StoreError::WrongUser {
                owner: 990,
                asking: 0,
                ..
            }
        ));
        assert!(refused.to_string().contains("sudo -u '#990'"), "{refused}");
    }

    #[test]
    fn a_store_is_owned_by_one_at_a_time_and_by_one_site_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        let store = Store::open(&root, "https://blog.example", "blog.example").unwrap();
        assert!(matches!(
            Store::open(&root, "https://blog.example", "blog.example"),
            Err(StoreError::Locked(_))
        ));
        drop(store);
        assert!(matches!(
            Store::open(&root, "https://other.example", "blog.example"),
            Err(StoreError::Foreign { .. })
        ));
        std::fs::write(root.join(".tmp-half"), "{").unwrap();
        drop(Store::open(&root, "https://blog.example", "blog.example").unwrap());
        assert!(!root.join(".tmp-half").exists());
        std::fs::write(root.join("layout.json"), r#"{"layout":2}"#).unwrap();
        assert!(matches!(
            Store::open(&root, "https://blog.example", "blog.example"),
            Err(StoreError::Newer { found: 2, .. })
        ));
    }
}
