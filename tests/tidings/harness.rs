//! What the tests stand on: a site, the proxy in front of it, the real daemon, and remote servers.
//!
//! The proxy is what ORIGIN names, as nginx is for a real site; so the daemon can listen on port 0 and come back on
//! another port after a restart.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use serde_json::{Value, json};
use tidings::config::Config;
use tidings::sig::key::{PrivateKey, PublicKey};
use tidings::sig::{self, Message, Scheme};
use tidings::store::{Store, StoreError};
use tokio::net::TcpListener;

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How long a test watches that something does not happen. It can only make a broken program pass, never a right one fail.
pub(crate) const QUIET: Duration = Duration::from_millis(1500);

/// Polls until `check` answers something, and panics with `what` after [`LIMIT`].
pub(crate) async fn wait_for<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Opens the store of a configuration. Its lock may outlive the store before it for a moment: a process that another
/// test starts just then holds all open files until it becomes the program.
pub(crate) fn open_store(config: &Config) -> Store {
    let origin = config.site.url.origin().ascii_serialization();
    let start = Instant::now();
    loop {
        match Store::open(&config.site.data, &origin, &config.federation.handle_domain) {
            Err(StoreError::Locked(_)) if start.elapsed() < LIMIT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------- site

/// The output folder of a generator, in a temporary place.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// An output folder with an index page only.
    pub(crate) fn empty() -> Site {
        let site = Site {
            folder: tempfile::tempdir().unwrap(),
        };
        site.write("/index.html", "<!doctype html><title>Blog</title><h1>Blog</h1>");
        site
    }

    /// A copy of `site-example/public`.
    pub(crate) fn example() -> Site {
        let site = Site {
            folder: tempfile::tempdir().unwrap(),
        };
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("site-example/public"),
            &site.output(),
        );
        site
    }

    /// Where everything of this test lies.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The output folder.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file of the output folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.output().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Removes a file of the output folder.
    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.output().join(path.trim_start_matches('/'))).unwrap();
    }

    /// Writes a post at `/posts/SLUG/`.
    pub(crate) fn post(&self, slug: &str, title: &str, body: &str) {
        self.write(
            &format!("/posts/{slug}/index.html"),
            &page(title, "2026-11-01T10:00:00+01:00", body),
        );
    }
}

/// A page as a plain theme writes it.
pub(crate) fn page(title: &str, published: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title} | Blog</title></head><body>\
         <nav><a href=/>Home</a></nav><main><article class=h-entry><h1 class=p-name>{title}</h1>\
         <time class=dt-published datetime=\"{published}\">then</time><div class=e-content>{body}</div></article></main>\
         <footer>A footer</footer></body></html>"
    )
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).map(|_| ()).unwrap();
        }
    }
}

// --------------------------------------------------------------------------------------------------------------- world

/// A site with its proxy and its daemon.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) origin: String,
    upstream: Arc<Mutex<Option<SocketAddr>>>,
    daemon: Option<Daemon>,
    /// What stands in the daemon's environment besides ours.
    pub(crate) environment: Vec<(&'static str, PathBuf)>,
    /// A program and its arguments by which the daemon and the commands are run.
    pub(crate) through: Vec<&'static str>,
    /// The data directory, as this process sees it.
    pub(crate) data: PathBuf,
}

impl World {
    /// Starts the proxy and the daemon; `extra` is TOML that is laid over the defaults of [`World::configure`].
    pub(crate) async fn start(site: Site, extra: &str) -> World {
        let mut world = World::prepare(site, extra).await;
        world.restart().await;
        world
    }

