//! What is made of a page may change though nobody touched it. A human sends nothing then.

use serde_json::Value;

use super::build::Build;
use super::stage::Stage;

/// Changes all records of objects while the daemon is down.
async fn rewrite(stage: &mut Stage, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    stage.world.kill();
    for entry in std::fs::read_dir(stage.world.site.data().join("objects")).unwrap() {
        let file = entry.unwrap().path();
        let mut record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        change(record.as_object_mut().unwrap());
        std::fs::write(&file, serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    }
    stage.world.restart().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_reads_pages_otherwise_sends_nothing_and_later_edits_are_sent() {
    let (mut stage, mut build) = Stage::start("", |origin| Build::new(origin).many(2)).await;
    let output = stage.world.site.output();
    rewrite(&mut stage, |record| {
        record["digest"] = "by another reader".into();
        record["impression"]["whole"] = "00".repeat(16).into();
        record["impression"]["text"] = "00".repeat(16).into();
    })
    .await;
    stage.expect(&[]).await;
    // The next build touches every file.
    build.nonce = "another".into();
    build.write(&output);
    stage.expect(&[]).await;
    let build = build.with("a", "Edited.");
    build.write(&output);
    stage.expect(&["Update posts~a"]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_the_first_versions_are_taken_over_silently() {
    let (mut stage, build) = Stage::start("", |origin| Build::new(origin).many(2)).await;
    let output = stage.world.site.output();
    rewrite(&mut stage, |record| {
        record["digest"] = "by another reader".into();
        record.remove("impression").unwrap();
    })
    .await;
    stage.expect(&[]).await;
    let build = build.with("a", "Edited.");
    build.write(&output);
    stage.expect(&["Update posts~a"]).await;
    stage.nothing_more(|_| build.write(&output)).await;
}
