//! The river out: from file operations in a real folder to the jobs on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::instance::Instance;
use tidings::net::{Client, Resolver, Settings};
use tidings::publish::{Outlook, Publisher, Selection, silent};
use tidings::store::{FollowState, Follower, Job, Store};

use crate::harness::page;

const OLD: &str = "2026-11-01T10:00:00+01:00";
const SHARED: &str = "https://remote.example/inbox";

/// A site, its store, and a clock that the test moves.
struct Desk {
    folder: tempfile::TempDir,
    instance: Arc<Instance>,
    publisher: Publisher,
}

impl Desk {
    /// With a follower, and what `extra` adds to ap.toml; nothing was scanned yet.
    fn new(extra: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("public")).unwrap();
        Desk::open(folder, extra)
    }

    fn open(folder: tempfile::TempDir, extra: &str) -> Desk {
        let file = folder.path().join("ap.toml");
        let text = format!(
            "[site]\nurl = 'https://blog.example'\noutput = 'public'\ndata = 'data'\n\
             [[actor]]\nname = 'blog'\n[publish]\nsettle = '10ms'\n{extra}"
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let store = Store::open(&config.site.data, "https://blog.example", "blog.example").unwrap();
        let client = Client::new(Settings {
            allow_private: false,
            user_agent: "tidings-test".into(),
            resolver: Resolver::System,
        })
        .unwrap();
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let instance = Arc::new(Instance::new(config, store, client, Clock::manual(now)));
        let desk = Desk {
            publisher: Publisher::new(Arc::clone(&instance)),
            folder,
            instance,
        };
        for name in ["ada", "ben"] {
            desk.follow(name, Some(SHARED));
        }
        desk
    }

    /// Another process on the same folder and store.
    fn again(self, extra: &str) -> Desk {
        let Desk {
            folder,
            instance,
            publisher,
        } = self;
        drop(publisher);
        let now = instance.clock.now();
        drop(instance);
        let desk = Desk::open(folder, extra);
        desk.instance.clock.set(now);
        desk
    }

    fn follow(&self, name: &str, shared: Option<&str>) {
        let actor = format!("https://remote.example/users/{name}");
        let follower = Follower {
            handle: format!("@{name}@remote.example"),
            inbox: format!("{actor}/inbox"),
            shared_inbox: shared.map(str::to_string),
            state: FollowState::Accepted,
            since: self.instance.clock.now(),
            follow: json!({}),
            moved_to: None,
            actor,
        };
        self.instance
            .store
            .followers("blog")
            .unwrap()
            .put(&follower)
            .unwrap();
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    fn write(&self, path: &str, html: &str) {
        let file = self.output().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, html).unwrap();
    }

    fn post(&self, slug: &str, body: &str) {
        self.write(&format!("posts/{slug}/index.html"), &page(slug, OLD, body));
    }

    fn remove(&self, slug: &str) {
        std::fs::remove_dir_all(self.output().join("posts").join(slug)).unwrap();
    }

    fn wait(&self, seconds: i64) {
        let clock = &self.instance.clock;
        clock.set(clock.now() + SignedDuration::from_secs(seconds));
    }

    async fn plan(&self) -> Outlook {
        self.publisher.plan(silent()).await.unwrap()
    }

    /// What the daemon does when the folder has settled.
    async fn settle(&self) -> Vec<Job> {
        self.publisher.settle(silent()).await.unwrap();
        self.jobs()
    }

    async fn publish(&self, names: &[&str]) -> Vec<Job> {
        let names = names.iter().map(ToString::to_string).collect();
        self.publisher
            .publish(Selection::Pages(names), silent())
            .await
            .unwrap();
        self.jobs()
    }

    /// The jobs since the last call.
    fn jobs(&self) -> Vec<Job> {
        let jobs = &self.instance.store.jobs;
        let mut ids = jobs.ids();
        ids.sort();
        ids.iter()
            .map(|id| {
                let job = jobs.get(id).unwrap().unwrap();
                jobs.delete(id).unwrap();
                job
            })
            .collect()
    }

    fn object(&self, key: &str) -> Value {
        self.instance.store.objects.get(key).unwrap().unwrap().object
    }
}

fn types(jobs: &[Job]) -> Vec<&str> {
    jobs.iter()
        .map(|job| job.body["type"].as_str().unwrap())
        .collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_new_page_is_one_create_to_each_inbox_and_its_edit_an_update_to_the_same() {
    let desk = Desk::new("");
    desk.post("old", "<p>There before.</p>");
    assert!(desk.settle().await.is_empty());
    desk.post("new", "<p>Here now.</p>");
    let created = desk.settle().await;
    assert_eq!(types(&created), ["Create"]);
    assert_eq!(created[0].inboxes, [SHARED]);
    assert_eq!(
        created[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~new"
    );
    assert_eq!(created[0].body["object"]["published"], "2026-11-01T09:00:00Z");
    assert!(desk.settle().await.is_empty());

    desk.follow("eve", Some("https://late.example/inbox"));
    desk.post("new", "<p>Here now, and better.</p>");
    let updated = desk.settle().await;
    assert_eq!(types(&updated), ["Update"]);
    assert_eq!(updated[0].inboxes, [SHARED]);
    assert_eq!(updated[0].body["object"]["updated"], "2026-11-21T12:00:00Z");
    desk.post("new", "<p>Here now, and better still.</p>");
    let again = desk.settle().await;
    assert_eq!(again[0].body["object"]["updated"], "2026-11-21T12:00:01Z");
}
