//! A headless Chromium, driven by the DevTools protocol over a pair of pipes.
//!
//! With `--remote-debugging-pipe` messages are JSON, each ended by a NUL; no port is opened, and the browser ends itself
//! when the pipe closes, so that none stays behind even when the tests are killed.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// How long anything in a browser may take: it shares a small machine with all other tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The names that Chromium goes by.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A running Chromium with a profile of its own; ended when dropped.
pub(super) struct Browser {
    child: Child,
    link: Arc<Link>,
    _profile: tempfile::TempDir,
}

/// Both directions of the conversation with it.
struct Link {
    writer: Mutex<ChildStdin>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Event>>,
}

/// Something that happened in a page, or, without a session, in the browser.
struct Event {
    session: String,
    method: String,
    params: Value,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) width: u32,
    pub(super) colours: Colours,
    pub(super) scripts: Scripts,
}

/// What the reader prefers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Colours {
    Light,
    Dark,
}

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scripts {
    On,
    Off,
}

impl Browser {
    /// Starts Chromium; `None` when there is none, which is said, and is a failure when all tests are asked for.
    pub(super) fn start() -> Option<Browser> {
        let there = |program: &&&str| {
            let version = Command::new(program)
                .arg("--version")
                .stderr(Stdio::null())
                .output();
            version.is_ok_and(|output| output.status.success())
        };
        let Some(program) = PROGRAMS.iter().find(there) else {
            skip("chromium");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // The protocol wants descriptors 3 and 4; what is started here has 0 and 1.
        command
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                program,
            ])
            .args([
                "--remote-debugging-pipe",
                "--headless",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--no-default-browser-check",
                "--mute-audio",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--lang=en-US",
                // What a page tries to load from elsewhere is seen in its requests; it needn't leave this machine.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()));
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        let mut child = command
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let reader = BufReader::new(child.stdout.take().unwrap());
        let link = Arc::new(Link {
            writer: Mutex::new(child.stdin.take().unwrap()),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            events: Mutex::default(),
        });
        let listening = Arc::clone(&link);
        std::thread::spawn(move || {
            for message in reader.split(0).map_while(Result::ok) {
                if let Ok(message) = serde_json::from_slice(&message) {
                    listening.hear(message);
                }
            }
            // Whoever still waits hears that nothing will come.
            listening.waiting.lock().unwrap().clear();
        });
        Some(Browser {
            child,
            link,
            _profile: profile,
        })
    }

    /// Opens an empty page that shares nothing with the others: neither storage nor cache.
    pub(super) async fn page(&self, view: View) -> Page {
        let call = |method, params| self.link.call("", method, params);
        let context = call("Target.createBrowserContext", json!({ "disposeOnDetach": true })).await;
        let context = context["browserContextId"].as_str().unwrap().to_string();
        let target = call(
            "Target.createTarget",
            json!({ "url": "about:blank", "browserContextId": context }),
        )
        .await;
        let attached = call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        )
        .await;
        let page = Page {
            link: Arc::clone(&self.link),
            session: attached["sessionId"].as_str().unwrap().to_string(),
            context,
        };
        for domain in ["Page", "Runtime", "Network", "Log", "Audits"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))
            .await;
        page.look(view).await;
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Link {
    fn hear(&self, message: Value) {
        match message["id"].as_u64() {
            Some(id) => {
                let waiting = self.waiting.lock().unwrap().remove(&id);
                if let Some(waiting) = waiting {
                    let _ = waiting.send(message);
                }
            }
            None => self.events.lock().unwrap().push(Event {
                session: message["sessionId"].as_str().unwrap_or_default().to_string(),
                method: message["method"].as_str().unwrap_or_default().to_string(),
                params: message["params"].clone(),
            }),
        }
    }

    /// Calls a method; an error is a failure of the test.
    async fn call(&self, session: &str, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.writer.lock().unwrap().write_all(&bytes).unwrap();
        let answer = tokio::time::timeout(PATIENCE, receiver)
            .await
            .unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for the answer to {method}"))
            .unwrap_or_else(|_| panic!("chromium ended during {method}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }
}

/// A part of a page, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A page in a browser; closed when dropped.
pub(super) struct Page {
    link: Arc<Link>,
    session: String,
    context: String,
}

impl Page {
    /// Calls a method of the protocol for this page.
    pub(super) async fn call(&self, method: &str, params: Value) -> Value {
        self.link.call(&self.session, method, params).await
    }

    /// Looks at it in another way.
    pub(super) async fn look(&self, view: View) {
        let scheme = match view.colours {
            Colours::Light => "light",
            Colours::Dark => "dark",
        };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ] }),
        )
        .await;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": view.width < 600 }),
        )
        .await;
        self.scripts(view.scripts).await;
    }

    /// Lets the page's own scripts run or not; the tests' always do.
    pub(super) async fn scripts(&self, scripts: Scripts) {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": scripts == Scripts::Off }),
        )
        .await;
    }

    /// Runs a script in every document before any of its own.
    pub(super) async fn prepare(&self, script: &str) {
        self.call(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": script }),
        )
        .await;
    }

    /// Goes to an address and waits until it has loaded.
    pub(super) async fn open(&self, url: &str) {
        let before = self.events("Page.loadEventFired").len();
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        self.wait("the page to load", || async {
            self.events("Page.loadEventFired").len() > before
        })
        .await;
    }

    /// The value of an expression, or of the promise that it is.
    pub(super) async fn evaluate(&self, expression: &str) -> Value {
        let answer = self
            .call(
                "Runtime.evaluate",
                json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true }),
            )
            .await;
        let start: String = expression.chars().take(300).collect();
        assert!(
            answer["exceptionDetails"].is_null(),
            "{start}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(super) async fn wait_until(&self, expression: &str) {
        self.wait(expression, || async {
            self.evaluate(expression).await == Value::Bool(true)
        })
        .await;
    }

    async fn wait<F: Future<Output = bool>>(&self, what: &str, mut check: impl FnMut() -> F) {
        let start = Instant::now();
        while !check().await {
            if start.elapsed() > PATIENCE {
                let text = self.evaluate("document.body.innerText").await;
                panic!("waited {PATIENCE:?} in vain for {what}; the page says {text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses a key that has a name, such as `Tab` or `Enter`.
    pub(super) async fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            _ => panic!("no code for {key}"),
        };
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            _ => "",
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text });
        if key == "Tab" {
            down["type"] = "rawKeyDown".into();
            down["code"] = "Tab".into();
        }
        self.call("Input.dispatchKeyEvent", down).await;
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up).await;
    }

    /// Types a text into what has the focus.
    pub(super) async fn write(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// What happened by this name so far.
    pub(super) fn events(&self, method: &str) -> Vec<Value> {
        let events = self.link.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event.session == self.session && event.method == method)
            .map(|event| event.params.clone())
            .collect()
    }

    /// The addresses of all requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.events("Network.requestWillBeSent")
            .iter()
            .map(|event| event["request"]["url"].as_str().unwrap_or_default().to_string())
            .collect()
    }

    /// Everything that a developer would see in red: errors, exceptions, what a policy stopped, and dialogs.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for event in self.events("Runtime.exceptionThrown") {
            found.push(event["exceptionDetails"].to_string());
        }
        for event in self.events("Runtime.consoleAPICalled") {
            if matches!(event["type"].as_str(), Some("error" | "warning" | "assert")) {
                found.push(event["args"].to_string());
            }
        }
        for event in self.events("Log.entryAdded") {
            let of_site = event["entry"]["url"]
                .as_str()
                .is_some_and(|url| url.ends_with("/favicon.ico"));
            if matches!(event["entry"]["level"].as_str(), Some("error" | "warning")) && !of_site {
                found.push(format!("{} {}", event["entry"]["text"], event["entry"]["url"]));
            }
        }
        for event in self.events("Audits.issueAdded") {
            // A hint about speed, for pictures whose size stands in the stylesheet.
            if event["issue"]["code"] != "LazyLoadImageIssue" {
                found.push(event["issue"].to_string());
            }
        }
        for event in self.events("Page.javascriptDialogOpening") {
            found.push(format!("dialog: {event}"));
        }
        found
    }

    /// Waits until every picture has come: what is far below comes only when somebody is near; and goes back to the top.
    pub(super) async fn rest(&self) {
        self.wait_until(
            "(() => { const late = [...document.images].find((image) => !image.complete && image.checkVisibility());\
             late?.scrollIntoView(); if (!late) scrollTo(0, 0); return !late; })()",
        )
        .await;
    }

    /// Where an element is, on the whole page.
    pub(super) async fn area(&self, selector: &str) -> Area {
        let area = self
            .evaluate(&format!(
                "(() => {{ const box = document.querySelector({}).getBoundingClientRect();\
                 return {{ x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height }} }})()",
                json!(selector)
            ))
            .await;
        let side = |name: &str| area[name].as_f64().unwrap();
        Area {
            x: side("x"),
            y: side("y"),
            width: side("width"),
            height: side("height"),
        }
    }

    /// A picture of a part of the page, as PNG.
    pub(super) async fn picture(&self, area: Area) -> Vec<u8> {
        let clip =
            json!({ "x": area.x, "y": area.y, "width": area.width, "height": area.height, "scale": 1 });
        let answer = self
            .call(
                "Page.captureScreenshot",
                json!({ "format": "png", "clip": clip, "captureBeyondViewport": true }),
            )
            .await;
        let data = answer["data"].as_str().unwrap();
        base64::engine::general_purpose::STANDARD.decode(data).unwrap()
    }

    /// Closes it and forgets what happened in it.
    pub(super) async fn close(self) {
        let context = json!({ "browserContextId": self.context });
        self.link.call("", "Target.disposeBrowserContext", context).await;
        let mut events = self.link.events.lock().unwrap();
        events.retain(|event| event.session != self.session);
    }
}

/// Says that something isn't installed.
pub(super) fn skip(what: &str) {
    assert!(
        std::env::var_os("TIDINGS_TEST_ALL").is_none(),
        "{what} is not installed, and all tests are asked for"
    );
    println!("skipped: {what} not installed");
}
