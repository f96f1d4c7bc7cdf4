//! The remote server's own routes: what other servers fetch, and a page with buttons for whoever plays.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hyper::body::Incoming;
use hyper::header::ORIGIN;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use crate::deeds::{self, What};
use crate::inbox;
use crate::people::{CONTEXT, Following, Person, Post, World};
use crate::print::{Way, line};
use crate::web::{self, ACTIVITY_JSON, Response, escape};

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers one request.
pub(crate) async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Response {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let post = request.method() == Method::POST;
    match segments.as_slice() {
        [""] if get => web::response(StatusCode::OK, "text/html; charset=utf-8", page(world)),
        ["version"] if get => web::response(StatusCode::OK, TEXT, world.state().version.to_string()),
        ["do"] if post => press(world, request).await,
        ["inbox"] if post => hear(world, request).await,
        ["users", user, "inbox"] if post && world.person(user).is_some() => hear(world, request).await,
        [".well-known", "webfinger"] if get => webfinger(world, request.uri().query().unwrap_or_default()),
        ["users", user] if get => match world.person(user) {
            Some(_) if !web::prefers_activity_json(request.headers()) => {
                web::redirect(StatusCode::FOUND, "/")
            }
            Some(person) => web::json(ACTIVITY_JSON, &person.actor()),
            None => not_found(),
        },
        ["users", user, collection @ ("outbox" | "followers" | "following")] if get => {
            match world.person(user) {
                // Nobody's business: an empty collection is what many servers show of a locked list.
                Some(person) => web::json(
                    ACTIVITY_JSON,
                    &json!({
                        "@context": CONTEXT, "id": format!("{}/{collection}", person.id),
                        "type": "OrderedCollection", "totalItems": 0, "orderedItems": [],
                    }),
                ),
                None => not_found(),
            }
        }
        ["avatars", file] if get => match file.strip_suffix(".png").and_then(|user| world.person(user)) {
            Some(person) => web::response(StatusCode::OK, "image/png", person.avatar),
            None => not_found(),
        },
        ["activities" | "notes", _] if get => {
            match world.state().documents.get(&format!("{}{path}", world.origin)) {
                Some(Some(document)) => web::json(ACTIVITY_JSON, document),
                Some(None) => web::response(StatusCode::GONE, TEXT, "gone\n"),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

async fn hear(world: &Arc<World>, request: Request<Incoming>) -> Response {
    match inbox::receive(world, request).await {
        Ok(()) => web::response(StatusCode::ACCEPTED, TEXT, ""),
        Err(error) => {
            line(Way::Wrong, &format!("{error:#}"));
            web::response(StatusCode::UNAUTHORIZED, TEXT, format!("{error:#}\n"))
        }
    }
}

fn webfinger(world: &World, query: &str) -> Response {
    let resource = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "resource");
    let Some((_, resource)) = resource else {
        return web::response(StatusCode::BAD_REQUEST, TEXT, "resource is missing\n");
    };
    let host = world.origin.trim_start_matches("http://");
    let found = world
        .people
        .iter()
        .find(|person| resource == person.id || resource == format!("acct:{}@{host}", person.user));
    match found {
        Some(person) => web::json(
            "application/jrd+json",
            &json!({
                "subject": format!("acct:{}@{host}", person.user), "aliases": [person.id],
                "links": [{ "rel": "self", "type": ACTIVITY_JSON, "href": person.id }],
            }),
        ),
        None => not_found(),
    }
}

/// A button was pressed.
async fn press(world: &Arc<World>, request: Request<Incoming>) -> Response {
    // A page of another site may not press buttons here.
    let origin = request
        .headers()
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| origin != world.origin) {
        return web::response(StatusCode::FORBIDDEN, TEXT, "not from another site\n");
    }
    let outcome = async {
        let body = web::read(request.into_body()).await?;
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        do_it(world, field("do"), field("who"), field("post"), field("words")).await
    };
    match outcome.await {
        Ok(()) => web::redirect(StatusCode::SEE_OTHER, "/"),
        Err(error) => {
            line(Way::Wrong, &format!("{error:#}"));
            let page = format!(
                "<!DOCTYPE html><meta charset=\"utf-8\"><title>That didn't work</title><p>{}</p>\
                 <p><a href=\"/\">Back</a></p>",
                escape(&format!("{error:#}"))
            );
            web::response(StatusCode::BAD_GATEWAY, "text/html; charset=utf-8", page)
        }
    }
}

async fn do_it(world: &World, what: &str, who: &str, post: &str, words: &str) -> Result<()> {
    if let Some(number) = what.strip_prefix("undo ") {
        deeds::undo(world, post, number.parse().context("which one?")?).await?;
        return Ok(());
    }
    let person = world
        .person(who)
        .with_context(|| format!("there is nobody called {who:?} here"))?;
    match what {
        "follow" => return deeds::follow(world, person).await,
        "unfollow" => return deeds::unfollow(world, person).await,
        _ => {}
    }
    let what = match what {
        "like" => What::Like,
        "boost" => What::Boost,
        "reply" => What::Reply(Some(words.trim().to_owned()).filter(|words| !words.is_empty())),
        _ => anyhow::bail!("there is no such button"),
    };
    deeds::act(world, person, post, what).await.map(|_| ())
}

fn not_found() -> Response {
    web::response(StatusCode::NOT_FOUND, TEXT, "not found\n")
}

/// The page with what the people see.
fn page(world: &World) -> String {
    let state = world.state();
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>The people of the playground</title><style>{STYLE}</style></head><body>\
         <h1>The people of the playground</h1>\
         <p class=\"soft\">A small server somewhere else in the fediverse. What <b>@{}</b> says arrives here; what you press \
         here arrives there.</p><section class=\"people\">",
        escape(&world.blog)
    );
    for person in &world.people {
        let (words, button) = match state.following.get(person.user) {
            Some(Following::Asked(_)) => ("has asked to follow", "unfollow"),
            Some(Following::Accepted(_)) => ("follows", "unfollow"),
            Some(Following::Not) | None => ("doesn't follow", "follow"),
        };
        let _ = write!(
            page,
            "<form method=\"post\" action=\"/do\"><img src=\"/avatars/{0}.png\" alt=\"\" width=\"40\" height=\"40\">\
             <span>{1}<br><small>{words}</small></span><input type=\"hidden\" name=\"who\" value=\"{0}\">\
             <button name=\"do\" value=\"{button}\">{button}</button></form>",
            person.user, person.name
        );
    }
    page.push_str("</section>");
    if state.timeline.is_empty() {
        page.push_str(
            "<p class=\"soft\">Nothing has arrived yet. Add a page to the site, or wait a moment.</p>",
        );
    }
    for post in &state.timeline {
        card(&mut page, post, &world.people);
    }
    let _ = write!(
        page,
        "<script>{}</script></body></html>",
        SCRIPT.replace("VERSION", &state.version.to_string())
    );
    page
}

fn card(page: &mut String, post: &Post, people: &[Person]) {
    let class = if post.gone { " class=\"gone\"" } else { "" };
    // Only a link that a browser opens as a page.
    let url = if post.url.starts_with("http://") {
        escape(&post.url)
    } else {
        String::new()
    };
    let seen = post
        .seen
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%H:%M:%S");
    let _ = write!(
        page,
        "<article{class}><p class=\"soft\">{} · {} · {seen}{}</p><h2><a href=\"{url}\">{}</a></h2><p>{}</p><ul>",
        escape(&post.kind),
        escape(&post.came),
        if post.gone { " · deleted" } else { "" },
        escape(&post.title),
        escape(&post.text),
    );
    let id = escape(&post.id);
    for deed in &post.deeds {
        let name = people
            .iter()
            .find(|person| person.user == deed.user)
            .map_or("", |person| person.name);
        let what = match deed.what {
            "like" => "likes this",
            "boost" => "boosted this",
            _ => "replied",
        };
        let undo = if deed.undone {
            "<small>(taken back)</small>".to_owned()
        } else {
            format!(
                "<form method=\"post\" action=\"/do\"><input type=\"hidden\" name=\"post\" value=\"{id}\">\
                 <button class=\"quiet\" name=\"do\" value=\"undo {}\">undo</button></form>",
                deed.number
            )
        };
        let _ = write!(page, "<li>{name} {what} {undo}</li>");
    }
    page.push_str("</ul>");
    if !post.gone {
        let options: String = people
            .iter()
            .map(|person| format!("<option value=\"{}\">{}</option>", person.user, person.name))
            .collect();
        let _ = write!(
            page,
            "<form method=\"post\" action=\"/do\"><input type=\"hidden\" name=\"post\" value=\"{id}\">\
             <label>as <select name=\"who\">{options}</select></label>\
             <input name=\"words\" aria-label=\"Your reply\" placeholder=\"say something …\">\
             <button name=\"do\" value=\"reply\">reply</button>\
             <button name=\"do\" value=\"like\">like</button><button name=\"do\" value=\"boost\">boost</button></form>"
        );
    }
    page.push_str("</article>");
}

/// Looks every two seconds whether something happened, unless somebody is typing.
const SCRIPT: &str = "setInterval(async () => {\
    if ([...document.querySelectorAll('input[name=words]')].some((input) => input.value)) return;\
    try { const now = await (await fetch('/version')).text(); if (now !== 'VERSION') location.reload(); } catch {}\
}, 2000);";

const STYLE: &str = ":root{color-scheme:light dark}\
body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:.2rem 0}.soft,small{opacity:.7}\
.people{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.6rem}\
form{display:inline-flex;flex-wrap:wrap;gap:.5rem;align-items:center}.people span{flex:1}\
img{border-radius:50%}button,select,input{font:inherit;padding:.2rem .6rem}\
.quiet{border:0;background:none;text-decoration:underline;cursor:pointer;opacity:.7}\
article{margin:1rem 0;padding:.8rem 1rem;border:1px solid #8886;border-radius:.5rem}\
.gone{opacity:.5}ul{margin:.4rem 0;padding-left:1.2rem}";
