//! `tidings unpublish`: takes pages and notes back.

use super::publish::absolute;
use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::control::Command;

/// What `unpublish` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pages (path, URL, or file in the output folder) or ids of objects
    #[arg(value_name = "PAGE|OBJECT", required = true)]
    targets: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Unpublishes.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    let targets = args.targets.iter().map(|target| absolute(target)).collect();
    let reply = session.tell(Command::Unpublish { targets })?;
    if args.output.json {
        session.screen.json(&reply.data)?;
    } else {
        session.screen.table(
            &["action", "page", "object"],
            &rows(&reply.data, &["/action", "/page", "/object"]),
        )?;
    }
    Ok(0)
}
