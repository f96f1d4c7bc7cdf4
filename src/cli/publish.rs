//! `tidings publish`: pages, or a note.

use std::io::Read as _;

use clap::ValueEnum;

use super::screen::rows;
use super::{Outcome, Output, Session};
use crate::article::Visibility;
use crate::control::{Command, Failure, code};

/// Longest note that is read, in bytes: far more than any server shows.
const MAX_NOTE: u64 = 1 << 20;

/// What `publish` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pages: path, URL, or file in the output folder; without any, all that `plan` shows
    #[arg(value_name = "PAGE", conflicts_with = "note")]
    pages: Vec<String>,
    /// Publish a note: a file with Markdown, or - for standard input; TOML front matter is allowed
    #[arg(long, value_name = "FILE")]
    note: Option<String>,
    /// The actor that speaks
    #[arg(long = "as", value_name = "NAME", requires = "note")]
    actor: Option<String>,
    /// Who may see it
    #[arg(long, requires = "note")]
    visibility: Option<Seen>,
    /// What it answers
    #[arg(long, value_name = "URL", requires = "note")]
    reply_to: Option<String>,
    /// Wait until every delivery has been tried once
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    output: Output,
}

/// Who may see a note.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Seen {
    Public,
    Unlisted,
    Followers,
    Direct,
}

impl From<Seen> for Visibility {
    fn from(seen: Seen) -> Visibility {
        match seen {
            Seen::Public => Visibility::Public,
            Seen::Unlisted => Visibility::Unlisted,
            Seen::Followers => Visibility::Followers,
            Seen::Direct => Visibility::Direct,
        }
    }
}

/// Publishes.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    let command = match args.note {
        Some(file) => Command::Note {
            text: read_note(&file)?,
            actor: args.actor,
            visibility: args.visibility.map(Into::into),
            reply_to: args.reply_to,
            wait: args.wait,
        },
        None => Command::Publish {
            pages: args.pages.iter().map(|page| absolute(page)).collect(),
            wait: args.wait,
        },
    };
    let reply = session.tell(command)?;
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

/// A page named by a file here is named by its absolute path, because the daemon's current directory is another one.
pub(super) fn absolute(page: &str) -> String {
    if page.contains("://") || page.starts_with('/') {
        return page.to_string();
    }
    match std::fs::canonicalize(page) {
        Ok(file) => file.to_string_lossy().into_owned(),
        Err(_) => page.to_string(),
    }
}

fn read_note(file: &str) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::failed(format!("{file}: {error}"));
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().take(MAX_NOTE + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file)
            .map_err(fail)?
            .take(MAX_NOTE + 1)
            .read_to_string(&mut text)
    }
    .map_err(fail)?;
    if text.len() as u64 > MAX_NOTE {
        return Err(Failure::failed(format!(
            "{file}: a note can't be larger than 1 MiB"
        )));
    }
    if text.trim().is_empty() {
        return Err(Failure::new(code::USAGE, format!("{file}: the note is empty")));
    }
    Ok(text)
}
