//! A page with pictures, sound, film, code, notes and formulas, as a follower's server receives it.

use serde_json::Value;

use crate::harness::{Peer, Site, World, page};

const BODY: &str = r##"
<p>Paste <a href="paper.html">and paper</a>.<sup id=fnref1><a href="#fn1" role="doc-noteref">1</a></sup></p>
<figure><a href="/img/spine.jpg"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="/img/spine-300.jpg"></a>
<noscript><img src="/img/spine-300.jpg"></noscript><figcaption>The spine</figcaption></figure>
<picture><source type="image/avif" srcset="/img/knife.avif 800w"><img src="/img/knife-400.jpg" srcset="/img/knife-400.jpg 400w, /img/knife-1200.jpg 1200w" alt="A knife"></picture>
<p><img src="/img/knife-1200.jpg" alt="The knife again"><img src="/count.gif" width=1 height=1><img class=emoji src="/1f4d6.png" alt="📖"></p>
<h2 id=sound>Sound <a href="#sound" aria-label="Permalink">#</a></h2>
<audio controls><source src="/talk.mp3" type="audio/mpeg"></audio>
<video src="/film.mp4" title="Sewing" width=640 height=360></video>
<iframe src="https://tube.example/embed/1" title="The film elsewhere"></iframe>
<div class="highlight"><button>Copy</button><pre><code class="language-rust"><span class="ln">1</span><span class="k">fn</span> main() {}
</code></pre></div>
<p>Length <span class="katex"><span class="katex-mathml"><math><semantics><mi>l</mi><annotation encoding="application/x-tex">l</annotation></semantics></math></span><span class="katex-html" aria-hidden="true">l</span></span>.</p>
<table><tr><th>Paste</th><th>Days</th></tr><tr><td>wheat</td><td>3</td></tr></table>
<details><summary>More</summary><p>Hidden until opened.</p></details>
<p style="display:none">Never shown.</p>
<section role="doc-endnotes"><ol><li id=fn1><p>A note. <a href="#fnref1" role="doc-backlink">↩︎</a></p></li></ol></section>
"##;

fn attachments(object: &Value) -> Vec<(&str, &str, &str)> {
    let all = object["attachment"].as_array().unwrap();
    all.iter()
        .map(|one| {
            let url = one["url"].as_str().unwrap().rsplit('/').next().unwrap();
            (
                one["type"].as_str().unwrap(),
                url,
                one["name"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_full_of_media_reaches_a_follower_with_everything_once() {
    let world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;
    let head = "<meta property=og:image content=/img/knife-400.jpg></head>";
    let html = page("Books", "2026-11-01T10:00:00+01:00", BODY).replace("</head>", head);
    world.site.write("/posts/books/index.html", &html);
    let create = peer.wait_for("Create", 1).await.remove(0);
    let object = &create["object"];
    assert_eq!(
        attachments(object),
        [
            ("Image", "spine.jpg", "The spine"),
            ("Image", "knife-400.jpg", "A knife"),
            ("Audio", "talk.mp3", ""),
            ("Video", "film.mp4", "Sewing"),
        ]
    );
    assert_eq!(object["attachment"][2]["mediaType"], "audio/mpeg");
    assert_eq!(object["attachment"][3]["width"], 640);
    assert_eq!(object["image"]["name"], "A knife");
    let own = format!("{}/posts/books/", world.origin);
    let content = object["content"].as_str().unwrap();
    for part in [
        &format!("<a href=\"{own}paper.html\">and paper</a>.<sup><a href=\"{own}#fn1\">1</a></sup></p>")
            as &str,
        "<figcaption>The spine</figcaption>",
        "📖",
        "<h2>Sound</h2>",
        "/talk.mp3\">talk.mp3</a></p>",
        "/film.mp4\">Sewing</a></p>",
        "<a href=\"https://tube.example/embed/1\">The film elsewhere</a>",
        "<pre><code class=\"language-rust\">fn main() {}\n</code></pre>",
        "<math><semantics><mi>l</mi><annotation encoding=\"application/x-tex\">l</annotation></semantics></math>.</p>",
        "<tr><td>wheat</td> <td>3</td></tr>",
        "<details><summary>More</summary><p>Hidden until opened.</p></details>",
        "<li><p>A note.</p></li>",
    ] {
        assert!(content.contains(part), "{part} isn't in {content}");
    }
    for part in [
        "Copy",
        "Never shown",
        "data:",
        "count.gif",
        "↩",
        "<script",
        "noscript",
        "emoji",
    ] {
        assert!(!content.contains(part), "{part} is in {content}");
    }
    assert_eq!(content.matches("spine-300.jpg").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_an_old_encoding_reaches_a_follower_as_text() {
    let world = World::start(Site::empty(), "").await;
    world.baseline().await;
    let peer = Peer::start("127.0.0.2").await;
    peer.follow(&world, "ada").await;
    let html = page("日本の製本", "2026-11-01T10:00:00+01:00", "<p>糸と紙と糊。</p>").replace(
        "charset=utf-8",
        "http-equiv=Content-Type content='text/html; charset=Shift_JIS'",
    );
    let (bytes, _, lost) = encoding_rs::SHIFT_JIS.encode(&html);
    assert!(!lost);
    // The site writes text only, and a half-written file must not be seen.
    let file = world.site.root().join("page.html");
    std::fs::write(&file, bytes).unwrap();
    std::fs::create_dir_all(world.site.output().join("posts/nihon")).unwrap();
    std::fs::rename(file, world.site.output().join("posts/nihon/index.html")).unwrap();
    let create = peer.wait_for("Create", 1).await.remove(0);
    assert_eq!(create["object"]["name"], "日本の製本");
    assert_eq!(create["object"]["content"], "<p>糸と紙と糊。</p>");
}
