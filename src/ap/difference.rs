//! What differs between two versions of an object, in words that its author understands.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sanitize::plain;

/// Words of a passage that are quoted; who wants more looks at the page.
const QUOTED: usize = 12;

/// What differs, a line each; empty when readers see no difference.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (field, name) in [
        ("type", "kind"),
        ("name", "title"),
        ("summary", "summary"),
        ("url", "address"),
        ("published", "date"),
        ("attributedTo", "actor"),
    ] {
        lines.extend(line(name, text(&old[field]), text(&new[field])));
    }
    lines.extend(content(&old["content"], &new["content"]));
    lines.extend(line("language", language(old), language(new)));
    lines.extend(sets("tags", "tag", "name", old, new));
    lines.extend(sets("attachments", "attachment", "url", old, new));
    if lines.iter().all(|line| !line.starts_with("attachments")) {
        lines.extend(sets("alternative texts", "attachment", "name", old, new));
    }
    lines.extend(line("picture", address(&old["image"]), address(&new["image"])));
    if old["sensitive"].as_bool() != new["sensitive"].as_bool() {
        lines.push(match new["sensitive"].as_bool() {
            Some(true) => "now behind a content warning".to_string(),
            _ => "no longer behind a content warning".to_string(),
        });
    }
    if old["to"] != new["to"] || old["cc"] != new["cc"] {
        lines.push("who may see it".to_string());
    }
    lines
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn address(image: &Value) -> Option<&str> {
    image.as_str().or_else(|| image["url"].as_str())
}

/// The language of an object: the first key of any of its maps.
fn language(object: &Value) -> Option<&str> {
    ["contentMap", "nameMap", "summaryMap"]
        .iter()
        .find_map(|map| object[*map].as_object()?.keys().next().map(String::as_str))
}

fn line(name: &str, old: Option<&str>, new: Option<&str>) -> Option<String> {
    match (old, new) {
        (old, new) if old == new => None,
        (Some(old), Some(new)) => Some(format!("{name}: {} is now {}", quoted(old), quoted(new))),
        (None, Some(new)) => Some(format!("{name}: now {}, there was none", quoted(new))),
        (Some(old), None) => Some(format!("{name}: none any more, was {}", quoted(old))),
        (None, None) => None,
    }
}

/// Which words of the text were exchanged.
fn content(old: &Value, new: &Value) -> Option<String> {
    let (old, new) = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
    if old == new {
        return None;
    }
    let (before, after) = (plain(old), plain(new));
    let (before, after): (Vec<&str>, Vec<&str>) = (
        before.split_whitespace().collect(),
        after.split_whitespace().collect(),
    );
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(same)
        .count();
    let (out, into) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    Some(match (out, into) {
        ([], []) => "content: other markup, the same words".to_string(),
        ([], into) => format!("content: {} put in: {}", words(into), passage(into)),
        (out, []) => format!("content: {} taken out: {}", words(out), passage(out)),
        (out, into) => format!(
            "content: {} in place of {}: {} is now {}",
            words(into),
            words(out),
            passage(out),
            passage(into)
        ),
    })
}

fn words(words: &[&str]) -> String {
    match words.len() {
        1 => "1 word".to_string(),
        many => format!("{many} words"),
    }
}

fn passage(words: &[&str]) -> String {
    let shown = words.iter().take(QUOTED).copied().collect::<Vec<_>>().join(" ");
    quoted(&if words.len() > QUOTED {
        format!("{shown} …")
    } else {
        shown
    })
}

fn quoted(text: &str) -> String {
    /// Characters of a quotation: a line.
    const LINE: usize = 100;
    let mut short: String = text.chars().take(LINE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("“{short}”")
}

/// What was added to a list of things that have a name, and what was taken away.
fn sets(name: &str, list: &str, key: &str, old: &Value, new: &Value) -> Option<String> {
    let names = |object: &Value| -> BTreeSet<String> {
        let list = object[list].as_array().into_iter().flatten();
        list.filter_map(|item| item[key].as_str().map(str::to_string))
            .collect()
    };
    let (old, new) = (names(old), names(new));
    let join = |set: Vec<&String>| set.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let added = join(new.difference(&old).collect());
    let gone = join(old.difference(&new).collect());
    match (added.as_str(), gone.as_str()) {
        ("", "") => None,
        (added, "") => Some(format!("{name}: added {added}")),
        ("", gone) => Some(format!("{name}: taken away {gone}")),
        (added, gone) => Some(format!("{name}: added {added}, taken away {gone}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_the_same_differs_in_nothing() {
        let object =
            json!({ "type": "Article", "name": "A", "content": "<p>x</p>", "tag": [{ "name": "#a" }] });
        assert!(differences(&object, &object).is_empty());
        assert!(differences(&Value::Null, &Value::Null).is_empty());
    }

    #[test]
    fn each_field_has_its_line() {
        let old = json!({
            "type": "Article", "name": "Helo", "summary": "s", "content": "<p>The quick brown fox</p>",
            "tag": [{ "name": "#a" }], "sensitive": false, "nameMap": { "en": "Helo" }, "to": ["x"],
        });
        let new = json!({
            "type": "Note", "name": "Hello", "content": "<p>The slow brown fox</p>",
            "tag": [{ "name": "#b" }], "sensitive": true, "contentMap": { "de": "x" }, "to": ["y"],
            "attachment": [{ "url": "https://blog.example/a.png", "name": "A" }],
        });
        assert_eq!(
            differences(&old, &new),
            [
                "kind: “Article” is now “Note”",
                "title: “Helo” is now “Hello”",
                "summary: none any more, was “s”",
                "content: 1 word in place of 1 word: “quick” is now “slow”",
                "language: “en” is now “de”",
                "tags: added #b, taken away #a",
                "attachments: added https://blog.example/a.png",
                "now behind a content warning",
                "who may see it",
            ]
        );
    }

    #[test]
    fn words_that_come_go_or_only_change_their_look_are_told_apart() {
        let said = |old: &str, new: &str| content(&json!(old), &json!(new)).unwrap();
        assert_eq!(said("a b", "a x y b"), "content: 2 words put in: “x y”");
        assert_eq!(said("a a a", "a a"), "content: 1 word taken out: “a”");
        assert_eq!(
            said("<p>a</p>", "<p><b>a</b></p>"),
            "content: other markup, the same words"
        );
        let many = "w ".repeat(40);
        assert!(said("", &many).ends_with("w …”"), "{}", said("", &many));
    }
}
