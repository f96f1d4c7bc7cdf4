//! How fast a page with much said about it is drawn: each figure beside a limit that is measured in the same run.
//!
//!     cargo bench --bench widget                      1,000 replies and 10,000 likes
//!     cargo bench --bench widget -- --quick           a fiftieth of it: does the bench itself still work?
//!     … --check                                       fails when a goal is missed

#[allow(dead_code, reason = "shared with the other bench")]
#[path = "../size/measure.rs"]
mod measure;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidings::clock::Clock;
use tidings::config;
use tidings::instance::Instance;
use tidings::net::{Client, Resolver, Settings};
use tidings::store::file::file_name;
use tidings::store::{Author, Interaction, InteractionKind, InteractionState, Object, Store};
use tidings::widget;

use self::measure::{Took, least, took};

const ORIGIN: &str = "https://blog.example";
const PAGE: &str = "/posts/hello/";
const KEY: &str = "posts~hello";
/// What a fragment may take: a reader doesn't notice it beside the network.
const GOAL: Duration = Duration::from_millis(30);
/// How often each is measured; the least counts.
const TIMES: usize = 7;

/// One line of the table.
struct Row {
    what: String,
    figure: Duration,
    limit: Duration,
}

fn main() -> io::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let check = std::env::args().any(|argument| argument == "--check");
    let (replies, likes) = if quick { (20, 200) } else { (1_000, 10_000) };
    let place = tempfile::tempdir()?;
    let data = place.path().join("data");
    let (instance, records) = instance(place.path(), replies, likes);
    let draw = || widget::thread(&instance, PAGE).expect("the records can be read");

    let reading = least(TIMES, || read_all(&data.join("interactions")));
    let (first, html) = took(draw);
    assert!(html.matches("tidings-reply ").count() >= replies, "all are there");
    let mut more = 0;
    let anew = (0..TIMES)
        .map(|_| {
            more += 1;
            let like = record(InteractionKind::Like, likes + more);
            instance.store.interactions.put(&like).expect("the disk takes it");
            took(draw).0
        })
        .reduce(Took::least)
        .expect("at least once");
    let elsewhere = (0..TIMES)
        .map(|_| {
            more += 1;
            let mut like = record(InteractionKind::Like, likes + more);
            like.object = Some("posts~other".into());
            instance.store.interactions.put(&like).expect("the disk takes it");
            took(draw).0
        })
        .reduce(Took::least)
        .expect("at least once");
    let html = draw();
    let copying = least(TIMES, || drop(std::hint::black_box(html.clone())));

    let rows = [
        Row {
            what: format!("first drawing; reading its {records} files"),
            figure: first.wall,
            limit: reading.wall,
        },
        Row {
            what: "drawing after one more like; 30 ms".into(),
            figure: anew.wall,
            limit: GOAL,
        },
        Row {
            what: "asking after a like elsewhere; copying the text".into(),
            figure: elsewhere.wall,
            limit: copying.wall,
        },
    ];
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{replies} replies, {likes} likes: {} KB of HTML",
        html.len() / 1000
    )?;
    for row in &rows {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        writeln!(
            out,
            "{:<56}{:>9.2} ms  {:>9.2} ms",
            row.what,
            ms(row.figure),
            ms(row.limit)
        )?;
    }
    if check && !quick && anew.wall > GOAL {
        return Err(io::Error::other("drawing takes longer than 30 ms"));
    }
    Ok(())
}

fn read_all(folder: &Path) {
    for file in fs::read_dir(folder).expect("the folder is there").flatten() {
        std::hint::black_box(fs::read(file.path()).expect("the file is there"));
    }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("it is in range")
}

/// An instance with one page, about which so much was said, and how many records that are.
fn instance(folder: &Path, replies: usize, likes: usize) -> (Arc<Instance>, usize) {
    let text = format!(
        "[site]\nurl = '{ORIGIN}'\noutput = 'public'\ndata = 'data'\n[[actor]]\nname = 'blog'\n\
         [interactions]\nmoderation = 'show'\n"
    );
    let config = config::parse(&text, &folder.join("ap.toml")).expect("it is a configuration");
    // Written past the store, which would wait for the disk with each.
    drop(Store::open(&config.site.data, ORIGIN, "blog.example").expect("the store opens"));
    let interactions = config.site.data.join("interactions");
    fs::create_dir_all(&interactions).expect("the folder can be made");
    let kinds = [(InteractionKind::Reply, replies), (InteractionKind::Like, likes)];
    let mut records = 0;
    for (kind, count) in kinds {
        for number in 0..count {
            let record = record(kind, number);
            let bytes = serde_json::to_vec_pretty(&record).expect("a record is JSON");
            let file = interactions.join(format!("{}.json", file_name(&record.id)));
            fs::write(file, bytes).expect("the disk takes it");
            records += 1;
        }
    }
    let store = Store::open(&config.site.data, ORIGIN, "blog.example").expect("the store opens");
    let client = Client::new(Settings {
        allow_private: false,
        user_agent: "tidings".into(),
        resolver: Resolver::System,
    })
    .expect("there are certificates");
    let now = start()
        .checked_add(SignedDuration::from_hours(1_000))
        .expect("it is in range");
    let instance = Instance::new(config, store, client, Clock::manual(now));
    let object: Object = serde_json::from_value(json!({
        "key": KEY, "actor": "blog", "page": PAGE, "state": "live", "visibility": "public", "published": start(),
        "object": { "id": instance.iris.object(KEY), "type": "Article" },
    }))
    .expect("it is an object");
    instance.store.objects.put(&object).expect("the disk takes it");
    (Arc::new(instance), records)
}

/// What the `number`th of 500 people said, each third one in answer to another.
fn record(kind: InteractionKind, number: usize) -> Interaction {
    let is_reply = kind == InteractionKind::Reply;
    let who = number % 500;
    let actor = format!("https://server{}.example/users/person{number}", who % 50);
    let id = |number: usize| format!("https://server.example/notes/{number}");
    let remote_object = is_reply.then(|| id(number));
    let at = start()
        .checked_add(SignedDuration::from_secs(
            i64::try_from(number).unwrap_or_default(),
        ))
        .expect("it is in range");
    let activity = format!("https://server.example/{kind:?}/{number}");
    Interaction {
        id: Interaction::id_of(kind, &actor, Some(KEY), remote_object.as_deref()),
        kind,
        object: Some(KEY.into()),
        remote_object,
        in_reply_to: (is_reply && number % 3 == 2).then(|| id(number - 1)),
        actor: Author {
            name: format!("Person {who}"),
            handle: format!("@person{number}@server{}.example", who % 50),
            url: actor.clone(),
            avatar: Some(format!("https://server{}.example/faces/{who}.png", who % 50)),
            id: actor,
            ..Author::default()
        },
        published: at,
        updated: None,
        received: at,
        state: InteractionState::Shown,
        public: true,
        url: None,
        summary: None,
        sensitive: false,
        language: Some("en".into()),
        content: is_reply.then(|| format!("<p>{}</p>", "What I think of that is this. ".repeat(8))),
        emoji: None,
        attachments: Vec::new(),
        raw: json!({ "id": activity, "type": if is_reply { "Create" } else { "Like" } }),
        activity,
    }
}
