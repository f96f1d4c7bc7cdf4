//! What strangers may try to say, shown in a browser: nothing runs, nobody else is asked, and the page keeps its shape.
//!
//! The words are in `tests/hostile`. The pages come without a Content-Security-Policy: it would hide what comes through.

use std::path::Path;

use serde_json::{Value, json};

use super::chromium::{Colours, Page, Scripts, View};
use super::stage::{PAGE, Policy, Stage, Way};
use crate::harness::{Peer, get};

/// What the words call, and all that a script might call instead.
const CANARY: &str = "globalThis.called = []; globalThis.pwn = (...why) => called.push(`pwn ${why}`);
    for (const name of ['alert', 'confirm', 'prompt', 'print', 'open', 'eval'])
        globalThis[name] = (...why) => called.push(`${name} ${why}`);";

/// Touches everything in the widget in every way that has a handler.
const TOUCH: &str = "(() => {
    document.addEventListener('click', (event) => event.preventDefault(), true);
    for (const fold of document.querySelectorAll('.tidings details')) fold.open = true;
    for (const element of document.querySelectorAll('.tidings *')) {
        for (const name of ['mouseover', 'mouseenter', 'pointerdown', 'click', 'focus', 'blur', 'toggle', 'error', 'load', 'animationstart'])
            element.dispatchEvent(new Event(name, { bubbles: name === 'click', cancelable: true }));
    }
})()";

/// What is wrong with the page: a list of sentences.
const LOOK: &str = r"(() => {
    const faults = [...called];
    const elements = new Set(('section header footer article h2 h3 p ul ol li a b i u s em strong del code pre blockquote br span bdi ' +
        'time data img svg path details summary div').split(' '));
    const addresses = new Set(['href', 'src', 'action', 'formaction', 'poster', 'background', 'cite', 'ping', 'srcset', 'xlink:href']);
    // What the stylesheet itself takes out of the flow.
    const lifted = '.tidings-avatar, .tidings-name, .tidings-reaction, .tidings-veil-label, .invisible';
    const say = (element, what) => faults.push(`${what}: ${element.outerHTML.slice(0, 200)}`);
    const threads = document.querySelectorAll('.tidings-thread');
    if (threads.length !== 1) faults.push(`there are ${threads.length} threads`);
    const thread = threads[0];
    const box = thread.getBoundingClientRect();
    for (const element of document.querySelectorAll('.tidings, .tidings *')) {
        if (!elements.has(element.localName)) say(element, 'a strange element');
        for (const { name, value } of element.attributes) {
            if (/^on|^style$|^srcdoc$|^target$|^is$|^slot$|^popover|^autofocus$|^contenteditable$/.test(name)) say(element, `the attribute ${name}`);
            if (/^(id|name)$/.test(name)) say(element, `the name ${value}`);
            if (!addresses.has(name)) continue;
            const url = new URL(value, location);
            if (!/^https?:$/.test(url.protocol)) say(element, `the scheme ${url.protocol}`);
            if (name !== 'href' && url.origin !== location.origin) say(element, 'an address elsewhere');
        }
        const style = getComputedStyle(element);
        if (/fixed|sticky/.test(style.position)) say(element, style.position);
        if (style.position === 'absolute' && !element.matches(lifted)) say(element, style.position);
        if (element.closest('.tidings-content') && parseFloat(style.fontSize) > 40) say(element, style.fontSize);
        const own = element.getBoundingClientRect();
        const seen = own.width > 1 && !element.closest('.tidings-face, .tidings-veil');
        if (seen && (own.left < box.left - 3 || own.right > box.right + 3)) say(element, `${own.left} to ${own.right} of ${box.left} to ${box.right}`);
        if (element.matches('.tidings-by-owner')) say(element, 'passes for the owner');
    }
    for (const reply of thread.querySelectorAll('.tidings-reply')) {
        if (!reply.parentElement.matches('ol.tidings-replies')) say(reply, 'out of its place');
        if (reply.querySelectorAll(':scope > article').length !== 1) say(reply, 'not one article');
    }
    const footer = document.querySelector('footer.site');
    if (!footer || footer.closest('.tidings') || footer.getBoundingClientRect().top < box.bottom - 1) faults.push('the footer is in the thread');
    if (footer.getBoundingClientRect().left < 0 || getComputedStyle(footer).direction !== 'ltr') faults.push('the footer moved');
    if (document.querySelector('main > .thread')?.contains(thread) !== true) faults.push('the thread left its place');
    if (document.documentElement.scrollWidth > innerWidth) faults.push(`it is ${document.documentElement.scrollWidth} wide`);
    if (document.forms.length || document.querySelector('base, meta[http-equiv], iframe, object, embed, dialog')) faults.push('something was injected');
    return faults;
})()";

/// Lines of a file of the corpus.
fn lines(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/hostile")
        .join(file);
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("#!"))
        .map(unescaped)
        .collect()
}

