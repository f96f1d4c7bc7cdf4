//! `tidings key`: the public keys.

use clap::Subcommand;

use super::screen::cell;
use super::{Outcome, Output, Session};
use crate::control::Command;

/// What `key` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the public keys
    Show,
    /// Make a new key and announce it with an Update that the old one signs
    Rotate {
        /// The actor; without it, the first one
        #[arg(value_name = "NAME")]
        actor: Option<String>,
    },
}

/// Shows the keys, or makes new ones.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    if let Some(Action::Rotate { actor }) = args.action {
        return session.act(Command::Rotate { actor }, args.output);
    }
    let reply = session.tell(Command::Keys)?;
    if args.output.json {
        session.screen.json(&reply.data)?;
        return Ok(0);
    }
    for key in reply.data.as_array().into_iter().flatten() {
        session.screen.text(&format!(
            "{}\n{}{}\n",
            cell(&key["id"]),
            key["publicKeyPem"].as_str().unwrap_or_default(),
            cell(&key["ed25519"])
        ))?;
    }
    Ok(0)
}
