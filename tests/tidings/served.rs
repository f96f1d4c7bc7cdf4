//! A remote server that serves pages exactly as a test wants them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tidings::sig::Scheme;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// An answer.
#[derive(Clone)]
pub(crate) struct Page {
    status: u16,
    content_type: String,
    headers: String,
    body: String,
    only: Option<Scheme>,
}

/// A document of ActivityPub.
pub(crate) fn page(document: &Value) -> Page {
    Page {
        status: 200,
        content_type: "application/activity+json; charset=utf-8".into(),
        headers: String::new(),
        body: document.to_string(),
        only: None,
    }
}

impl Page {
    /// An empty answer.
    pub(crate) fn status(status: u16) -> Page {
        Page {
            status,
            ..page(&Value::Null)
        }
    }

    pub(crate) fn redirect(to: &str) -> Page {
        Page::status(302).header(&format!("location: {to}"))
    }

    pub(crate) fn content_type(mut self, content_type: &str) -> Page {
        self.content_type = content_type.into();
        self
    }

    pub(crate) fn header(mut self, line: &str) -> Page {
        self.headers.push_str(&format!("{line}\r\n"));
        self
    }

    /// 401 for whoever signs otherwise.
    pub(crate) fn only(mut self, scheme: Scheme) -> Page {
        self.only = Some(scheme);
        self
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    /// The path of every request, and whether it was signed.
    requests: Vec<(String, bool)>,
    connections: usize,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Pages {
    host: String,
    state: Arc<Mutex<State>>,
}

impl Pages {
    pub(crate) async fn start() -> Pages {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pages = Pages {
            host: listener.local_addr().unwrap().to_string(),
            state: Arc::default(),
        };
        let serving = pages.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.state.lock().unwrap().connections += 1;
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        pages
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.into(), page);
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.requests.iter().filter(|(asked, _)| asked == path).count()
    }

    /// Whether every request was signed, but for those of paths that begin so.
    pub(crate) fn signed_but(&self, beginning: &str) -> bool {
        self.state
            .lock()
            .unwrap()
            .requests
            .iter()
            .all(|(path, signed)| *signed || path.starts_with(beginning))
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                }
            }
            let head = String::from_utf8_lossy(&std::mem::take(&mut bytes)).to_ascii_lowercase();
            let target = head.split(' ').nth(1).unwrap_or_default().to_string();
            let path = target.split('?').next().unwrap_or_default().to_string();
            let scheme = if head.contains("\r\nsignature-input:") {
                Scheme::Rfc9421
            } else {
                Scheme::Cavage
            };
            let page = {
                let mut state = self.state.lock().unwrap();
                state
                    .requests
                    .push((path.clone(), head.contains("\r\nsignature:")));
                state
                    .pages
                    .get(&path)
                    .cloned()
                    .unwrap_or_else(|| Page::status(404))
            };
            let status = match page.only {
                Some(wanted) if wanted != scheme => 401,
                _ => page.status,
            };
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: {}\r\ncontent-length: {}\r\n{}\r\n{}",
                page.content_type,
                page.body.len(),
                page.headers,
                page.body
            );
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
