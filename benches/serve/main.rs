//! How fast documents are served: an actor, an object, WebFinger and a page of the outbox, against what nginx reaches
//! with files of the same bytes in the same run.
//!
//!     cargo bench --bench serve
//!     cargo bench --bench serve -- --quick            one short round: does the bench itself still work?
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

use std::io;

use self::daemon::Daemon;
use self::load::{ask, race, request};
use self::nginx::Nginx;
use self::site::Site;
use self::table::{Goal, Options, Row};

fn main() -> io::Result<()> {
    let options = Options::read();
    let place = tempfile::tempdir()?;
    let Some(nginx) = Nginx::start(place.path())? else {
        return table::print(&[], &options);
    };
    let site = Site::write(place.path().join("public"), 60, 6_000)?;
    let daemon = Daemon::start(place.path(), &site.root)?;
    daemon.wait_for_baseline();
    let ours = daemon.address();
    let json = [("Accept", "application/activity+json")];
    let rounds = options.quick.then_some(1);

    let outbox = ask(ours, &request("/ap/actors/blog/outbox", &json))?;
    let outbox: serde_json::Value = serde_json::from_slice(&outbox.body)?;
    let first = outbox["first"].as_str().unwrap_or_default();
    let page = ask(ours, &request(path_of(first), &json))?;
    let page: serde_json::Value = serde_json::from_slice(&page.body)?;
    let object = page["orderedItems"][0]["object"]["id"]
        .as_str()
        .unwrap_or_default();
    let mut rows = Vec::new();
    for (name, what, target) in [
        ("actor", "an actor", "/ap/actors/blog"),
        ("object", "an object", path_of(object)),
        (
            "webfinger",
            "WebFinger",
            "/.well-known/webfinger?resource=acct:blog@blog.example",
        ),
        ("outbox", "a page of the outbox", path_of(first)),
    ] {
        let asked = request(target, &json);
        let answer = ask(ours, &asked)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!(
                "{target} is answered with {}",
                answer.status
            )));
        }
        nginx.serve(name, &answer.body)?;
        let theirs = request(&format!("/{name}"), &json);
        let (figure, limit) = race((ours, &asked), (nginx.address, &theirs), 200, rounds)?;
        rows.push(Row {
            what: format!("{what}, {} bytes; limit: nginx with a file", answer.body.len()),
            figure,
            limit,
            unit: "/s",
            goal: Goal::AtLeast(0.8),
        });
    }
    table::print(&rows, &options)
}

/// The path and the query of one of our own ids.
fn path_of(id: &str) -> &str {
    id.strip_prefix(site::ORIGIN).unwrap_or(id)
}
