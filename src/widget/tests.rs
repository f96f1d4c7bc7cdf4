//! The widgets over a whole instance, without a network.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::interact::{Problem, Wish};
use super::picture::Purpose;
use super::*;
use crate::article::Visibility;
use crate::clock::Clock;
use crate::config;
use crate::net::{Client, Resolver, Settings};
use crate::store::{
    Author, Format, Interaction, InteractionKind, InteractionState, Picture, PictureKind, Store,
};

const ORIGIN: &str = "https://blog.example";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(super) fn instance(folder: &Path, interactions: &str) -> Instance {
    let text = format!(
        "[site]\nurl = '{ORIGIN}'\noutput = 'public'\ndata = 'data'\n\
         [[actor]]\nname = 'blog'\ndisplay_name = 'The <Blog>'\nicon = '/avatar.png'\n\
         [interactions]\n{interactions}\n"
    );
    let config = config::parse(&text, &folder.join("ap.toml")).unwrap();
    let store = Store::open(&config.site.data, ORIGIN, "blog.example").unwrap();
    let client = Client::new(Settings {
        allow_private: false,
        user_agent: "tidings".into(),
        resolver: Resolver::System,
    })
    .unwrap();
    let instance = Instance::new(config, store, client, Clock::manual(at(1_000_000)));
    put_object(&instance, "posts~hello", |object| {
        object.page = Some("/posts/hello/".into());
        object.former_pages = vec!["/old/hello/".into()];
    });
    instance
}

pub(super) fn put_object(instance: &Instance, key: &str, change: impl FnOnce(&mut Object)) {
    let id = instance.iris.object(key);
    let mut object = Object {
        key: key.into(),
        actor: "blog".into(),
        page: None,
        former_pages: Vec::new(),
        translations: Vec::new(),
        canonical: None,
        state: ObjectState::Live,
        announced: None,
        digest: String::new(),
        fingerprint: String::new(),
        impression: None,
        visibility: Visibility::Public,
        published: at(0),
        updated: None,
        missing_since: None,
        featured: false,
        discussion: Default::default(),
        heard: None,
        pending: None,
        object: json!({ "id": id, "type": "Note", "url": id, "content": "<p>ours</p>" }),
    };
    change(&mut object);
    instance.store.objects.put(&object).unwrap();
}

pub(super) fn put(
    instance: &Instance,
    kind: InteractionKind,
    id: &str,
    change: impl FnOnce(&mut Interaction),
) {
    let mut record = Interaction {
        id: id.into(),
        kind,
        object: Some("posts~hello".into()),
        activity: format!("https://a.example/{id}/activity"),
        remote_object: matches!(kind, InteractionKind::Reply | InteractionKind::Quote)
            .then(|| format!("https://a.example/{id}")),
        in_reply_to: None,
        actor: Author {
            id: "https://a.example/users/ada".into(),
            name: "Ada <script>".into(),
            handle: "@ada@a.example".into(),
            url: "https://a.example/@ada".into(),
            avatar: Some("https://a.example/ada.png".into()),
            ..Author::default()
        },
        published: at(10),
        updated: None,
        received: at(10),
        state: InteractionState::Shown,
        hidden_for: None,
        public: true,
        url: None,
        summary: None,
        sensitive: false,
        language: None,
        content: Some(format!("<p>{id} :cat:</p>")),
        emoji: None,
        attachments: Vec::new(),
        raw: json!({ "object": { "tag": [{ "type": "Emoji", "name": ":cat:",
            "icon": { "url": "https://a.example/cat.png" } }] } }),
    };
    change(&mut record);
    instance.store.interactions.put(&record).unwrap();
}

pub(super) fn keep(instance: &Instance, purpose: Purpose, url: &str) -> String {
    let picture = Picture {
        format: Format {
            kind: PictureKind::Png,
            width: 640,
            height: 480,
        },
        bytes: b"png".to_vec(),
    };
    let hash = purpose.hash(url);
    instance.store.media.put(&hash, &picture, 1000).unwrap();
    format!("/ap/media/{hash}")
}

fn said(instance: &Instance) -> Value {
    interactions(instance, "/posts/hello/").unwrap().unwrap()
}

