//! The way from a button to the reader's own server, by keyboard alone, with scripts and without.

use serde_json::{Value, json};

use super::axe;
use super::chromium::{Colours, Page, Scripts, View};
use super::stage::{PAGE, Policy, Stage, Way};
use crate::harness::Peer;

const PHONE: View = View {
    width: 390,
    colours: Colours::Dark,
    scripts: Scripts::On,
};

const FOCUSED: &str = "document.activeElement";

/// Presses Tab until an element has the focus.
async fn tab_to(page: &Page, selector: &str) {
    for _ in 0..60 {
        page.press("Tab").await;
        let here = page
            .evaluate(&format!("{FOCUSED}.matches({})", json!(selector)))
            .await;
        if here == true {
            let ring = page
                .evaluate(&format!("getComputedStyle({FOCUSED}).outlineStyle"))
                .await;
            assert_ne!(ring, "none", "{selector} shows that it has the focus");
            return;
        }
    }
    panic!("the keyboard never comes to {selector}");
}

/// Presses Enter on what leads to another page, and waits for that.
async fn enter(page: &Page, there: &str) {
    page.press("Enter").await;
    page.wait_until(&format!(
        "document.readyState === 'complete' && document.querySelector({}) !== null",
        json!(there)
    ))
    .await;
}

async fn axe_is_content(page: &Page, view: View) {
    if let Some(source) = axe::source() {
        assert_eq!(axe::violations(page, &source).await, Vec::<String>::new());
    }
    page.scripts(view.scripts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_comes_to_their_own_server_by_keyboard_and_is_remembered_in_the_browser_only() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let peer = Peer::start("127.0.0.45").await;
    let handle = peer.handle("ada");
    for scripts in [Scripts::On, Scripts::Off] {
        let view = View { scripts, ..PHONE };
        let page = stage.browser.page(view).await;
        page.open(&stage.url(PAGE, Way::Include, Policy::Strict)).await;
        tab_to(&page, ".tidings-actions .tidings-button").await;
        enter(&page, "#tidings-handle").await;
        axe_is_content(&page, view).await;
        assert_eq!(page.evaluate(&format!("{FOCUSED}.id")).await, "tidings-handle");
        assert_eq!(
            page.evaluate("document.querySelector('#tidings-handle').value")
                .await,
            ""
        );
        page.write(&handle).await;
        let shown = "document.querySelector('#tidings-remember').checkVisibility()";
        assert_eq!(page.evaluate(shown).await, scripts == Scripts::On);
        if scripts == Scripts::On {
            tab_to(&page, "#tidings-remember").await;
            page.press(" ").await;
        }
        tab_to(&page, "button").await;
        enter(&page, ".tidings-onward").await;
        axe_is_content(&page, view).await;
        let onward = page
            .evaluate("document.querySelector('.tidings-onward').href")
            .await;
        assert!(
            onward
                .as_str()
                .unwrap()
                .starts_with(&peer.id("/authorize_interaction?uri=")),
            "{onward}"
        );
        assert!(only_asked_the_site(&stage, &page), "{:?}", page.requests());
        assert_eq!(page.complaints(), Vec::<String>::new());
        let cookies = page.call("Network.getCookies", json!({})).await;
        assert_eq!(cookies["cookies"], json!([]));
        let kept = page.evaluate("JSON.stringify(localStorage)").await;
        let wanted = match scripts {
            Scripts::On => json!({ "tidings-home": handle }).to_string(),
            Scripts::Off => "{}".to_string(),
        };
        assert_eq!(kept, wanted);
        if scripts == Scripts::On {
            forget(&stage, &page, &handle).await;
        }
        page.close().await;
    }
}

/// The next time the field is filled, and the reader can be forgotten.
async fn forget(stage: &Stage, page: &Page, handle: &str) {
    let form = format!(
        "{}/ap/interact?intent=like&uri={}",
        stage.world.origin,
        stage.object()
    );
    page.open(&form).await;
    page.wait_until("document.querySelector('#tidings-remember').checked")
        .await;
    assert_eq!(
        page.evaluate("document.querySelector('#tidings-handle').value")
            .await,
        handle
    );
    // What is filled in stays here until the reader sends it.
    let before = sent(page);
    assert!(before.iter().all(|url| !url.contains("ada")), "{before:?}");
    tab_to(page, "#tidings-remember").await;
    page.press(" ").await;
    tab_to(page, "button").await;
    enter(page, ".tidings-onward").await;
    assert_eq!(page.evaluate("localStorage.length").await, 0);
}

fn sent(page: &Page) -> Vec<String> {
    let gets = |event: &Value| {
        let request = &event["request"];
        (request["method"] == "GET").then(|| request["url"].to_string() + &request["headers"].to_string())
    };
    page.events("Network.requestWillBeSent")
        .iter()
        .filter_map(gets)
        .collect()
}

fn only_asked_the_site(stage: &Stage, page: &Page) -> bool {
    let own = format!("{}/", stage.world.origin);
    page.requests().iter().all(|url| url.starts_with(&own))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_none_is_explained_where_the_reader_looks() {
    let Some(stage) = Stage::start("interactions.locale = 'de'").await else {
        return;
    };
    let page = stage.browser.page(PHONE).await;
    page.open(&format!("{}/ap/interact?intent=follow", stage.world.origin))
        .await;
    page.write("not a handle").await;
    tab_to(&page, "button").await;
    enter(&page, ".tidings-problem").await;
    axe_is_content(&page, PHONE).await;
    assert_eq!(page.evaluate("document.documentElement.lang").await, "de");
    assert_eq!(
        page.evaluate("document.querySelector('#tidings-handle').value")
            .await,
        "not a handle"
    );
    assert_eq!(page.evaluate(&format!("{FOCUSED}.id")).await, "tidings-handle");
    let width = page.evaluate("document.documentElement.scrollWidth").await;
    assert_eq!(width, 390);
}
