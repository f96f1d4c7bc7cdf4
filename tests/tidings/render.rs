//! `tidings render`: what people said, in the pages that real generators build. The lines for each generator are those of
//! docs/widgets.md, which these tests read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::generators::run;
use crate::harness::{Output, Peer, Site, World, wait_for};

/// A file of a generator's sources, and what the guide puts into it.
struct Edit {
    file: String,
    text: String,
    at_the_end: bool,
}

/// What the guide says of a generator: the command, and the edits.
fn guide(generator: &str) -> (Vec<String>, Vec<Edit>) {
    let text = std::fs::read_to_string(root().join("docs/widgets.md")).unwrap();
    let section = text
        .split("\n### ")
        .find(|section| section.lines().next() == Some(generator))
        .unwrap();
    let (mut command, mut edits) = (Vec::new(), Vec::new());
    let mut place: Option<(String, bool)> = None;
    for block in section.split("\n\n") {
        let code: Vec<&str> = block
            .lines()
            .filter_map(|line| line.strip_prefix("    "))
            .collect();
        match (code.is_empty(), place.take()) {
            (true, _) => {
                let named = block.split('`').nth(1).map(ToString::to_string);
                place = named
                    .filter(|_| block.starts_with("In `") || block.starts_with("At the end of `"))
                    .map(|file| (file, block.starts_with("At")));
            }
            (false, None) => command = code[0].split(' ').map(ToString::to_string).collect(),
            (false, Some((file, at_the_end))) => edits.push(Edit {
                file,
                text: code.join("\n"),
                at_the_end,
            }),
        }
    }
    assert_eq!(&command[..2], ["tidings", "render"], "{generator}");
    assert!(!edits.is_empty(), "{generator}");
    (command, edits)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each generator: how it is called in the guide, the folder of its sources, its program, what builds them.
macro_rules! blogs {
    ($($name:ident $title:literal $program:literal [$($argument:literal),*])*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            replies_stand_in_the_built_pages($title, stringify!($name), $program, &[$($argument),*]).await;
        })*

        const TRIED: &[&str] = &[$($title),*];
    };
}

blogs! {
    hugo "Hugo" "hugo" ["--quiet"]
    jekyll "Jekyll" "jekyll" ["build", "--quiet"]
    eleventy "Eleventy" "eleventy" ["--quiet"]
    pelican "Pelican" "pelican" ["--quiet", "--settings", "pelicanconf.py", "content"]
    nikola "Nikola" "nikola" ["build", "--quiet"]
    hexo "Hexo" "sh" ["-c", "[ -e node_modules ] || ln -s \"$(dirname \"$(command -v hexo)\")/..\" node_modules; hexo generate --silent"]
}

#[test]
fn the_guide_names_only_generators_that_are_tried_or_says_so() {
    let text = std::fs::read_to_string(root().join("docs/widgets.md")).unwrap();
    let (_, text) = text.split_once("\n## While the site is built\n").unwrap();
    let text = text.split("\n## ").next().unwrap();
    for section in text.split("\n### ").skip(1) {
        let title = section.lines().next().unwrap();
        let is_generator = section.contains("tidings render") && !section.contains("[[hook]]");
        assert!(
            !is_generator || TRIED.contains(&title) || section.contains("Not tried"),
            "{title} is not tried"
        );
    }
}

/// Whether a generator is there; says so when it isn't.
fn is_installed(name: &str, program: &str) -> bool {
    let version = if name == "hugo" { "version" } else { "--version" };
    let there = run(program, &[version.into()], root()).is_ok_and(|(done, _)| done);
    if !there {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "{name} is not installed, and all tests are asked for"
        );
        println!("skipped: {name} not installed");
    }
    there
}

/// Puts what the guide says into a blog's sources.
fn put(blog: &Path, edits: &[Edit]) {
    for edit in edits {
        let file = blog.join(&edit.file);
        let before = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", edit.file));
        let after = match edit.at_the_end {
            true => format!("{before}\n{}\n", edit.text),
            false => {
                assert!(before.contains("TIDINGS"), "{}", edit.file);
                before.replace("TIDINGS", &edit.text)
            }
        };
        std::fs::write(file, after).unwrap();
    }
}

