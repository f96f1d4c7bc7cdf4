//! tidings gives a static website a voice on the fediverse.
//!
//! Everything runs along one of two rivers, each in one direction:
//!
//! ```text
//! out   page file -> site::scan -> site::page -> site::diff -> article -> publish -> store (object, jobs) -> deliver -> remote inbox
//! in    request -> http -> inbox::verify -> inbox::<activity> -> store (follower, interaction) -> widget -> reader's page
//! ```
//!
//! The modules, highest layer first; an import may only point down (`tests/tidings/layers.rs`):
//!
//! 4. shell: [`cli`], [`control`], [`daemon`]
//! 3. faces: [`http`]
//! 2. rivers: [`publish`], [`deliver`], [`inbox`], [`widget`], and what they share: [`instance`], [`remote`]
//! 1. doors: [`config`], [`store`], [`keys`], [`net`], [`site::scan`], [`site::watch`], [`hooks`]
//! 0. pure: [`ap`], [`sig`], [`site::diff`], [`queue`], [`clock`], [`aside`], and the crate [`tidings_pages`]: [`site::page`],
//!    [`site::feed`], [`site::frame`], [`article`], [`dom`], [`sanitize`]

pub mod cli;
pub mod control;
pub mod daemon;

pub mod http;

pub mod deliver;
pub mod inbox;
pub mod instance;
pub mod publish;
pub mod remote;
pub mod widget;

pub mod config;
pub mod hooks;
pub mod keys;
pub mod net;
pub mod site;
pub mod store;

pub mod ap;
pub mod aside;
pub mod clock;
pub mod queue;
pub mod sig;

pub use tidings_pages::{article, dom, sanitize};
