//! The page of a note from the command line, which has no page on the site.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::request::Asked;
use super::respond::{self, Cache, Reply, store_trouble, vary};
use super::widget::PAGE_POLICY;
use crate::store::Object;
use crate::widget;

/// A note as a page to read, with what was said about it.
pub(super) fn page(asked: &Asked<'_>, record: &Object, cache: Cache) -> Reply {
    let html = match widget::note(asked.instance, record) {
        Ok(html) => html,
        Err(error) => return store_trouble(&error),
    };
    let cache = match cache {
        Cache::Never => Cache::Never,
        // The thread below it changes.
        _ => Cache::Revalidate,
    };
    let mut reply = respond::document("text/html; charset=utf-8", html.into_bytes(), cache);
    vary(&mut reply);
    reply
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    reply
}