#[test]
fn a_page_is_found_in_every_spelling_and_where_it_lay_before() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    for page in [
        "/posts/hello/",
        "/posts/hello",
        "posts/hello/index.html",
        "https://blog.example/posts/hello/",
        "https://blog.example/posts/hello?x=y#z",
        "/old/hello/",
        "https://blog.example/ap/objects/posts~hello",
    ] {
        assert_eq!(find(&instance, page).as_deref(), Some("posts~hello"), "{page}");
    }
    for page in [
        "",
        "/posts/",
        "/posts/hell/",
        "https://other.example/posts/hello/",
        "/ap/objects/x",
    ] {
        assert_eq!(find(&instance, page), None, "{page}");
        assert_eq!(interactions(&instance, page).unwrap(), None);
        assert_eq!(thread(&instance, page).unwrap(), "");
        assert_eq!(counts(&instance, page).unwrap(), "");
    }
    put_object(&instance, "secret", |object| {
        object.page = Some("/secret/".into());
        object.visibility = Visibility::Followers;
    });
    assert_eq!(find(&instance, "/secret/"), None);
    assert_eq!(pages(&instance).len(), 1);
}

#[test]
fn only_what_is_public_and_shown_appears() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    put(&instance, InteractionKind::Reply, "shown", |_| {});
    put(&instance, InteractionKind::Reply, "held", |record| {
        record.state = InteractionState::Held;
    });
    put(&instance, InteractionKind::Reply, "private", |record| {
        record.public = false;
    });
    put(&instance, InteractionKind::Reply, "below", |record| {
        record.in_reply_to = Some("https://a.example/held".into());
        record.published = at(20);
    });
    put(&instance, InteractionKind::Like, "like", |record| {
        record.emoji = Some("🎉".into());
    });
    put(&instance, InteractionKind::Boost, "boost", |_| {});
    put(&instance, InteractionKind::Quote, "quote", |_| {});
    put(&instance, InteractionKind::Mention, "mention", |_| {});
    let json = said(&instance);
    assert_eq!(
        json["counts"],
        json!({ "replies": 2, "likes": 1, "boosts": 1, "quotes": 1 })
    );
    assert_eq!(json["replies"][0]["id"], "https://a.example/shown");
    assert_eq!(json["replies"][1]["id"], "https://a.example/below");
    assert_eq!(json["likes"][0]["emoji"], "🎉");
    assert!(json["quotes"][0].get("replies").is_none());
    assert_eq!(json["page"], "https://blog.example/posts/hello/");

    let thread = thread(&instance, "/posts/hello/").unwrap();
    assert!(thread.contains("2 replies") && thread.contains("1 like") && thread.contains("🎉"));
    assert!(!thread.contains("private") && !thread.contains("held"));
    assert!(thread.contains("Ada &lt;script&gt;") && !thread.contains("<script"));
    assert!(counts(&instance, "/posts/hello/").unwrap().contains("1 boost"));

    instance
        .store
        .interactions
        .update("shown", |record| {
            record.state = InteractionState::Hidden;
            true
        })
        .unwrap();
    assert_eq!(said(&instance)["counts"]["replies"], 1, "a change shows at once");
}

#[test]
fn a_readers_browser_is_never_sent_to_another_server_for_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    put(&instance, InteractionKind::Reply, "r", |record| {
        record.attachments = vec![crate::store::Attachment {
            url: "https://a.example/photo.jpg".into(),
            media_type: "image/jpeg".into(),
            alt: Some("a \"cat\"".into()),
        }];
    });
    let before = said(&instance);
    assert_eq!(before["replies"][0]["actor"]["avatar"], Value::Null);
    assert_eq!(before["replies"][0]["content"], "<p>r :cat:</p>");
    let bare = thread(&instance, "/posts/hello/").unwrap();
    assert!(
        !bare.contains("<img") && bare.contains("tidings-initial") && bare.contains("tidings-missing"),
        "{bare}"
    );

    let avatar = keep(&instance, Purpose::Avatar, "https://a.example/ada.png");
    let emoji = keep(&instance, Purpose::Emoji, "https://a.example/cat.png");
    let photo = keep(&instance, Purpose::Attachment, "https://a.example/photo.jpg");
    let after = said(&instance);
    assert_eq!(after["replies"][0]["actor"]["avatar"], avatar);
    assert_eq!(after["replies"][0]["attachments"][0]["url"], photo);
    assert!(after["replies"][0]["content"].as_str().unwrap().contains(&emoji));
    let thread = thread(&instance, "/posts/hello/").unwrap();
    for source in thread.split(" src=\"").skip(1) {
        assert!(source.starts_with("/ap/media/"), "{source}");
    }
    assert_eq!(thread.matches("<img").count(), 3);
    assert!(thread.contains("width=\"640\" height=\"480\""), "{thread}");
    assert!(!thread.contains("tidings-missing"));
}