    /// Starts the proxy and writes ap.toml, but leaves the daemon for later.
    pub(crate) async fn prepare(site: Site, extra: &str) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let upstream = Arc::new(Mutex::new(None));
        tokio::spawn(front(listener, site.output(), Arc::clone(&upstream)));
        World::at(site, extra, origin, upstream)
    }

    /// Writes ap.toml for an ORIGIN where the test starts a proxy of its own.
    pub(crate) fn behind(site: Site, extra: &str, origin: String) -> World {
        World::at(site, extra, origin, Arc::default())
    }

    fn at(site: Site, extra: &str, origin: String, upstream: Arc<Mutex<Option<SocketAddr>>>) -> World {
        let world = World {
            data: site.data(),
            site,
            origin,
            upstream,
            daemon: None,
            environment: Vec::new(),
            through: Vec::new(),
        };
        world.configure(extra);
        world
    }

    /// Writes ap.toml anew: the defaults of these tests, and over them what `extra` says.
    pub(crate) fn configure(&self, extra: &str) {
        let mut config: toml::Table = toml::from_str(&format!(
            "actor = [{{ name = 'blog', display_name = 'The Blog' }}]\n\
             site = {{ url = '{}', output = 'public', data = 'data' }}\n\
             server = {{ listen = '127.0.0.1:0' }}\n\
             publish = {{ settle = '100ms' }}\n\
             federation = {{ allow_private_addresses = true }}\n",
            self.origin
        ))
        .unwrap();
        for (section, value) in toml::from_str::<toml::Table>(extra).unwrap() {
            match (config.get_mut(&section), value) {
                (Some(toml::Value::Table(old)), toml::Value::Table(new)) => old.extend(new),
                (_, value) => drop(config.insert(section, value)),
            }
        }
        std::fs::write(self.config(), toml::to_string(&config).unwrap()).unwrap();
    }

    /// Where ap.toml lies.
    pub(crate) fn config(&self) -> PathBuf {
        self.site.root().join("ap.toml")
    }

    /// Starts the daemon, or ends it with SIGKILL and starts another.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let daemon = Daemon::start(&self.config(), &self.environment, &self.through);
        *self.upstream.lock().unwrap() = Some(daemon.address);
        self.daemon = Some(daemon);
    }

    /// Ends the daemon with SIGKILL.
    pub(crate) fn kill(&mut self) {
        *self.upstream.lock().unwrap() = None;
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.child.kill();
            let _ = daemon.child.wait();
        }
    }

    /// Starts the daemon, which isn't running, and ends it with SIGKILL so much later, however far it has come.
    pub(crate) async fn kill_at_start(&mut self, later: Duration) {
        self.kill();
        let mut child = Daemon::command(&self.config(), &self.environment, &self.through)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(later).await;
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Ends the daemon with SIGTERM and answers its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        *self.upstream.lock().unwrap() = None;
        let mut daemon = self.daemon.take()?;
        let pid = rustix::process::Pid::from_child(&daemon.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait_for("the daemon's end", || {
            let ended = daemon.child.try_wait().unwrap();
            async move { ended }
        })
        .await
        .code()
    }

    /// What the daemon has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.daemon
            .as_ref()
            .map(|daemon| daemon.log.lock().unwrap().clone())
            .unwrap_or_default()
    }

    /// The process of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().child.id()
    }

    /// Where the daemon listens, for what the proxy would hold back.
    pub(crate) fn address(&self) -> SocketAddr {
        self.daemon.as_ref().unwrap().address
    }

    /// Runs a command of tidings with this configuration.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(arguments, "").await
    }

    /// Runs a command of tidings with this configuration and this standard input.
    pub(crate) async fn command_with(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut command = tidings_by(&self.through);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .current_dir(self.site.root());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_string();
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            Output {
                code: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr: String::from_utf8(output.stderr).unwrap(),
            }
        })
        .await
        .unwrap()
    }

    /// The id of our actor `blog`.
    pub(crate) fn actor(&self) -> String {
        format!("{}/ap/actors/blog", self.origin)
    }

    /// GETs a path of ORIGIN as an ActivityPub client.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        get(&format!("{}{path}", self.origin), "application/activity+json").await
    }

    /// GETs a path of ORIGIN as a browser.
    pub(crate) async fn browse(&self, path: &str) -> Reply {
        get(
            &format!("{}{path}", self.origin),
            "text/html,application/xhtml+xml,*/*;q=0.8",
        )
        .await
    }

    /// Waits until the daemon has completed its first scan.
    pub(crate) async fn baseline(&self) {
        let file = self.data.join("site.json");
        wait_for("the baseline", || {
            let there = std::fs::read_to_string(&file).is_ok_and(|text| text.contains("baseline"));
            async move { there.then_some(()) }
        })
        .await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the daemon's log ---\n{}", self.log());
        }
        self.kill();
    }
}

/// What a command printed.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Its standard output as JSON; the command must have succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The program, run by another one if there are words for that.
fn tidings_by(through: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_tidings");
    match through {
        [] => Command::new(program),
        [first, others @ ..] => {
            let mut command = Command::new(first);
            command.args(others).arg(program);
            command
        }
    }
}

