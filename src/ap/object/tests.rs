//! What becomes of an article and of a note.

use super::*;
use crate::ap::content::EXCERPT;

fn iris() -> Iris {
    Iris::new(&url::Url::parse("https://blog.example/").unwrap())
}

fn placed(iris: &Iris, kind: Kind) -> Placed<'_> {
    Placed {
        iris,
        site: "https://blog.example/",
        actor: "blog",
        key: "posts~hello",
        kind,
        visibility: Visibility::Public,
        quotes: QuotePolicy::Anyone,
        updated: None,
    }
}

fn article() -> Article {
    Article {
        url: "https://blog.example/posts/hello/".into(),
        kind: None,
        title: Some("Hello & goodbye".into()),
        summary: Some("Short <but> sweet".into()),
        content: "<p>Long text.</p>".into(),
        language: Some("en".into()),
        published: "2026-11-01T10:00:00+01:00".parse().unwrap(),
        updated: None,
        tags: vec![Tag {
            name: "static sites".into(),
            href: Some("https://blog.example/tags/static/".into()),
        }],
        image: Some(Media {
            url: "https://blog.example/cover.png".into(),
            media_type: "image/png".into(),
            alt: Some("A cover".into()),
            width: Some(1200),
            height: Some(630),
        }),
        attachments: vec![Media {
            url: "https://blog.example/talk.mp3".into(),
            media_type: "audio/mpeg".into(),
            alt: None,
            width: None,
            height: None,
        }],
        sensitive: false,
        actor: None,
        visibility: None,
        featured: false,
        discussion: crate::article::Discussion::Open,
        translations: vec![],
    }
}

#[test]
fn an_article_has_its_language_in_name_and_summary_and_its_body_once() {
    let iris = iris();
    let object = of_article(&article(), &placed(&iris, Kind::Article)).object;
    assert_eq!(object["type"], "Article");
    assert_eq!(object["nameMap"]["en"], "Hello & goodbye");
    assert_eq!(object["summary"], "Short &lt;but&gt; sweet");
    assert_eq!(object["summaryMap"]["en"], object["summary"]);
    assert!(object.get("contentMap").is_none());
    assert_eq!(object["preview"]["type"], "Note");
    assert_eq!(object["published"], "2026-11-01T09:00:00Z");
    assert_eq!(object["image"]["summary"], "A cover");
    assert_eq!(object["attachment"][0]["type"], "Audio");
}

#[test]
fn a_note_carries_title_text_link_and_hashtags_and_no_summary_but_a_content_warning() {
    let iris = iris();
    let object = of_article(&article(), &placed(&iris, Kind::Note)).object;
    let content = object["content"].as_str().unwrap();
    assert_eq!(
        content,
        "<p><strong>Hello &amp; goodbye</strong></p><p>Long text.</p>\
         <p><a href=\"https://blog.example/posts/hello/\">https://blog.example/posts/hello/</a></p>\
         <p><a href=\"https://blog.example/tags/static/\" class=\"mention hashtag\" rel=\"tag\">#<span>StaticSites</span></a></p>"
    );
    assert_eq!(object["contentMap"]["en"], content);
    assert!(object.get("summary").is_none() && object.get("name").is_none());
    assert_eq!(object["attachment"][0]["url"], "https://blog.example/cover.png");
    let mut warned = article();
    warned.sensitive = true;
    let object = of_article(&warned, &placed(&iris, Kind::Note)).object;
    assert_eq!(object["summary"], "Short <but> sweet");
    assert_eq!(object["sensitive"], true);
}

#[test]
fn addressing_follows_the_visibility() {
    let iris = iris();
    let followers = iris.followers("blog");
    for (visibility, to, cc, quotable) in [
        (
            Visibility::Public,
            json!([PUBLIC]),
            json!([followers]),
            json!([PUBLIC]),
        ),
        (
            Visibility::Unlisted,
            json!([followers]),
            json!([PUBLIC]),
            json!([PUBLIC]),
        ),
        (
            Visibility::Followers,
            json!([followers]),
            json!([]),
            json!([iris.actor("blog")]),
        ),
    ] {
        let mut placed = placed(&iris, Kind::Article);
        placed.visibility = visibility;
        let object = of_article(&article(), &placed).object;
        assert_eq!((&object["to"], &object["cc"]), (&to, &cc));
        assert_eq!(
            object["interactionPolicy"]["canQuote"]["automaticApproval"],
            quotable
        );
    }
}

#[test]
fn an_article_too_long_for_misskey_falls_back_to_summary_and_link() {
    let iris = iris();
    let mut long = article();
    long.content = "<p>é</p>".repeat(10_000);
    for kind in [Kind::Article, Kind::Note] {
        let placed = placed(&iris, kind);
        let built = of_article(&long, &placed);
        assert_eq!(built.extent, Extent::Summary);
        let create = activity::create(&iris, "blog", "posts~hello", &built.object);
        assert!(create.to_string().len() < MAX_ACTIVITY);
        let content = built.object["content"].as_str().unwrap();
        assert!(content.contains("Short &lt;but&gt; sweet"));
        assert!(content.contains("https://blog.example/posts/hello/"));
    }
    long.summary = None;
    let object = of_article(&long, &placed(&iris, Kind::Article)).object;
    let content = object["content"].as_str().unwrap();
    assert!(
        content.starts_with("<p>é") && content.len() < 2 * EXCERPT,
        "{content}"
    );
    assert_eq!(
        of_article(&article(), &placed(&iris, Kind::Article)).extent,
        Extent::Whole
    );
}

