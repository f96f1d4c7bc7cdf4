//! Deployments that go wrong. A human sees that, waits, and sends nothing.

use std::fs;

use super::build::Build;
use super::stage::{Stage, longer_than_settle};

/// A grace that is over before the test is.
const SHORT: &str = "publish = { settle = '100ms', delete_grace = '1s', max_deletes = '10%' }";

/// A build that fails half way leaves half a site: a human waits for the next build, whatever it takes, and sends what
/// is really new. Two thirds of the posts are gone for longer than the grace.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_site_deletes_nothing_and_its_new_post_is_sent_once() {
    let (mut stage, build) = Stage::start(SHORT, |origin| Build::new(origin).many(9)).await;
    let output = stage.world.site.output();
    let build = build.with("new", "Something new.");
    fs::remove_dir_all(&output).unwrap();
    for (name, text) in build.files() {
        let is_written = !name.starts_with("posts/")
            || ["posts/a/", "posts/b/", "posts/new/"]
                .iter()
                .any(|there| name.starts_with(there));
        if is_written {
            stage.world.site.write(&format!("/{name}"), &text);
        }
    }
    stage.expect(&["Create posts~new"]).await;
    stage
        .hears_log("deletes at once are more than publish.max_deletes")
        .await;
    stage.expect(&[]).await;
    stage.world.restart().await;
    stage
        .hears_log("deletes at once are more than publish.max_deletes")
        .await;
    build.write(&output);
    stage.expect(&[]).await;
    assert_eq!(stage.plan().await["held"], false);
    stage.nothing_more(|_| build.write(&output)).await;
}

/// Within the grace, a build that went wrong and one that mends it are nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_site_that_is_mended_within_the_grace_is_nothing() {
    let (mut stage, build) = Stage::start("", |origin| Build::new(origin).many(4)).await;
    let output = stage.world.site.output();
    fs::remove_dir_all(output.join("posts")).unwrap();
    for (name, text) in build.files().into_iter().take(5) {
        stage.world.site.write(&format!("/{name}"), &text);
    }
    stage.expect(&[]).await;
    build.write(&output);
    stage.nothing_more(|_| build.write(&output)).await;
    let broken = stage.world.site.data().join("objects");
    for record in fs::read_dir(broken).unwrap() {
        let text = fs::read_to_string(record.unwrap().path()).unwrap();
        assert!(!text.contains("missing_since"), "{text}");
    }
}

