//! Builds that change every file and say the same. A human sends nothing.

use super::build::{Build, Theme};
use super::stage::Stage;

/// A site whose every post the follower knows.
async fn announced(first: impl FnOnce(&str) -> Build) -> (Stage, Build) {
    let (mut stage, build) = Stage::start("", first).await;
    let build = build.with("new", "Something <b>new</b>, said in <em>some</em> words.");
    build.write(&stage.world.site.output());
    stage.expect(&["Create posts~new"]).await;
    (stage, build)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_theme_over_all_pages_sends_nothing_and_an_edit_in_it_one_update() {
    let (mut stage, build) = announced(|origin| Build::new(origin).many(3)).await;
    let output = stage.world.site.output();
    for theme in [Theme::Data, Theme::Bare, Theme::Entry] {
        let dressed = Build {
            theme,
            ..build.clone()
        };
        dressed.write(&output);
        stage.expect(&[]).await;
    }
    let edited = Build {
        theme: Theme::Data,
        ..build.with("new", "Something newer.")
    };
    edited.write(&output);
    stage.expect(&["Update posts~new"]).await;
    stage.nothing_more(|_| edited.write(&output)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_id_in_every_page_sends_nothing() {
    let (mut stage, mut build) = announced(|origin| Build::new(origin).many(2)).await;
    let output = stage.world.site.output();
    for nonce in ["9f31c0", "2026-11-21T10:00:00Z"] {
        build.nonce = nonce.into();
        build.write(&output);
        stage.expect(&[]).await;
    }
    stage.nothing_more(|_| build.write(&output)).await;
}

/// Bodies that a reader can't tell apart, each as another generator or another setting of it writes them.
const ALIKE: [&str; 4] = [
    "<h2 id=why>Why</h2><p>It is <b>bold</b> and <i>slanted</i>.</p><p><img src=\"BASE/pic.png?v=1\" alt=\"A picture\" width=300></p>\
     <pre><code class=language-sh>ls\n  -l</code></pre><ul><li>one</li><li>two</li></ul>",
    "\n  <h2 id=\"why\" class=\"title\">Why</h2>\n\n  <p>It is <strong>bold</strong>\n  and <em>slanted</em>.</p>\n\
     <p><img alt=\"A picture\" loading=lazy src=\"BASE/pic.png?v=2\"></p>\n\
     <pre tabindex=0><code class=\"language-sh hl\"><span class=c>ls</span>\n  -l</code></pre>\n<ul>\n<li>one\n<li>two\n</ul>\n",
    "<div class=wide><h3>Why <a class=anchor href=#why aria-hidden=true></a></h3><p>It is <b>bold</b> and <i>slanted</i>.\
     <figure><img src=\"/pic.png?20261121\" alt=\"A picture\"></figure><pre><code>ls\n  -l</code></pre><ul><li>one<li>two</ul></div>",
    "<section><h2>Why</h2><p>It <span data-nonce=3>is</span> <b>bold</b> and <i>slanted</i>.</p><p><img src=\"/pic.png\" alt=\"A picture\"></p>\
     <pre><code>ls\n  -l</code></pre><ul><li>one</li><li>two</li></ul></section><script>track()</script>",
];

#[tokio::test(flavor = "multi_thread")]
async fn minified_reordered_and_cache_busting_pages_send_nothing() {
    let (mut stage, mut build) = announced(|origin| Build::new(origin).many(2)).await;
    let output = stage.world.site.output();
    build.posts.get_mut("new").unwrap().body = ALIKE[0].into();
    build.write(&output);
    stage.expect(&["Update posts~new"]).await;
    for body in &ALIKE[1..] {
        build.posts.get_mut("new").unwrap().body = body.to_string();
        build.write(&output);
        stage.expect(&[]).await;
    }
    build.posts.get_mut("new").unwrap().body = ALIKE[3].replace("A picture", "A better picture");
    build.write(&output);
    stage.expect(&["Update posts~new"]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}

/// What themes put around a text, and what is different in every build: how long ago it was, how long it takes to
/// read, how often it was read, what else there is.
fn surroundings(build: u32) -> (String, String) {
    (
        format!(
            "<p class=meta><span>{build} days ago</span> · <span>{build} min read</span> · <span>{build}7 views</span></p>"
        ),
        format!(
            "<aside class=related><h2>Related posts</h2><ul><li><a href=\"/posts/a/\">About a ({build})</a></li></ul></aside>\
             <nav class=pager><a rel=prev href=\"/posts/a/\">Older {build}</a></nav>"
        ),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_ages_and_related_posts_send_nothing() {
    let (mut stage, build) = announced(|origin| Build {
        theme: Theme::Bare,
        ..Build::new(origin).many(3)
    })
    .await;
    let output = stage.world.site.output();
    for count in 2..4 {
        let (before, after) = surroundings(count);
        let mut dressed = build.clone();
        for post in dressed.posts.values_mut() {
            post.body = format!("{before}{}{after}", post.body);
        }
        dressed.write(&output);
        stage.expect(&[]).await;
    }
}
