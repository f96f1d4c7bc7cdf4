//! The table that a bench prints: each figure beside a limit, their ratio, and what the ratio should be.

use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::json;

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) limit: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// What the figure should be of the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing in particular: it is told for whoever wonders.
    #[allow(dead_code, reason = "not every bench has such a row")]
    None,
}

/// What every bench is asked for on the command line.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) json: bool,
    pub(crate) check: bool,
    /// Where the data lies; of benches that measure a disk.
    pub(crate) disk: Option<PathBuf>,
    only: Option<Vec<String>>,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn read() -> Options {
        let mut options = Options::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--only" => {
                    let only = arguments.next();
                    options.only = only.map(|only| only.split(',').map(Into::into).collect());
                }
                "--disk" => options.disk = arguments.next().map(Into::into),
                // Cargo says so itself.
                "--bench" => {}
                other => {
                    eprintln!(
                        "unknown option {other}: --quick, --json, --check, --only PARTS, --disk FOLDER"
                    );
                    std::process::exit(2);
                }
            }
        }
        options
    }

    /// Whether a part of the bench is asked for.
    pub(crate) fn asks_for(&self, part: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.iter().any(|one| one == part))
    }
}

impl Row {
    fn ratio(&self) -> f64 {
        self.figure / self.limit
    }

    fn is_kept(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.ratio() <= most,
            Goal::AtLeast(least) => self.ratio() >= least,
            Goal::None => true,
        }
    }
}

impl Goal {
    fn text(self) -> String {
        match self {
            Goal::AtMost(most) => format!("≤ {most:.2}"),
            Goal::AtLeast(least) => format!("≥ {least:.2}"),
            Goal::None => "-".into(),
        }
    }
}

/// Prints the table. With `--check` it is an error when a goal is missed, unless it was a `--quick` run, whose figures
/// mean nothing.
pub(crate) fn print(rows: &[Row], options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if options.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "figure": row.figure, "limit": row.limit, "unit": row.unit,
                    "ratio": row.ratio(), "goal": row.goal.text(), "kept": row.is_kept(),
                })
            })
            .collect();
        writeln!(out, "{:#}", serde_json::Value::Array(rows))?;
    } else {
        writeln!(
            out,
            "{:>12} {:>12}      {:>6} {:>6}",
            "figure", "limit", "ratio", "goal"
        )?;
        for row in rows {
            let kept = if row.is_kept() { "" } else { "   MISSED" };
            writeln!(
                out,
                "{:>12.2} {:>12.2} {:<4} {:>6.2} {:>6}   {}{kept}",
                row.figure,
                row.limit,
                row.unit,
                row.ratio(),
                row.goal.text(),
                row.what
            )?;
        }
    }
    let missed = rows.iter().filter(|row| !row.is_kept()).count();
    if options.check && !options.quick && missed > 0 {
        return Err(io::Error::other(format!("{missed} goals are missed")));
    }
    Ok(())
}
