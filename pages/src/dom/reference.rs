//! Character references: `&amp;`, `&#39;`.

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// Where a character reference stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    /// The value of an attribute, where `&copy=1` is no reference.
    Value,
}

/// What a character reference means.
pub(super) struct Reference {
    pub(super) letters: [Option<char>; 2],
    /// How many bytes it has.
    pub(super) length: usize,
    /// Whether it is a name, or ends as it should.
    pub(super) is_whole: bool,
}

impl Reference {
    /// Reads one at the beginning of a text; `None` if there is none.
    pub(super) fn of(text: &str, place: Place) -> Option<Reference> {
        match text.as_bytes().get(1)? {
            b'#' => Reference::by_number(text),
            byte if byte.is_ascii_alphanumeric() => Reference::by_name(text, place),
            _ => None,
        }
    }

    fn by_number(text: &str) -> Option<Reference> {
        let (base, start) = match text.as_bytes().get(2)? {
            b'x' | b'X' => (16, 3),
            _ => (10, 2),
        };
        let rest = &text[start..];
        let digits = rest.bytes().take_while(|byte| char::from(*byte).is_digit(base));
        let digits = &rest[..digits.count()];
        if digits.is_empty() {
            return None;
        }
        // What is too long is too large.
        let number = u32::from_str_radix(digits, base).unwrap_or(u32::MAX);
        let replaced = number
            .checked_sub(0x80)
            .and_then(|at| C1_REPLACEMENTS.get(at as usize).copied().flatten());
        let letter = match number {
            0 => None,
            _ => replaced.or_else(|| char::from_u32(number)),
        };
        let is_whole = rest[digits.len()..].starts_with(';');
        Some(Reference {
            letters: [Some(letter.unwrap_or(char::REPLACEMENT_CHARACTER)), None],
            length: start + digits.len() + usize::from(is_whole),
            is_whole,
        })
    }

    fn by_name(text: &str, place: Place) -> Option<Reference> {
        let name = &text[1..];
        let mut found = None;
        for (at, letter) in name.char_indices() {
            let end = at + letter.len_utf8();
            // Also the beginnings of names are in the table, as ones that mean nothing.
            match NAMED_ENTITIES.get(&name[..end]) {
                Some((0, _)) => {}
                Some(meant) => found = Some((*meant, end)),
                None => break,
            }
        }
        let ((first, second), end) = found?;
        let next = name[end..].bytes().next();
        let goes_on = next.is_some_and(|byte| byte == b'=' || byte.is_ascii_alphanumeric());
        if place == Place::Value && goes_on && !name[..end].ends_with(';') {
            return None;
        }
        let second = Some(second).filter(|second| *second != 0);
        Some(Reference {
            letters: [char::from_u32(first), second.and_then(char::from_u32)],
            length: 1 + end,
            is_whole: true,
        })
    }
}