struct Daemon {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    fn command(config: &Path, environment: &[(&'static str, PathBuf)], through: &[&str]) -> Command {
        let mut command = tidings_by(through);
        command
            .args(["serve", "-v", "--config"])
            .arg(config)
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn start(config: &Path, environment: &[(&'static str, PathBuf)], through: &[&str]) -> Daemon {
        let mut child = Daemon::command(config, environment, through)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        for line in lines.by_ref() {
            let line = line.unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(found) = line.strip_prefix("listening on http://") {
                address = Some(found.parse().unwrap());
                break;
            }
        }
        let Some(address) = address else {
            panic!("the daemon did not start:\n{}", log.lock().unwrap())
        };
        let more = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                more.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Daemon { child, address, log }
    }
}

/// The proxy: `/ap` and `/.well-known` go to the daemon, the rest is files.
async fn front(listener: TcpListener, files: PathBuf, upstream: Arc<Mutex<Option<SocketAddr>>>) {
    serve(listener, move |request, _| {
        let files = files.clone();
        let upstream = *upstream.lock().unwrap();
        async move {
            let path = request.uri().path().to_string();
            if path.starts_with("/ap/") || path.starts_with("/.well-known/") {
                let Some(upstream) = upstream else {
                    return plain(StatusCode::BAD_GATEWAY, "the daemon is down");
                };
                return forward(request, upstream).await;
            }
            let accept = request.headers().get(ACCEPT);
            if accept.is_some_and(|accept| accept.as_bytes().starts_with(b"application/activity+json"))
                && let Some(upstream) = upstream
            {
                let mut request = request;
                *request.uri_mut() = format!("/ap/resolve?url={path}").parse().unwrap();
                return forward(request, upstream).await;
            }
            let mut file = files.join(path.trim_start_matches('/'));
            if path.ends_with('/') {
                file.push("index.html");
            }
            match std::fs::read(file) {
                Ok(bytes) => {
                    let mut response = Response::new(Full::new(Bytes::from(bytes)));
                    if path.ends_with('/') || path.ends_with(".html") {
                        let html = HeaderValue::from_static("text/html; charset=utf-8");
                        response.headers_mut().insert(CONTENT_TYPE, html);
                    }
                    response
                }
                Err(_) => plain(StatusCode::NOT_FOUND, "not found"),
            }
        }
    })
    .await;
}

async fn forward(request: Request<Incoming>, upstream: SocketAddr) -> Response<Full<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("http://{upstream}{path}").parse().unwrap();
    match client()
        .request(Request::from_parts(parts, Full::new(body)))
        .await
    {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            Response::from_parts(
                parts,
                Full::new(body.collect().await.map(|b| b.to_bytes()).unwrap_or_default()),
            )
        }
        Err(error) => plain(StatusCode::BAD_GATEWAY, &error.to_string()),
    }
}

// ---------------------------------------------------------------------------------------------------------------- http

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends a request as it is.
pub(crate) async fn send(method: Method, url: &str, headers: HeaderMap, body: Vec<u8>) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    *request.headers_mut() = headers;
    let answer = client().request(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// GETs a URL, following nothing.
pub(crate) async fn get(url: &str, accept: &str) -> Reply {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
    send(Method::GET, url, headers, Vec::new()).await
}

pub(crate) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            return;
        };
        tokio::spawn(converse(stream, from, answer.clone()));
    }
}

/// Serves, with TLS.
async fn serve_tls<F, A>(listener: TcpListener, tls: tokio_rustls::TlsAcceptor, answer: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            return;
        };
        let (tls, answer) = (tls.clone(), answer.clone());
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                converse(stream, from, answer).await;
            }
        });
    }
}

async fn converse<S, F, A>(stream: S, from: SocketAddr, answer: F)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>, SocketAddr) -> A + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request, from);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_string())));
    *response.status_mut() = status;
    response
}

fn document(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = plain(status, &value.to_string());
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/activity+json"),
    );
    response
}

// ---------------------------------------------------------------------------------------------------------------- peer

