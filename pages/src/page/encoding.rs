//! From bytes to text: pages in any encoding that they declare.
//!
//! Follows the encoding sniffing algorithm of the HTML standard as far as it applies to a file (byte order mark, XML
//! declaration, `<meta>`), and departs from it where files are wrong about themselves: what is valid UTF-8 is UTF-8,
//! whatever it says, and what says UTF-8 without a single letter in it that is, isn't.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// Bytes in which the declaration must stand. The standard asks for 1,024; banners and scripts push it further down.
const PRESCAN: usize = 16 << 10;

/// Bytes by which UTF-16 without a mark is told.
const WIDE_SAMPLE: usize = 256;

/// Decodes a page. What isn't text in its encoding becomes U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0;
    }
    if let Some(wide) = wide(bytes) {
        return wide.decode_without_bom_handling(bytes).0;
    }
    match std::str::from_utf8(bytes) {
        // A declaration can't be right against valid UTF-8, but ISO-2022-JP is all ASCII, with escapes.
        Ok(text) if !bytes.contains(&0x1b) => Cow::Borrowed(text),
        Ok(text) => match declared(bytes).filter(|encoding| !encoding.is_ascii_compatible()) {
            Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
            None => Cow::Borrowed(text),
        },
        Err(_) => match declared(bytes) {
            Some(encoding) if encoding != UTF_8 => encoding.decode_without_bom_handling(bytes).0,
            _ if is_mostly_utf_8(bytes) => String::from_utf8_lossy(bytes),
            _ => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        },
    }
}

/// UTF-16 without a byte order mark: the beginning of a page is markup, so that every other byte of it is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(WIDE_SAMPLE)];
    let zeros = |odd: usize| {
        sample
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let half = sample.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, low) if half > 1 && low * 4 > half * 3 => Some(UTF_16LE),
        (high, 0) if half > 1 && high * 4 > half * 3 => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether more of what isn't ASCII is UTF-8 than not: a sequence that was cut in two doesn't make a page another one.
fn is_mostly_utf_8(bytes: &[u8]) -> bool {
    let (mut sound, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        sound += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    sound > broken
}

/// The encoding that the page names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(PRESCAN)];
    // All that matters is ASCII, and stays where it is.
    let head: String = head
        .iter()
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let xml = head
        .trim_start()
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"));
    if let Some(encoding) = xml.and_then(|(tag, _)| named(&value(tag, "encoding")?)) {
        return Some(encoding);
    }
    let mut rest = head.as_str();
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(tag) = rest.strip_prefix("meta") else {
            continue;
        };
        if !tag.starts_with(|c: char| c.is_ascii_whitespace() || c == '/') {
            continue;
        }
        let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
        let in_content = || {
            value(tag, "http-equiv").filter(|key| key == "content-type")?;
            let content = value(tag, "content")?;
            let (_, label) = content.split_once("charset")?;
            let label = label
                .trim_start()
                .strip_prefix('=')?
                .trim_start()
                .trim_start_matches(['"', '\'']);
            let end = label.find(['"', '\'', ';', ',', ' ']).unwrap_or(label.len());
            Some(label[..end].to_owned())
        };
        if let Some(encoding) = value(tag, "charset")
            .or_else(in_content)
            .and_then(|label| named(&label))
        {
            return Some(encoding);
        }
    }
    None
}

/// An encoding by its label.
fn named(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.trim().as_bytes())?;
    if encoding == UTF_16BE || encoding == UTF_16LE {
        // The standard: a page whose declaration can be read isn't UTF-16.
        Some(UTF_8)
    } else if encoding == X_USER_DEFINED {
        Some(WINDOWS_1252)
    } else {
        // What is too dangerous for browsers (hz-gb-2312, utf-7) would leave nothing of the page.
        Some(encoding).filter(|encoding| *encoding != REPLACEMENT)
    }
}

