//! Scores tidings on a built site: what it would federate, beside what a careful reader would.
//!
//! ```text
//! cargo run -q --example score -- FOLDER TRUTH.json [--verbose] [--site URL]
//! ```
//!
//! The truth is a JSON file; `truth.rs` describes it. It prints `NAME: fields right / fields in all`, with `--verbose` also every
//! field that is wrong, what was read there and from which evidence.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

mod truth;

use crate::truth::{Truth, compare};

/// Scores tidings on a built site.
#[derive(Parser)]
struct Arguments {
    /// What the generator wrote.
    folder: PathBuf,
    /// What should be read there.
    truth: PathBuf,
    /// Prints every field that is wrong.
    #[arg(long)]
    verbose: bool,
    /// Where readers find the site, instead of what the truth says.
    #[arg(long)]
    site: Option<String>,
}

/// 0 when every field is right, 1 when one isn't.
fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut truth = Truth::read(&arguments.truth)?;
    if let Some(site) = arguments.site {
        truth.site_url = site;
    }
    let score = compare(&arguments.folder, &truth).context("comparing")?;
    println!("{}: {}/{}", truth.site, score.right(), score.all);
    if arguments.verbose {
        for failure in &score.failures {
            println!("    {failure}");
        }
    }
    Ok(if score.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
