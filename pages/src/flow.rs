//! White space as HTML has it, looked at many bytes at a time: nearly all of a text is words with one space between them.

/// Bytes that are looked at together; with so many the compiler compares them at once.
const STEP: usize = 16;

/// Whether a byte is white space in HTML.
#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    // Without a branch, so that many are compared at once.
    (byte == b' ') | (byte == b'\n') | (byte == b'\t') | (byte == b'\r') | (byte == 0xc)
}

/// The length of the words at the beginning of a text that are shown as they stand: with one space between them.
pub(crate) fn words(text: &[u8]) -> usize {
    let stops = |byte: u8, next: u8| is_blank(byte) & ((byte != b' ') | is_blank(next));
    let mut end = 0;
    while let Some(part) = text[end..].first_chunk::<{ STEP + 1 }>() {
        let mut any = 0;
        for at in 0..STEP {
            any |= u8::from(stops(part[at], part[at + 1]));
        }
        if any != 0 {
            break;
        }
        end += STEP;
    }
    while let Some(byte) = text.get(end) {
        // A space at the end waits for what comes.
        if stops(*byte, text.get(end + 1).copied().unwrap_or(b' ')) {
            break;
        }
        end += 1;
    }
    end
}

/// The words of a text: where one space stands between them, several at once.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let blank = rest.bytes().take_while(|byte| is_blank(*byte)).count();
        let (run, after) = rest[blank..].split_at(words(&rest.as_bytes()[blank..]));
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}

/// The length of the beginning of a text in which no byte is one of some.
pub(crate) fn without(text: &[u8], is_one: impl Fn(u8) -> bool) -> usize {
    let mut end = 0;
    while let Some(part) = text[end..].first_chunk::<STEP>() {
        let mut any = 0;
        for byte in part {
            any |= u8::from(is_one(*byte));
        }
        if any != 0 {
            break;
        }
        end += STEP;
    }
    end + text[end..].iter().take_while(|byte| !is_one(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_end_where_the_text_would_be_shown_otherwise(text in "([a-z]{1,3} ?|[ \n\t]){0,30}") {
            let end = words(text.as_bytes());
            let shown = text[..end].split(|c| is_blank(c as u8)).collect::<Vec<_>>();
            prop_assert!(end == 0 || shown.iter().skip(1).all(|word| !word.is_empty()), "{shown:?}");
            let rest = &text.as_bytes()[end..];
            let goes_on = rest.first().is_some_and(|byte| {
                !is_blank(*byte) || (*byte == b' ' && rest.get(1).is_some_and(|next| !is_blank(*next)))
            });
            prop_assert!(!goes_on, "{text:?} {end}");
        }

        #[test]
        fn what_is_looked_for_is_found_wherever_it_stands(text in "[ab]{0,50}") {
            prop_assert_eq!(without(text.as_bytes(), |byte| byte == b'b'), text.find('b').unwrap_or(text.len()));
        }
    }
}
