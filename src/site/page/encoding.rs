//! From bytes to text: pages in any encoding that they declare.
//!
//! Follows the encoding sniffing algorithm of the HTML standard as far as it applies to a file: byte order mark,
//! then `<meta>` in the first bytes, then a guess (UTF-8 when it is valid, else windows-1252).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes in which the declaration must stand. The standard asks for 1,024; banners push it further down.
const PRESCAN: usize = 4_096;

/// Decodes a page. What isn't text in its encoding becomes U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0;
    }
    match std::str::from_utf8(bytes) {
        // A declaration can't be right against valid UTF-8 with letters beyond ASCII, but ISO-2022-JP is all ASCII.
        Ok(text) if declared(bytes).is_none_or(Encoding::is_ascii_compatible) => Cow::Borrowed(text),
        _ => declared(bytes).unwrap_or(WINDOWS_1252).decode(bytes).0,
    }
}

fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(PRESCAN)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut rest = head.as_str();
    while let Some(start) = rest.find("<meta") {
        rest = &rest[start + 5..];
        let tag = &rest[..rest.find('>').unwrap_or(rest.len())];
        if let Some(label) = tag.split("charset").nth(1) {
            let label = label
                .trim_start()
                .strip_prefix('=')
                .unwrap_or_default()
                .trim_start();
            let label = label.trim_start_matches(['"', '\'']);
            let end = label.find(['"', '\'', ';', ' ', '/']).unwrap_or(label.len());
            if let Some(encoding) = Encoding::for_label(&label.as_bytes()[..end]) {
                // The standard: a page whose declaration can be read isn't UTF-16.
                let wide = encoding == UTF_16BE || encoding == UTF_16LE;
                return Some(if wide { UTF_8 } else { encoding });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_encoding_is_honoured() {
        let page = b"<html><meta charset=\"iso-8859-15\"><p>caf\xe9 \xa4</p>";
        assert!(decode(page).contains("café €"));
        let page =
            b"<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>\x93\xfa\x96\x7b</p>";
        assert!(decode(page).contains("日本"));
        let page = b"<meta charset=iso-2022-jp><p>\x1b$BF|K\\\x1b(B</p>";
        assert!(decode(page).contains("日本"));
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
    }
}
