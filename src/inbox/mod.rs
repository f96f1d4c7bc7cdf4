//! What other servers send.

pub mod activity;
pub mod gate;
pub mod value;
