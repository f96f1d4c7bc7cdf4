//! The reader's page in a real Chromium, behind a real nginx.
//!
//! They need Chromium and nginx; those about accessibility need axe-core, too, which `.ci/run` fetches below
//! `target/browser`.

mod axe; // the rules of accessibility
mod chromium; // the browser
mod form; // the way to a reader's own server
mod hostile; // what strangers may try to say
mod live; // a page that stays open
mod said; // a conversation with everything in it
mod screenshots; // the pictures that the README shows
mod stage; // the example site, shown in three ways
mod ways; // what every reader sees, however the widgets come into the page
