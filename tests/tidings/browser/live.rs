//! A page that stays open while people speak.

use super::chromium::{Colours, Scripts, View};
use super::said::Said;
use super::stage::{PAGE, Policy, Stage, Way};

const DESK: View = View {
    width: 1280,
    colours: Colours::Light,
    scripts: Scripts::On,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_meanwhile_appears_and_the_reader_keeps_their_place() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let said = Said::nobody(["127.0.0.43", "127.0.0.44"], &stage).await;
    // It is longer than the screen.
    let long = format!("<p>The first.{}</p>", "<br>And on.".repeat(60));
    said.reply("bjorn", 2, &long).await;
    said.warned("tomas", 3, "Lumps", "<p>There were lumps.</p>").await;
    let page = stage.browser.page(DESK).await;
    page.open(&stage.url(PAGE, Way::Elements, Policy::Strict)).await;
    page.wait_until("document.querySelectorAll('tidings-thread .tidings-reply').length === 2")
        .await;
    // The reader unfolds a warning, and holds the focus on a link below it.
    page.evaluate(
        "document.querySelector('.tidings-warning > summary').click();\
         globalThis.held = [...document.querySelectorAll('.tidings-foot a')].at(-1); held.focus();\
         held.scrollIntoView({ block: 'center' })",
    )
    .await;
    page.wait_until("document.querySelector('.tidings-warning').open")
        .await;
    let place = "Math.round(held.getBoundingClientRect().top)";
    let before = page.evaluate(place).await;

    said.reply("chihiro", 8, "<p>Said meanwhile.</p>").await;
    let text = "document.querySelector('tidings-thread').innerText";
    page.wait_until(&format!("{text}.includes('Said meanwhile.')"))
        .await;
    // It comes before all that was there, and nothing of that moved or was made anew.
    said.reply("ada", 1, "<p>Said before.</p>").await;
    page.wait_until(&format!("{text}.includes('Said before.')")).await;
    assert_eq!(page.evaluate("held === document.activeElement").await, true);
    assert_eq!(
        page.evaluate("document.querySelector('.tidings-warning').open")
            .await,
        true
    );
    let order = "[...document.querySelectorAll('.tidings-content')].map((said) => said.textContent.trim().slice(0, 10))";
    assert_eq!(
        page.evaluate(order).await,
        serde_json::json!(["Said befor", "The first.", "There were", "Said meanw"])
    );
    let moved = page.evaluate(&format!("Math.abs({place} - {before})")).await;
    assert!(moved.as_u64().unwrap() <= 2, "it moved by {moved} pixels");

    // What is taken back goes.
    said.delete("ada", 1).await;
    page.wait_until(&format!("!{text}.includes('Said before.')"))
        .await;
    assert_eq!(page.evaluate("held === document.activeElement").await, true);

    // An element may have an order of its own.
    page.evaluate(
        "globalThis.turned = document.createElement('tidings-thread'); turned.setAttribute('order', 'newest');\
         document.body.append(turned)",
    )
    .await;
    page.wait_until("turned.querySelectorAll('.tidings-content').length === 3")
        .await;
    assert_eq!(
        page.evaluate(&order.replace("document.", "turned.")).await,
        serde_json::json!(["Said meanw", "There were", "The first."])
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
    let streams = page
        .requests()
        .iter()
        .filter(|url| url.contains("/ap/events"))
        .count();
    assert_eq!(streams, 1, "one stream for the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_the_link_inside_stays() {
    let Some(mut stage) = Stage::start("").await else {
        return;
    };
    stage.world.kill();
    let page = stage.browser.page(DESK).await;
    page.open(&stage.url(PAGE, Way::Elements, Policy::None)).await;
    page.wait_until(
        "document.querySelector('tidings-thread').innerText.includes('What people say elsewhere')",
    )
    .await;
    let page = stage.browser.page(DESK).await;
    page.open(&stage.url(PAGE, Way::Include, Policy::None)).await;
    let text = page.evaluate("document.body.innerText").await;
    let text = text.as_str().unwrap();
    assert!(text.contains("Wheat paste") && !text.contains("502"), "{text}");
}
