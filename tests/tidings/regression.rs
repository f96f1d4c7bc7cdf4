//! What once went wrong, each with its cause.

use crate::harness::{QUIET, Site, World};

/// The daemon asked itself, with the index of objects locked, whether readers may see a page: every later question waited for ever.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_does_not_stop_the_daemon() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hello</p>");
    let world = World::start(site, "").await;
    world.baseline().await;
    let report = world.command(&["doctor", "--json"]).await;
    assert!(report.stdout.contains("signature"), "{}", report.stdout);
    assert_eq!(world.get("/ap/objects/posts~hello").await.status, 200);
}

/// The paths were compared only when both existed, and at the first start the data directory doesn't.
#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_does_not_come_to_lie_in_the_output_folder_by_a_link() {
    let world = World::prepare(Site::empty(), "site.data = 'link/data'").await;
    std::os::unix::fs::symlink(world.site.output(), world.site.root().join("link")).unwrap();
    let refused = tokio::time::timeout(QUIET * 10, world.command(&["serve"]))
        .await
        .unwrap();
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(!world.site.output().join("data").exists());
}

/// The grammar was completed before the pages were written, so that `help` had pages, and pages about those.
#[tokio::test]
async fn manual_pages_are_about_commands_only() {
    let world = World::prepare(Site::empty(), "").await;
    let folder = world.site.root().join("man");
    let written = world.command(&["man", "--out", folder.to_str().unwrap()]).await;
    assert_eq!(written.code, 0, "{}", written.stderr);
    let names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name == "tidings-block-import.1"),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
}

/// Messages to the account alone lay in a directory that every user of the machine could read.
#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start(Site::empty(), "site.data = 'below/data'").await;
    let mode = |path: &str| {
        let found = std::fs::metadata(world.site.root().join(path)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode("below/data"), 0o700);
    assert_ne!(mode("below"), 0o700, "what isn't ours alone is made as usual");
}

/// A rendered file has the name of its page, and took its place in the output folder, which is only ever read.
#[tokio::test(flavor = "multi_thread")]
async fn rendering_never_overwrites_the_site() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Hello</p>");
    let world = World::start(site, "").await;
    world.baseline().await;
    let page = world.site.output().join("posts/hello/index.html");
    let before = std::fs::read(&page).unwrap();
    for folder in ["public", "public/below", "data", "./x/../public"] {
        let refused = world.command(&["render", "--out", folder]).await;
        assert_eq!(refused.code, 2, "{folder}: {}", refused.stderr);
    }
    assert_eq!(std::fs::read(&page).unwrap(), before);
    assert_eq!(world.command(&["render", "--out", "partials"]).await.code, 0);
}
