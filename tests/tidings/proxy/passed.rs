//! What a proxy passes on: an upstream that writes down what reaches it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use tokio::net::TcpListener;

use super::front::{Front, Kind, Upstream, free_address};
use super::{BROWSER, MASTODON};
use crate::harness::{Site, send, serve};

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Arrived {
    method: Method,
    target: String,
    headers: HeaderMap,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

struct Stage {
    upstream: tokio::task::JoinHandle<()>,
    address: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    _site: Site,
    _front: Front,
}

impl Stage {
    async fn set(kind: Kind) -> Option<Stage> {
        Stage::set_edited(kind, &|_| {}).await
    }

    async fn set_edited(kind: Kind, edit: &dyn Fn(&Path)) -> Option<Stage> {
        let program = kind.installed()?;
        let site = Site::empty();
        site.write("/posts/hello/index.html", &super::page(kind, "Hello"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::Tcp(listener.local_addr().unwrap().to_string());
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let written = Arc::clone(&arrived);
        let serving = tokio::spawn(serve(listener, move |request, _| {
            written.lock().unwrap().push(Arrived {
                method: request.method().clone(),
                target: request.uri().to_string(),
                headers: request.headers().clone(),
            });
            let mut response = Response::new(Full::new(Bytes::from_static(b"<p>FRAGMENT</p>")));
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert("content-type", html);
            async move { response }
        }));
        let address = free_address();
        let front = Front::start_edited(kind, &program, &site.output(), &address, &upstream, edit);
        Some(Stage {
            upstream: serving,
            address,
            arrived,
            _site: site,
            _front: front,
        })
    }

    /// The page as a browser gets it.
    async fn page(&self) -> String {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("accept"),
            HeaderValue::from_static(BROWSER),
        )]);
        let url = format!("http://{}/posts/hello/", self.address);
        send(Method::GET, &url, headers, Vec::new()).await.text()
    }

    /// Sends a request, and answers the page and what reached the upstream by it.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> (String, Vec<Arrived>) {
        self.arrived.lock().unwrap().clear();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let body = match method {
            Method::POST => b"{\"type\":\"Like\"}".to_vec(),
            _ => Vec::new(),
        };
        let reply = send(method, &format!("http://{}{path}", self.address), headers, body).await;
        let text = match reply.header("content-encoding") {
            "gzip" => super::unpacked(&reply.body),
            _ => reply.text(),
        };
        (text, self.arrived.lock().unwrap().clone())
    }
}

