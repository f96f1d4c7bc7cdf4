//! Reading the built site.
//!
//! [`watch`] tells when the folder changed, [`scan`] reads it into a [`snapshot`], [`page`] reads one page with
//! what the site's [`feed`]s say about it and what its posts have in common (the [`frame`]), [`diff`] decides what
//! the snapshot changes, [`translations`] takes pages together that say the same in several languages, [`survey`] names
//! the site's weak spots.

pub mod diff;
pub mod scan;
pub mod snapshot;
pub mod survey;
pub mod translations;
pub mod watch;

pub use tidings_pages::{feed, frame, page};
