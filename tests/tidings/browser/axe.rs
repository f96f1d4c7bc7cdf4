//! axe-core, run in a page: what keeps people with another screen, keyboard or ear from reading it.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::chromium::{Page, Scripts, skip};

/// axe-core's own code; `None` when it isn't installed.
pub(super) fn source() -> Option<String> {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/browser/node_modules/axe-core/axe.min.js");
    let source = std::fs::read_to_string(file).ok();
    if source.is_none() {
        skip("axe-core");
    }
    source
}

/// Checks a page with every rule for WCAG 2.2 A and AA and with those that axe calls best practice; answers what is
/// violated and where.
pub(super) async fn violations(page: &Page, source: &str) -> Vec<String> {
    // What the page was without scripts, it stays: only axe itself needs timers.
    page.scripts(Scripts::On).await;
    page.evaluate(source).await;
    // Not on by itself, for it is newer than many sites.
    let options = json!({ "resultTypes": ["violations"], "rules": { "target-size": { "enabled": true } } });
    let found = page
        .evaluate(&format!(
            "axe.run(document, {options}).then((found) => found.violations.map((rule) => ({{ rule: rule.id, \
             at: rule.nodes.map((node) => node.html.slice(0, 200) + ' ' + node.failureSummary) }})))"
        ))
        .await;
    let texts = |found: &Value| -> Vec<String> {
        let rule = found["rule"].as_str().unwrap_or_default().to_string();
        let at = found["at"].as_array().cloned().unwrap_or_default();
        at.iter().map(|at| format!("{rule}: {at}")).collect()
    };
    found.as_array().unwrap().iter().flat_map(texts).collect()
}