/// A remote server: actors at `/users/NAME` with inboxes of their own and a shared one, and whatever a test serves.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) origin: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    /// The paths that were fetched, and whether with a signature.
    gets: Vec<(String, bool)>,
    documents: HashMap<String, (u16, Value)>,
    files: HashMap<String, (&'static str, Bytes)>,
    inbox: Conduct,
    strangers: Strangers,
    key: Option<PrivateKey>,
}

/// What arrived at an inbox.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// `/inbox` or `/users/NAME/inbox`.
    pub(crate) path: String,
    /// The activity.
    pub(crate) activity: Value,
    /// The key that signed it; the signature, digest and date held.
    pub(crate) signed_by: String,
    /// By which scheme.
    pub(crate) scheme: Scheme,
}

/// What of its actors a server shows to those who don't sign.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Strangers {
    /// What it shows everybody.
    #[default]
    Everything,
    /// The key, so that they can check a signature.
    Keys,
    /// Nothing: 401.
    Nothing,
}

/// How an inbox behaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Conduct {
    /// 202.
    #[default]
    Accept,
    /// This status, with a Retry-After when there is one.
    Status(u16, Option<u32>),
    /// Never answers.
    Hang,
    /// Refuses signatures of this scheme with 401.
    RefuseScheme(Scheme),
}

/// An RSA key that all peers share: making one takes a while.
pub(crate) fn peer_key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(fresh_key)
}

/// Another RSA key.
pub(crate) fn fresh_key() -> PrivateKey {
    PrivateKey::from_pkcs8_pem(&PrivateKey::generate_rsa().unwrap()).unwrap()
}

impl Peer {
    /// Starts a remote server on an address of 127.0.0.0/8.
    pub(crate) async fn start(address: &str) -> Peer {
        let (listener, peer) = Peer::bind(address, "http").await;
        let serving = peer.clone();
        tokio::spawn(serve(listener, move |request, _| {
            let peer = serving.clone();
            async move { peer.answer(request).await }
        }));
        peer
    }

