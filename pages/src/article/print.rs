//! A print: half of a SHA-256, by which two texts are told apart in little memory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of a SHA-256: nobody gains by making two of their own pages look alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Print([u8; 16]);

impl Print {
    /// The print of some parts, each apart from the next.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Print {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut print = Print::default();
        print.0.copy_from_slice(&digest.finalize()[..16]);
        print
    }

    /// The print that stands for an [`Article::digest`](super::Article::digest), or for another text: half of a digest, as it is written, tells as
    /// much as the memory of a hundred thousand pages is worth.
    pub fn of_digest(text: &str) -> Print {
        let half = text.get(..32).filter(|_| matches!(text.len(), 32 | 64));
        half.and_then(|half| half.parse().ok())
            .unwrap_or_else(|| Print::of([text.as_bytes()]))
    }

    /// It in bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// From [`Print::to_bytes`].
    pub fn of_bytes(bytes: [u8; 16]) -> Print {
        Print(bytes)
    }

    /// The print of both, in this order.
    #[must_use]
    pub fn and(&self, other: &Print) -> Print {
        Print::of([self.0.as_slice(), other.0.as_slice()])
    }
}

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<Print> for String {
    fn from(print: Print) -> String {
        print.to_string()
    }
}

impl FromStr for Print {
    type Err = String;

    fn from_str(text: &str) -> Result<Print, String> {
        let number = Some(text)
            .filter(|text| text.len() == 32)
            .and_then(|text| u128::from_str_radix(text, 16).ok())
            .ok_or_else(|| format!("{text:?} is not 32 hexadecimal digits"))?;
        Ok(Print(number.to_be_bytes()))
    }
}

impl TryFrom<String> for Print {
    type Error = String;

    fn try_from(text: String) -> Result<Print, String> {
        text.parse()
    }
}
