//! The command line: its grammar, and what all commands share. Each command has a file of its own.

mod actor;
mod block;
mod completions;
mod doctor;
mod drawing;
mod explain;
mod followers;
mod hooks;
mod init;
mod interactions;
mod key;
mod man;
mod plan;
mod publish;
mod queue;
mod render;
mod screen;
mod serve;
mod session;
mod unpublish;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::screen::Screen;
use self::session::Session;
use crate::control::{Failure, code};

/// Gives a static website a voice on the fediverse.
///
/// tidings stands beside a site that some generator writes, behind the same reverse proxy. It publishes the site's pages
/// to the followers of its account, and gathers replies, likes and boosts.
#[derive(Debug, Parser)]
#[command(
    name = "tidings",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// The configuration [default: ap.toml in the current directory, then the one named by TIDINGS_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Say more; twice, say everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true, conflicts_with = "quiet")]
    verbose: u8,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
struct Output {
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write ap.toml, and say what to put into the proxy
    Init(init::Args),
    /// Run the daemon: it watches, publishes, delivers and answers
    Serve,
    /// Show what a publish would do now, and why; send and store nothing
    Plan(plan::Args),
    /// Publish what `plan` shows, the named pages, or a note
    Publish(publish::Args),
    /// Take pages or notes back; a Tombstone stays behind
    Unpublish(unpublish::Args),
    /// Write the widgets of every page as files, for generators that include them at build time
    Render(render::Args),
    /// List followers; approve, reject or remove one
    Followers(followers::Args),
    /// List what others said and did; show, approve, hide or delete one of it
    Interactions(interactions::Args),
    /// List what waits to be delivered; try again, or give up
    Queue(queue::Args),
    /// List, add and remove blocks of domains, actors, words and patterns
    Block(block::Args),
    /// List who is told of what others do; try it, or run commands for it
    Hooks(hooks::Args),
    /// Show the accounts, or announce their changed profiles
    Actor(actor::Args),
    /// Show the public keys, or make a new one
    Key(key::Args),
    /// Check the whole chain, from the configuration to the proxy, a signature's round trip and the clock
    Doctor(doctor::Args),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
    /// Print the manual page, or write one for each command
    Man(man::Args),
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    // clap prints help and errors of usage itself, the former with code 0, the latter with 2.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told when standard output or standard error is closed.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(code::USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let screen = Screen::new(cli.common.quiet);
    match dispatch(cli, &screen) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::from(failure.code)
        }
    }
}

/// The exit code, 0 for most.
type Outcome = Result<u8, Failure>;

fn dispatch(cli: Cli, screen: &Screen) -> Outcome {
    let session = Session::new(cli.common, screen);
    match cli.verb {
        Verb::Init(args) => init::run(args, &session),
        Verb::Serve => serve::run(&session),
        Verb::Plan(args) => plan::run(&args, &session),
        Verb::Publish(args) => publish::run(args, &session),
        Verb::Unpublish(args) => unpublish::run(&args, &session),
        Verb::Render(args) => render::run(&args, &session),
        Verb::Followers(args) => followers::run(args, &session),
        Verb::Interactions(args) => interactions::run(args, &session),
        Verb::Queue(args) => queue::run(args, &session),
        Verb::Block(args) => block::run(args, &session),
        Verb::Hooks(args) => hooks::run(&args, &session),
        Verb::Actor(args) => actor::run(&args, &session),
        Verb::Key(args) => key::run(args, &session),
        Verb::Doctor(args) => doctor::run(&args, &session),
        Verb::Completions(args) => completions::run(&args, &session),
        Verb::Man(args) => man::run(&args, &session),
    }
}

/// The whole grammar, for completions and manual pages.
fn grammar() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_grammar_is_sound() {
        super::grammar().debug_assert();
    }
}
