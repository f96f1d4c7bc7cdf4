//! A request as the servers of the benches read it: no further than to its end.

/// Whether head and body of a request are there.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next()?.parse().ok());
    bytes.len() >= head + 4 + length.unwrap_or(0)
}
