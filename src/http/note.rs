//! The small page of a note from the command line, which has no page on the site.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::request::Asked;
use super::respond::{self, Cache, Reply, vary};
use crate::ap::escape;
use crate::store::Object;

/// Nothing but our own style and pictures: what a note says is clean, and this makes sure of it.
const POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{max-width:40rem;margin:2rem auto;padding:0 1rem;font:1.1rem/1.6 system-ui,sans-serif;\
                     color-scheme:light dark}header,footer{opacity:.75}img{max-width:100%;height:auto}";

/// A note as a page to read.
pub(super) fn page(asked: &Asked<'_>, record: &Object, cache: Cache) -> Reply {
    let config = asked.instance.config();
    let object = &record.object;
    let name = config
        .actor(&record.actor)
        .map_or(record.actor.as_str(), |actor| actor.display_name.as_str());
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let language = object["contentMap"]
        .as_object()
        .and_then(|map| map.keys().next())
        .map_or(String::new(), |language| {
            format!(" lang=\"{}\"", escape(language))
        });
    let content = match text("summary") {
        "" => text("content").to_string(),
        warning => format!(
            "<details><summary>{}</summary>{}</details>",
            escape(warning),
            text("content")
        ),
    };
    let html = format!(
        "<!doctype html>\n<html{language}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
         <link rel=\"alternate\" type=\"application/activity+json\" href=\"{id}\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><a href=\"{site}\">{name}</a> {handle}</header>\n<main>\n{content}\n</main>\n\
         <footer><time datetime=\"{published}\">{published}</time></footer>\n</body>\n</html>\n",
        name = escape(name),
        id = escape(text("id")),
        site = escape(config.site.url.as_str()),
        handle = escape(&config.handle(&record.actor)),
        published = escape(text("published")),
    );
    let mut reply = respond::document("text/html; charset=utf-8", html.into_bytes(), cache);
    vary(&mut reply);
    reply
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    reply
}
