//! The stand-in for the proxy: serves the built pages, resolves their server-side includes, and passes
//! `/ap` and `/.well-known` on to tidings. `proxy/nginx.conf` says the same to nginx.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::print::{Way, line};
use crate::web::{self, Client, Response};

/// What may stay as it is in the path of a URL that is itself a query parameter.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
/// How long a page waits for an include before it goes out without.
const INCLUDE_PATIENCE: Duration = Duration::from_secs(2);
/// Headers that concern one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The site as its readers and other servers meet it.
pub(crate) struct Site {
    folder: PathBuf,
    tidings: SocketAddr,
    client: Client,
}

impl Site {
    pub(crate) fn new(folder: PathBuf, tidings: SocketAddr, client: Client) -> Site {
        Site {
            folder,
            tidings,
            client,
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let path = request.uri().path().to_owned();
        if path.starts_with("/ap/") || path.starts_with("/.well-known/") {
            let target = request.uri().clone();
            return self.pass(request, &target, peer).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return web::response(
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain; charset=utf-8",
                "only GET here\n",
            );
        }
        if web::prefers_activity_json(request.headers()) {
            return match format!("/ap/resolve?url={}", utf8_percent_encode(&path, IN_QUERY)).parse() {
                Ok(target) => self.pass(request, &target, peer).await,
                Err(_) => not_found(),
            };
        }
        let mut response = self.page(&path, request.headers()).await;
        if request.method() == Method::HEAD {
            *response.body_mut() = web::body("");
        }
        response
    }

    /// Hands a request on to tidings, with the Host that the client named, and the answer back as it streams.
    async fn pass(&self, request: Request<Incoming>, target: &Uri, peer: SocketAddr) -> Response {
        let (mut head, body) = request.into_parts();
        let target = target.path_and_query().map_or("/", |target| target.as_str());
        let Ok(uri) = format!("http://{}{target}", self.tidings).parse() else {
            return not_found();
        };
        head.uri = uri;
        head.version = hyper::Version::HTTP_11;
        strip(&mut head.headers);
        if let Ok(address) = HeaderValue::from_str(&peer.ip().to_string()) {
            // Replaced, not appended to: what the client says of itself is not to be believed.
            head.headers.insert("x-forwarded-for", address);
        }
        head.headers.remove("forwarded");
        head.headers
            .insert("x-forwarded-proto", HeaderValue::from_static("http"));
        match self.client.pass(Request::from_parts(head, body.boxed())).await {
            Ok(answer) => {
                let (mut head, body) = answer.into_parts();
                strip(&mut head.headers);
                Response::from_parts(head, body.boxed())
            }
            Err(error) => {
                line(
                    Way::Wrong,
                    &format!("tidings doesn't answer at {}: {error:#}", self.tidings),
                );
                self.tidings_is_down()
            }
        }
    }

    fn tidings_is_down(&self) -> Response {
        let page = format!(
            "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>tidings isn't running</title>\
             <body style=\"max-width:36rem;margin:4rem auto;padding:0 1rem;font:1.1rem/1.6 system-ui\">\
             <h1>tidings isn't running</h1><p>The playground passes this address on to tidings, but nobody answers \
             at <code>{}</code>. Start it in another terminal:</p><pre>cargo run --release -- serve</pre>\
             <p>The <a href=\"/\">pages of the blog</a> are there all the same: they never depend on it.</p>",
            self.tidings
        );
        web::response(StatusCode::BAD_GATEWAY, "text/html; charset=utf-8", page)
    }

    /// Serves a file of the built site.
    async fn page(&self, path: &str, headers: &HeaderMap) -> Response {
        let Some(mut file) = file_of(&self.folder, path) else {
            return not_found();
        };
        let is_folder = tokio::fs::metadata(&file).await.is_ok_and(|meta| meta.is_dir());
        if is_folder && !path.ends_with('/') {
            return web::redirect(
                StatusCode::MOVED_PERMANENTLY,
                &format!("/{}/", path.trim_matches('/')),
            );
        }
        let mut uri = path.to_owned();
        if is_folder {
            file.push("index.html");
            uri.push_str("index.html");
        }
        let (status, file, bytes) = match tokio::fs::read(&file).await {
            Ok(bytes) => (StatusCode::OK, file, bytes),
            Err(_) => {
                let file = self.folder.join("404.html");
                let Ok(bytes) = tokio::fs::read(&file).await else {
                    return not_found();
                };
                (StatusCode::NOT_FOUND, file, bytes)
            }
        };
        let media_type = mime_guess::from_path(&file).first_or_octet_stream().to_string();
        let is_html = media_type == "text/html";
        let bytes = match String::from_utf8(bytes) {
            Ok(text) if is_html => self.include(&text, &uri, headers).await.into_bytes(),
            Ok(text) => text.into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let mut response = web::response(status, "application/octet-stream", bytes);
        let media_type = if media_type.starts_with("text/") {
            media_type + "; charset=utf-8"
        } else {
            media_type
        };
        if let Ok(media_type) = HeaderValue::from_str(&media_type) {
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        // A page that is being worked on, with replies that come in: never from a cache.
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Replaces each `<!--#include virtual="…" -->` by what tidings answers; by nothing when it doesn't.
    async fn include(&self, page: &str, uri: &str, headers: &HeaderMap) -> String {
        let mut out = String::with_capacity(page.len());
        let mut rest = page;
        while let Some((before, after)) = rest.split_once("<!--#") {
            out.push_str(before);
            let Some((directive, after)) = after.split_once("-->") else {
                out.push_str("<!--#");
                rest = after;
                break;
            };
            rest = after;
            if let Some(target) = virtual_of(directive) {
                let encoded = utf8_percent_encode(uri, IN_QUERY).to_string();
                let target = target.replace("${uri}", &encoded).replace("$uri", &encoded);
                out.push_str(&self.fragment(&target, headers).await.unwrap_or_default());
            }
        }
        out.push_str(rest);
        out
    }

    async fn fragment(&self, target: &str, headers: &HeaderMap) -> Result<String> {
        let mut request = Request::new(web::body(""));
        *request.uri_mut() = format!("http://{}{target}", self.tidings).parse()?;
        if let Some(host) = headers.get(HOST) {
            request.headers_mut().insert(HOST, host.clone());
        }
        let exchange = async {
            let response = self.client.pass(request).await?;
            let status = response.status();
            let bytes = web::read(response.into_body()).await?;
            anyhow::ensure!(status == StatusCode::OK, "{target} answers {status}");
            Ok(String::from_utf8(bytes.to_vec())?)
        };
        tokio::time::timeout(INCLUDE_PATIENCE, exchange).await?
    }
}

/// The target of `include virtual="…"`.
fn virtual_of(directive: &str) -> Option<&str> {
    let attributes = directive.trim_start().strip_prefix("include")?;
    let (_, value) = attributes.split_once("virtual=\"")?;
    let (target, _) = value.split_once('"')?;
    target.starts_with('/').then_some(target)
}

/// The file that a path names; `None` when it would lie outside the folder.
fn file_of(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut file = folder.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '\0']) {
            return None;
        }
        file.push(part);
    }
    Some(file)
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    headers.remove(ACCEPT_ENCODING);
}

fn not_found() -> Response {
    web::response(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n")
}