/// The generator was told another address: every link and canonical URL is wrong, nothing else. A human sees that,
/// builds again and sends only what is new.
async fn wrong_base_url(canonical: bool) {
    let (mut stage, build) = Stage::start("", |origin| Build {
        canonical,
        ..Build::new(origin).many(4)
    })
    .await;
    let output = stage.world.site.output();
    let build = build.with("new", "Something new.");
    build.write(&output);
    stage.expect(&["Create posts~new"]).await;
    let next = build.with("later", "Something later.");
    let wrong = Build {
        base: "http://localhost:1313".into(),
        ..next.clone()
    };
    wrong.write(&output);
    stage.hears_log("wrong base URL").await;
    stage.expect(&[]).await;
    let plan = stage.plan().await;
    assert_eq!(plan["held"], true);
    assert!(
        plan["held_because"].as_str().unwrap().contains("wrong base URL"),
        "{plan}"
    );
    let told = stage.world.command(&["plan"]).await;
    assert!((told.stdout + &told.stderr).contains("wrong base URL"));
    let told = stage.world.command(&["doctor"]).await;
    assert!(
        told.stdout.contains("wrong base URL"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    assert_eq!(stage.logged("wrong base URL"), 1, "once");
    stage.world.restart().await;
    stage.expect(&[]).await;
    next.write(&output);
    stage.expect(&["Create posts~later"]).await;
    stage.nothing_more(|_| next.write(&output)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_base_url_in_canonical_links_sends_nothing() {
    wrong_base_url(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_base_url_in_links_alone_sends_nothing() {
    wrong_base_url(false).await;
}

/// A file system that isn't mounted: first the folder is missing, then it is the empty mount point, then all is back,
/// bit by bit. It took longer than the grace, and nobody deleted anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_unmounted_for_long_deletes_nothing_also_while_it_comes_back() {
    let extra = "publish = { settle = '100ms', delete_grace = '2s', max_deletes = 100 }";
    let (mut stage, build) = Stage::start(extra, |origin| Build::new(origin).many(4)).await;
    let output = stage.world.site.output();
    let away = stage.root().join("away");
    // What the daemon may see of an unmount: some files are gone before the folder is.
    fs::remove_dir_all(output.join("posts/a")).unwrap();
    longer_than_settle().await;
    fs::rename(&output, &away).unwrap();
    stage
        .hears_log("is missing; nothing is deleted while it is")
        .await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    fs::create_dir(&output).unwrap();
    stage
        .hears_log("holds no page; nothing is deleted while it doesn't")
        .await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(stage.logged("is missing; nothing is deleted while it is"), 1);
    assert_eq!(stage.logged("holds no page"), 1);
    let files = build.files();
    for (name, text) in files.iter().filter(|(name, _)| !name.starts_with("posts/")) {
        stage.world.site.write(&format!("/{name}"), text);
    }
    longer_than_settle().await;
    build.write(&output);
    stage.expect(&[]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}

/// A page that is written in pieces with long pauses is one post, whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_open_for_writing_is_sent_once_and_whole() {
    use std::io::Write as _;
    let (mut stage, build) = Stage::start("", |origin| Build::new(origin).many(2)).await;
    let output = stage.world.site.output();
    let build = build.with(
        "new",
        "Something new, with <b>a lot</b> of <i>words</i> to be written one after the other.",
    );
    let text = &build.files()["posts/new/index.html"];
    // The folder is there and watched: what was written in it before, only its own end could tell.
    fs::create_dir_all(output.join("posts/new")).unwrap();
    stage.expect(&[]).await;
    let mut file = fs::File::create(output.join("posts/new/index.html")).unwrap();
    // Behind a whole tag, where nothing shows that it isn't all.
    let cuts = [text.find("<b>").unwrap() + 3, text.find("</i>").unwrap() + 4];
    file.write_all(&text.as_bytes()[..cuts[0]]).unwrap();
    longer_than_settle().await;
    file.write_all(&text.as_bytes()[cuts[0]..cuts[1]]).unwrap();
    longer_than_settle().await;
    longer_than_settle().await;
    file.write_all(&text.as_bytes()[cuts[1]..]).unwrap();
    drop(file);
    stage.expect(&["Create posts~new"]).await;
    let object = stage.world.get("/ap/objects/posts~new").await.json();
    assert!(
        object["content"]
            .as_str()
            .unwrap()
            .contains("one after the other")
    );
    stage.nothing_more(|_| build.write(&output)).await;
}

/// The disk was full: pages end in the middle, or are empty. A human would neither send half a post nor take the empty
/// one back. When the build is repeated, the new post and the edit are sent.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_end_in_the_middle_are_left_alone_until_they_are_whole() {
    let (mut stage, build) = Stage::start(SHORT, |origin| Build::new(origin).many(3)).await;
    let site = &stage.world.site;
    let output = site.output();
    let build = build.with("new", "Something new.").with("a", "Edited.");
    let files = build.files();
    for slug in ["new", "a"] {
        let name = format!("posts/{slug}/index.html");
        let end = files[&name]
            .find("Something")
            .or(files[&name].find("Edited"))
            .unwrap()
            + 5;
        site.write(&format!("/{name}"), &files[&name][..end]);
    }
    site.write("/posts/b/index.html", "");
    stage.hears_log("ends in the middle").await;
    stage.expect(&[]).await;
    stage.world.restart().await;
    stage.expect(&[]).await;
    build.write(&output);
    stage.expect(&["Create posts~new", "Update posts~a"]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}

/// One of the posts is a copy of what its author wrote elsewhere and says so. That is no wrong base URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_whose_canonical_url_is_elsewhere_is_sent_like_any() {
    let (mut stage, build) = Stage::start("", |origin| Build::new(origin).many(3)).await;
    let next = build.with("new", "Something new.");
    let name = "posts/new/index.html";
    let page = next.files()[name].replace(
        &format!("rel=canonical href=\"{}", stage.world.origin),
        "rel=canonical href=\"https://magazine.example",
    );
    assert!(page.contains("https://magazine.example/posts/new/"));
    stage.world.site.write(&format!("/{name}"), &page);
    stage.expect(&["Create posts~new"]).await;
    stage
        .nothing_more(|stage| stage.world.site.write(&format!("/{name}"), &page))
        .await;
}
