//! `tidings followers`: who follows, and what to do about it.

use clap::Subcommand;

use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::control::{Command, FollowerAction};

/// What `followers` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List followers and those who ask to be one
    List,
    /// Accept a request to follow
    Approve(Who),
    /// Reject a request to follow
    Reject(Who),
    /// Make somebody follow no longer
    Remove(Who),
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The follower's id or handle
    #[arg(value_name = "ACTOR")]
    actor: String,
}

/// Lists followers, or acts.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    let (action, Who { actor }) = match args.action {
        None | Some(Action::List) => return list(args.output, session),
        Some(Action::Approve(who)) => (FollowerAction::Approve, who),
        Some(Action::Reject(who)) => (FollowerAction::Reject, who),
        Some(Action::Remove(who)) => (FollowerAction::Remove, who),
    };
    session.act(Command::Follower { action, actor }, args.output)
}

fn list(output: Output, session: &Session<'_>) -> Outcome {
    let reply = session.tell(Command::Followers)?;
    if output.json {
        session.screen.json(&reply.data)?;
    } else {
        session.screen.table(
            &["handle", "state", "since", "actor"],
            &rows(&reply.data, &["/handle", "/state", "/since", "/actor"]),
        )?;
    }
    Ok(0)
}
