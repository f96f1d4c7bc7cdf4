//! Every way a site is deployed: after it has settled, followers have received exactly what a human would have sent, once.
//!
//! A real daemon watches a real folder, and each test is a sequence of file operations. Above each stands what a
//! careful human would have sent.

mod broken; // half a site, a wrong base URL, a folder that is gone for a while
mod build; // what the generator writes
mod clock; // a clock that jumps
mod mounted; // the folder lies elsewhere
mod polled; // folders of which no events come
mod random; // any sequence of them, against a model
mod record; // another version of tidings on the same site
mod same; // builds that say the same in other words, and for a reader don't
mod stage; // the daemon, the follower, and what she heard
mod ways; // how files come into the folder