/// The path, the host and the headers that signatures cover, and who asks.
pub(super) async fn unchanged(kind: Kind) {
    let Some(stage) = Stage::set(kind).await else {
        return;
    };
    let spoofed = [
        ("x-forwarded-for", "192.0.2.66"),
        ("forwarded", "for=192.0.2.66"),
        ("x-forwarded-proto", "gopher"),
    ];
    for (method, path) in [
        (
            Method::GET,
            "/ap/objects/posts~caf%C3%A9%20%26%2541?page=a%20b&x=%2F+",
        ),
        (Method::GET, "/ap/objects/a%2Fb"),
        (Method::GET, "/ap/actors/blog"),
        (Method::GET, "/ap/interactions?page=/posts/hello/"),
        (
            Method::GET,
            "/.well-known/webfinger?resource=acct%3Ablog%40blog.example&rel=self",
        ),
        (Method::POST, "/ap/inbox"),
        (Method::POST, "/ap/actors/blog/inbox"),
    ] {
        let mut headers = spoofed.to_vec();
        headers.extend([
            ("accept", MASTODON),
            ("date", "Sat, 21 Nov 2026 12:00:00 GMT"),
            ("digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
            (
                "content-digest",
                "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
            ),
            (
                "signature",
                "keyId=\"https://a.example/#key\",headers=\"(request-target) host date\",signature=\"eA==\"",
            ),
            (
                "signature-input",
                "sig1=(\"@method\" \"@target-uri\");created=1;keyid=\"https://a.example/#key\"",
            ),
            ("content-type", "application/activity+json"),
        ]);
        let (_, arrived) = stage.ask(method.clone(), path, &headers).await;
        assert_eq!(arrived.len(), 1, "{kind:?} {path}: {arrived:?}");
        let arrived = &arrived[0];
        assert_eq!(
            (&arrived.method, arrived.target.as_str()),
            (&method, path),
            "{kind:?}"
        );
        assert_eq!(arrived.header("host"), stage.address, "{kind:?}");
        for (name, value) in &headers[spoofed.len()..] {
            assert_eq!(arrived.header(name), *value, "{kind:?} {path}: {name}");
        }
        // tidings believes the last address of X-Forwarded-For, and that is whom the proxy saw.
        let lines: Vec<_> = arrived.headers.get_all("x-forwarded-for").iter().collect();
        let last = lines
            .last()
            .unwrap()
            .to_str()
            .unwrap()
            .rsplit(',')
            .next()
            .unwrap()
            .trim();
        assert_eq!(last, "127.0.0.1", "{kind:?} {path}: {lines:?}");
        assert_eq!(arrived.header("x-forwarded-proto"), "http", "{kind:?} {path}");
    }
    for path in ["/posts/hello/", "/posts/r&d/", "/a%20b%26c/?x=y", "/"] {
        let (_, arrived) = stage.ask(Method::GET, path, &[("accept", MASTODON)]).await;
        assert_eq!(arrived.len(), 1, "{kind:?} {path}");
        assert!(
            arrived[0].target.starts_with("/ap/resolve?url="),
            "{kind:?} {arrived:?}"
        );
        assert!(!arrived[0].target.contains(' '), "{kind:?} {arrived:?}");
    }
}

/// Conditions, ranges and codings are for the page; a fragment with any of them would tear it.
pub(super) async fn whole_fragments(kind: Kind) {
    let Some(stage) = Stage::set(kind).await else {
        return;
    };
    let (page, arrived) = stage
        .ask(
            Method::GET,
            "/posts/hello/",
            &[
                ("accept", BROWSER),
                ("accept-encoding", "gzip, br"),
                ("if-none-match", "\"0\", W/\"1\""),
                ("if-modified-since", "Sat, 21 Nov 2026 12:00:00 GMT"),
                ("range", "bytes=0-3"),
                ("if-range", "\"0\""),
                ("x-forwarded-for", "192.0.2.66"),
            ],
        )
        .await;
    drop(page);
    assert_eq!(arrived.len(), 1, "{kind:?}: {arrived:?}");
    let include = &arrived[0];
    assert_eq!(include.method, Method::GET);
    assert!(
        include.target.starts_with("/ap/widgets/thread?page="),
        "{kind:?}: {}",
        include.target
    );
    for name in [
        "if-none-match",
        "if-modified-since",
        "range",
        "if-range",
        "if-match",
        "if-unmodified-since",
    ] {
        assert!(!include.headers.contains_key(name), "{kind:?}: {name}");
    }
    assert!(
        ["", "identity"].contains(&include.header("accept-encoding")),
        "{kind:?}"
    );
    assert_eq!(include.header("host"), stage.address, "{kind:?}");
    assert!(
        !include.header("x-forwarded-for").contains("192.0.2.66"),
        "{kind:?}"
    );

    // What a browser asks for itself is passed on.
    let own = [("accept-encoding", "gzip"), ("if-none-match", "\"0\"")];
    let (fragment, arrived) = stage
        .ask(Method::GET, "/ap/widgets/thread?page=/posts/hello/", &own)
        .await;
    assert_eq!(fragment, "<p>FRAGMENT</p>", "{kind:?}");
    assert_eq!(arrived[0].header("if-none-match"), "\"0\"", "{kind:?}");
    assert!(arrived[0].header("accept-encoding").contains("gzip"), "{kind:?}");
    let (page, _) = stage
        .ask(Method::GET, "/posts/hello/", &[("accept", BROWSER)])
        .await;
    assert_eq!(super::included(&page), "<p>FRAGMENT</p>", "{kind:?}");
}

/// The lines for nginx that docs/widgets.md gives: one question for many pages, and threads without tidings.
#[tokio::test(flavor = "multi_thread")]
async fn nginx_keeps_threads_as_the_guide_says() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/widgets.md")).unwrap();
    let block = |begins: &str| -> String {
        let (_, rest) = guide.split_once(&format!("\n    {begins}")).unwrap();
        let rest = format!("    {begins}{rest}");
        rest.lines()
            .map_while(|line| line.strip_prefix("    "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let path = block("proxy_cache_path ");
    let lines = block("proxy_cache tidings;").replace("200 5s", "200 1s");
    let Some(stage) = Stage::set_edited(Kind::Nginx, &|root| {
        let edit = |name: &str, from: &str, to: &str| {
            let text = std::fs::read_to_string(root.join(name)).unwrap();
            assert!(text.contains(from), "{name} has {from}");
            std::fs::write(root.join(name), text.replacen(from, to, 1)).unwrap();
        };
        let path = path.replace("/var/cache/nginx/tidings", root.join("kept").to_str().unwrap());
        edit("nginx.conf", "gzip on;", &format!("gzip on;\n{path}\n"));
        let marker = "        proxy_set_header If-None-Match $tidings_match;";
        edit("tidings.conf", marker, &format!("{lines}\n{marker}"));
    })
    .await
    else {
        return;
    };
    stage.arrived.lock().unwrap().clear();
    for _ in 0..10 {
        let page = stage.page().await;
        assert_eq!(super::included(&page), "<p>FRAGMENT</p>");
    }
    let asked = stage.arrived.lock().unwrap().len();
    assert!(asked < 10, "{asked} questions for 10 pages");
    // It is asked again when the second is over.
    let start = Instant::now();
    while stage.arrived.lock().unwrap().len() == asked {
        stage.page().await;
        assert!(start.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A browser's own fetch is packed and answered with 304 by nginx.
    let widget = format!(
        "http://{}/ap/widgets/thread?page=/posts/hello/index.html",
        stage.address
    );
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("accept-encoding"),
        HeaderValue::from_static("gzip"),
    )]);
    let packed = send(Method::GET, &widget, headers, Vec::new()).await;
    assert_eq!(packed.header("content-encoding"), "gzip");

    stage.upstream.abort();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(super::included(&stage.page().await), "<p>FRAGMENT</p>");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