async fn replies_stand_in_the_built_pages(title: &str, name: &str, program: &str, arguments: &[&str]) {
    if !is_installed(name, if program == "sh" { name } else { program }) {
        return;
    }
    let site = Site::empty();
    let blog = site.root().join("blog");
    copy(&root().join("tests/render").join(name), &blog);
    let (command, edits) = guide(title);
    put(&blog, &edits);
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let build = || {
        let (done, said) = run(program, &arguments, &blog).unwrap();
        assert!(done, "{title}: {said}");
    };
    // The first build comes before anything was rendered.
    build();

    let world = World::start(
        site,
        "site = { output = 'blog/output' }\ninteractions = { moderation = 'show' }",
    )
    .await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.6").await;
    let follower = Peer::start("127.0.0.7").await;
    follower.follow(&world, "fay").await;
    let pages = posts(&blog.join("output"));
    assert_eq!(pages.len(), 2, "{title}: {pages:?}");
    for (number, (path, _)) in pages.iter().enumerate() {
        say(
            &world,
            &peer,
            u32::try_from(number).unwrap(),
            path,
            &format!("Said of {number}."),
        )
        .await;
    }
    let first = render(&world, &blog, &command).await;
    assert_eq!(first.code, 0, "{title}: {}", first.stderr);
    build();
    for (number, (path, file)) in pages.iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("tidings-thread"), "{title} {path}: {text}");
        for other in 0..pages.len() {
            let said = format!("Said of {other}.");
            assert_eq!(text.contains(&said), other == number, "{title} {path}: {text}");
        }
    }

    // Nothing new: nothing is written.
    let folder = blog.join(&command[3]);
    let before = stamps(&folder);
    let again = render(&world, &blog, &command).await;
    assert!(
        again.stderr.contains(" 0 of them written"),
        "{title}: {}",
        again.stderr
    );
    assert_eq!(stamps(&folder), before, "{title}");

    // What looks like a template is only text, and what was there before is there still.
    let hostile = "Hostile: {{ 7 * 191 }} {% raw %} ${7 * 191} &lt;%= 7 * 191 %&gt; #{7 * 191}";
    say(&world, &peer, 7, &pages[0].0, hostile).await;
    assert_eq!(render(&world, &blog, &command).await.code, 0);
    build();
    let text = std::fs::read_to_string(&pages[0].1).unwrap();
    assert!(
        text.contains("Said of 0.") && text.contains("Hostile:"),
        "{title}: {text}"
    );
    assert!(!text.contains("1337"), "{title}: {text}");
    // Nikola writes pages anew, and entities as what they mean.
    assert!(
        text.replace("&#123;", "{").contains("{{ 7 * 191 }}"),
        "{title}: {text}"
    );

    // To look at them: `TIDINGS_KEEP=FOLDER cargo test render::`.
    if let Some(folder) = std::env::var_os("TIDINGS_KEEP") {
        copy(&blog.join("output"), &Path::new(&folder).join(name));
    }

    // Pages that were built again with replies in them say nothing new.
    let plan = world.command(&["plan", "--json"]).await.json();
    assert_eq!(plan["changes"], serde_json::json!([]), "{title}");
    assert_eq!(follower.activities("Update").len(), 0, "{title}");
}

