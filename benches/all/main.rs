//! Runs every bench and prints one table.
//!
//!     cargo bench --bench all
//!     cargo bench --bench all -- --quick              a small part of each: do the benches themselves still work?
//!     … --only fanout,inbox                           some of them
//!     … --disk FOLDER                                 where the data of those lies that measure a disk
//!     … --json                                        the rows as JSON
//!     … --check                                       fails when a goal is missed
//!
//! `TIDINGS_PROGRAM=FILE` measures that program instead of the one that cargo builds for the benches, which is linked in a
//! minute and is a little slower than what is released.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The benches, and whether they measure a disk. First the one that makes many files: ext4 looks for a place longer where
/// many were removed during the last minutes.
const BENCHES: [(&str, bool); 7] = [
    ("inbox", true),
    ("deliver", false),
    ("fanout", true),
    ("serve", false),
    ("size", false),
    ("store", false),
    ("widget", false),
];

/// What is asked for on the command line.
#[derive(Default)]
struct Options {
    quick: bool,
    json: bool,
    check: bool,
    only: Option<String>,
    disk: Option<String>,
}

fn main() -> io::Result<()> {
    let options = options();
    let mut rows = Vec::new();
    for (bench, measures_a_disk) in BENCHES {
        let asked_for = options
            .only
            .as_ref()
            .is_none_or(|only| only.split(',').any(|one| one == bench));
        if asked_for {
            let disk = options.disk.as_deref().filter(|_| measures_a_disk);
            rows.extend(run(bench, options.quick, disk)?);
        }
    }
    let missed = rows.iter().filter(|row| row["kept"] == false).count();
    print(rows, options.json)?;
    if options.quick {
        eprintln!("the benches work; figures of so little say nothing about the goals");
    }
    if options.check && !options.quick && missed > 0 {
        return Err(io::Error::other(format!("{missed} goals are missed")));
    }
    Ok(())
}

fn options() -> Options {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--only" => options.only = arguments.next(),
            "--disk" => options.disk = arguments.next(),
            // Cargo says so itself.
            "--bench" => {}
            other => {
                eprintln!("unknown option {other}: --quick, --json, --check, --only BENCHES, --disk FOLDER");
                std::process::exit(2);
            }
        }
    }
    options
}

/// The rows of a bench, each with the bench's name.
fn run(bench: &str, quick: bool, disk: Option<&str>) -> io::Result<Vec<Value>> {
    eprintln!("== {bench}");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["bench", "--quiet", "--bench", bench, "--", "--json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    if quick {
        command.arg("--quick");
    }
    if let Some(disk) = disk {
        command.args(["--disk", disk]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the bench {bench} fails")));
    }
    let mut rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    for row in &mut rows {
        row["bench"] = bench.into();
    }
    Ok(rows)
}

fn print(rows: Vec<Value>, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        return writeln!(out, "{:#}", Value::Array(rows));
    }
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        // `size` has only goals that are not to be passed.
        goal => format!("≤ {:.2}", number(goal)),
    };
    writeln!(
        out,
        "{:<8} {:>12} {:>12}      {:>6} {:>6}",
        "bench", "figure", "limit", "ratio", "goal"
    )?;
    for row in &rows {
        writeln!(
            out,
            "{:<8} {:>12.2} {:>12.2} {:<4} {:>6.2} {:>6}   {}{}",
            text(&row["bench"]),
            number(&row["figure"]),
            number(&row["limit"]),
            text(&row["unit"]),
            number(&row["ratio"]),
            text(&row["goal"]),
            text(&row["what"]),
            if row["kept"] == false { "   MISSED" } else { "" },
        )?;
    }
    Ok(())
}
