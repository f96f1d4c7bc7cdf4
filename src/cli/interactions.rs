//! `tidings interactions`: what others said and did.

use clap::{Subcommand, ValueEnum};

use super::screen::{cell, rows};
use super::{Outcome, Output, Session};
use crate::control::{Command, InteractionAction};
use crate::inbox::moderation;
use crate::store::{InteractionKind, InteractionState};

/// How much of a text stands in a table, in characters.
const EXCERPT: usize = 60;
/// How many a table shows when nothing else is asked for: some screens full. Programs get all.
const SCREENS: usize = 100;

/// What `interactions` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Default, clap::Args)]
struct Filter {
    /// Only what belongs to this page
    #[arg(long)]
    page: Option<String>,
    /// Only of this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// Only in this state
    #[arg(long)]
    state: Option<State>,
    /// Only by this actor, or by anybody on this domain
    #[arg(long, value_name = "ACTOR|DOMAIN")]
    author: Option<String>,
    /// At most so many [default: 100, and all with --json]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Those that follow this one in the list
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what others said and did, the latest first
    List(Filter),
    /// Show one whole, the activity as it came too
    Show(Which),
    /// Show one on its page, and later ones of its author too
    Approve(Which),
    /// Take one off its page
    Hide(Which),
    /// Forget one
    Delete(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// As the list names it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Reply,
    Like,
    Boost,
    Quote,
    Mention,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Shown,
    Held,
    Hidden,
}

/// Lists interactions, or acts.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    let (action, Which { id }) = match args.action {
        None => return list(args.filter, args.output, session),
        Some(Action::List(filter)) => return list(filter, args.output, session),
        Some(Action::Show(which)) => (InteractionAction::Show, which),
        Some(Action::Approve(which)) => (InteractionAction::Approve, which),
        Some(Action::Hide(which)) => (InteractionAction::Hide, which),
        Some(Action::Delete(which)) => (InteractionAction::Delete, which),
    };
    let reply = session.tell(Command::Interaction { action, id })?;
    if action == InteractionAction::Show || args.output.json {
        // Whole means with its structure: the same for people and programs.
        session.screen.json(&reply.data)?;
    }
    Ok(0)
}

fn list(filter: Filter, output: Output, session: &Session<'_>) -> Outcome {
    let filter = moderation::Filter {
        page: filter.page.map(|page| super::publish::absolute(&page)),
        kind: filter.kind.map(|kind| match kind {
            Kind::Reply => InteractionKind::Reply,
            Kind::Like => InteractionKind::Like,
            Kind::Boost => InteractionKind::Boost,
            Kind::Quote => InteractionKind::Quote,
            Kind::Mention => InteractionKind::Mention,
        }),
        state: filter.state.map(|state| match state {
            State::Shown => InteractionState::Shown,
            State::Held => InteractionState::Held,
            State::Hidden => InteractionState::Hidden,
        }),
        author: filter.author,
        limit: filter.limit.or((!output.json).then_some(SCREENS)),
        after: filter.after,
    };
    let reply = session.tell(Command::Interactions { filter })?;
    if output.json {
        session.screen.json(&reply.data)?;
        return Ok(0);
    }
    let mut table = rows(
        &reply.data,
        &["/id", "/kind", "/state", "/actor/handle", "/page", "/published"],
    );
    for (row, item) in table.iter_mut().zip(reply.data.as_array().into_iter().flatten()) {
        let text = crate::sanitize::plain(&cell(&item["content"]));
        let unseen = match item["why"].as_str() {
            // The state says so already.
            Some(_) if item["state"] == "held" => String::new(),
            Some(why) => format!("({why}) "),
            None => String::new(),
        };
        row.push(format!(
            "{unseen}{}",
            super::screen::printable(&text)
                .chars()
                .take(EXCERPT)
                .collect::<String>()
        ));
    }
    session.screen.table(
        &["id", "kind", "state", "who", "page", "published", "text"],
        &table,
    )?;
    Ok(0)
}
