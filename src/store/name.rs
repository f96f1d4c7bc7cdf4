//! The names of records' files: they follow from the records' ids by a fixed rule.

use sha2::{Digest as _, Sha256};

/// Longest id that is a file's name as it is: far below the 255 bytes that file systems take, with room for an ending.
const PLAIN_NAME: usize = 120;
/// How much of a longer or unsafe id stands readable in front of its hash.
const READABLE: usize = 80;

/// The name of an id's file, without ending: the id itself where that is a safe and short name, else its readable
/// beginning and 16 hexadecimal digits of its SHA-256.
pub fn file_name(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    if !id.is_empty() && id.len() <= PLAIN_NAME && !id.starts_with('.') && id.chars().all(safe) {
        return id.to_string();
    }
    let bare = id
        .strip_prefix("https://")
        .or_else(|| id.strip_prefix("http://"))
        .unwrap_or(id);
    let readable: String = bare
        .trim_start_matches('.')
        .chars()
        .map(|c| if safe(c) && c != '%' { c } else { '-' })
        .take(READABLE)
        .collect();
    format!("{readable}-{}", short_hash(id))
}

/// The first 16 hexadecimal digits of an id's SHA-256.
pub fn short_hash(id: &str) -> String {
    Sha256::digest(id.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_safe_short_and_differ() {
        assert_eq!(file_name("posts~hello"), "posts~hello");
        for id in [
            "https://a.example/users/../x",
            ".",
            "..",
            "",
            "a/b",
            &"x".repeat(500),
            "https://ü.example/ü",
        ] {
            let name = file_name(id);
            assert!(
                !name.is_empty() && name.len() < 200 && !name.contains('/') && !name.starts_with('.'),
                "{name}"
            );
        }
        assert_ne!(file_name("https://a.example/1"), file_name("https://a.example/2"));
    }
}
