//! Two thousand servers in one process of their own, so that what they take of the processors isn't taken for ours.
//!
//! Each address of 127.1.0.0/16 is a server, with http on one port and https on another. The bench tells the process on
//! its standard input how many servers shall have something, and gets a line back when they have.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::request::is_whole;

/// What the bench starts itself with to be them.
const ARGUMENT: &str = "--be-the-servers";
/// How long the servers wait for what they were told to expect.
const PATIENCE: Duration = Duration::from_secs(300);
/// What each of them answers.
const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

/// The servers, seen from the bench; they end when this is dropped.
pub(crate) struct Servers {
    child: Child,
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    http: u16,
    https: u16,
    /// The certificate of who vouches for them.
    pub(crate) authority: PathBuf,
}

/// How they are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Plain,
    Tls,
}

impl Servers {
    /// Starts them; the certificate is written into `place`.
    pub(crate) fn start(place: &Path) -> io::Result<Servers> {
        let authority = place.join("authority.pem");
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .arg(&authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take();
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut servers = Servers {
            child,
            orders,
            replies: BufReader::new(out),
            http: 0,
            https: 0,
            authority,
        };
        let ports = servers.reply()?;
        let (http, https) = ports.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        servers.http = http.parse().map_err(io::Error::other)?;
        servers.https = https.parse().map_err(io::Error::other)?;
        Ok(servers)
    }

    /// Where one of them is found.
    pub(crate) fn origin(&self, number: usize, speech: Speech) -> String {
        let [.., high, low] = number.to_be_bytes();
        match speech {
            Speech::Plain => format!("http://127.1.{high}.{low}:{}", self.http),
            Speech::Tls => format!("https://127.1.{high}.{low}:{}", self.https),
        }
    }

    /// Lets `act` send something, and waits until so many servers have got it.
    pub(crate) fn expect(&mut self, count: usize, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let orders = self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{count}")?;
        self.reply()?;
        act()?;
        match self.reply()?.as_str() {
            "all" => Ok(()),
            other => Err(io::Error::other(format!(
                "{other} of {count} servers got it in {PATIENCE:?}"
            ))),
        }
    }

    fn reply(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line)?;
        match line.trim() {
            "" => Err(io::Error::other("the servers ended")),
            line => Ok(line.to_string()),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.orders.take();
        let _ = self.child.wait();
    }
}

/// Is the servers, if that is what this process was started for.
pub(crate) fn be() -> Option<io::Result<()>> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == ARGUMENT).then(|| {
        let authority = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let got = runtime.block_on(listen(Path::new(&authority)))?;
        for order in io::stdin().lines() {
            let count = order?.trim().parse().map_err(io::Error::other)?;
            got.lock().clear();
            println!("ready");
            let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, got.by(count)).await });
            match waited {
                Ok(()) => println!("all"),
                Err(_) => println!("{}", got.lock().len()),
            }
        }
        Ok(())
    })
}

/// Which servers have something, since they were last told to expect it.
#[derive(Default)]
struct Got {
    servers: Mutex<HashSet<IpAddr>>,
    more: Notify,
}

/// Opens the ports and says which; they are served as long as the process runs.
async fn listen(authority: &Path) -> io::Result<Arc<Got>> {
    let (certificates, pem) = Certificates::new().map_err(io::Error::other)?;
    std::fs::write(authority, pem)?;
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let (http, https) = (
        TcpListener::bind(everywhere).await?,
        TcpListener::bind(everywhere).await?,
    );
    println!("{} {}", http.local_addr()?.port(), https.local_addr()?.port());
    let got = Arc::new(Got::default());
    let (plainly, secretly) = (Arc::clone(&got), Arc::clone(&got));
    tokio::spawn(async move {
        while let Ok((stream, _)) = http.accept().await {
            let got = Arc::clone(&plainly);
            if let Ok(own) = stream.local_addr() {
                tokio::spawn(converse(stream, own.ip(), got));
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = https.accept().await {
            let got = Arc::clone(&secretly);
            let Ok(own) = stream.local_addr() else { continue };
            let Ok(acceptor) = certificates.of(own.ip()) else {
                continue;
            };
            tokio::spawn(async move {
                if let Ok(stream) = accept(acceptor, stream).await {
                    converse(stream, own.ip(), got).await;
                }
            });
        }
    });
    Ok(got)
}

impl Got {
    /// Waits until so many servers have something.
    async fn by(&self, count: usize) {
        while self.lock().len() < count {
            self.more.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<IpAddr>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(
    acceptor: TlsAcceptor,
    stream: TcpStream,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    acceptor.accept(stream).await
}

/// Answers whatever is asked on a connection, and notes who was asked.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, own: IpAddr, got: Arc<Got>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        while !is_whole(&bytes) {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        let is_post = bytes.starts_with(b"POST ");
        bytes.clear();
        if is_post {
            got.lock().insert(own);
            got.more.notify_one();
        }
        if stream.write_all(ANSWER).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Makes each server a certificate of its own, as they have out there: ECDSA, by one authority.
struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
    made: Mutex<HashMap<IpAddr, TlsAcceptor>>,
}

impl Certificates {
    /// And the authority's own certificate, in PEM.
    fn new() -> Result<(Certificates, String), rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = authority.self_signed(&key)?.pem();
        let certificates = Certificates {
            issuer: Issuer::new(authority, key),
            key: KeyPair::generate()?,
            made: Mutex::default(),
        };
        Ok((certificates, pem))
    }

    fn of(&self, server: IpAddr) -> io::Result<TlsAcceptor> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(acceptor) = made.get(&server) {
            return Ok(acceptor.clone());
        }
        let own = CertificateParams::new(vec![server.to_string()]).map_err(io::Error::other)?;
        let certificate = own.signed_by(&self.key, &self.issuer).map_err(io::Error::other)?;
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        made.insert(server, acceptor.clone());
        Ok(acceptor)
    }
}