/// The hook that the guide shows, with a shorter time.
#[tokio::test(flavor = "multi_thread")]
async fn the_hook_in_the_guide_builds_the_site_when_somebody_said_something() {
    if !is_installed("hugo", "hugo") {
        return;
    }
    let text = std::fs::read_to_string(root().join("docs/widgets.md")).unwrap();
    let (_, hook) = text.split_once("    [[hook]]\n").unwrap();
    let hook: String = hook
        .lines()
        .map_while(|line| line.strip_prefix("    "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(hook.contains("/srv/blog") && hook.contains("\"1m\""), "{hook}");
    let site = Site::empty();
    let blog = site.root().join("blog");
    copy(&root().join("tests/render/hugo"), &blog);
    let (_, edits) = guide("Hugo");
    put(&blog, &edits);
    assert!(run("hugo", &["--quiet".into()], &blog).unwrap().0);
    let hook = hook
        .replace("/srv/blog", blog.to_str().unwrap())
        .replace("\"1m\"", "\"1s\"");
    let mut world = World::prepare(
        site,
        &format!(
            "site = {{ output = 'blog/output' }}\ninteractions = {{ moderation = 'show' }}\n[[hook]]\n{hook}"
        ),
    )
    .await;
    let programs = Path::new(env!("CARGO_BIN_EXE_tidings"))
        .parent()
        .unwrap()
        .to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
    world.environment.push(("PATH", path.into()));
    world.restart().await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.6").await;
    say(&world, &peer, 1, "/posts/hello/", "Said to a hook.").await;
    wait_for("the reply in the built page", || async {
        let page = std::fs::read_to_string(blog.join("output/posts/hello/index.html"));
        page.is_ok_and(|page| page.contains("Said to a hook."))
            .then_some(())
    })
    .await;
}

/// The posts of a built blog: their paths, as links have them, and their files.
fn posts(output: &Path) -> Vec<(String, PathBuf)> {
    let mut posts: Vec<_> = std::fs::read_dir(output.join("posts"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (format!("/posts/{name}/"), entry.path().join("index.html"))
        })
        .collect();
    posts.sort();
    posts
}

/// Somebody replies to a page, and it is shown.
async fn say(world: &World, peer: &Peer, number: u32, path: &str, text: &str) {
    let page: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let object = world.get(&format!("/ap/resolve?url={page}")).await;
    assert_eq!(object.status, 302, "{path}");
    let reply = peer.reply(
        "ada",
        number,
        object.header("location"),
        &format!("<p>{text}</p>"),
    );
    let inbox = format!("{}/ap/inbox", world.origin);
    assert_eq!(peer.post("ada", &inbox, &reply).await, 202);
    let id = peer.id(&format!("/notes/{number}"));
    wait_for("the reply", || async {
        let said = world.get(&format!("/ap/interactions?page={page}")).await.text();
        said.contains(&format!("\"{id}\"")).then_some(())
    })
    .await;
}

/// Runs the command of the guide in the folder of the blog.
async fn render(world: &World, blog: &Path, command: &[String]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidings"));
    program
        .args(&command[1..])
        .current_dir(blog)
        .env("TIDINGS_CONFIG", world.config());
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The files of a folder with the times of their last change.
fn stamps(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            (
                entry.path().to_path_buf(),
                entry.metadata().unwrap().modified().unwrap(),
            )
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => std::fs::create_dir_all(target).unwrap(),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_written_and_what_others_wrote_stays() {
    let site = Site::empty();
    for name in ["a", "b", "c"] {
        site.post(name, &format!("Post {name}"), "<p>Words.</p>");
    }
    let world = World::start(site, "interactions = { moderation = 'show' }").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.6").await;
    let out = world.site.root().join("out");
    std::fs::create_dir_all(out.join("posts/c")).unwrap();
    let foreign = out.join("posts/c/index.html");
    std::fs::write(&foreign, "by hand").unwrap();

    // Somebody else's file is named, and the others are written all the same.
    let first = world.command(&["render", "--out", "out"]).await;
    assert_eq!(first.code, 1, "{}", first.stderr);
    assert!(
        first.stderr.contains("out/posts/c/index.html"),
        "{}",
        first.stderr
    );
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "by hand");
    std::fs::remove_file(&foreign).unwrap();
    assert_eq!(world.command(&["render", "--out", "out"]).await.code, 0);
    for name in ["a", "b", "c"] {
        let text = std::fs::read_to_string(out.join(format!("posts/{name}/index.html"))).unwrap();
        assert!(
            text.contains("tidings-thread") && text.contains(&format!("posts~{name}")),
            "{text}"
        );
    }

    // One like: one file.
    let before = stamps(&out);
    let like = serde_json::json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id("/likes/1"), "type": "Like",
        "actor": peer.actor("ada"), "object": format!("{}/ap/objects/posts~a", world.origin),
    });
    assert_eq!(
        peer.post("ada", &format!("{}/ap/inbox", world.origin), &like)
            .await,
        202
    );
    wait_for("the like", || async {
        let said = world.get("/ap/interactions?page=/posts/a/").await.json();
        (said["counts"]["likes"] == 1).then_some(())
    })
    .await;
    let second = world.command(&["render", "--out", "out"]).await;
    assert!(second.stderr.contains(" 1 of them written"), "{}", second.stderr);
    let after = stamps(&out);
    let changed: Vec<_> = after
        .iter()
        .filter(|(file, time)| before.get(*file) != Some(time))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(
        changed,
        [&out.join(".html.tidings"), &out.join("posts/a/index.html")]
    );

    // A page that is gone takes its file along, and the folder.
    assert_eq!(world.command(&["unpublish", "/posts/b/"]).await.code, 0);
    let third = world.command(&["render", "--out", "out"]).await;
    assert!(third.stderr.contains("1 removed"), "{}", third.stderr);
    assert!(!out.join("posts/b").exists() && out.join("posts/a/index.html").exists());

    // The other formats beside it.
    for format in ["json", "data"] {
        let done = world
            .command(&["render", "--out", "out", "--format", format])
            .await;
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let said = world.get("/ap/interactions?page=/posts/a/").await.json();
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(out.join(name)).unwrap()).unwrap()
    };
    assert_eq!(read("posts/a/index.json"), said);
    let data = read("tidings.json");
    assert_eq!(data["/posts/a/"]["counts"], said["counts"]);
    assert_eq!(data.as_object().unwrap().len(), 2);
    assert!(data["/posts/c/"]["html"].as_str().unwrap().contains("posts~c"));
}
