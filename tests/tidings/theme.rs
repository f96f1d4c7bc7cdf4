//! What docs/widgets.md promises to those who write themes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::{Peer, Site, World, wait_for};

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The built-in templates.
fn templates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/widget/templates");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// The names of classes and properties in a text, without those that are put together while rendering.
fn names(text: &str) -> BTreeSet<String> {
    text.match_indices("tidings-")
        .map(|(at, _)| {
            let name = &text[at..];
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            name[..end.unwrap_or(name.len())].to_string()
        })
        .filter(|name| !name.ends_with('-'))
        .collect()
}

#[test]
fn every_class_property_and_template_is_documented_and_nothing_else_is() {
    let guide = read("docs/widgets.md");
    let mut used = names(&read("src/widget/static/tidings.css"));
    for template in templates() {
        let file = template.file_name().unwrap().to_str().unwrap();
        assert!(guide.contains(&format!("| `{file}` |")), "{file}");
        used.extend(names(&read(&template)));
    }
    // `tidings-{{ kind }}s`
    used.extend(["tidings-likes", "tidings-boosts"].map(String::from));
    let mut documented = names(&guide);
    // `tidings-hue-0` … `tidings-hue-7`
    documented.extend((1..7).map(|hue| format!("tidings-hue-{hue}")));
    let difference: Vec<&String> = used.symmetric_difference(&documented).collect();
    assert!(difference.is_empty(), "{difference:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_in_the_guide_draws_a_thread() {
    let guide = read("docs/widgets.md");
    let template: String = guide
        .split("`widgets/thread.html`:")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| format!("{line}\n"))
        .collect();
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Good day.</p>");
    let world = World::start(site, "interactions = { moderation = 'show' }").await;
    std::fs::create_dir(world.site.root().join("widgets")).unwrap();
    std::fs::write(world.site.root().join("widgets/thread.html"), template).unwrap();
    world.baseline().await;
    let peer = Peer::start("127.0.14.3").await;
    let inbox = format!("{}/inbox", world.actor());
    let object = format!("{}/ap/objects/posts~hello", world.origin);
    for (number, target, text) in [
        (1, object, "<p>Well said</p>"),
        (2, peer.id("/notes/1"), "<p>Indeed</p>"),
    ] {
        let reply = peer.reply("ada", number, &target, text);
        assert_eq!(peer.post("ada", &inbox, &reply).await, 202);
        wait_for(text, || async {
            let drawn = world.browse("/ap/widgets/thread?page=/posts/hello/").await.text();
            drawn.contains(text).then_some(())
        })
        .await;
    }
    let drawn = world.browse("/ap/widgets/thread?page=/posts/hello/").await.text();
    assert!(drawn.contains("<h2>2 replies</h2>"), "{drawn}");
    assert!(!drawn.contains("tidings-thread"), "{drawn}");
    let (outer, inner) = drawn.split_once("<p>Well said</p>").unwrap();
    assert_eq!(outer.matches("<blockquote").count(), 1, "{drawn}");
    assert!(
        inner.contains("<blockquote") && inner.contains("<p>Indeed</p>"),
        "{drawn}"
    );
    let counts = world.browse("/ap/widgets/counts?page=/posts/hello/").await.text();
    assert!(counts.contains("tidings-counts"), "the others stay: {counts}");
}
