//! A `replies` collection, read page by page.
//!
//! It comes in every shape: its id, a whole Collection, one whose first page is inside, with `items` or `orderedItems`.
//! All of it lies on the host of the reply that it belongs to; what leads elsewhere isn't followed.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;

use super::budget::Budget;
use crate::inbox::value;
use crate::instance::Instance;
use crate::remote::{self, RemoteError};

/// Most pages of a collection that are read at a time. Mastodon's have five posts on the first one, then up to 20.
const PAGES: usize = 8;
/// Most posts of a collection that are looked at at a time; those that are known don't count for the next.
const POSTS: usize = 200;

/// What a collection lists.
#[derive(Debug)]
pub(super) enum Listed {
    /// The ids of all posts, as far as the limits go.
    Whole(Vec<String>),
    /// Those that could be had; for the rest one has to come back.
    Waiting(Vec<String>),
}

/// Reads the collection of the post with the id `home`.
pub(super) async fn read(instance: &Instance, home: &str, start: &Value, budget: &mut Budget) -> Listed {
    let mut found = Found::default();
    // By its id rather than as it came with the post: then it was still empty.
    let start = match value::id(start).filter(|id| value::same_host(id, home)) {
        Some(id) => Value::from(id),
        None => value::first(start).clone(),
    };
    let mut open = VecDeque::from([start]);
    let mut asked: HashSet<String> = HashSet::new();
    while let Some(next) = open.pop_front() {
        let page = match &next {
            Value::String(url) => {
                if asked.len() >= PAGES || !value::same_host(url, home) || !asked.insert(url.clone()) {
                    continue;
                }
                let now = instance.clock.now();
                if !budget.take(url, 1, now) {
                    return Listed::Waiting(found.ids);
                }
                match remote::page(instance, url).await {
                    Ok(page) => {
                        budget.answered(url);
                        page
                    }
                    Err(error) => {
                        tracing::debug!("the replies at {url} can't be read: {error}");
                        match error {
                            RemoteError::Unreachable(_) | RemoteError::Here(_) => {
                                budget.failed(url, now);
                                return Listed::Waiting(found.ids);
                            }
                            _ => budget.answered(url),
                        }
                        continue;
                    }
                }
            }
            Value::Object(_) => next,
            _ => continue,
        };
        for key in ["items", "orderedItems"] {
            for item in page.get(key).map(value::list).unwrap_or_default() {
                if let Some(id) = value::id(item) {
                    found.push(id);
                }
            }
        }
        if found.ids.len() >= POSTS {
            break;
        }
        for key in ["first", "next"] {
            // An object inside an object has its own `next`; it ends, because a document does.
            if let Some(onward) = page.get(key).map(value::first)
                && matches!(onward, Value::String(_) | Value::Object(_))
            {
                open.push_back(onward.clone());
            }
        }
    }
    Listed::Whole(found.ids)
}

/// The ids that were found, each once.
#[derive(Default)]
struct Found {
    ids: Vec<String>,
    seen: HashSet<String>,
}

impl Found {
    fn push(&mut self, id: &str) {
        if self.ids.len() < POSTS && self.seen.insert(id.to_string()) {
            self.ids.push(id.to_string());
        }
    }
}
