//! `tidings block`: domains, actors, words and patterns that the owner doesn't want to hear of.
//!
//! Lists are exchanged in the form of Mastodon's domain blocks: CSV with a header of names that begin with `#`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::control::{Command, Failure, code};
use crate::inbox::moderation::Blocked;

/// Largest list that is read, in bytes: some hundred thousand domains. The control socket takes no more at once.
const MAX_LIST: u64 = 6 << 20;

/// What `block` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List who and what is blocked
    List,
    /// Block a domain with its subdomains, an actor, a word or a pattern; what they said already goes too
    Add {
        /// `bad.example`, `@troll@social.example`, an actor's id, a word (`casino`, `casino*`), or `/a regular expression/`
        #[arg(value_name = "DOMAIN|ACTOR|WORD|/PATTERN/", required = true)]
        blocks: Vec<String>,
        /// Why, for yourself
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a block back, and with it what it hid
    Remove {
        /// As the list names it
        #[arg(value_name = "DOMAIN|ACTOR|WORD|/PATTERN/")]
        block: String,
    },
    /// Block the domains of a Mastodon blocklist (CSV), or of a file with one domain or handle a line
    Import {
        /// The file
        file: PathBuf,
    },
    /// Print the blocked domains as a Mastodon blocklist (CSV)
    Export,
}

/// Lists blocks, or acts.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    match args.action {
        None | Some(Action::List) => {
            let reply = session.tell(Command::Blocks)?;
            if args.output.json {
                session.screen.json(&reply.data)?;
            } else {
                session.screen.table(
                    &["block", "since", "reason"],
                    &rows(&reply.data, &["/block", "/since", "/reason"]),
                )?;
            }
        }
        Some(Action::Add { blocks, reason }) => {
            let blocks = blocks.into_iter().map(|block| (block, reason.clone())).collect();
            return session.act(Command::Block { blocks }, args.output);
        }
        Some(Action::Remove { block }) => return session.act(Command::Unblock { block }, args.output),
        Some(Action::Import { file }) => {
            let list = import(&read(&file)?);
            if list.milder > 0 {
                session.screen.note(&format!(
                    "left out: {} domains that are only silenced",
                    list.milder
                ));
            }
            for line in &list.wrong {
                session
                    .screen
                    .note(&format!("left out: {line:?} is neither a domain nor a handle"));
            }
            if list.blocks.is_empty() {
                return Err(Failure::failed(format!(
                    "{} names no domain to block",
                    file.display()
                )));
            }
            return session.act(Command::Block { blocks: list.blocks }, args.output);
        }
        Some(Action::Export) => {
            let reply = session.tell(Command::Blocks)?;
            let (text, others) = export(&reply.data);
            session.screen.text(&text)?;
            if others > 0 {
                session
                    .screen
                    .note(&format!("left out: {others} blocks that are no domains"));
            }
        }
    }
    Ok(0)
}

fn read(file: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::failed(format!("{}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(fail)?.len();
    if size > MAX_LIST {
        return Err(
            Failure::new(code::FAILED, format!("{} is larger than 6 MiB", file.display())).hint("split it"),
        );
    }
    std::fs::read_to_string(file).map_err(fail)
}

/// What a list holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    blocks: Vec<(String, Option<String>)>,
    /// Domains with a milder severity than a full block, which tidings doesn't know.
    milder: usize,
    wrong: Vec<String>,
}

fn import(text: &str) -> List {
    let mut list = List::default();
    let mut columns: Vec<String> = vec!["domain".into()];
    for record in records(text) {
        let first = record.first().map(|cell| cell.trim()).unwrap_or_default();
        if first.is_empty() {
            continue;
        }
        if first == "#domain" || first == "domain" {
            columns = record
                .iter()
                .map(|name| name.trim().trim_start_matches('#').to_lowercase())
                .collect();
            continue;
        }
        if first.starts_with('#') {
            continue;
        }
        let field = |name: &str| {
            let column = columns.iter().position(|column| column == name)?;
            Some(record.get(column)?.trim()).filter(|cell| !cell.is_empty())
        };
        if field("severity").is_some_and(|severity| severity != "suspend") {
            list.milder += 1;
            continue;
        }
        let named = field("domain").and_then(|name| {
            // The list of blocked accounts that Mastodon exports for its users.
            let handle = name.contains('@') && matches!(Blocked::read(name), Ok(Blocked::Handle(_)));
            crate::config::domain(name).or_else(|| handle.then(|| name.to_string()))
        });
        match named {
            Some(domain) => list
                .blocks
                .push((domain, field("public_comment").map(str::to_string))),
            None => list.wrong.push(super::screen::printable(first)),
        }
    }
    list
}

/// Splits CSV (RFC 4180) into records.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    record.push(cell);
    records.push(record);
    records
}

/// The domains among the blocks as CSV, and how many other blocks there are.
fn export(blocks: &Value) -> (String, usize) {
    let mut text =
        String::from("#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n");
    let mut others = 0;
    for block in blocks.as_array().into_iter().flatten() {
        let name = block["block"].as_str().unwrap_or_default();
        if crate::config::domain(name).is_none() || !name.contains(['.', ':']) {
            others += 1;
            continue;
        }
        let reason = block["reason"].as_str().unwrap_or_default();
        text.push_str(&format!("{name},suspend,TRUE,TRUE,{},FALSE\n", quoted(reason)));
    }
    (text, others)
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mastodon_blocklist_is_read_and_milder_measures_are_left_out() {
        let list = import(
            "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\r\n\
             bad.example,suspend,TRUE,TRUE,\"spam, and \"\"worse\"\"\",FALSE\r\n\
             loud.example,silence,FALSE,FALSE,,FALSE\r\n\
             not a domain,suspend,,,,\r\n\
             worse.example,suspend,,,,\r\n",
        );
        assert_eq!(
            list.blocks,
            [
                ("bad.example".to_string(), Some("spam, and \"worse\"".to_string())),
                ("worse.example".to_string(), None)
            ]
        );
        assert_eq!((list.milder, list.wrong.len()), (1, 1));
    }

    #[test]
    fn a_plain_list_is_read_too() {
        let list = import("# mine\nbad.example\n\nworse.example\n@troll@a.example\nada@b.example\n");
        assert_eq!((list.blocks.len(), list.wrong.len()), (4, 0));
    }

    #[test]
    fn what_is_exported_can_be_imported() {
        let blocks = serde_json::json!([
            { "block": "bad.example", "reason": "spam, \"and\" worse" },
            { "block": "https://a.example/users/troll" },
            { "block": "casino" },
        ]);
        let (text, others) = export(&blocks);
        assert_eq!(others, 2);
        let list = import(&text);
        assert_eq!(
            list.blocks,
            [("bad.example".to_string(), Some("spam, \"and\" worse".to_string()))]
        );
    }
}
