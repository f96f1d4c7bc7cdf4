//! The folder as containers have it: something that lies elsewhere, mounted where tidings looks for it.

use std::process::Command;

use super::build::Build;
use super::stage::Stage;
use crate::harness::{Site, World};

/// Mounts a folder over another one, seen by the program alone that it then becomes.
const BIND: &str = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";

fn through(from: &str, to: &str) -> Vec<&'static str> {
    let apart = if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-Urm"
    };
    // A test ends soon.
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    vec!["unshare", apart, "sh", "-c", BIND, leak(from), leak(to)]
}

/// A bind mount sends the events of what lies below, also for what is done there and not through the mount.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_mounted_from_elsewhere_is_watched_where_it_lies() {
    let mut world = World::prepare(Site::empty(), "").await;
    let output = world.site.output();
    let built = world.site.root().join("built");
    std::fs::create_dir_all(&built).unwrap();
    let through = through(built.to_str().unwrap(), output.to_str().unwrap());
    let possible = Command::new(through[0]).args(&through[1..]).arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("skipped: nothing can be mounted here");
        return;
    }
    world.through = through;
    let build = Build::new(&world.origin).many(3);
    let mut stage = Stage::open(world).await;
    build.write(&built);
    stage.expect_all(&build).await;
    assert_eq!(
        stage.logged("is polled") + stage.logged("can't be watched"),
        0,
        "it sends events"
    );
    let build = build.with("new", "Something new.").with("b", "Edited.");
    build.write(&built);
    stage.expect(&["Create posts~new", "Update posts~b"]).await;
    assert!(!output.join("posts/new").exists(), "here nothing is mounted");
    stage.nothing_more(|_| build.write(&built)).await;
}
