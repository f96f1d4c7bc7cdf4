//! `tidings plan`: what a publish would do now.

use serde_json::Value;

use super::screen::rows;
use super::{Outcome, Output, Session, explain};
use crate::control::{Command, code};

/// What `plan` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: Output,
    /// End with code 10 when there are changes
    #[arg(long)]
    exit_code: bool,
    /// Explain single pages (path, URL, or file in the output folder): the evidence, what changed, and how they look on
    /// Mastodon and as a Note
    #[arg(long, value_name = "PAGE", num_args = 1..)]
    explain: Vec<String>,
}

/// Shows the plan.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    if !args.explain.is_empty() {
        return explain::run(&args.explain, args.output.json, args.exit_code, session);
    }
    let reply = session.tell(Command::Plan)?;
    let screen = session.screen;
    let changes = reply.data["changes"].as_array().map_or(0, Vec::len);
    if args.output.json {
        screen.json(&reply.data)?;
    } else {
        screen.table(
            &["action", "page", "kind", "reason"],
            &rows(&reply.data["changes"], &["/action", "/page", "/kind", "/reason"]),
        )?;
        let skipped = rows(&reply.data["skipped"], &["/page", "/reason"]);
        if !skipped.is_empty() {
            screen.text(if changes > 0 { "\n" } else { "" })?;
            screen.table(&["skipped", "reason"], &skipped)?;
        }
        let doubtful = reply.data["doubtful"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(first) = doubtful.first().and_then(Value::as_str) {
            let many = match doubtful.len() {
                1 => "one of the skipped pages looks like a post".to_string(),
                many => format!("{many} of the skipped pages look like posts"),
            };
            screen.note(&format!(
                "{many}: `tidings plan --explain {first}` says why it is skipped"
            ));
        }
        if changes == 0 {
            screen.note("nothing to publish");
        }
        if reply.data["held"] == Value::Bool(true) {
            let because = match reply.data["held_because"].as_str() {
                Some(because) => format!(" because {because}"),
                None => String::new(),
            };
            screen.note(&format!(
                "this is held{because}: `tidings publish` lets it go out"
            ));
        }
    }
    Ok(if args.exit_code && changes > 0 {
        code::CHANGES
    } else {
        0
    })
}
