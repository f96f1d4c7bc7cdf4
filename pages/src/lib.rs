//! What the pages of a static site say: HTML files and feeds in, articles out.
//!
//! This is the pure core of the river that leads out of the house ([tidings](https://docs.rs/tidings)): values in, values
//! out, no disk, no network, no clock. It is a crate by itself because every page of a site goes through it, so that it is
//! worth to be compiled for speed, as the rest of the program is not.
//!
//! - [`page`] reads one page, beside what the site's [`feed`]s say of it and what its posts have in common (the [`frame`])
//! - [`dom`] is the parsed page
//! - [`sanitize`] cleans HTML, the site's own and that of others
//! - [`article`] is what comes out, and what is remembered of it
//! - [`path`] is how the paths of pages are written

pub mod article;
pub mod dom;
pub mod feed;
pub mod frame;
pub mod page;
pub mod path;
pub mod sanitize;

mod flow;
