//! What the fuzzers check, on the stable compiler: every seed, and seeds that were cut, joined and damaged.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use targets::Target;

/// How often the seeds of a target are damaged.
const CASES: u32 = 300;

/// The seeds of a target, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What happens to an input: a part of it is put elsewhere, taken out, or becomes other bytes.
fn damage() -> impl Strategy<Value = Vec<(Index, Index, Index, Vec<u8>)>> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..8),
        proptest::sample::select(vec![
            &b"<"[..],
            b"\"",
            b"&",
            b"\n\n",
            b"[",
            b"{",
            b"\0",
            b"\xff\xfe",
            b"://",
            b"@",
            b"-1"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec((any::<Index>(), any::<Index>(), any::<Index>(), bytes), 1..6)
}

fn hurt(mut input: Vec<u8>, wounds: &[(Index, Index, Index, Vec<u8>)]) -> Vec<u8> {
    for (from, to, at, bytes) in wounds {
        let (one, other) = (from.index(input.len() + 1), to.index(input.len() + 1));
        // Short parts more often than long ones, so that most of an input stays as it was.
        let part = one.min(other)..one.max(other).min(one.min(other) + 24);
        let moved: Vec<u8> = input.splice(part, bytes.iter().copied()).collect();
        let at = at.index(input.len() + 1);
        input.splice(at..at, moved);
    }
    input
}

fn holds((name, target): Target) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for seed in &seeds {
        target(seed);
    }
    let input = (any::<Index>(), damage()).prop_map(|(seed, wounds)| hurt(seed.get(&seeds).clone(), &wounds));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&input, |input| match catch_unwind(|| target(&input)) {
        Ok(()) => Ok(()),
        Err(_) => Err(TestCaseError::fail(format!(
            "{name}: {:?}",
            String::from_utf8_lossy(&input)
        ))),
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

macro_rules! holds {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            holds((stringify!($name), targets::$name));
        })*

        #[test]
        fn every_target_is_run() {
            let here = [$(stringify!($name)),*];
            assert_eq!(targets::ALL.map(|(name, _)| name), here);
            for name in here {
                let fuzzer = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
                assert!(fuzzer.is_file(), "{} is missing", fuzzer.display());
            }
        }
    };
}

holds!(
    activity,
    actor,
    address,
    cavage,
    config,
    digest,
    dom,
    feed,
    key,
    note,
    page,
    remote_html,
    rfc9421,
    webfinger
);
