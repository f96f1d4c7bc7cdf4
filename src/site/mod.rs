//! Reading the built site.
//!
//! [`watch`] tells when the folder changed, [`scan`] reads it into a [`snapshot`], [`page`] reads one page,
//! [`diff`] decides what the snapshot changes.

pub mod diff;
pub mod page;
pub mod scan;
pub mod snapshot;
pub mod watch;