/// `\u{202e}`, `\n`, `\t` and `\\` as what they stand for.
fn unescaped(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (letter, tail) = after.split_at(1);
        rest = tail;
        match letter {
            "n" => out.push('\n'),
            "t" => out.push('\t'),
            "u" => {
                let (code, tail) = rest.strip_prefix('{').unwrap().split_once('}').unwrap();
                let code = u32::from_str_radix(code, 16).unwrap();
                out.push(char::from_u32(code).unwrap());
                rest = tail;
            }
            other => out.push_str(other),
        }
    }
    out + rest
}

/// One that stands at a place of a list which goes round.
fn nth(list: &[String], place: usize) -> &str {
    &list[place % list.len()]
}

/// A peer whose people say all that there is.
struct Mallory {
    peer: Peer,
    object: String,
    inbox: String,
    /// How many replies were taken.
    taken: usize,
}

impl Mallory {
    async fn post(&mut self, user: &str, activity: &Value) {
        let status = self.peer.post(user, &self.inbox, activity).await;
        assert!((200..500).contains(&status), "{status}: {activity}");
        if status == 202 && activity["type"] == "Create" {
            self.taken += 1;
        }
    }

    /// One reply for each line of HTML, and what no line can hold.
    async fn speak(&mut self) {
        let mut contents = lines("content.txt");
        contents.push(format!("<p>{}</p>", "W".repeat(100_000)));
        contents.push(format!(
            "<p><a href='https://a.example/{0}'>{0}</a></p>",
            "w".repeat(3_000)
        ));
        contents.push(format!("{}<p>deep</p>", "<blockquote>".repeat(100)));
        contents.push(format!("{}<p>too deep</p>", "<div><b>".repeat(5_000)));
        contents.push(format!("{}listed", "<ul><li>".repeat(60)));
        contents.push(format!("<p>a{} tower</p>", "\u{30d}\u{325}".repeat(2_000)));
        contents.push(format!("<pre>{}</pre>", "x ".repeat(5_000)));
        for (number, content) in (1_u32..).zip(&contents) {
            let mut reply = self.peer.reply("mallory", number, &self.object, content);
            let names = ["cat", "x\" onerror=\"pwn()"].map(|name| format!(":{name}:"));
            reply["object"]["tag"] = names.iter().map(|name| emoji(&self.peer, name)).collect();
            self.post("mallory", &reply).await;
        }
    }

    /// One person for each text: it is their name, their profile, their warning, their picture's description, their reaction.
    async fn introduce(&mut self) {
        let (texts, urls, words) = (lines("texts.txt"), lines("urls.txt"), lines("words.txt"));
        for (place, number) in (0..texts.len().max(urls.len())).zip(1001_u32..) {
            let (text, url, word) = (nth(&texts, place), nth(&urls, place), nth(&words, place));
            let user = format!("m{place}");
            let mut person = self.peer.actor_document(&user);
            person["name"] = text.into();
            person["summary"] = text.into();
            person["url"] = url.into();
            person["icon"] = json!({ "type": "Image", "url": nth(&urls, place + 3), "mediaType": word });
            person["tag"] = json!([
                emoji(&self.peer, &format!(":{word}:")),
                emoji(&self.peer, ":cat:")
            ]);
            person["attachment"] = json!([{ "type": "PropertyValue", "name": text, "value": text }]);
            self.peer.serve(&format!("/users/{user}"), 200, person);
            let mut reply = self
                .peer
                .reply(&user, number, &self.object, "<p>What I am called.</p>");
            let note = &mut reply["object"];
            note["url"] = url.into();
            if place % 2 == 0 {
                note["summary"] = text.into();
            }
            note["sensitive"] = (place % 3 == 0).into();
            note["contentMap"] = json!({ word: "<p>What I am called.</p>" });
            note["attachment"] = json!([
                { "type": "Document", "mediaType": "image/png", "url": self.peer.id("/cat.png"), "name": text },
                { "type": "Document", "mediaType": "image/png", "url": url, "name": text },
                { "type": "Document", "mediaType": word, "url": nth(&urls, place + 5), "name": text },
            ]);
            note["tag"] = json!([emoji(&self.peer, &format!(":{word}:"))]);
            self.post(&user, &reply).await;
            for kind in ["EmojiReact", "Announce"] {
                let react = json!({
                    "@context": "https://www.w3.org/ns/activitystreams", "id": self.peer.id(&format!("/{user}/{kind}")),
                    "type": kind, "actor": self.peer.actor(&user), "object": self.object, "content": text,
                    "to": ["https://www.w3.org/ns/activitystreams#Public"], "tag": [emoji(&self.peer, text)],
                });
                self.post(&user, &react).await;
            }
        }
    }
}