#[test]
fn our_own_answers_stand_in_the_thread_and_so_do_the_answers_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    put(&instance, InteractionKind::Reply, "question", |_| {});
    put_object(&instance, "answer", |object| {
        object.object["inReplyTo"] = json!("https://a.example/question");
        object.published = at(30);
    });
    put(&instance, InteractionKind::Reply, "thanks", |record| {
        record.object = Some("answer".into());
        record.published = at(40);
    });
    put_object(&instance, "whisper", |object| {
        object.object["inReplyTo"] = json!("https://a.example/question");
        object.visibility = Visibility::Direct;
    });
    put_object(&instance, "addendum", |object| {
        object.object["inReplyTo"] = json!("https://blog.example/posts/hello/");
        object.published = at(50);
    });
    let json = said(&instance);
    assert_eq!(json["counts"]["replies"], 4);
    let answer = &json["replies"][0]["replies"][0];
    assert_eq!(answer["id"], "https://blog.example/ap/objects/answer");
    assert_eq!(answer["actor"]["owner"], true);
    assert_eq!(answer["actor"]["avatar"], "/avatar.png");
    assert_eq!(answer["replies"][0]["id"], "https://a.example/thanks");
    assert_eq!(
        json["replies"][1]["id"],
        "https://blog.example/ap/objects/addendum"
    );
    let thread = thread(&instance, "/posts/hello/").unwrap();
    assert!(thread.contains("tidings-by-owner") && thread.contains("The &lt;Blog&gt;"));
    let page = |key: &str| {
        let object = instance.store.objects.get(key).unwrap().unwrap();
        note(&instance, &object).unwrap()
    };
    let answer = page("answer");
    assert!(
        answer.contains("<p>ours</p>") && answer.contains("thanks"),
        "{answer}"
    );
    let whisper = page("whisper");
    assert!(
        whisper.contains("<p>ours</p>") && !whisper.contains("tidings-thread"),
        "{whisper}"
    );
}

#[test]
fn the_owner_decides_how_much_is_shown_and_for_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "show = 'counts'\nexpire = '5d'\nlocale = 'de'");
    put(&instance, InteractionKind::Reply, "new", |record| {
        record.published = at(900_000);
        record.received = at(900_000);
    });
    put(&instance, InteractionKind::Reply, "old", |_| {});
    put(&instance, InteractionKind::Reply, "from the future", |record| {
        record.published = at(9_000_000);
    });
    let json = said(&instance);
    assert_eq!(json["counts"]["replies"], 1);
    assert_eq!(json["replies"], json!([]));
    let html = thread(&instance, "/posts/hello/").unwrap();
    assert!(html.contains("1 Antwort") && html.contains("lang=\"de\"") && !html.contains("h-cite"));

    let mut config = (*instance.config()).clone();
    config.interactions.show = Show::None;
    instance.set_config(config);
    assert_eq!(said(&instance)["counts"]["replies"], 0);
    assert_eq!(thread(&instance, "/posts/hello/").unwrap(), "");
    assert_eq!(counts(&instance, "/posts/hello/").unwrap(), "");
}

#[test]
fn who_asks_not_to_be_shown_is_counted_among_the_likes_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    let shy = |record: &mut Interaction| {
        record.actor.shy = true;
        record.actor.name = "Shy".into();
        record.actor.handle = "@shy@a.example".into();
    };
    put(&instance, InteractionKind::Like, "l1", |_| {});
    put(&instance, InteractionKind::Like, "l2", shy);
    put(&instance, InteractionKind::Reply, "r1", |_| {});
    put(&instance, InteractionKind::Reply, "r2", |record| {
        shy(record);
        record.in_reply_to = Some("https://a.example/r1".into());
    });
    put(&instance, InteractionKind::Reply, "r3", |record| {
        record.in_reply_to = Some("https://a.example/r2".into());
    });
    put(&instance, InteractionKind::Quote, "q", shy);
    for _ in 0..2 {
        let said = said(&instance);
        assert_eq!(
            said["counts"],
            json!({ "replies": 2, "likes": 2, "boosts": 0, "quotes": 0 })
        );
        assert_eq!(said["likes"].as_array().unwrap().len(), 1);
        let above = &said["replies"][0];
        assert_eq!(
            above["replies"][0]["id"], "https://a.example/r3",
            "its place is kept"
        );
        let thread = thread(&instance, "/posts/hello/").unwrap();
        assert!(!thread.to_lowercase().contains("shy") && !said.to_string().contains("Shy"));
        // What was read before is taken over as it is.
        put(&instance, InteractionKind::Boost, "b", |record| {
            record.public = false;
        });
    }
}

