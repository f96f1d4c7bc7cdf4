//! Reading JSON-LD as plain JSON, in all the shapes that servers write it.
//!
//! A single value stands where a list is usual and the other way round, a type has a prefix or is a whole IRI, an
//! object is an id or a whole. Nothing here fails: what can't be understood isn't there.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

/// Longest id that is believed, in bytes. Browsers and proxies stop at about 2,000 to 8,000; ids in the field have less
/// than 300.
pub const MAX_ID: usize = 2048;

/// The items of a list, or the single value that stands in for one; nothing for null and absence.
pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// The first item of a list, or the single value.
pub fn first(value: &Value) -> &Value {
    list(value).first().unwrap_or(&Value::Null)
}

/// The id that a value is or has: a string, an object with `id` (or `@id`), or the first item of a list.
pub fn id(value: &Value) -> Option<&str> {
    let value = first(value);
    let id = value
        .as_str()
        .or_else(|| value.get("id")?.as_str())
        .or_else(|| value.get("@id")?.as_str())?;
    (!id.is_empty() && id.len() <= MAX_ID).then_some(id)
}

/// The ids of a list's items, at most `limit`.
pub fn ids(value: &Value, limit: usize) -> Vec<&str> {
    list(value).iter().take(limit).filter_map(id).collect()
}

/// The types of an object, without prefix: `as:Note`, `https://www.w3.org/ns/activitystreams#Note` and `Note` are one.
pub fn types(value: &Value) -> impl Iterator<Item = &str> {
    let types = value
        .get("type")
        .or_else(|| value.get("@type"))
        .unwrap_or(&Value::Null);
    list(types)
        .iter()
        .filter_map(Value::as_str)
        .map(|name| name.rsplit(['#', '/', ':']).next().unwrap_or(name))
}

/// A text; empty ones aren't there.
pub fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    first(value.get(key)?).as_str().filter(|text| !text.is_empty())
}

/// An instant, as RFC 3339 has it.
pub fn time(value: &Value, key: &str) -> Option<Timestamp> {
    text(value, key)?.parse().ok()
}

/// The first link among a property's values: a string, or the `href` or `url` of an object. With several, the one that
/// is a web page wins.
pub fn link<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    let links = list(value.get(key)?);
    let is_page = |link: &&Value| link.get("mediaType").and_then(Value::as_str) == Some("text/html");
    let link = links.iter().find(is_page).or_else(|| links.first())?;
    let link = link
        .as_str()
        .or_else(|| link.get("href")?.as_str())
        .or_else(|| link.get("url")?.as_str())?;
    let scheme = link.split(':').next()?;
    (matches!(scheme, "http" | "https") && link.len() <= MAX_ID).then_some(link)
}

/// Where an id lies: host and port. `None` for what isn't a web address.
pub fn authority(id: &str) -> Option<(String, u16)> {
    let url = Url::parse(id).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    Some((url.host_str()?.to_string(), url.port_or_known_default()?))
}

/// Whether two ids lie on one host (and port): then one may speak for the other.
pub fn same_host(one: &str, other: &str) -> bool {
    authority(one).is_some_and(|one| authority(other) == Some(one))
}

/// How deep a value is nested; 0 for a plain value.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_single_value_and_a_list_of_one_read_alike() {
        assert_eq!(list(&json!("a")), list(&json!(["a"])));
        assert!(list(&Value::Null).is_empty());
        for value in [
            json!("https://a.example/1"),
            json!({"id": "https://a.example/1"}),
            json!([{"@id": "https://a.example/1"}]),
        ] {
            assert_eq!(id(&value), Some("https://a.example/1"));
        }
        assert_eq!(id(&json!({"id": 1})), None);
        assert_eq!(id(&json!("x".repeat(MAX_ID + 1))), None);
    }

    #[test]
    fn a_type_is_read_without_its_prefix() {
        for kind in [
            json!("Note"),
            json!("as:Note"),
            json!("https://www.w3.org/ns/activitystreams#Note"),
            json!(["Note"]),
        ] {
            assert_eq!(types(&json!({"type": kind})).collect::<Vec<_>>(), ["Note"]);
        }
        assert_eq!(types(&json!({"type": 1})).count(), 0);
    }

    #[test]
    fn a_host_is_compared_with_its_port_and_without_the_scheme() {
        assert!(same_host("https://a.example/1", "https://A.example:443/2"));
        assert!(!same_host("https://a.example/1", "https://a.example:8443/2"));
        assert!(!same_host("https://a.example/1", "https://a.example.evil/2"));
        assert!(!same_host("data:,1", "data:,1"));
    }

    #[test]
    fn a_link_is_a_web_address() {
        assert_eq!(link(&json!({"url": "javascript:alert(1)"}), "url"), None);
        assert_eq!(
            link(
                &json!({"url": [{"mediaType": "video/mp4", "href": "https://a.example/v"}, {"mediaType": "text/html", "href": "https://a.example/w"}]}),
                "url"
            ),
            Some("https://a.example/w")
        );
    }
}
