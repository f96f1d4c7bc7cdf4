//! `tidings doctor`: checks the whole chain, from the configuration through the proxy to a signature's round trip.
//!
//! It looks from outside, through the site's public address, as another server would, and says for each link whether it
//! holds and what to do when it doesn't. Then it names what the site's pages leave unsaid; that is never a failure.

mod here;
mod proxy;
mod site;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::screen::{Screen, printable};
use super::{Outcome, Output, Session};
use crate::ap::iri::Iris;
use crate::config::Config;
use crate::control::{self, Command, Failure, Watcher, code};
use crate::daemon;
use crate::net::{Client, Resolver, Settings, user_agent};
use crate::site::survey::{Code, Weakness};

/// What `doctor` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    output: Output,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
struct Check {
    /// What was checked.
    check: &'static str,
    state: State,
    /// What was found.
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Of a weak spot of the site: which, how often and where it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    spot: Option<Spot>,
    /// The line to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
}

/// Which weak spot of the site, how often and where it is.
#[derive(Clone, Debug, Serialize)]
struct Spot {
    code: Code,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

/// The findings so far.
#[derive(Debug)]
struct Report<'s> {
    checks: Vec<Check>,
    /// Where each is shown at once; none when they are printed as JSON in the end.
    screen: Option<&'s Screen>,
    /// What went wrong with the screen.
    broken: Option<Failure>,
}

impl Report<'_> {
    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.add(check, State::Ok, detail.into(), None);
    }

    fn warn(&mut self, check: &'static str, detail: impl Into<String>, hint: impl Into<String>) {
        self.add(check, State::Warn, detail.into(), Some(hint.into()));
    }

    fn fail(&mut self, check: &'static str, detail: impl Into<String>, hint: impl Into<String>) {
        self.add(check, State::Fail, detail.into(), Some(hint.into()));
    }

    /// A weak spot of the site.
    fn weak(&mut self, weakness: Weakness) {
        let Weakness {
            code,
            count,
            of,
            example,
            detail,
            advice,
            line,
        } = weakness;
        let detail = match (&example, of) {
            (Some(example), Some(of)) => {
                format!("posts that {detail}: {count} of {of}, for example {example}")
            }
            (Some(example), None) => format!("pages that {detail}: {count}, for example {example}"),
            (None, _) => detail,
        };
        self.push(Check {
            check: site::SITE,
            state: State::Warn,
            detail,
            hint: Some(advice),
            spot: Some(Spot {
                code,
                count,
                of,
                example,
            }),
            line,
        });
    }

    fn add(&mut self, check: &'static str, state: State, detail: String, hint: Option<String>) {
        self.push(Check {
            check,
            state,
            detail,
            hint,
            spot: None,
            line: None,
        });
    }

    fn push(&mut self, check: Check) {
        if let Some(screen) = self.screen {
            let mark = match check.state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            let mut text = format!("{mark}  {}: {}\n", check.check, printable(&check.detail));
            for more in check.hint.iter().chain(&check.line) {
                text.push_str(&format!("      {}\n", printable(more)));
            }
            if let Err(failure) = screen.text(&text) {
                self.broken = Some(failure);
            }
        }
        self.checks.push(check);
    }
}

/// Runs all checks.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    session.start_log("error");
    let mut report = Report {
        checks: Vec::new(),
        screen: (!args.output.json).then_some(session.screen),
        broken: None,
    };
    let file = session.config_file();
    match session.config() {
        Ok(config) => {
            report.ok("configuration", format!("{} is valid", file.display()));
            let runtime = daemon::runtime()?;
            let bar = session.screen.progress();
            let watcher = {
                let bar = bar.clone();
                Arc::new(move |step| bar.show(&step))
            };
            runtime.block_on(async {
                examine(&config, &mut report).await;
                if config.site.output.is_dir() {
                    site::weaknesses(&config, &(watcher as Watcher), &bar, &mut report).await;
                }
            });
            runtime.shutdown_background();
        }
        Err(failure) => {
            for (error, hint) in failure.errors {
                report.add("configuration", State::Fail, error, hint);
            }
        }
    }
    if args.output.json {
        session.screen.json(&serde_json::json!(report.checks))?;
    }
    if let Some(failure) = report.broken {
        return Err(failure);
    }
    let failed = report.checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { code::FAILED } else { 0 })
}

async fn examine(config: &Config, report: &mut Report<'_>) {
    here::output(config, report);
    here::data(config, report);
    here::keys(config, report);
    let status = daemon_status(config, report).await;
    let Some(status) = status else {
        return;
    };
    let iris = Iris::new(&config.site.url);
    // The site may well have a private address seen from its own machine; nobody else is asked here.
    let client = Client::new(Settings {
        allow_private: true,
        user_agent: user_agent(iris.origin()),
        resolver: Resolver::System,
    });
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            report.fail(
                "TLS",
                error.to_string(),
                "install the system's certificates (ca-certificates)",
            );
            return;
        }
    };
    here::address(&status, report).await;
    here::names(config, report).await;
    let outside = proxy::Outside {
        config,
        iris: &iris,
        client: &client,
    };
    if !outside.actor(&status, report).await {
        return;
    }
    outside.documents(report).await;
    outside.webfinger(report).await;
    outside.page(&status, report).await;
    outside.signature(report).await;
}

/// Asks the daemon how it is.
async fn daemon_status(config: &Config, report: &mut Report<'_>) -> Option<Value> {
    let silent: Watcher = Arc::new(|_| {});
    match control::ask(&config.site.data, &Command::Status, &silent).await {
        Ok(Some(reply)) => {
            let status = reply.data;
            let version = status["version"].as_str().unwrap_or_default();
            if version == env!("CARGO_PKG_VERSION") {
                report.ok("daemon", format!("tidings {version} is running"));
            } else {
                report.warn(
                    "daemon",
                    format!(
                        "tidings {version} is running, this is {}",
                        env!("CARGO_PKG_VERSION")
                    ),
                    "restart the daemon",
                );
            }
            if status["baseline"].is_null() {
                report.warn(
                    "first scan",
                    "is not complete yet",
                    "wait a moment; when it stays so, see the daemon's log",
                );
            }
            Some(status)
        }
        Ok(None) => {
            report.fail(
                "daemon",
                "is not running, so the rest can't be checked",
                "start it: `tidings serve`, or `systemctl start tidings`",
            );
            None
        }
        Err(failure) => {
            report.fail("daemon", failure.to_string(), "restart it, and see its log");
            None
        }
    }
}
