//! `tidings completions`: scripts for shells.

use clap_complete::Shell;

use super::{Outcome, Session, grammar};

/// What `completions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut grammar(), "tidings", &mut script);
    session.screen.text(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
