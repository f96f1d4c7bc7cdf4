//! Ways in which files come into the folder. In all of them a human would have sent the same: one Create of the new
//! post, one Update of the edited one, one Delete of the one that was taken away; and of a rebuild nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::{Build, Theme};
use super::stage::{Stage, installed, longer_than_settle, run};
use crate::harness::{Site, World};

/// Long enough for a busy machine to bring a site over, short enough to be waited for.
const GRACE: &str = "publish = { settle = '100ms', delete_grace = '4s' }";

/// A way of bringing a built site to where the daemon reads it. The number counts the deployments.
type Way = fn(built: &Path, root: &Path, number: u32);

/// One life of a site, deployed in one way.
async fn live(way: impl Fn(&Path, &Path, u32), extra: &str) {
    let world = World::prepare(Site::empty(), extra).await;
    let root = world.site.root().to_path_buf();
    let mut number = 0;
    let mut deploy = |build: &Build| {
        let built = root.join("built");
        let _ = fs::remove_dir_all(&built);
        build.write(&built);
        number += 1;
        way(&built, &root, number);
    };
    let mut build = Build::new(&world.origin);
    deploy(&build);
    let mut stage = Stage::open(world).await;
    build = build.many(4);
    deploy(&build);
    stage.expect_all(&build).await;

    build = build.with("new", "Something new.").with("b", "Edited.");
    deploy(&build);
    stage.expect(&["Create posts~new", "Update posts~b"]).await;

    build = build.with("new", "Something newer.");
    deploy(&build);
    stage.expect(&["Update posts~new"]).await;

    build.nonce = "build 4".into();
    deploy(&build);
    stage.nothing_more(|_| deploy(&build)).await;

    build = build.without("new").with("last", "The last one.");
    deploy(&build);
    stage.expect(&["Create posts~last", "Delete posts~new"]).await;
    stage.nothing_more(|_| deploy(&build)).await;
}

