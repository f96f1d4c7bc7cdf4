//! Reading the built site.

pub mod diff;
pub mod page;
pub mod scan;
pub mod watch;
