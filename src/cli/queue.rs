//! `tidings queue`: what waits to be delivered.

use clap::Subcommand;

use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::control::Command;

/// What `queue` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what waits, why, and until when
    List,
    /// Try again now
    Retry {
        /// Only for this host, as in a URL; without it, for all
        host: Option<String>,
    },
    /// Give up what waits for a host
    Drop {
        /// As in a URL
        host: String,
    },
}

/// Lists the queue, or acts.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    match args.action {
        None | Some(Action::List) => {
            let reply = session.tell(Command::Queue)?;
            if args.output.json {
                session.screen.json(&reply.data)?;
            } else {
                session.screen.table(
                    &["host", "attempts", "next", "error", "activity"],
                    &rows(
                        &reply.data,
                        &["/host", "/attempts", "/next", "/error", "/activity"],
                    ),
                )?;
            }
        }
        Some(Action::Retry { host }) => return session.act(Command::Retry { host }, args.output),
        Some(Action::Drop { host }) => return session.act(Command::Drop { host }, args.output),
    }
    Ok(0)
}
