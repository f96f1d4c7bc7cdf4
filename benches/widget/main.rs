//! How fast a page with much said about it is drawn and served: each figure beside a limit, or beside what nginx reaches
//! with a file of the same bytes in the same run.
//!
//!     cargo bench --bench widget                      1,000 replies and 10,000 likes
//!     cargo bench --bench widget -- --quick           a fiftieth of it: does the bench itself still work?
//!     … --only draw,serve                             some of it
//!     … --json                                        the rows as JSON
//!     … --check                                       fails when a goal is missed

#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/daemon.rs"]
mod daemon;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/load.rs"]
mod load;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/measure.rs"]
mod measure;
#[path = "../rig/nginx.rs"]
mod nginx;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../size/site.rs"]
mod site;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/table.rs"]
mod table;

use std::fs;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidings::clock::Clock;
use tidings::config;
use tidings::instance::Instance;
use tidings::net::{Client, Resolver, Settings};
use tidings::store::file::file_name;
use tidings::store::{Author, Interaction, InteractionKind, InteractionState, Object, Store};
use tidings::widget::{self, Shelf};

use self::daemon::Daemon;
use self::load::{ask, race, request};
use self::measure::{Took, least, took};
use self::nginx::Nginx;
use self::site::Site;
use self::table::{Goal, Options, Row};

const ORIGIN: &str = "https://blog.example";
const PAGE: &str = "/posts/hello/";
const KEY: &str = "posts~hello";
/// What a fragment may take, in milliseconds: a reader doesn't notice it beside the network.
const GOAL: f64 = 30.0;
/// How often each is measured; the least counts.
const TIMES: usize = 7;

fn main() -> io::Result<()> {
    let options = Options::read();
    let (replies, likes) = if options.quick { (20, 200) } else { (1_000, 10_000) };
    let ram = Path::new("/dev/shm");
    let place = match ram.is_dir() {
        true => tempfile::tempdir_in(ram)?,
        false => tempfile::tempdir()?,
    };
    let mut rows = Vec::new();
    let (mut instance, records) = instance(place.path(), replies, likes);
    if options.asks_for("draw") {
        draw(&mut instance, (replies, likes), records, &mut rows);
    }
    // Two can't have the store.
    drop(instance);
    if options.asks_for("serve") {
        serve(place.path(), options.quick, &mut rows)?;
    }
    table::print(&rows, &options)
}

/// What drawing takes, in processor time of all its threads.
fn draw(instance: &mut Instance, (replies, likes): (usize, usize), records: usize, rows: &mut Vec<Row>) {
    let thread = |instance: &Instance| widget::thread(instance, PAGE).expect("the records can be read");
    let mut row = |what: String, figure: Took, limit: f64| {
        rows.push(Row {
            what,
            figure: figure.cpu.as_secs_f64() * 1e3,
            limit,
            unit: "ms",
            goal: Goal::AtMost(1.0),
        });
    };
    let folder = instance.store.disk.path("interactions").with_extension("");
    let reading = least(TIMES, || read_all(&folder));
    let first = (0..TIMES)
        .map(|_| {
            instance.shelf = Shelf::default();
            let (took, html) = took(|| thread(instance));
            assert!(html.matches("tidings-reply ").count() >= replies, "all are there");
            took
        })
        .reduce(Took::least)
        .expect("at least once");
    row(
        format!("drawn from cold, {replies} replies and {likes} likes"),
        first,
        GOAL,
    );
    row(
        format!("the same; limit: reading its {records} files"),
        first,
        reading.cpu.as_secs_f64() * 1e3,
    );
    let mut more = 0;
    let mut after = |instance: &Instance, change: &dyn Fn(&Instance, usize)| {
        let each = (0..TIMES).map(|_| {
            more += 1;
            change(instance, more);
            took(|| thread(instance)).0
        });
        each.reduce(Took::least).expect("at least once")
    };
    let put = |instance: &Instance, record: &Interaction| {
        instance
            .store
            .interactions
            .put(record)
            .expect("the disk takes it");
    };
    let like = after(instance, &|instance, more| {
        put(instance, &record(InteractionKind::Like, likes + more));
    });
    row("drawn after one more like".into(), like, GOAL);
    let reply = after(instance, &|instance, more| {
        put(instance, &record(InteractionKind::Reply, replies + more));
    });
    row("drawn after one more reply".into(), reply, GOAL);
    let edit = after(instance, &|instance, more| {
        let mut edited = record(InteractionKind::Reply, more * 3 % replies);
        edited.content = Some(format!("<p>edited for the {more}. time</p>"));
        put(instance, &edited);
    });
    row("drawn after an edit of one".into(), edit, GOAL);
    let json = |instance: &Instance| widget::interactions_drawing(instance, PAGE).expect("they can be read");
    drop(json(instance));
    let data = (0..TIMES)
        .map(|n| {
            put(instance, &record(InteractionKind::Like, likes + 1_000 + n));
            took(|| json(instance)).0
        })
        .reduce(Took::least)
        .expect("at least once");
    row(
        "its JSON, which names all of them, after one more like".into(),
        data,
        GOAL,
    );
    let elsewhere = after(instance, &|instance, more| {
        let mut like = record(InteractionKind::Like, likes + more);
        like.object = Some("posts~other".into());
        like.id = format!("elsewhere{more}");
        put(instance, &like);
    });
    row("asked for after a like elsewhere".into(), elsewhere, 1.0);
}