fn empty(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn names(root: &Path) -> (String, String) {
    (
        format!("{}/built/", root.display()),
        format!("{}/public/", root.display()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_is_wiped_and_written_anew() {
    let way: Way = |built, root, _| {
        empty(&root.join("public"));
        copy(built, &root.join("public"));
    };
    live(way, GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_itself_is_removed_and_made_anew() {
    let way: Way = |built, root, _| {
        fs::remove_dir_all(root.join("public")).unwrap();
        copy(built, &root.join("public"));
    };
    live(way, GRACE).await;
}

/// A life in which rsync brings what was built.
async fn rsync(options: &[&str]) {
    if !installed("rsync") {
        return;
    }
    let way = |_: &Path, root: &Path, _| {
        let (from, to) = names(root);
        run(root, "rsync", &[options, &[&from, &to]].concat());
    };
    live(way, GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsync_puts_whole_files_in_place() {
    rsync(&["-a", "--delete"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsync_writes_in_place() {
    rsync(&["-a", "--inplace", "--no-whole-file", "--delete"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsync_delays_its_updates() {
    rsync(&["-rc", "--delay-updates", "--delete-delay"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn git_pulls_in_place() {
    if !installed("git") {
        return;
    }
    let way: Way = |built, root, number| {
        let origin = root.join("origin");
        let git = |folder: &Path, arguments: &[&str]| {
            let mut all = vec![
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.example",
                "-c",
                "commit.gpgsign=false",
            ];
            all.extend(arguments);
            run(folder, "git", &all);
        };
        if number == 1 {
            fs::create_dir(&origin).unwrap();
            git(&origin, &["init", "-q", "-b", "site"]);
        }
        for entry in fs::read_dir(&origin).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with(".git") {
                match path.is_dir() {
                    true => fs::remove_dir_all(path).unwrap(),
                    false => fs::remove_file(path).unwrap(),
                }
            }
        }
        copy(built, &origin);
        git(&origin, &["add", "-A"]);
        git(&origin, &["commit", "-q", "--allow-empty", "-m", "build"]);
        let public = root.join("public");
        if number == 1 {
            fs::remove_dir_all(&public).unwrap();
            let from = origin.display().to_string();
            git(root, &["clone", "-q", &from, "public"]);
        } else {
            git(&public, &["pull", "-q", "--ff-only"]);
        }
    };
    live(way, GRACE).await;
}

fn release(built: &Path, root: &Path, number: u32) -> PathBuf {
    let release = root.join("releases").join(number.to_string());
    copy(built, &release);
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_switched_to_another_release_and_the_old_one_removed() {
    let way: Way = |built, root, number| {
        release(built, root, number);
        let public = root.join("public");
        if number == 1 {
            fs::remove_dir_all(&public).unwrap();
        }
        let next = root.join("next");
        std::os::unix::fs::symlink(format!("releases/{number}"), &next).unwrap();
        fs::rename(next, public).unwrap();
        if number > 1 {
            fs::remove_dir_all(root.join(format!("releases/{}", number - 1))).unwrap();
        }
    };
    live(way, GRACE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_folder_takes_its_place() {
    let way: Way = |built, root, number| {
        let next = release(built, root, number);
        fs::rename(root.join("public"), root.join(format!("before-{number}"))).unwrap();
        fs::rename(next, root.join("public")).unwrap();
    };
    live(way, GRACE).await;
}

/// As a container's volume is swapped: what lies above the folder is another.
#[tokio::test(flavor = "multi_thread")]
async fn the_volume_with_the_folder_is_swapped() {
    let way: Way = |built, root, number| {
        let next = root.join(format!("volume-{number}"));
        copy(built, &next.join("site/public"));
        let mount = root.join("mount");
        let _ = fs::rename(&mount, root.join(format!("old-{number}")));
        fs::rename(next, mount).unwrap();
    };
    live(
        way,
        &format!("{GRACE}\nsite = {{ output = 'mount/site/public' }}"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hard_links_to_the_built_files_take_their_places() {
    let way: Way = |built, root, number| {
        let kept = release(built, root, number);
        let public = root.join("public");
        empty(&public);
        fn link(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                let target = to.join(entry.file_name());
                match entry.path().is_dir() {
                    true => link(&entry.path(), &target),
                    false => fs::hard_link(entry.path(), target).unwrap(),
                }
            }
        }
        link(&kept, &public);
    };
    live(way, GRACE).await;
}

/// Lists and feed first, then the pages, the newest last, with pauses in which the folder looks settled.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_writer_pauses_for_longer_than_the_folder_must_be_quiet() {
    let (mut stage, build) = Stage::start(GRACE, |origin| Build::new(origin).many(4)).await;
    let next = build.with("new", "Something new.");
    let files = next.files();
    let output = stage.world.site.output();
    let (pages, lists): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| name.starts_with("posts/"));
    for group in lists.chunks(3).chain(pages.chunks(3)) {
        for (name, text) in group {
            let file = output.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        longer_than_settle().await;
    }
    stage.expect(&["Create posts~new"]).await;
    stage.nothing_more(|_| next.write(&output)).await;
}

/// Pages say the day, the feed the time, and it is written last, after a pause: that tells the same date more exactly.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_comes_after_its_pages_is_no_edit_of_them() {
    let (mut stage, build) = Stage::start(GRACE, |origin| Build {
        theme: Theme::Day,
        ..Build::new(origin).many(2)
    })
    .await;
    let output = stage.world.site.output();
    let next = build.with("new", "Something new.");
    let mut files = next.files();
    let feed = files.remove("index.xml").unwrap();
    for (name, text) in &files {
        stage.world.site.write(&format!("/{name}"), text);
    }
    stage.expect(&["Create posts~new"]).await;
    stage.world.site.write("/index.xml", &feed);
    stage.expect(&[]).await;
    let edited = next.with("new", "Something newer.");
    edited.write(&output);
    stage.expect(&["Update posts~new"]).await;
    let object = stage.world.get("/ap/objects/posts~new").await.json();
    assert_eq!(object["published"], "2026-11-03T10:00:00Z");
    stage.nothing_more(|_| edited.write(&output)).await;
}

/// The very size and the very time of the page before, as `rsync -t` of a page with a corrected letter leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn another_content_with_the_same_size_and_time_is_noticed() {
    let (mut stage, build) = Stage::start(GRACE, |origin| Build::new(origin).many(2)).await;
    let build = build.with("new", "Something new.");
    let output = stage.world.site.output();
    build.write(&output);
    stage.expect(&["Create posts~new"]).await;
    let file = output.join("posts/new/index.html");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let next = text.replace("Something new.", "Something mew.");
    assert_eq!(text.len(), next.len());
    fs::write(&file, next).unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(time)
        .unwrap();
    stage.expect(&["Update posts~new"]).await;
    stage.nothing_more(|_| ()).await;
}
