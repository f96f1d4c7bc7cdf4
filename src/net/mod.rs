//! The one HTTP client, and the guard against private addresses.

/// The way out.
#[derive(Clone, Debug)]
pub struct Client {}