/// What of it is served a second, against nginx.
fn serve(place: &Path, quick: bool, rows: &mut Vec<Row>) -> io::Result<()> {
    let Some(nginx) = Nginx::start(place)? else {
        return Ok(());
    };
    let site = Site::write(place.join("public"), 30, 6_000)?;
    let daemon = Daemon::start(place, &site.root)?;
    daemon.wait_for_baseline();
    let ours = daemon.address();
    let target = format!("/ap/widgets/thread?page={PAGE}");
    let plain = request(&target, &[]);
    let packed = request(&target, &[("Accept-Encoding", "gzip")]);
    let rounds = quick.then_some(1);
    let mut etags = (String::new(), String::new());
    for (name, what, asked) in [
        ("thread.html", "the thread", &plain),
        ("thread.html.gz", "the thread, packed", &packed),
    ] {
        let answer = ask(ours, asked)?;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-encoding").is_some(),
            name.ends_with(".gz"),
            "{what}"
        );
        nginx.serve(name, &answer.body)?;
        let theirs = request(&format!("/{name}"), &[]);
        let etag = |answer: &load::Answer| answer.header("etag").unwrap_or_default().to_string();
        etags = (etag(&answer), etag(&ask(nginx.address, &theirs)?));
        let rates = race((ours, asked), (nginx.address, &theirs), 200, rounds)?;
        rows.push(against_nginx(
            &format!("{what}, {} KB", answer.body.len() / 1000),
            rates,
        ));
    }
    let known = request(
        &target,
        &[("Accept-Encoding", "gzip"), ("If-None-Match", &etags.0)],
    );
    let theirs = request("/thread.html.gz", &[("If-None-Match", &etags.1)]);
    let rates = race((ours, &known), (nginx.address, &theirs), 304, rounds)?;
    rows.push(against_nginx("the thread, known already: 304", rates));
    let counts = request(&format!("/ap/widgets/counts?page={PAGE}"), &[]);
    let answer = ask(ours, &counts)?;
    nginx.serve("counts.html", &answer.body)?;
    let theirs = request("/counts.html", &[]);
    let rates = race((ours, &counts), (nginx.address, &theirs), 200, rounds)?;
    rows.push(against_nginx(
        &format!("the counts, {} bytes", answer.body.len()),
        rates,
    ));
    Ok(())
}

fn against_nginx(what: &str, (figure, limit): (f64, f64)) -> Row {
    Row {
        what: format!("{what}; limit: nginx with a file"),
        figure,
        limit,
        unit: "/s",
        goal: Goal::AtLeast(0.7),
    }
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
fn instance(folder: &Path, replies: usize, likes: usize) -> (Instance, usize) {
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
    (instance, records)
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
        hidden_for: None,
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