#[test]
fn updated_is_told_only_when_it_is_after_the_publication() {
    let iris = iris();
    let mut placed = placed(&iris, Kind::Article);
    placed.updated = Some("2026-11-01T09:00:00Z".parse().unwrap());
    assert!(of_article(&article(), &placed).object.get("updated").is_none());
    placed.updated = Some("2026-11-01T09:00:01Z".parse().unwrap());
    assert_eq!(
        of_article(&article(), &placed).object["updated"],
        "2026-11-01T09:00:01Z"
    );
}

#[test]
fn a_direct_note_goes_to_those_it_mentions_and_nobody_else() {
    let iris = iris();
    let mut placed = placed(&iris, Kind::Note);
    placed.visibility = Visibility::Direct;
    let note = Note {
        content: "<p>psst</p>",
        summary: None,
        sensitive: false,
        language: Some("en"),
        published: "2026-11-01T10:00:00Z".parse().unwrap(),
        mentions: &[Mention {
            actor: "https://remote.example/users/ada".into(),
            handle: "@ada@remote.example".into(),
        }],
        tags: &[],
        in_reply_to: Some("https://remote.example/notes/1"),
        attachments: &[],
    };
    let object = of_note(&note, &placed);
    assert_eq!(object["to"], json!(["https://remote.example/users/ada"]));
    assert_eq!(object["cc"], json!([]));
    assert_eq!(object["tag"][0]["type"], "Mention");
    assert_eq!(object["url"], object["id"]);
    assert_eq!(object["inReplyTo"], "https://remote.example/notes/1");
}

#[test]
fn a_tombstone_remembers_what_it_was_also_the_second_time() {
    let iris = iris();
    let object = of_article(&article(), &placed(&iris, Kind::Article)).object;
    let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let stone = tombstone(&object, at);
    assert_eq!(stone["formerType"], "Article");
    assert_eq!(stone["id"], object["id"]);
    assert_eq!(stone["deleted"], "2026-11-21T12:00:00Z");
    assert_eq!(tombstone(&stone, at)["formerType"], "Article");
}

#[test]
fn a_summary_is_cut_at_what_misskey_takes() {
    let iris = iris();
    let mut wordy = article();
    wordy.summary = Some("ü".repeat(3_000));
    let object = of_article(&wordy, &placed(&iris, Kind::Article)).object;
    assert_eq!(object["summary"].as_str().unwrap().chars().count(), MAX_SUMMARY);
}

fn in_two_languages() -> Article {
    let mut article = article();
    article.translations = vec![Article {
        url: "https://blog.example/de/posts/hello/".into(),
        title: Some("Hallo".into()),
        summary: Some("Kurz".into()),
        content: "<p>Langer Text.</p>".into(),
        language: Some("de".into()),
        tags: vec![Tag {
            name: "Statische Seiten".into(),
            href: None,
        }],
        ..self::article()
    }];
    article
}

#[test]
fn an_article_in_two_languages_has_everything_in_both_its_own_first() {
    let iris = iris();
    let object = of_article(&in_two_languages(), &placed(&iris, Kind::Article)).object;
    for (map, own, other) in [
        ("nameMap", "Hello & goodbye", "Hallo"),
        ("summaryMap", "Short &lt;but&gt; sweet", "Kurz"),
        ("contentMap", "<p>Long text.</p>", "<p>Langer Text.</p>"),
    ] {
        let languages: Vec<(&String, &Value)> = object[map].as_object().unwrap().iter().collect();
        assert_eq!(
            languages,
            [(&"en".to_owned(), &json!(own)), (&"de".to_owned(), &json!(other))],
            "{map}"
        );
    }
    assert_eq!(object["content"], "<p>Long text.</p>");
    assert_eq!(object["url"], "https://blog.example/posts/hello/");
    let tags: Vec<&str> = object["tag"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    assert_eq!(tags, ["#StaticSites", "#StatischeSeiten"]);
}

#[test]
fn a_note_in_two_languages_stands_for_itself_in_each() {
    let iris = iris();
    let object = of_article(&in_two_languages(), &placed(&iris, Kind::Note)).object;
    let german = object["contentMap"]["de"].as_str().unwrap();
    assert!(
        german.starts_with("<p><strong>Hallo</strong></p><p>Langer Text.</p>"),
        "{german}"
    );
    assert!(
        german.contains("href=\"https://blog.example/de/posts/hello/\"")
            && german.contains("StatischeSeiten")
    );
    assert_eq!(object["contentMap"]["en"], object["content"]);
    assert!(object.get("summaryMap").is_none());
}

#[test]
fn languages_that_are_too_long_together_leave_the_text_in_the_first_alone() {
    let iris = iris();
    let mut article = in_two_languages();
    article.content = "<p>é</p>".repeat(2_000);
    article.translations[0].content = "<p>ü</p>".repeat(5_000);
    for kind in [Kind::Article, Kind::Note] {
        let built = of_article(&article, &placed(&iris, kind));
        assert_eq!(built.extent, Extent::OwnLanguage);
        assert!(
            built.object["content"]
                .as_str()
                .unwrap()
                .contains("<p>é</p><p>é</p>")
        );
        assert!(!built.object.to_string().contains("<p>ü</p>"));
    }
    let object = of_article(&article, &placed(&iris, Kind::Article)).object;
    assert_eq!(object["nameMap"]["de"], "Hallo");
}
