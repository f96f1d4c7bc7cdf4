//! An instant in as few bytes as it has: what a hundred thousand records are kept in memory with.

use jiff::Timestamp;

/// An instant. [`Timestamp`] takes four bytes more, and aligns what holds it to eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(super) struct Moment {
    seconds: i64,
    nanoseconds: i32,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Moment {
        Moment {
            seconds: at.as_second(),
            nanoseconds: at.subsec_nanosecond(),
        }
    }
}

impl Moment {
    /// The instant.
    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::new(self.seconds, self.nanoseconds).expect("it was a timestamp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_back_in_twelve_bytes() {
        assert_eq!(size_of::<Moment>(), 12);
        for text in [
            "2026-11-21T10:00:00.123456789Z",
            "-000044-03-15T12:00:00.5Z",
            "1969-12-31T23:59:59.9Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(Moment::from(at).timestamp(), at);
        }
    }
}
