//! Ordered collections and their pages.

use std::sync::Arc;

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::context;

/// How many items a page holds.
pub const PAGE: usize = 20;

/// How much of a collection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Its size and its pages.
    Pages,
    /// Its size only.
    Size,
}

/// A place in a collection that is ordered newest first: what comes after it is older, or as old with a greater id. It stays
/// right when newer items come, which a page number wouldn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Milliseconds since 1970.
    millis: i64,
    /// The item's id in its table.
    id: String,
}

/// Which page of a collection is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest items.
    First,
    /// What comes after a place.
    After(Cursor),
}

impl Cursor {
    /// The place of an item.
    pub fn new(at: Timestamp, id: &str) -> Cursor {
        Cursor {
            millis: at.as_millisecond(),
            id: id.to_string(),
        }
    }

    /// Whether an item comes after this place.
    pub fn precedes(&self, at: Timestamp, id: &str) -> bool {
        (std::cmp::Reverse(self.millis), self.id.as_str()) < (std::cmp::Reverse(at.as_millisecond()), id)
    }

    fn text(&self) -> String {
        format!(
            "{}~{}",
            self.millis,
            utf8_percent_encode(&self.id, NON_ALPHANUMERIC)
        )
    }
}

impl Page {
    /// Reads the value of `?page=`, already decoded once; `None` when it is none of ours.
    pub fn read(text: &str) -> Option<Page> {
        // What people and other programs try by hand.
        if matches!(text, "" | "1" | "first" | "true") {
            return Some(Page::First);
        }
        let (millis, id) = text.split_once('~')?;
        Some(Page::After(Cursor {
            millis: millis.parse().ok()?,
            id: percent_decode_str(id).decode_utf8().ok()?.into_owned(),
        }))
    }

    /// Those of `items` that are on this page, newest first, and the place after which the next page begins.
    /// The items come in any order.
    pub fn of(&self, mut items: Vec<(Timestamp, Arc<str>)>) -> (Vec<Arc<str>>, Option<Cursor>) {
        if let Page::After(cursor) = self {
            items.retain(|(at, id)| cursor.precedes(*at, id));
        }
        let order = |a: &(Timestamp, Arc<str>), b: &(Timestamp, Arc<str>)| {
            (b.0.as_millisecond(), &a.1).cmp(&(a.0.as_millisecond(), &b.1))
        };
        let more = items.len() > PAGE;
        if more {
            items.select_nth_unstable_by(PAGE, order);
            items.truncate(PAGE);
        }
        items.sort_unstable_by(order);
        let next = items.last().filter(|_| more).map(|(at, id)| Cursor::new(*at, id));
        (items.into_iter().map(|(_, id)| id).collect(), next)
    }
}

/// A collection. Without its pages, or when it is empty, nothing leads on.
pub fn collection(id: &str, total: usize, extent: Extent) -> Value {
    let mut collection = json!({
        "@context": context::plain(),
        "id": id,
        "type": "OrderedCollection",
        "totalItems": total,
    });
    match extent {
        Extent::Pages if total == 0 => collection["orderedItems"] = json!([]),
        Extent::Pages => collection["first"] = json!(format!("{id}?page=first")),
        Extent::Size => {}
    }
    collection
}

/// A collection so small that it needs no pages.
pub fn whole(id: &str, items: Vec<Value>) -> Value {
    let mut collection = collection(id, items.len(), Extent::Size);
    collection["orderedItems"] = items.into();
    collection
}

/// A page of a collection. Its context is that of objects, which its items may be.
pub fn page(id: &str, total: usize, page: &Page, items: Vec<Value>, next: Option<&Cursor>) -> Value {
    let url = |cursor: &Cursor| {
        let text = cursor.text();
        format!("{id}?page={}", utf8_percent_encode(&text, NON_ALPHANUMERIC))
    };
    let own = match page {
        Page::First => format!("{id}?page=first"),
        Page::After(cursor) => url(cursor),
    };
    let mut document = json!({
        "@context": context::object(),
        "id": own,
        "type": "OrderedCollectionPage",
        "partOf": id,
        "totalItems": total,
    });
    if let Some(next) = next {
        document["next"] = json!(url(next));
    }
    document["orderedItems"] = items.into();
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: i64) -> Vec<(Timestamp, Arc<str>)> {
        // Three of each instant, so that the id has to decide.
        (0..count)
            .map(|n| {
                let id = format!("https://remote.example/users/~&?{n:03}");
                (Timestamp::from_second(n / 3).unwrap(), id.into())
            })
            .collect()
    }

    #[test]
    fn pages_hold_every_item_once_newest_first() {
        let mut page = Page::First;
        let mut seen: Vec<i64> = Vec::new();
        loop {
            let (found, next) = page.of(items(50));
            assert!(found.len() <= PAGE);
            seen.extend(found.iter().map(|id| id[id.len() - 3..].parse::<i64>().unwrap()));
            let Some(next) = next else { break };
            let document = super::page("https://blog.example/c", 50, &page, vec![], Some(&next));
            let url = url::Url::parse(document["next"].as_str().unwrap()).unwrap();
            let (_, value) = url.query_pairs().next().unwrap();
            page = Page::read(&value).unwrap();
            assert_eq!(page, Page::After(next));
        }
        assert_eq!(seen.len(), 50);
        assert_eq!(seen[..5], [48, 49, 45, 46, 47]);
        assert!(seen.windows(2).all(|pair| pair[0] / 3 >= pair[1] / 3));
    }

    #[test]
    fn a_cursor_stays_right_when_newer_items_come() {
        let (_, next) = Page::First.of(items(30));
        let (before, _) = Page::After(next.clone().unwrap()).of(items(30));
        let mut grown = items(30);
        grown.push((Timestamp::from_second(99).unwrap(), "new".into()));
        let (after, _) = Page::After(next.unwrap()).of(grown);
        assert_eq!(before, after);
    }

    #[test]
    fn a_page_that_is_none_of_ours_is_refused() {
        for wrong in ["x", "~", "12", "99999999999999999999~a", "-~", "1~%ff"] {
            assert_eq!(Page::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_empty_collection_leads_nowhere_and_a_hidden_one_shows_its_size_only() {
        let empty = collection("https://blog.example/c", 0, Extent::Pages);
        assert_eq!(empty["orderedItems"], json!([]));
        assert!(empty.get("first").is_none());
        let hidden = collection("https://blog.example/c", 7, Extent::Size);
        assert_eq!(hidden["totalItems"], 7);
        assert!(hidden.get("first").is_none() && hidden.get("orderedItems").is_none());
    }
}
