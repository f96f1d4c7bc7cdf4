//! What of an activity is kept as it came: all of it, unless it is out of all proportion.
//!
//! What is shown of it is kept by itself and within limits of its own. This copy is for the owner, for hooks, and for what
//! a later version may want to know; whoever pads a Like with a megabyte must not fill the disk with it.

use serde_json::{Map, Value};

/// Largest activity that is kept as it came, in bytes, roughly. A Like has some 500 of them, a note of Mastodon's 5,000, a
/// long article by another blog 50,000.
const WHOLE: usize = 64 * 1024;
/// Longest property that is kept of a larger one, likewise.
const PROPERTY: usize = 4 * 1024;
/// What is kept of one that is too large without its long properties as well.
const CORE: [&str; 6] = ["@context", "id", "type", "actor", "attributedTo", "published"];

/// An activity, or an object, as it is kept.
pub(super) fn kept(raw: &Value) -> Value {
    if weight(raw) <= WHOLE {
        return raw.clone();
    }
    let Some(fields) = raw.as_object() else {
        return Value::Null;
    };
    let mut short = without_long(fields);
    if let Some(object) = fields.get("object").and_then(Value::as_object) {
        short.insert("object".into(), without_long(object).into());
    }
    let short = Value::Object(short);
    if weight(&short) <= WHOLE {
        return short;
    }
    let core = fields
        .iter()
        .filter(|(name, value)| CORE.contains(&name.as_str()) && weight(value) <= PROPERTY);
    let mut core: Map<String, Value> = core.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(id) = fields.get("object").and_then(super::value::id) {
        core.insert("object".into(), id.into());
    }
    core.into()
}

/// Whether a part of a document is small enough to be kept.
pub(super) fn fits(part: &Value) -> bool {
    weight(part) <= WHOLE
}

fn without_long(fields: &Map<String, Value>) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(_, value)| weight(value) <= PROPERTY)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// About how many bytes a value takes as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(|item| weight(item) + 1).sum::<usize>(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| name.len() + weight(value) + 5);
            2 + fields.sum::<usize>()
        }
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_out_of_proportion_is_kept_without_its_long_parts() {
        let like = json!({ "id": "https://a.example/1", "type": "Like", "object": "https://b.example/2", "to": ["x"] });
        assert_eq!(kept(&like), like);
        let mut padded = like.clone();
        padded["padding"] = json!("x".repeat(1 << 20));
        assert_eq!(kept(&padded), like);
        let mut note = json!({
            "id": "https://a.example/1", "type": "Create", "actor": "https://a.example/ada",
            "object": { "id": "https://a.example/2", "type": "Note", "content": "c".repeat(100_000), "replies": "https://a.example/r" },
        });
        let short = kept(&note);
        assert_eq!(short["object"]["replies"], "https://a.example/r");
        assert_eq!(short["object"].get("content"), None);
        // Short parts without end.
        for number in 0..5_000 {
            note[format!("x{number}")] = json!("y".repeat(100));
        }
        let core = json!({
            "id": "https://a.example/1", "type": "Create", "actor": "https://a.example/ada", "object": "https://a.example/2",
        });
        assert_eq!(kept(&note), core);
    }
}
