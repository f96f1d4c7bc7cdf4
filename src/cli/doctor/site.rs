//! What the site's pages leave unsaid, and the line that says it.

use super::Report;
use crate::cli::screen::Bar;
use crate::cli::session::ask_or_work;
use crate::config::Config;
use crate::control::{Command, Watcher};
use crate::publish::Survey;

/// What the checks of pages are called.
pub(super) const SITE: &str = "site";

/// Reports the site's weak spots, none of which is a failure.
pub(super) async fn weaknesses(config: &Config, watcher: &Watcher, bar: &Bar, report: &mut Report<'_>) {
    let reply = ask_or_work(config.clone(), Command::Survey, watcher).await;
    bar.clear();
    let survey = match reply {
        Ok(reply) => serde_json::from_value::<Survey>(reply.data).map_err(|error| error.to_string()),
        Err(failure) => Err(failure.to_string()),
    };
    let survey = match survey {
        Ok(survey) => survey,
        Err(error) => {
            report.warn(
                SITE,
                format!("its pages can't be looked at: {error}"),
                "see the lines above; `tidings plan` reads the same pages",
            );
            return;
        }
    };
    if let Some(because) = &survey.held {
        report.warn(
            SITE,
            format!("nothing is sent: {because}"),
            "build the site again if that isn't meant; `tidings plan` shows what waits, `tidings publish` lets it go out",
        );
    }
    if survey.posts == 0 {
        report.warn(
            SITE,
            "none of its pages is a post",
            "`tidings plan` says why, `tidings plan --explain PAGE` says it of one page",
        );
    }
    for weakness in survey.weaknesses {
        report.weak(weakness);
    }
    if survey.posts > survey.read {
        report.ok(
            SITE,
            format!(
                "{} posts, of which the newest {} were looked at",
                survey.posts, survey.read
            ),
        );
    } else if survey.posts > 0 {
        report.ok(SITE, format!("{} looked at", were(survey.posts)));
    }
}

fn were(posts: usize) -> String {
    match posts {
        1 => "1 post was".to_string(),
        many => format!("{many} posts were"),
    }
}
