//! `tidings man`: manual pages.

use std::path::PathBuf;

use super::{Outcome, Session, grammar};
use crate::control::Failure;

/// What `man` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the manual page, or writes all.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    let grammar = grammar();
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        let mut grammar = grammar;
        grammar.build();
        clap_mangen::Man::new(grammar)
            .render(&mut page)
            .map_err(|error| Failure::failed(format!("the manual page: {error}")))?;
        session.screen.text(&String::from_utf8_lossy(&page))?;
        return Ok(0);
    };
    let fail = |error: std::io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(fail)?;
    // Not built before: it leaves out the pages about `help`, as long as there is no such command yet.
    clap_mangen::generate_to(grammar, folder).map_err(fail)?;
    session
        .screen
        .note(&format!("manual pages are in {}", folder.display()));
    Ok(0)
}