/// The value of an attribute in the text of a tag.
fn value(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/'))
            .unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let after_blank = after.trim_start();
        let Some(given) = after_blank.strip_prefix('=') else {
            // A stray sign, or an attribute without a value.
            rest = if key.is_empty() { &rest[1..] } else { after };
            continue;
        };
        let given = given.trim_start();
        let (given, after) = match given.chars().next() {
            Some(quote @ ('"' | '\'')) => given[1..].split_once(quote).unwrap_or((&given[1..], "")),
            _ => given.split_at(
                given
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(given.len()),
            ),
        };
        if key == wanted {
            return Some(given.to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GB18030, KOI8_R, SHIFT_JIS};
    use proptest::prelude::*;

    #[test]
    fn a_declared_encoding_is_honoured() {
        let page = b"<html><meta charset=\"iso-8859-15\"><p>caf\xe9 \xa4</p>";
        assert!(decode(page).contains("café €"));
        let page =
            b"<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>\x93\xfa\x96\x7b</p>";
        assert!(decode(page).contains("日本"));
        let page = b"<meta charset=iso-2022-jp><p>\x1b$BF|K\\\x1b(B</p>";
        assert!(decode(page).contains("日本"));
        let page = b"<?xml version='1.0' encoding='ISO-8859-2'?>\n<html><p>\xb3</p>";
        assert!(decode(page).contains('ł'));
    }

    #[test]
    fn every_family_of_encodings_comes_back_as_it_was() {
        for (encoding, label, text) in [
            (SHIFT_JIS, "shift_jis", "製本の糸と紙"),
            (GB18030, "gb18030", "书脊与纸浆"),
            (GB18030, "gb2312", "书脊与纸浆"),
            (KOI8_R, "koi8-r", "Переплётная мастерская"),
            (WINDOWS_1252, "latin1", "“naïve” café – 5 €"),
        ] {
            for head in [
                format!("<head><title>x</title><META CharSet = '{label}'>"),
                format!("<meta content=\"text/html;charset={label}\" http-equiv=content-type>"),
            ] {
                let page = format!("{head}<p>{text}</p>");
                let (bytes, _, lost) = encoding.encode(&page);
                assert!(!lost);
                assert_eq!(decode(&bytes), page, "{label}");
            }
        }
    }

    #[test]
    fn utf_8_needs_no_declaration_and_anything_else_is_windows_1252() {
        assert_eq!(decode("<p>日本</p>".as_bytes()), "<p>日本</p>");
        assert_eq!(decode(b"<p>caf\xe9\x80</p>"), "<p>café€</p>");
    }

    #[test]
    fn a_byte_order_mark_decides() {
        assert_eq!(decode(b"\xef\xbb\xbf<p>a</p>"), "<p>a</p>");
        assert_eq!(decode(b"\xff\xfe<\0p\0>\0"), "<p>");
        assert_eq!(decode(b"\xfe\xff\0<\0p\0>"), "<p>");
    }

    #[test]
    fn utf_16_is_known_without_its_mark() {
        let page = "<!doctype html><html lang=de><p>über 日本</p>";
        let little: Vec<u8> = page.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = page.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!((decode(&little), decode(&big)), (page.into(), page.into()));
    }

    #[test]
    fn a_page_that_is_wrong_about_itself_is_read_all_the_same() {
        let utf_8 = "<meta charset=iso-8859-1><p>über</p>";
        assert_eq!(decode(utf_8.as_bytes()), utf_8);
        assert_eq!(
            decode(b"<meta charset=utf-8><p>caf\xe9</p>"),
            "<meta charset=utf-8><p>café</p>"
        );
        assert_eq!(
            decode(b"<meta charset=utf-16><p>a</p>"),
            "<meta charset=utf-16><p>a</p>"
        );
        assert!(decode(b"<meta charset=hz-gb-2312><p>a \x1b b \xe9</p>").contains("<p>a"));
        assert!(decode(b"<meta charset=nonsense><p>caf\xe9</p>").contains("café"));
    }

    #[test]
    fn a_broken_sequence_costs_one_sign_and_not_the_page() {
        let mut page = "<p>über Bücher</p>".as_bytes().to_vec();
        page.extend(b"<p>cut: \xe6\x97</p>");
        assert_eq!(decode(&page), "<p>über Bücher</p><p>cut: \u{fffd}</p>");
        let japanese = b"<meta charset=shift_jis><p>\x93\xfa\x96</p><p>b</p>";
        assert!(decode(japanese).contains("<p>b</p>"));
    }

    #[test]
    fn only_a_declaration_is_one() {
        for head in [
            "<!-- <meta charset=koi8-r> -->",
            "<meta name=description content='how charset=koi8-r came to be'>",
            "<metadata charset=koi8-r>",
        ] {
            let mut page = head.as_bytes().to_vec();
            page.extend(b"<p>caf\xe9</p>");
            assert!(decode(&page).contains("café"), "{head}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in "<meta[ -~]{0,40}>?") {
            decode(&bytes);
            decode(&[tag.as_bytes(), &bytes].concat());
        }
    }
}
