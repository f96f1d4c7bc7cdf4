//! A QuoteAuthorization that we gave (FEP-044f).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::file::short_hash;
use super::{Indexed, Record};

/// The stamp on a quote of one of our objects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// Its ID: the last segment of its id. It follows from what quotes what, so that the same request gets the same stamp.
    pub id: String,
    /// The KEY of our object.
    pub object: String,
    /// The id of the remote object that quotes it.
    pub instrument: String,
    /// Who quotes.
    pub actor: String,
    /// When it was given.
    pub at: Timestamp,
}

impl Quote {
    /// The ID of the stamp on `instrument` quoting `object`.
    pub fn id_of(object: &str, instrument: &str) -> String {
        short_hash(&format!("quote {object} {instrument}"))
    }
}

impl Record for Quote {
    type Glance = Quote;
}

impl Indexed for Quote {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}