#[test]
fn a_closed_page_shows_what_is_there_and_one_that_is_off_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (rule, threads, replies, buttons) in [
        ("", 1, 1, 2),
        ("closed = ['posts/**']", 1, 1, 0),
        ("closed = ['posts/**']\noff = ['posts/hello/']", 0, 0, 0),
    ] {
        let instance = instance(folder.path(), rule);
        put(&instance, InteractionKind::Reply, "r", |_| {});
        let thread = thread(&instance, "/posts/hello/").unwrap();
        assert_eq!(thread.matches("tidings-thread").count(), threads, "{rule}");
        assert_eq!(
            thread.matches("intent=reply").count(),
            buttons,
            "{rule}: {thread}"
        );
        assert_eq!(said(&instance)["counts"]["replies"], replies, "{rule}");
        assert_eq!(
            counts(&instance, "/posts/hello/").unwrap().is_empty(),
            threads == 0
        );
    }
}

#[test]
fn the_button_names_the_actor_and_leads_to_the_form() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    for name in ["", "blog", "@blog"] {
        let button = follow(&instance, name);
        assert!(button.contains("Follow @blog@blog.example"), "{button}");
        assert!(
            button.contains(
                "/ap/interact?intent=follow&amp;uri=https%3A%2F%2Fblog.example%2Fap%2Factors%2Fblog"
            ),
            "{button}"
        );
    }
    assert_eq!(follow(&instance, "nobody"), "");
}

#[tokio::test]
async fn the_form_is_about_what_is_shown_here_and_asks_no_private_address() {
    let folder = tempfile::tempdir().unwrap();
    let instance = std::sync::Arc::new(instance(folder.path(), ""));
    put(&instance, InteractionKind::Reply, "x", |record| {
        let remote = "https://a.example/shown";
        record.id = Interaction::id_of(record.kind, "", None, Some(remote));
        record.remote_object = Some(remote.into());
    });
    for uri in [
        "https://a.example/held",
        "https://evil.example/",
        "javascript:alert(1)",
        "/nothing/",
    ] {
        assert_eq!(Wish::read(&instance, uri, "reply").unwrap(), None, "{uri}");
    }
    for uri in [
        "",
        "https://a.example/shown",
        "https://blog.example/posts/hello/",
        "https://blog.example/ap/actors/blog",
    ] {
        assert!(Wish::read(&instance, uri, "like").unwrap().is_some(), "{uri}");
    }
    let wish = Wish::read(&instance, "", "").unwrap().unwrap();
    for home in [
        "@ada@127.0.0.1:9",
        "@ada@[::1]",
        "@ada@localhost",
        "@ada@169.254.169.254",
    ] {
        let refused = interact::look_up(&instance, None, &wish, home).await;
        assert_eq!(refused, Err(Problem::Unreachable), "{home}");
    }
    for home in ["127.0.0.1", "https://10.0.0.1/", "localhost"] {
        assert!(
            interact::look_up(&instance, None, &wish, home).await.is_err(),
            "{home}"
        );
    }
    let to = interact::look_up(&instance, None, &wish, "social.example")
        .await
        .unwrap();
    assert!(
        to.as_str()
            .starts_with("https://social.example/authorize_interaction?uri=")
    );
}

#[test]
fn a_long_thread_is_drawn_to_its_full_depth() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "");
    for n in 0..100 {
        put(&instance, InteractionKind::Reply, &format!("n{n}"), |record| {
            record.in_reply_to = (n > 0).then(|| format!("https://a.example/n{}", n - 1));
            record.published = at(n);
        });
    }
    let html = thread(&instance, "/posts/hello/").unwrap();
    assert_eq!(html.matches("tidings-reply u-comment").count(), 100);
}

#[test]
fn the_script_is_small() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(SCRIPT.as_bytes()).unwrap();
    let size = packer.finish().unwrap().len();
    assert!(size < 6 * 1024, "{size} bytes");
}

