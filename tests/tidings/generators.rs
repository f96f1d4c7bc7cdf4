//! Sites that real generators build from the sources in `tests/generators`, compared field by field with the truth beside
//! them. `tests/generators/README.md` says how to add one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[path = "../../examples/score/truth.rs"]
mod truth;

/// One test each, named as the folder is.
macro_rules! generators {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            build_and_compare(stringify!($name));
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

generators! { eleventy hexo jekyll nikola pelican }

#[test]
fn every_generator_with_sources_here_has_a_test() {
    for entry in fs::read_dir(sources()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(
            !entry.path().is_dir() || TESTED.contains(&name.as_str()),
            "add {name} to generators! in tests/tidings/generators.rs"
        );
    }
}

/// How a generator is run: `generator.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    /// Its name as a command.
    program: String,
    /// What builds the folder `output` from the source, in a copy of which it runs.
    arguments: Vec<String>,
    /// A command that fails when something else that it needs isn't installed.
    #[serde(default)]
    probe: Vec<String>,
}

fn build_and_compare(name: &str) {
    let folder = sources().join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let generator: Generator = toml::from_str(&read("generator.toml")).unwrap();
    let probe = match generator.probe.split_first() {
        Some((program, arguments)) => run(program, arguments, &folder),
        None => run(&generator.program, &["--version".into()], &folder),
    };
    if !probe.is_ok_and(|(done, _)| done) {
        assert!(
            std::env::var_os("TIDINGS_TEST_ALL").is_none(),
            "{name} is not installed, and all tests are asked for"
        );
        println!("skipped: {name} not installed");
        return;
    }

    let site = tempfile::tempdir().unwrap();
    copy(&folder.join("source"), site.path());
    let (done, said) = run(&generator.program, &generator.arguments, site.path()).unwrap();
    assert!(done, "{name} failed:\n{said}");
    let truth = truth::Truth::read(&folder.join("truth.json")).unwrap();
    let score = truth::compare(&site.path().join("output"), &truth).unwrap();
    assert!(
        score.failures.is_empty(),
        "{}: {}/{}\n{}",
        truth.site,
        score.right(),
        score.all,
        score.failures.join("\n")
    );
}

/// Runs a command where `.ci/run` installs generators, or wherever else it is found; whether it succeeded, and what it said.
pub(crate) fn run(program: &str, arguments: &[String], folder: &Path) -> std::io::Result<(bool, String)> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/generators");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = [installed.join("bin"), installed.join("node_modules/.bin")]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let path: OsString = std::env::join_paths(places).unwrap();
    let program = std::env::split_paths(&path)
        .map(|place| place.join(program))
        .find(|program| program.is_file())
        .ok_or(std::io::ErrorKind::NotFound)?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", &path)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generators")
}
