//! What every reader sees, however the widgets come into the page: with scripts and without, by day and by night, on a
//! phone and at a desk, under a policy that allows nothing from elsewhere.

use std::collections::BTreeMap;

use super::axe;
use super::chromium::{Colours, Page, Scripts, View};
use super::said::Said;
use super::stage::{PAGE, Policy, Stage, Way};

/// A phone, and a desk.
const WIDTHS: [u32; 2] = [390, 1280];

/// Some of what people said: each must be seen, not only be there.
const SEEN: [&str; 6] = [
    "I have cooked paste for years",
    "Two lumps",
    "no skin",
    "Author",
    "Mould, in detail",
    "clove oil",
];

/// What breaks a policy is told to the page; this remembers it.
const WATCH: &str = "globalThis.broken = []; document.addEventListener('securitypolicyviolation', \
                     (event) => broken.push(`${event.violatedDirective} ${event.blockedURI}`));";

fn views() -> Vec<View> {
    let mut views = Vec::new();
    for width in WIDTHS {
        for colours in [Colours::Light, Colours::Dark] {
            for scripts in [Scripts::On, Scripts::Off] {
                views.push(View {
                    width,
                    colours,
                    scripts,
                });
            }
        }
    }
    views
}

/// Opens the page and waits for the widgets to be there.
async fn open(stage: &Stage, way: Way, view: View) -> Page {
    let page = stage.browser.page(view).await;
    page.prepare(WATCH).await;
    page.open(&stage.url(PAGE, way, Policy::Strict)).await;
    if way == Way::Elements && view.scripts == Scripts::On {
        for there in [
            "tidings-thread .tidings-reply",
            "tidings-follow .tidings-button",
            "tidings-counts .tidings-count",
        ] {
            page.wait_until(&format!("document.querySelector('{there}') !== null"))
                .await;
        }
    }
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_shows_the_conversation_to_everybody_and_asks_nobody_else() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let Some(axe) = axe::source() else {
        return;
    };
    let said = Said::nobody(["127.0.0.41", "127.0.0.42"], &stage).await;
    said.everything(&stage).await;
    stage.render().await;
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for way in Way::ALL {
        for view in views() {
            let page = open(&stage, way, view).await;
            let mut found = look(&stage, &page, way, view).await;
            found.extend(axe::violations(&page, &axe).await);
            for fault in found {
                faults.entry(fault).or_default().push(format!("{way:?} {view:?}"));
            }
            page.close().await;
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_note_is_for_everybody_too() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let Some(axe) = axe::source() else {
        return;
    };
    let said = Said::nobody(["127.0.0.50", "127.0.0.51"], &stage).await;
    said.everything(&stage).await;
    let note = said.note_of_owner(&stage).await;
    for view in views() {
        let page = stage.browser.page(view).await;
        page.open(&note).await;
        assert_eq!(
            axe::violations(&page, &axe).await,
            Vec::<String>::new(),
            "{view:?}"
        );
        let width = page.evaluate("document.documentElement.scrollWidth").await;
        assert!(width.as_u64() <= Some(view.width.into()), "{view:?}: {width}");
        assert_eq!(page.complaints(), Vec::<String>::new());
        page.close().await;
    }
}

/// What is wrong with a page as it stands.
async fn look(stage: &Stage, page: &Page, way: Way, view: View) -> Vec<String> {
    let mut faults = Vec::new();
    let text = page.evaluate("document.body.innerText").await;
    let text = text.as_str().unwrap_or_default();
    // Without scripts the elements show what stands inside them.
    let seen = match (way, view.scripts) {
        (Way::Elements, Scripts::Off) => &["What people say elsewhere"][..],
        _ => &SEEN[..],
    };
    for wanted in seen {
        if !text.contains(wanted) {
            faults.push(format!("{wanted:?} is not seen"));
        }
    }
    page.rest().await;
    let pictures = "[...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src)";
    for picture in page.evaluate(pictures).await.as_array().unwrap() {
        faults.push(format!("the picture {picture} is broken"));
    }
    let width = page.evaluate("document.documentElement.scrollWidth").await;
    if width.as_u64() > Some(view.width.into()) {
        faults.push(format!("it is {width} wide and scrolls to the side"));
    }
    for request in page.requests() {
        if !request.starts_with(&format!("{}/", stage.world.origin)) {
            faults.push(format!("it asks {request}"));
        }
    }
    for broken in page.evaluate("globalThis.broken ?? []").await.as_array().unwrap() {
        faults.push(format!("it breaks the policy: {broken}"));
    }
    faults.extend(page.complaints());
    faults
}
