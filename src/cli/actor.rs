//! `tidings actor`: the accounts as others see them.

use clap::Subcommand;

use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::control::Command;

/// What `actor` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the accounts
    Show,
    /// Announce to followers what changed in the profiles
    Update,
}

/// Shows the accounts, or announces what changed.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    if let Some(Action::Update) = args.action {
        return session.act(Command::UpdateActors, args.output);
    }
    let reply = session.tell(Command::Actors)?;
    if args.output.json {
        session.screen.json(&reply.data)?;
    } else {
        session.screen.table(
            &["handle", "name", "followers", "posts", "id"],
            &rows(
                &reply.data,
                &[
                    "/handle",
                    "/document/name",
                    "/followers",
                    "/posts",
                    "/document/id",
                ],
            ),
        )?;
    }
    Ok(0)
}
