//! The integration tests: one binary, one module a subject.
//!
//! Peers live on 127.x.y.z, ports are always 0, waiting is polling with a limit. Tests that need a program which isn't
//! installed print `skipped: … not installed`; with `TIDINGS_TEST_ALL=1` a skip is a failure.

// The lint spares test functions only; here their helpers are tests as well.
#![allow(clippy::unwrap_used)]

mod addresses; // from a public server to private addresses, in every way
mod browser; // the reader's page in a real Chromium
mod cli; // the commands, with a daemon and without
mod crash; // SIGKILL at random moments, under load
mod daemon; // how it starts, where it listens, what it reads again
mod delivery; // the way out, against servers that misbehave
mod deploy; // every way a site comes into its folder, and what followers hear of it
mod discovery; // every row of the table of served paths
mod doctor; // what it says of the site's pages
mod explain; // what `plan --explain` says of a page, and that it is what is sent
mod faults; // disks and clocks that go wrong, backups
mod feeds; // what the site's feeds add to its pages
mod five_days; // the queue on a clock of its own
mod fuzz; // what the fuzzers check, without a fuzzer
mod generators; // sites that real generators build, field by field
#[allow(dead_code, reason = "not every subject needs all of it")]
mod harness; // the site, the proxy in front, the daemon, and peers
mod hooks; // commands and webhooks of the real daemon, and the examples
mod inbox; // what other servers send, and every status of the answer
mod json; // the JSON of what people said
mod layers; // imports point down, doors stay doors
mod limits; // of everything that comes from outside
mod main_job; // a folder of pages becomes an account that people follow
mod media; // pictures, sound, code and formulas, on the way to a follower
mod notes; // notes from the command line, and who reacted to a page
mod owner; // the owner's word, by the commands and by ap.toml
mod peers; // servers that are down, slow, broken, or lie, for deliveries and fetches
mod power; // every prefix of what reached the disk
mod proxy; // behind the real nginx, Apache httpd and Caddy
mod publish; // the river out, from the folder to the jobs
mod regression; // what once went wrong, each with its cause
mod remote; // actors, keys, objects, handles, and the guard on the way to them
mod render; // what people said, in pages that real generators build
mod restart; // nothing is lost, however it ends
mod served; // a remote server that serves pages as a test wants them
mod theme; // what the guide promises to those who write themes
mod tls; // servers that speak https
mod translations; // pages in several languages
mod vectors; // signatures made by others
mod walk; // replies to replies, which nobody sends us
mod widget; // what people said, on the reader's page

#[test]
fn every_file_here_is_listed_as_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tidings");
    let list = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or(&name);
        assert!(
            module == "main" || list.contains(&format!("mod {module};")),
            "{name} is not listed in main.rs"
        );
    }
}
