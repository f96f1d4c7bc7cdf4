//! What docs/widgets.md and docs/themes.md promise to those who write themes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::generators::run;
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

/// The lines of docs/themes.md for a generator.
fn lines_for(generator: &str) -> String {
    let guide = read("docs/themes.md");
    let section = guide.split(&format!("\n## {generator}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Builds a site of one post with the lines of the guide; doctor must find no weak spot in it.
async fn says_all(generator: &str, program: &str, arguments: &[&str], files: &[(&str, &str)]) {
    // Hugo has a command where the others have an option.
    let answers = |asked: &str| run(program, &[asked.into()], Path::new("/")).is_ok_and(|(done, _)| done);
    if !answers("--version") && !answers("version") {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "{generator} is not installed, and all tests are asked for"
        );
        println!("skipped: {generator} not installed");
        return;
    }
    let world = World::prepare(Site::empty(), "").await;
    let source = world.site.root().join("source");
    for (file, text) in files {
        let file = source.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = text
            .replace("HEAD", &lines_for(generator))
            .replace("ORIGIN", &world.origin);
        std::fs::write(file, text).unwrap();
    }
    let output = world.site.output();
    let mut arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    arguments.push(output.to_str().unwrap().to_string());
    let (done, said) = run(program, &arguments, &source).unwrap();
    assert!(done, "{generator} failed:\n{said}");

    let checked = world.command(&["doctor", "--json"]).await;
    let checks: Value = serde_json::from_str(&checked.stdout).unwrap();
    let checks = checks.as_array().unwrap().iter();
    let site: Vec<&Value> = checks.filter(|check| check["check"] == "site").collect();
    assert!(
        matches!(site.as_slice(), [only] if only["detail"] == "1 post was looked at"),
        "{site:#?}"
    );
}

#[tokio::test]
async fn the_lines_for_hugo_leave_nothing_unsaid() {
    let files = [
        (
            "config.toml",
            "baseURL = 'ORIGIN/'\ntitle = 'Blog'\nlanguageCode = 'en'\ndisableKinds = ['taxonomy', 'term']\n",
        ),
        ("layouts/partials/fediverse.html", "HEAD"),
        (
            "layouts/_default/single.html",
            "<!doctype html><html lang=en><head><title>{{ .Title }} | Blog</title>{{ partial \"fediverse.html\" . }}</head>\
             <body><article><h1>{{ .Title }}</h1>{{ .Content }}</article></body></html>",
        ),
        (
            "layouts/_default/list.html",
            "<!doctype html><html lang=en><title>Blog</title>{{ range .Pages }}<a href=\"{{ .RelPermalink }}\">x</a>{{ end }}</html>",
        ),
        (
            "content/posts/grüße.md",
            "+++\ntitle = 'Grüße & more'\ndate = 2026-11-01T10:00:00+01:00\n+++\nGood \"day\" to you all.\n",
        ),
    ];
    says_all("Hugo", "hugo", &["--destination"], &files).await;
}

#[tokio::test]
async fn the_lines_for_jekyll_leave_nothing_unsaid() {
    let files = [
        (
            "_config.yml",
            "url: ORIGIN\ntitle: Blog\ntimezone: Europe/Zurich\n",
        ),
        ("_includes/fediverse.html", "HEAD"),
        (
            "_layouts/post.html",
            "<!doctype html><html lang=en><head><title>{{ page.title }} | Blog</title>{% include fediverse.html %}</head>\
             <body><article><h1>{{ page.title }}</h1>{{ content }}</article></body></html>",
        ),
        (
            "_posts/2026-11-01-hello.md",
            "---\nlayout: post\ntitle: Hello & more\ndate: 2026-11-01 10:00:00\n---\nGood \"day\" to you all.\n",
        ),
    ];
    says_all(
        "Jekyll",
        "jekyll",
        &["build", "--disable-disk-cache", "--destination"],
        &files,
    )
    .await;
}

#[tokio::test]
async fn the_lines_for_pelican_leave_nothing_unsaid() {
    let files = [
        (
            "pelicanconf.py",
            "SITEURL = 'ORIGIN'\nSITENAME = 'Blog'\nTIMEZONE = 'Europe/Zurich'\nDEFAULT_LANG = 'en'\nPATH = 'content'\n\
             THEME = 'theme'\nDIRECT_TEMPLATES = []\nAUTHOR_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = ''\n",
        ),
        (
            "theme/templates/base.html",
            "<!doctype html><html lang=en><head>{% block head %}<title>Blog</title>{% endblock %}</head>\
             <body>{% block content %}{% endblock %}</body></html>",
        ),
        (
            "theme/templates/article.html",
            "{% extends 'base.html' %}{% block head %}{{ super() }}HEAD{% endblock %}\
             {% block content %}<article><h1>{{ article.title }}</h1>{{ article.content }}</article>{% endblock %}",
        ),
        ("theme/static/empty.css", ""),
        (
            "content/hello.md",
            "Title: Hello & more\nDate: 2026-11-01 10:00\n\nGood \"day\" to you all.\n",
        ),
    ];
    says_all(
        "Pelican",
        "pelican",
        &["-s", "pelicanconf.py", "content", "-o"],
        &files,
    )
    .await;
}

#[tokio::test]
async fn the_lines_for_eleventy_leave_nothing_unsaid() {
    let files = [
        ("_data/site.json", "{ \"url\": \"ORIGIN\" }"),
        ("_includes/fediverse.njk", "HEAD"),
        (
            "_includes/post.njk",
            "<!doctype html><html lang=en><head><title>{{ title }} | Blog</title>{% include \"fediverse.njk\" %}</head>\
             <body><article><h1>{{ title }}</h1>{{ content | safe }}</article></body></html>",
        ),
        (
            "posts/hello.md",
            "---\nlayout: post.njk\ntitle: Hello & more\ndescription: A \"day\" among others\n\
             date: 2026-11-01T10:00:00+01:00\n---\nGood day to you all.\n",
        ),
    ];
    says_all("Eleventy", "eleventy", &["--quiet", "--output"], &files).await;
}

#[test]
fn every_weak_spot_that_doctor_names_stands_in_the_guide() {
    let guide = read("docs/themes.md");
    let code = read("src/site/survey.rs");
    let names = code
        .split("pub enum Code {")
        .nth(1)
        .unwrap()
        .split("\n}")
        .next()
        .unwrap();
    let names: Vec<String> = names
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .map(|name| {
            let dashed = name.chars().map(|letter| match letter.is_uppercase() {
                true => format!("-{}", letter.to_lowercase()),
                false => letter.to_string(),
            });
            dashed.collect::<String>().trim_start_matches('-').to_string()
        })
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
}