fn emoji(peer: &Peer, name: &str) -> Value {
    json!({ "type": "Emoji", "name": name, "icon": { "type": "Image", "url": peer.id("/cat.png") } })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_strangers_say_runs_asks_or_leaves_its_place() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let peer = Peer::start("127.0.0.48").await;
    let cat = include_bytes!("../../../examples/playground/avatars/ada.png");
    peer.serve_file("/cat.png", "image/png", cat);
    let mut mallory = Mallory {
        peer,
        object: stage.object(),
        inbox: format!("{}/ap/inbox", stage.world.origin),
        taken: 0,
    };
    mallory.speak().await;
    mallory.introduce().await;
    let said = get(
        &format!("{}/ap/interactions?page={PAGE}", stage.world.origin),
        "application/json",
    )
    .await;
    let shown = said.json()["counts"]["replies"].as_u64().unwrap();
    assert!(
        mallory.taken > 150 && shown * 100 > 95 * mallory.taken as u64,
        "{shown} of {}",
        mallory.taken
    );
    stage.render().await;

    let mut faults = Vec::new();
    for way in Way::ALL {
        for (width, colours, scripts) in [
            (1280, Colours::Light, Scripts::On),
            (390, Colours::Dark, Scripts::On),
            (390, Colours::Light, Scripts::Off),
        ] {
            if way == Way::Elements && scripts == Scripts::Off {
                continue;
            }
            let view = View {
                width,
                colours,
                scripts,
            };
            let page = stage.browser.page(view).await;
            page.prepare(CANARY).await;
            page.open(&stage.url(PAGE, way, Policy::None)).await;
            for fault in look(&stage, &page, shown).await {
                faults.push(format!("{way:?} {width} {scripts:?}: {fault}"));
            }
            page.close().await;
        }
    }
    // Many of a kind say no more than a few.
    let count = faults.len();
    faults.truncate(40);
    assert!(count == 0, "{count} faults, among them:\n{}", faults.join("\n"));
}

async fn look(stage: &Stage, page: &Page, shown: u64) -> Vec<String> {
    let there = format!("document.querySelectorAll('.tidings-thread .tidings-reply').length === {shown}");
    page.wait_until(&there).await;
    // Where the page's own scripts are off, the tests' own still look.
    page.evaluate("globalThis.called ??= []").await;
    page.evaluate(TOUCH).await;
    page.rest().await;
    let mut faults: Vec<String> = Vec::new();
    for fault in page.evaluate(LOOK).await.as_array().unwrap() {
        faults.push(fault.as_str().unwrap_or_default().to_string());
    }
    if page.evaluate("document.title").await != "Wheat paste, the long way · Thread & Paste" {
        faults.push(format!("the title is {}", page.evaluate("document.title").await));
    }
    let own = format!("{}/", stage.world.origin);
    for request in page.requests() {
        if !request.starts_with(&own) {
            faults.push(format!("it asks {request}"));
        }
    }
    if page.events("Page.frameNavigated").len() != 1 {
        faults.push("it went elsewhere, or holds a frame".to_string());
    }
    faults.extend(page.complaints());
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_come_through_would_be_seen() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let peer = Peer::start("127.0.0.49").await;
    let reply = peer.reply("ada", 1, &stage.object(), "<p>Hello.</p>");
    assert_eq!(
        peer.post("ada", &format!("{}/ap/inbox", stage.world.origin), &reply)
            .await,
        202
    );
    let page = stage
        .browser
        .page(View {
            width: 390,
            colours: Colours::Light,
            scripts: Scripts::On,
        })
        .await;
    page.prepare(CANARY).await;
    page.open(&stage.url(PAGE, Way::Include, Policy::None)).await;
    assert_eq!(look(&stage, &page, 1).await, Vec::<String>::new());
    for (html, sign) in [
        ("<img src=x onerror=pwn('sign')>", "pwn sign"),
        ("<p onclick=pwn('touched')>x</p>", "pwn touched"),
        (
            "<img src=http://127.0.0.99:9/x.png>",
            "it asks http://127.0.0.99:9/x.png",
        ),
        ("<a href='javascript:pwn()'>x</a>", "the scheme javascript:"),
        ("<p style='position:fixed;top:0'>x</p>", "fixed"),
        ("<p id=location>x</p>", "the name location"),
        ("<div style='width:2000px'>x</div>", "2000"),
        ("<form><input></form>", "a strange element"),
        ("<iframe></iframe>", "something was injected"),
        (
            "<style>footer.site { position: fixed; top: 0 }</style>",
            "the footer is in the thread",
        ),
    ] {
        page.evaluate(&format!(
            "document.querySelector('.tidings-content').innerHTML = {}",
            json!(html)
        ))
        .await;
        page.wait_until("[...document.images].every((image) => image.complete)")
            .await;
        let faults = look(&stage, &page, 1).await;
        assert!(
            faults.iter().any(|fault| fault.contains(sign)),
            "{html}: {faults:?}"
        );
    }
}
