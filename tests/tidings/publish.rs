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
use tidings::store::{FollowState, Follower, Job};

use crate::harness::{open_store, page, wait_for};

const OLD: &str = "2026-11-01T10:00:00+01:00";
pub(crate) const SHARED: &str = "https://remote.example/inbox";

/// A site, its store, and a clock that the test moves.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub(crate) instance: Arc<Instance>,
    pub(crate) publisher: Publisher,
}

impl Desk {
    /// With followers, and what `extra` adds to `[publish]`; nothing was scanned yet.
    pub(crate) fn new(extra: &str) -> Desk {
        Desk::below("https://blog.example", extra)
    }

    pub(crate) fn below(url: &str, extra: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("public")).unwrap();
        Desk::open(folder, url, extra)
    }

    fn open(folder: tempfile::TempDir, url: &str, extra: &str) -> Desk {
        let file = folder.path().join("ap.toml");
        let text = format!(
            "[site]\nurl = '{url}'\noutput = 'public'\ndata = 'data'\n\
             [[actor]]\nname = 'blog'\n[publish]\nsettle = '100ms'\n{extra}"
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let store = open_store(&config);
        let client = Client::new(Settings {
            allow_private: config.federation.allow_private_addresses,
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
    pub(crate) fn again(self, extra: &str) -> Desk {
        let Desk {
            folder,
            instance,
            publisher,
        } = self;
        drop(publisher);
        let now = instance.clock.now();
        drop(instance);
        let desk = Desk::open(folder, "https://blog.example", extra);
        desk.instance.clock.set(now);
        desk
    }

    pub(crate) fn follow(&self, name: &str, shared: Option<&str>) {
        let actor = format!("https://remote.example/users/{name}");
        let follower = Follower {
            keys: Default::default(),
            handle: format!("@{name}@remote.example"),
            inbox: format!("{actor}/inbox"),
            shared_inbox: shared.map(str::to_string),
            state: FollowState::Accepted,
            since: self.instance.clock.now(),
            follow: json!({}),
            moved_to: None,
            earlier: Vec::new(),
            actor,
        };
        self.instance
            .store
            .followers("blog")
            .unwrap()
            .put(&follower)
            .unwrap();
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    pub(crate) fn write(&self, path: &str, html: &str) {
        let file = self.output().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, html).unwrap();
    }

    pub(crate) fn post(&self, slug: &str, body: &str) {
        self.write(&format!("posts/{slug}/index.html"), &page(slug, OLD, body));
    }

    fn remove(&self, slug: &str) {
        std::fs::remove_dir_all(self.output().join("posts").join(slug)).unwrap();
    }

    pub(crate) fn wait(&self, seconds: i64) {
        let clock = &self.instance.clock;
        clock.set(clock.now() + SignedDuration::from_secs(seconds));
    }

    async fn plan(&self) -> Outlook {
        self.publisher.plan(silent()).await.unwrap()
    }

    /// What the daemon does when the folder has settled.
    pub(crate) async fn settle(&self) -> Vec<Job> {
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
    pub(crate) fn jobs(&self) -> Vec<Job> {
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

    pub(crate) fn object(&self, key: &str) -> Value {
        self.instance.store.objects.get(key).unwrap().unwrap().object
    }
}

pub(crate) fn types(jobs: &[Job]) -> Vec<&str> {
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

#[tokio::test]
async fn a_rebuild_with_another_footer_and_other_times_sends_nothing() {
    let desk = Desk::new("first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    assert_eq!(types(&desk.settle().await), ["Create", "Create"]);
    for slug in ["a", "b"] {
        let file = desk.output().join(format!("posts/{slug}/index.html"));
        let html = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, html.replace("A footer", "Built on Friday")).unwrap();
    }
    assert!(desk.settle().await.is_empty());
    // Wiped and written anew, with a look at the folder in between.
    let kept = desk.folder.path().join("kept");
    copy(&desk.output(), &kept);
    std::fs::remove_dir_all(desk.output().join("posts")).unwrap();
    desk.write("index.html", "<!doctype html><title>Half a site</title>");
    assert!(desk.settle().await.is_empty());
    std::fs::remove_dir_all(desk.output()).unwrap();
    desk.wait(3600);
    assert!(desk.settle().await.is_empty());
    copy(&kept, &desk.output());
    assert!(desk.settle().await.is_empty());
    let object = desk.instance.store.objects.get("posts~a").unwrap().unwrap();
    assert_eq!((object.missing_since, object.updated), (None, None));
}

#[tokio::test]
async fn a_page_that_moved_is_an_update_with_the_same_id() {
    let desk = Desk::new("first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    desk.settle().await;
    std::fs::create_dir_all(desk.output().join("2026")).unwrap();
    std::fs::rename(desk.output().join("posts/a"), desk.output().join("2026/b")).unwrap();
    let moved = desk.settle().await;
    assert_eq!(types(&moved), ["Update"]);
    assert_eq!(
        moved[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~a"
    );
    assert_eq!(moved[0].body["object"]["url"], "https://blog.example/2026/b/");
    let object = desk.instance.store.objects.get("posts~a").unwrap().unwrap();
    assert_eq!(object.page.as_deref(), Some("/2026/b/"));
    assert_eq!(object.former_pages, ["/posts/a/"]);
    std::fs::rename(desk.output().join("2026/b"), desk.output().join("posts/a")).unwrap();
    assert_eq!(types(&desk.settle().await), ["Update"]);
    let object = desk.instance.store.objects.get("posts~a").unwrap().unwrap();
    assert_eq!(object.former_pages, ["/2026/b/"]);
}

#[tokio::test]
async fn a_page_is_deleted_after_the_grace_and_returns_as_another() {
    let desk = Desk::new("first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    desk.settle().await;
    desk.remove("b");
    assert!(desk.settle().await.is_empty());
    desk.wait(9 * 60);
    desk.post("b", "<p>Two.</p>");
    assert!(desk.settle().await.is_empty(), "back within the grace");
    desk.remove("b");
    desk.settle().await;
    // The grace goes on over a restart.
    desk.wait(9 * 60);
    let desk = desk.again("");
    assert!(desk.settle().await.is_empty());
    desk.wait(60);
    let deleted = desk.settle().await;
    assert_eq!(types(&deleted), ["Delete"]);
    assert_eq!(deleted[0].inboxes, [SHARED]);
    assert_eq!(deleted[0].body["object"]["type"], "Tombstone");
    assert_eq!(desk.object("posts~b")["type"], "Tombstone");
    desk.post("b", "<p>Two.</p>");
    let created = desk.settle().await;
    assert_eq!(types(&created), ["Create"]);
    assert_eq!(
        created[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~b~2"
    );
    assert!(desk.settle().await.is_empty());
}

#[tokio::test]
async fn the_brake_holds_until_the_owner_confirms_or_few_enough_are_left() {
    let desk = Desk::new("max_changes = 3");
    desk.post("old", "<p>Old.</p>");
    desk.settle().await;
    for slug in ["a", "b", "c", "d"] {
        desk.post(slug, "<p>New.</p>");
    }
    assert!(desk.settle().await.is_empty());
    let plan = desk.plan().await;
    assert!(plan.held && plan.changes.len() == 4);
    let desk = desk.again("max_changes = 3");
    assert!(desk.settle().await.is_empty(), "a restart confirms nothing");
    assert_eq!(types(&desk.publish(&["/posts/a/"]).await), ["Create"]);
    assert!(
        desk.settle().await.is_empty(),
        "fewer are left, but the folder is the same"
    );
    let desk = desk.again("max_changes = 3");
    assert!(desk.plan().await.held);
    desk.post("b", "<p>New, and edited.</p>");
    assert_eq!(types(&desk.settle().await), ["Create", "Create", "Create"]);
    for slug in ["a", "b", "c", "d"] {
        desk.post(slug, "<p>Edited.</p>");
    }
    assert!(desk.settle().await.is_empty());
    desk.publisher.publish(Selection::All, silent()).await.unwrap();
    assert_eq!(desk.jobs().len(), 4);
    assert_eq!(desk.instance.store.site().unwrap().held, None);
    desk.post("e", "<p>One more.</p>");
    assert_eq!(desk.settle().await.len(), 1);
}

#[tokio::test]
async fn half_a_site_and_a_wrong_base_url_are_held() {
    let desk = Desk::new("first_run = 'announce'");
    let canonical = |slug: &str, host: &str| {
        page(slug, OLD, "<p>Text.</p>").replace(
            "</head>",
            &format!("<link rel=canonical href={host}/posts/{slug}/></head>"),
        )
    };
    let slugs = ["a", "b", "c", "d", "e", "f"];
    let build = |host: &str| {
        for slug in slugs {
            desk.write(&format!("posts/{slug}/index.html"), &canonical(slug, host));
        }
    };
    build("https://blog.example");
    assert_eq!(desk.settle().await.len(), 6);
    build("http://localhost:1313");
    desk.post("new", "<p>New.</p>");
    assert!(desk.settle().await.is_empty());
    assert!(desk.plan().await.held);
    build("https://blog.example");
    assert_eq!(types(&desk.settle().await), ["Create"]);
    for slug in &slugs[2..] {
        desk.remove(slug);
    }
    desk.settle().await;
    desk.wait(601);
    assert!(desk.settle().await.is_empty());
    let plan = desk.plan().await;
    assert!(plan.held && plan.held_because.unwrap().contains("max_deletes"));
    build("https://blog.example");
    assert!(desk.settle().await.is_empty());
    assert!(!desk.plan().await.held);
}

#[tokio::test]
async fn a_switched_link_is_read_like_any_change() {
    let desk = Desk::new("first_run = 'announce'");
    let releases = desk.folder.path().join("releases");
    desk.post("a", "<p>One.</p>");
    copy(&desk.output(), &releases.join("1"));
    std::fs::remove_dir_all(desk.output()).unwrap();
    std::os::unix::fs::symlink(releases.join("1"), desk.output()).unwrap();
    assert_eq!(types(&desk.settle().await), ["Create"]);
    copy(&releases.join("1"), &releases.join("2"));
    std::fs::write(
        releases.join("2/posts/a/index.html"),
        page("a", OLD, "<p>Two.</p>"),
    )
    .unwrap();
    let next = desk.folder.path().join("next");
    std::os::unix::fs::symlink(releases.join("2"), &next).unwrap();
    std::fs::rename(next, desk.output()).unwrap();
    assert_eq!(types(&desk.settle().await), ["Update"]);
}

#[tokio::test]
async fn a_future_page_is_announced_when_it_is_due() {
    let desk = Desk::new("");
    desk.write(
        "posts/a/index.html",
        &page("a", "2026-11-21T13:00:00Z", "<p>Soon.</p>"),
    );
    assert!(desk.settle().await.is_empty());
    let plan = desk.plan().await;
    assert!(
        plan.skipped[0].reason.contains("2026-11-21T13:00:00Z"),
        "{plan:?}"
    );
    let names = vec!["/posts/a/".to_string()];
    let early = desk.publisher.publish(Selection::Pages(names), silent()).await;
    assert!(early.unwrap_err().to_string().contains("future"));
    desk.wait(3600);
    assert_eq!(types(&desk.settle().await), ["Create"]);
}

#[tokio::test]
async fn the_baseline_is_listed_and_announced_by_name_only() {
    let desk = Desk::new("");
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    let plan = desk.plan().await;
    assert_eq!((plan.changes.len(), plan.skipped.len()), (0, 2));
    assert!(desk.instance.store.objects.is_empty(), "plan stores nothing");
    desk.settle().await;
    let listed = desk.instance.store.objects.get("posts~a").unwrap().unwrap();
    assert_eq!(listed.object["published"], "2026-11-01T09:00:00Z");
    assert_eq!(listed.announced, None);
    // A change to it is silent.
    desk.post("a", "<p>One and a half.</p>");
    let plan = desk.plan().await;
    assert_eq!(
        (plan.changes.len(), plan.changes[0].activity.clone()),
        (1, Value::Null)
    );
    assert!(desk.settle().await.is_empty());
    assert!(
        desk.object("posts~a")["content"]
            .as_str()
            .unwrap()
            .contains("half")
    );
    // By file, URL, and path without its slash.
    let file = desk.output().join("posts/b/index.html");
    let announced = desk
        .publish(&[
            "https://blog.example/posts/a",
            file.to_str().unwrap(),
            "posts/b/index.html",
        ])
        .await;
    assert_eq!(types(&announced), ["Create", "Create"]);
    assert!(desk.publish(&["/posts/a/"]).await.is_empty(), "it is published");
    let unknown = vec!["/nowhere/".to_string()];
    let error = desk.publisher.publish(Selection::Pages(unknown), silent()).await;
    assert!(error.unwrap_err().to_string().contains("/nowhere/"));
}

#[tokio::test]
async fn what_is_announced_by_name_on_the_first_run_leaves_the_rest_a_baseline() {
    let desk = Desk::new("");
    desk.post("a", "<p>One.</p>");
    desk.post("b", "<p>Two.</p>");
    assert_eq!(types(&desk.publish(&["/posts/a/"]).await), ["Create"]);
    assert!(desk.settle().await.is_empty());
    assert_eq!(desk.instance.store.objects.len(), 2);
}

#[tokio::test]
async fn an_unpublished_page_stays_unpublished_until_it_is_named() {
    let desk = Desk::new("first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    desk.post("other", "<p>Stays.</p>");
    desk.settle().await;
    let name = vec!["/posts/a/".to_string()];
    desk.publisher.unpublish(&name).await.unwrap();
    assert_eq!(types(&desk.jobs()), ["Delete"]);
    assert!(desk.publisher.unpublish(&name).await.is_err());
    desk.post("a", "<p>Edited.</p>");
    assert!(desk.settle().await.is_empty());
    let again = desk.publish(&["posts/a"]).await;
    assert_eq!(types(&again), ["Create"]);
    assert_eq!(
        again[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~a~2"
    );
    // The first one is dead for good: what happens now happens to the second.
    desk.remove("a");
    desk.settle().await;
    desk.wait(601);
    assert_eq!(types(&desk.settle().await), ["Delete"]);
    desk.post("a", "<p>Back.</p>");
    let back = desk.settle().await;
    assert_eq!(
        back[0].body["object"]["id"],
        "https://blog.example/ap/objects/posts~a~3"
    );
}

#[tokio::test]
async fn what_was_stored_but_not_told_is_told_after_a_crash() {
    let desk = Desk::new("first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    let created = desk.settle().await;
    // As if the process had died right after the object was written.
    desk.instance
        .store
        .objects
        .update("posts~a", |object| {
            object.pending = Some(tidings::store::Pending {
                id: "create~posts~a".into(),
                reach: tidings::store::Reach::Addressed,
                inboxes: vec![],
                activity: created[0].body.clone(),
            });
            true
        })
        .unwrap();
    let desk = desk.again("");
    let again = desk.settle().await;
    assert_eq!(types(&again), ["Create"]);
    assert_eq!(
        (&again[0].activity, &again[0].inboxes),
        (&created[0].activity, &created[0].inboxes)
    );
    assert!(desk.settle().await.is_empty());
}

#[tokio::test]
async fn pages_choose_and_are_chosen() {
    let desk = Desk::new("exclude = ['drafts/**', 'posts/secret']\nvisibility = 'unlisted'\nkind = 'note'");
    desk.post("x", "<p>Old.</p>");
    desk.settle().await;
    desk.write("drafts/a/index.html", &page("a", OLD, "<p>Draft.</p>"));
    desk.post("secret", "<p>Secret.</p>");
    desk.post("seen", "<p>Seen.</p>");
    let plan = desk.plan().await;
    let changes = serde_json::to_value(&plan).unwrap()["changes"].clone();
    assert_eq!(changes.as_array().unwrap().len(), 1);
    assert_eq!(changes[0]["action"], "create");
    assert_eq!(changes[0]["page"], "/posts/seen/");
    assert_eq!(changes[0]["kind"], "note");
    assert_eq!(
        changes[0]["activity"]["object"]["to"],
        json!(["https://blog.example/ap/actors/blog/followers"])
    );
    let reason = |page: &str| {
        plan.skipped
            .iter()
            .find(|skipped| *skipped.page == *page)
            .unwrap()
            .reason
            .clone()
    };
    assert!(reason("/drafts/a/").contains("draft"));
    assert!(reason("/posts/secret/").contains("publish.exclude"));
    assert_eq!(types(&desk.settle().await), ["Create"]);
}

#[tokio::test]
async fn the_site_may_lie_below_a_path() {
    let desk = Desk::below("https://blog.example/blog", "first_run = 'announce'");
    desk.post("a", "<p>One.</p>");
    let created = desk.settle().await;
    assert_eq!(
        created[0].body["object"]["id"],
        "https://blog.example/ap/objects/blog~posts~a"
    );
    assert_eq!(
        created[0].body["object"]["url"],
        "https://blog.example/blog/posts/a/"
    );
    let name = vec!["/posts/a/".to_string()];
    desk.publisher.unpublish(&name).await.unwrap();
}

#[tokio::test]
async fn a_missing_folder_is_an_error_at_first_and_harmless_later() {
    let desk = Desk::new("");
    std::fs::remove_dir(desk.output()).unwrap();
    let error = desk.publisher.plan(silent()).await.unwrap_err();
    assert!(error.to_string().contains("public"));
    desk.post("a", "<p>One.</p>");
    desk.settle().await;
    std::fs::rename(desk.output(), desk.folder.path().join("away")).unwrap();
    desk.wait(7200);
    assert!(desk.settle().await.is_empty());
    assert_eq!(desk.plan().await.changes, []);
}

#[tokio::test]
async fn the_daemon_publishes_what_happens_in_the_folder() {
    let desk = Desk::new("");
    desk.post("old", "<p>Old.</p>");
    let (stop, shutdown) = tokio::sync::watch::channel(false);
    let publisher = Arc::new(Publisher::new(Arc::clone(&desk.instance)));
    let running = tokio::spawn({
        let publisher = Arc::clone(&publisher);
        async move { publisher.run(shutdown, tidings::publish::silent()).await }
    });
    let store = &desk.instance.store;
    wait_for("the baseline", || async { store.site().unwrap().baseline }).await;
    let next = async |what: &str| {
        wait_for(what, || async {
            Some(desk.jobs()).filter(|jobs| !jobs.is_empty())
        })
        .await
    };
    desk.post("new", "<p>New.</p>");
    assert_eq!(types(&next("the Create").await), ["Create"]);
    // As rsync does it: a hidden file that takes the place of the page.
    let folder = desk.output().join("posts/new");
    std::fs::write(
        folder.join(".index.html.Ab3dEf"),
        page("new", OLD, "<p>Newer.</p>"),
    )
    .unwrap();
    std::fs::rename(folder.join(".index.html.Ab3dEf"), folder.join("index.html")).unwrap();
    assert_eq!(types(&next("the Update").await), ["Update"]);
    // Another release, by a link that takes the folder's place.
    let release = desk.folder.path().join("release");
    copy(&desk.output(), &release);
    std::fs::write(
        release.join("posts/new/index.html"),
        page("new", OLD, "<p>Newest.</p>"),
    )
    .unwrap();
    std::fs::rename(desk.output(), desk.folder.path().join("before")).unwrap();
    std::os::unix::fs::symlink(&release, desk.output()).unwrap();
    assert_eq!(types(&next("the Update of the release").await), ["Update"]);
    desk.post("later", "<p>In the release.</p>");
    assert_eq!(types(&next("a Create in the release").await), ["Create"]);
    desk.remove("later");
    wait_for("the mark", || async {
        store.objects.brief("posts~later").unwrap().missing_since()
    })
    .await;
    desk.wait(601);
    desk.instance.scan.notify_one();
    assert_eq!(types(&next("the Delete").await), ["Delete"]);
    stop.send(true).unwrap();
    running.await.unwrap();
}