#[test]
fn what_was_drawn_stays_until_something_in_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let instance = instance(folder.path(), "expire = '30d'");
    let drawings = || {
        let thread = thread(&instance, "/posts/hello/").unwrap();
        let json = interactions_drawing(&instance, "/posts/hello/").unwrap();
        let json = text_of(json.as_deref());
        (thread, counts(&instance, "/posts/hello/").unwrap(), json)
    };
    put(&instance, InteractionKind::Reply, "r1", |_| {});
    put_object(&instance, "note", |object| {
        object.object["inReplyTo"] = json!("https://a.example/r1");
    });
    let before = drawings();
    assert_eq!(before, drawings());
    assert_eq!(before.2, said(&instance).to_string());
    put(&instance, InteractionKind::Like, "l0", |like| {
        like.object = Some("posts~other".into());
    });
    assert_eq!(before, drawings(), "a like elsewhere");
    put(&instance, InteractionKind::Like, "l1", |_| {});
    let liked = drawings();
    assert_ne!(before.0, liked.0);
    assert_ne!(before.1, liked.1);
    assert_ne!(before.2, liked.2);
    // An answer to the owner's answer hangs at another object.
    put(&instance, InteractionKind::Reply, "r2", |reply| {
        reply.object = Some("note".into());
    });
    assert!(drawings().0.contains("r2"));
    std::fs::create_dir(folder.path().join("widgets")).unwrap();
    std::fs::write(
        folder.path().join("widgets/thread.html"),
        "<p>{{ counts.likes }}</p>",
    )
    .unwrap();
    assert_eq!(drawings().0, "<p>1</p>", "a template that changed");
    let far = instance
        .clock
        .now()
        .checked_add(jiff::SignedDuration::from_hours(24 * 40))
        .unwrap();
    instance.clock.set(far);
    assert_eq!(drawings().0, "<p>0</p>", "what expired");
}

/// The replies of a thread by what they say, as they stand from top to bottom.
fn words(html: &str) -> Vec<&str> {
    let said = html.split("<p>").skip(1);
    let said = said.filter_map(|rest| rest.split_once(" :cat:</p>"));
    said.map(|(word, _)| word).collect()
}

#[test]
fn the_newest_reply_stands_first_where_that_is_wanted_and_what_answers_it_stays_below_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut instance = instance(folder.path(), "");
    let put = |instance: &Instance, kind, id: &str, second, parent: Option<&str>| {
        put(instance, kind, id, |record| {
            record.published = at(second);
            record.in_reply_to = parent.map(|parent| format!("https://a.example/{parent}"));
        });
    };
    for (id, second, parent) in [
        ("r1", 1, None),
        ("r2", 2, None),
        ("r1a", 3, Some("r1")),
        ("r1b", 4, Some("r1")),
        ("r3", 5, None),
    ] {
        put(&instance, InteractionKind::Reply, id, second, parent);
    }
    put(&instance, InteractionKind::Quote, "q1", 1, None);
    put(&instance, InteractionKind::Quote, "q2", 2, None);
    let asked = |instance: &Instance, order| {
        let drawing = thread_drawing(instance, "/posts/hello/", order).unwrap().unwrap();
        (text_of(Some(&drawing)), drawing.serial())
    };
    let (oldest, newest) = (
        ["r1", "r1a", "r1b", "r2", "r3", "q1", "q2"],
        ["r3", "r2", "r1", "r1a", "r1b", "q2", "q1"],
    );
    let before = asked(&instance, None);
    let json = said(&instance);
    assert_eq!(words(&before.0), oldest);
    assert_eq!(before, asked(&instance, Some(Order::Oldest)));
    let turned = asked(&instance, Some(Order::Newest));
    assert_eq!(words(&turned.0), newest);
    assert_eq!(before, asked(&instance, None), "each order is kept for itself");

    let mut config = (*instance.config()).clone();
    config.interactions.order = Order::Newest;
    instance.set_config(config);
    assert_eq!(turned, asked(&instance, None));
    assert_ne!(turned.1, before.1, "another ETag");
    assert_eq!(words(&asked(&instance, Some(Order::Oldest)).0), oldest);
    assert_eq!(said(&instance), json, "JSON is as it was");

    // What is drawn anew in part is the same as what is drawn whole.
    put(&instance, InteractionKind::Reply, "r4", 6, None);
    put(&instance, InteractionKind::Reply, "r2a", 7, Some("r2"));
    put(&instance, InteractionKind::Like, "l", 8, None);
    let in_part = asked(&instance, None).0;
    let wanted = ["r4", "r3", "r2", "r2a", "r1", "r1a", "r1b", "q2", "q1"];
    assert_eq!(words(&in_part), wanted);
    instance.shelf = Shelf::default();
    assert_eq!(in_part, asked(&instance, None).0);
}

#[test]
fn the_owners_own_template_gets_the_replies_in_the_order_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("widgets")).unwrap();
    std::fs::write(
        folder.path().join("widgets/thread.html"),
        "{% for reply in replies %}{{ reply.content }}{% endfor %}",
    )
    .unwrap();
    let instance = instance(folder.path(), "order = 'newest'");
    for (id, second) in [("r1", 1), ("r2", 2)] {
        put(&instance, InteractionKind::Reply, id, |record| {
            record.published = at(second);
        });
    }
    assert_eq!(words(&thread(&instance, "/posts/hello/").unwrap()), ["r2", "r1"]);
}