    /// Starts a remote server that speaks https, with a certificate of an authority of its own; answers the authority's
    /// certificate as PEM too.
    pub(crate) async fn start_tls(address: &str) -> (Peer, String) {
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new(vec![address.to_string()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        let (listener, peer) = Peer::bind(address, "https").await;
        let serving = peer.clone();
        tokio::spawn(serve_tls(
            listener,
            tokio_rustls::TlsAcceptor::from(Arc::new(tls)),
            move |request, _| {
                let peer = serving.clone();
                async move { peer.answer(request).await }
            },
        ));
        (peer, certificate.pem())
    }

    async fn bind(address: &str, scheme: &str) -> (TcpListener, Peer) {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let peer = Peer {
            origin: format!("{scheme}://{}", listener.local_addr().unwrap()),
            state: Arc::new(Mutex::new(State::default())),
        };
        (listener, peer)
    }

    /// The id of one of its actors.
    pub(crate) fn actor(&self, name: &str) -> String {
        format!("{}/users/{name}", self.origin)
    }

    /// An id on it.
    pub(crate) fn id(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The handle of one of its actors.
    pub(crate) fn handle(&self, name: &str) -> String {
        format!("@{name}@{}", self.origin.trim_start_matches("http://"))
    }

    /// The document of one of its actors.
    pub(crate) fn actor_document(&self, name: &str) -> Value {
        let id = self.actor(name);
        let key = self
            .state
            .lock()
            .unwrap()
            .key
            .as_ref()
            .map_or_else(|| peer_key().public_pem(), PrivateKey::public_pem);
        json!({
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": id, "type": "Person", "preferredUsername": name, "name": format!("{name} of the peer"),
            "url": format!("{}/@{name}", self.origin),
            "inbox": format!("{id}/inbox"), "outbox": format!("{id}/outbox"), "followers": format!("{id}/followers"),
            "endpoints": { "sharedInbox": format!("{}/inbox", self.origin) },
            "publicKey": { "id": format!("{id}#main-key"), "owner": id, "publicKeyPem": key },
        })
    }

    /// Serves a document, or takes it away again with a status of its own.
    pub(crate) fn serve(&self, path: &str, status: u16, document: Value) {
        self.state
            .lock()
            .unwrap()
            .documents
            .insert(path.to_string(), (status, document));
    }

    /// Serves a file.
    pub(crate) fn serve_file(&self, path: &str, media_type: &'static str, bytes: &'static [u8]) {
        self.state
            .lock()
            .unwrap()
            .files
            .insert(path.to_string(), (media_type, Bytes::from_static(bytes)));
    }

    /// Changes how its inboxes behave.
    pub(crate) fn conduct(&self, conduct: Conduct) {
        self.state.lock().unwrap().inbox = conduct;
    }

    /// Makes its actors use another key.
    pub(crate) fn rotate(&self, key: PrivateKey) {
        self.state.lock().unwrap().key = Some(key);
    }

    /// Says what those see of its actors who don't sign.
    pub(crate) fn strangers(&self, strangers: Strangers) {
        self.state.lock().unwrap().strangers = strangers;
    }

    /// All that arrived so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// How often a path was fetched so far.
    pub(crate) fn fetched(&self, path: &str) -> usize {
        self.fetches(path).len()
    }

    /// The fetches of a path so far: whether each was signed.
    pub(crate) fn fetches(&self, path: &str) -> Vec<bool> {
        let state = self.state.lock().unwrap();
        let of_path = state.gets.iter().filter(|(got, _)| got == path);
        of_path.map(|(_, signed)| *signed).collect()
    }

    /// All activities of a type that arrived so far.
    pub(crate) fn activities(&self, kind: &str) -> Vec<Value> {
        self.received()
            .into_iter()
            .map(|received| received.activity)
            .filter(|activity| activity["type"] == kind)
            .collect()
    }

    /// Waits until so many activities of a type have arrived, and answers them.
    pub(crate) async fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} {kind} at {}", self.origin), || async {
            let found = self.activities(kind);
            (found.len() >= count).then_some(found)
        })
        .await
    }

    /// Signs an activity by one of its actors and posts it; answers the status.
    pub(crate) async fn post(&self, from: &str, inbox: &str, activity: &Value) -> u16 {
        self.post_signed(from, inbox, activity, Scheme::Cavage)
            .await
            .status
    }

    /// Signs an activity by one of its actors with a scheme and posts it.
    pub(crate) async fn post_signed(
        &self,
        from: &str,
        inbox: &str,
        activity: &Value,
        scheme: Scheme,
    ) -> Reply {
        let body = serde_json::to_vec(activity).unwrap();
        let headers = self.sign("POST", from, inbox, Some(&body), scheme);
        send(Method::POST, inbox, headers, body).await
    }

    /// The headers of a signed request by one of its actors.
    pub(crate) fn sign(
        &self,
        method: &str,
        from: &str,
        url: &str,
        body: Option<&[u8]>,
        scheme: Scheme,
    ) -> HeaderMap {
        let url = url.parse().unwrap();
        let content_type = body.map(|_| "application/activity+json");
        let request = sig::Outgoing {
            method,
            url: &url,
            body,
            content_type,
        };
        let key_id = format!("{}#main-key", self.actor(from));
        let state = self.state.lock().unwrap();
        let key = state.key.as_ref().unwrap_or_else(|| peer_key());
        sig::sign(scheme, &request, key, &key_id, Timestamp::now()).unwrap()
    }

    /// A signed GET by one of its actors.
    pub(crate) async fn signed_get(&self, from: &str, url: &str) -> Reply {
        let mut headers = self.sign("GET", from, url, None, Scheme::Cavage);
        headers.insert(ACCEPT, HeaderValue::from_static("application/activity+json"));
        send(Method::GET, url, headers, Vec::new()).await
    }

    /// One of its actors follows our actor and is accepted.
    pub(crate) async fn follow(&self, world: &World, name: &str) -> Value {
        let before = self.activities("Accept").len();
        let follow = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{}/follows/{name}-{before}", self.origin), "type": "Follow",
            "actor": self.actor(name), "object": world.actor(),
        });
        assert_eq!(
            self.post(name, &format!("{}/inbox", world.actor()), &follow)
                .await,
            202
        );
        self.wait_for("Accept", before + 1).await;
        follow
    }

    /// A public Create of a Note that answers one of our objects.
    pub(crate) fn reply(&self, name: &str, number: u32, in_reply_to: &str, content: &str) -> Value {
        let note = self.id(&format!("/notes/{number}"));
        let actor = self.actor(name);
        json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": format!("{note}/create"), "type": "Create", "actor": actor,
            "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [],
            "published": "2026-11-20T12:00:00Z",
            "object": {
                "id": note, "type": "Note", "attributedTo": actor, "inReplyTo": in_reply_to, "content": content,
                "url": note, "published": "2026-11-20T12:00:00Z",
                "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": [],
            },
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_string();
        if request.method() == Method::POST {
            return self.take(request, &path).await;
        }
        let query = request.uri().query().unwrap_or_default().to_string();
        let signed = request.headers().contains_key("signature");
        let mut state = self.state.lock().unwrap();
        state.gets.push((path.clone(), signed));
        if let Some((status, value)) = state.documents.get(&path) {
            return document(StatusCode::from_u16(*status).unwrap(), value);
        }
        if let Some((media_type, bytes)) = state.files.get(&path) {
            let mut response = Response::new(Full::new(bytes.clone()));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            return response;
        }
        let strangers = match signed {
            true => Strangers::Everything,
            false => state.strangers,
        };
        drop(state);
        if path == "/.well-known/webfinger" {
            let name = query
                .split("acct%3A")
                .nth(1)
                .or_else(|| query.split("acct:").nth(1))
                .unwrap_or_default();
            let name = name.split(['@', '%']).next().unwrap_or_default();
            return document(
                StatusCode::OK,
                &json!({ "subject": format!("acct:{}", &self.handle(name)[1..]),
                    "links": [{ "rel": "self", "type": "application/activity+json", "href": self.actor(name) }] }),
            );
        }
        match path.strip_prefix("/users/") {
            Some(_) if strangers == Strangers::Nothing => {
                plain(StatusCode::UNAUTHORIZED, "sign your request")
            }
            Some(name) if !name.contains('/') => {
                let mut actor = self.actor_document(name);
                if strangers == Strangers::Keys {
                    let kept = ["@context", "id", "type", "publicKey"];
                    let fields = actor.as_object_mut().unwrap();
                    fields.retain(|name, _| kept.contains(&name.as_str()));
                }
                document(StatusCode::OK, &actor)
            }
            _ => plain(StatusCode::NOT_FOUND, "not found"),
        }
    }

    async fn take(&self, request: Request<Incoming>, path: &str) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let target = format!("{}{path}", self.origin);
        let message = Message {
            method: "POST",
            target_uri: &target,
            headers: &parts.headers,
            body: Some(&body),
        };
        let checked = self.check(&message).await;
        let conduct = self.state.lock().unwrap().inbox.clone();
        match (conduct, checked) {
            (_, Err(reason)) => plain(StatusCode::UNAUTHORIZED, &reason),
            (Conduct::RefuseScheme(refused), Ok((_, scheme))) if refused == scheme => {
                plain(StatusCode::UNAUTHORIZED, "not this scheme")
            }
            (Conduct::Hang, _) => std::future::pending().await,
            (Conduct::Status(status, retry_after), _) => {
                let mut answer = plain(StatusCode::from_u16(status).unwrap(), "as the test wants it");
                if let Some(seconds) = retry_after {
                    answer
                        .headers_mut()
                        .insert("retry-after", HeaderValue::from(seconds));
                }
                answer
            }
            (_, Ok((signed_by, scheme))) => {
                let activity = serde_json::from_slice(&body).unwrap_or(Value::Null);
                self.state.lock().unwrap().received.push(Received {
                    path: path.to_string(),
                    activity,
                    signed_by,
                    scheme,
                });
                plain(StatusCode::ACCEPTED, "")
            }
        }
    }

    /// Checks a signature as another server would: fetches the key from where its id says.
    async fn check(&self, message: &Message<'_>) -> Result<(String, Scheme), String> {
        let claims = sig::read(message).map_err(|error| error.to_string())?;
        let claim = claims.first().ok_or("no signature")?;
        let actor = get(
            claim.key_id().split('#').next().unwrap_or_default(),
            "application/activity+json",
        )
        .await;
        // The daemon may have been killed meanwhile.
        let actor: Value = serde_json::from_slice(&actor.body).map_err(|error| error.to_string())?;
        let pem = actor["publicKey"]["publicKeyPem"].as_str().ok_or("no key")?;
        let key = PublicKey::from_pem(pem).map_err(|error| error.to_string())?;
        claim
            .verify(message, &key, Timestamp::now())
            .map_err(|error| error.to_string())?;
        Ok((claim.key_id().to_string(), claim.scheme()))
    }
}
