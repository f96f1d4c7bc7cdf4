//! Collections: the size and the way to the first page, or a page.

use std::sync::Arc;

use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::request::Asked;
use super::respond::{self, Cache, Reply, problem, store_trouble};
use crate::ap::collection::{self, Extent, Page};
use crate::store::StoreError;

/// A collection whose items are known by when they came and by their id in a table.
pub(super) struct Listing {
    /// The id of the collection.
    pub(super) id: String,
    /// How much of it is told.
    pub(super) extent: Extent,
    /// What is in it, in any order.
    pub(super) items: Vec<(Timestamp, Arc<str>)>,
}

impl Listing {
    /// Answers with the collection or with the page that is asked for. `show` turns the id of an item into what is listed; `None`
    /// when it vanished meanwhile.
    pub(super) fn answer(
        self,
        asked: &Asked<'_>,
        cache: Cache,
        show: impl Fn(&str) -> Result<Option<Value>, StoreError>,
    ) -> Reply {
        let total = self.items.len();
        let Some(page) = asked.parameter("page") else {
            let document = collection::collection(&self.id, total, self.extent);
            return respond::activity(&document, cache);
        };
        let Some(page) = Page::read(&page).filter(|_| self.extent == Extent::Pages) else {
            return problem(StatusCode::NOT_FOUND, "the collection has no such page");
        };
        let (ids, next) = page.of(self.items);
        let shown: Result<Vec<Option<Value>>, StoreError> = ids.iter().map(|id| show(id)).collect();
        match shown {
            Ok(items) => {
                let items = items.into_iter().flatten().collect();
                let document = collection::page(&self.id, total, &page, items, next.as_ref());
                respond::activity(&document, cache)
            }
            Err(error) => store_trouble(&error),
        }
    }
}
