//! Any sequence of deployments, good and bad, against what a human would have sent.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::build::{Build, Theme};
use crate::publish::Desk;

const ORIGIN: &str = "https://blog.example";
/// The brake has tests of its own; here only what wrong builds look like holds.
const UNBRAKED: &str = "max_changes = 1000\nmax_deletes = 1000";
/// Longer than the grace, in seconds.
const LONG: i64 = 11 * 60;

/// What an author, a generator or an administrator does.
#[derive(Clone, Debug)]
enum Step {
    /// A post is new, or says something else from now on.
    Write(u8, u8),
    Remove(u8),
    /// From now on pages look so.
    Dress(Theme),
    /// A build that has only so many of its files, and is repeated.
    Half(usize),
    /// A build with another base URL, and then the right one.
    WrongBase,
    /// Pages end in the middle, then the build is repeated.
    Cut(usize),
    /// The folder is away for long.
    Unmount,
    /// The clock shows another year for a moment.
    Jump,
    /// Another process takes over.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8, 0..4_u8).prop_map(|(slug, text)| Step::Write(slug, text)),
        2 => (0..5_u8).prop_map(Step::Remove),
        1 => prop::sample::select(vec![Theme::Entry, Theme::Data, Theme::Bare]).prop_map(Step::Dress),
        1 => (0..20_usize).prop_map(Step::Half),
        1 => Just(Step::WrongBase),
        1 => (0..20_usize).prop_map(Step::Cut),
        1 => Just(Step::Unmount),
        1 => Just(Step::Jump),
        1 => Just(Step::Restart),
    ]
}

/// The follower's timeline: what she has of each post, by KEY.
#[derive(Default)]
struct Timeline {
    shown: BTreeMap<String, u8>,
    used: BTreeMap<String, u32>,
}

fn slug(number: u8) -> String {
    format!("post-{number}")
}

fn text(number: u8) -> String {
    [
        "First thoughts.",
        "Second thoughts.",
        "Third thoughts.",
        "What stayed.",
    ][usize::from(number)]
    .into()
}

/// Brings a build into the folder as the generator does: what isn't built any more goes.
fn deploy(desk: &Desk, build: &Build) {
    let posts = desk.output().join("posts");
    if let Ok(entries) = std::fs::read_dir(&posts) {
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !build.posts.contains_key(name) {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
    }
    build.write(&desk.output());
}

/// What was sent since the last call, sorted.
async fn sent(desk: &Desk) -> Vec<String> {
    let jobs = desk.settle().await;
    let mut sent: Vec<String> = jobs
        .iter()
        .map(|job| {
            let id = job.body["object"]["id"].as_str().unwrap();
            let key = id.rsplit('/').next().unwrap();
            format!("{} {key}", job.body["type"].as_str().unwrap())
        })
        .collect();
    sent.sort();
    sent
}

async fn play(steps: Vec<Step>) {
    let mut desk = Desk::new(UNBRAKED);
    let mut build = Build::new(ORIGIN);
    deploy(&desk, &build);
    assert!(sent(&desk).await.is_empty());
    let mut timeline = Timeline::default();
    let mut written: BTreeMap<String, u8> = BTreeMap::new();
    for (count, step) in steps.iter().enumerate() {
        build.nonce = format!("build-{count}");
        let mut quiet: Vec<String> = Vec::new();
        match step {
            Step::Write(number, says) => {
                written.insert(slug(*number), *says);
                build = build.with(&slug(*number), &text(*says));
            }
            Step::Remove(number) => {
                if written.remove(&slug(*number)).is_some() {
                    build = build.without(&slug(*number));
                }
            }
            Step::Dress(theme) => build.theme = *theme,
            Step::Half(files) => {
                for file in build.files().into_keys().skip(*files) {
                    let _ = std::fs::remove_file(desk.output().join(file));
                }
                quiet.extend(sent(&desk).await);
                desk.wait(5 * 60);
                quiet.extend(sent(&desk).await);
            }
            Step::WrongBase => {
                let wrong = Build {
                    base: "http://localhost:1313".into(),
                    ..build.clone()
                };
                deploy(&desk, &wrong);
                quiet.extend(sent(&desk).await);
            }
            Step::Cut(files) => {
                for (file, text) in build.files().into_iter().take(*files) {
                    // Behind a tag it could be whole.
                    desk.write(&file, text[..text.len() * 2 / 3].trim_end_matches('>'));
                }
                quiet.extend(sent(&desk).await);
            }
            Step::Unmount => {
                let away = desk.output().with_file_name("away");
                std::fs::rename(desk.output(), &away).unwrap();
                quiet.extend(sent(&desk).await);
                desk.wait(3600);
                std::fs::create_dir(desk.output()).unwrap();
                quiet.extend(sent(&desk).await);
                std::fs::remove_dir(desk.output()).unwrap();
                std::fs::rename(away, desk.output()).unwrap();
            }
            Step::Jump => {
                let now = desk.instance.clock.now();
                desk.instance.clock.jump("2050-01-01T00:00:00Z".parse().unwrap());
                quiet.extend(sent(&desk).await);
                desk.instance.clock.jump(now);
            }
            Step::Restart => desk = desk.again(UNBRAKED),
        }
        assert!(quiet.is_empty(), "{step:?} sent {quiet:?}");
        deploy(&desk, &build);
        let mut heard = sent(&desk).await;
        desk.wait(LONG);
        heard.extend(sent(&desk).await);
        heard.sort();
        assert_eq!(heard, timeline.news(&written), "after {step:?}");
    }
}

impl Timeline {
    /// What a human sends when this is what the site says now.
    fn news(&mut self, written: &BTreeMap<String, u8>) -> Vec<String> {
        let mut news = Vec::new();
        let slugs: BTreeSet<String> = written.keys().chain(self.shown.keys()).cloned().collect();
        for slug in slugs {
            let base = format!("posts~{slug}");
            let used = self.used.get(&slug).copied().unwrap_or_default();
            let key = |times: u32| {
                if times > 1 {
                    format!("{base}~{times}")
                } else {
                    base.clone()
                }
            };
            match (self.shown.get(&slug), written.get(&slug)) {
                (None, Some(says)) => {
                    self.used.insert(slug.clone(), used + 1);
                    self.shown.insert(slug, *says);
                    news.push(format!("Create {}", key(used + 1)));
                }
                (Some(_), None) => {
                    self.shown.remove(&slug);
                    news.push(format!("Delete {}", key(used)));
                }
                (Some(before), Some(says)) => {
                    if before != says {
                        self.shown.insert(slug, *says);
                        news.push(format!("Update {}", key(used)));
                    }
                }
                (None, None) => {}
            }
        }
        news.sort();
        news
    }
}

proptest! {
    // Each step takes as long as the folder must be quiet, several times.
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_deployments_sends_what_a_human_would(steps in prop::collection::vec(step(), 1..10)) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(steps));
    }
}
