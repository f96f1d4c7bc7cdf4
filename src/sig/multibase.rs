//! Keys as text: base58btc with the multibase prefix `z`, as Multikey has it (FEP-521a).

use super::SigError;

/// The alphabet of base58btc: no 0, O, I or l, for they look alike.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Longest text that is decoded, in characters: the work grows with its square. An RSA-4096 key takes 722.
const MAX_TEXT: usize = 1024;

/// Writes bytes as multibase in base58btc.
pub fn encode(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    // The digits in base 58, the lowest first.
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 138 / 100 + 1);
    for byte in &bytes[zeros..] {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let ones = std::iter::repeat_n('1', zeros);
    let rest = digits
        .iter()
        .rev()
        .map(|digit| char::from(ALPHABET[usize::from(*digit)]));
    std::iter::once('z').chain(ones).chain(rest).collect()
}

/// Reads bytes from multibase in base58btc; the other bases are not used for keys.
///
/// # Errors
/// [`SigError::Key`]
pub fn decode(text: &str) -> Result<Vec<u8>, SigError> {
    let text = text.strip_prefix('z').ok_or(SigError::Key("not base58btc"))?;
    if text.len() > MAX_TEXT {
        return Err(SigError::Key("too long"));
    }
    let zeros = text.bytes().take_while(|letter| *letter == b'1').count();
    // The bytes, the lowest first.
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for letter in text.bytes().skip(zeros) {
        let digit = ALPHABET
            .iter()
            .position(|known| *known == letter)
            .ok_or(SigError::Key("not base58btc"))?;
        let mut carry = digit as u32;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_base58_draft_hold() {
        // draft-msporny-base58, 5
        for (bytes, text) in [
            (&b"Hello World!"[..], "z2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "zUSm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "z11233QC4"),
            (&[], "z"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_not_base58btc_is_refused() {
        for text in ["", "2NEp", "z0", "zé", "uAAAA"] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert!(decode(&format!("z{}", "2".repeat(MAX_TEXT + 1))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in "z.*") {
            let _ = decode(&text);
        }
    }
}
