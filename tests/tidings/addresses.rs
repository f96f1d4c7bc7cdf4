//! No address that isn't public is ever contacted, tried with a server that is public: it lives in a network namespace of
//! its own, where a public address leads to this machine, and it redirects and is looked up as strangers like it.

mod kinds; // every reason for which something is contacted

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::HeaderMap;
use tidings::net::{Client, LookUp, NetError, Resolver, Reuse, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// A public address, which in the namespace is this machine's.
const PUBLIC: &str = "93.184.215.14";
/// Where the certificates lie, for the part of the test inside.
const INSIDE: &str = "TIDINGS_TEST_INSIDE";

#[test]
fn no_redirect_and_no_name_leads_from_a_public_server_to_a_private_address() {
    let folder = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let trusted = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    // Private names too: were they contacted, the certificate would be no obstacle.
    let names = [
        "social", "inner", "mapped", "nat64", "tunnel", "teredo", "mixed", "rebind",
    ]
    .map(|name| format!("{name}.example"))
    .into_iter()
    .chain([PUBLIC, "127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"].map(String::from));
    let own = rcgen::CertificateParams::new(names.collect::<Vec<String>>())
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    std::fs::write(folder.path().join("trusted.pem"), trusted.pem()).unwrap();
    std::fs::write(folder.path().join("own.der"), own.der()).unwrap();
    std::fs::write(folder.path().join("key.der"), key.serialize_der()).unwrap();
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let script = format!(
        "ip link set lo up && for a in {PUBLIC} 10.0.0.1 169.254.169.254; do ip addr add $a/32 dev lo; done && \
         echo ready && exec \"$0\" \"$@\""
    );
    let done = unshare
        .args(["--net", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "addresses::inside", "--ignored", "--nocapture"])
        .env(INSIDE, folder.path())
        .env("SSL_CERT_FILE", folder.path().join("trusted.pem"))
        .output();
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            println!("skipped: no network of its own can be had: unshare: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    if !text.contains("ready\n") {
        println!("skipped: no network of its own can be had here: {}", text.trim());
        return;
    }
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
}

/// Names and where they lead; of several addresses the first look-up gets the first, and so on.
struct Names(Mutex<HashMap<&'static str, Vec<&'static str>>>);

impl LookUp for Names {
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let addresses = names.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        let next = if addresses.len() > 1 {
            addresses.remove(0)
        } else {
            addresses[0]
        };
        Ok(next.split(' ').map(|address| address.parse().unwrap()).collect())
    }
}

/// Serves on an address: what stands behind `/to/` is where it redirects. Counts who comes.
async fn serve(address: &str, port: u16, tls: TlsAcceptor) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((address, port)).await.unwrap();
    let guests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&guests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let tls = tls.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = tls.accept(stream).await else {
                    return;
                };
                let mut request = vec![0; 8192];
                let Ok(count) = stream.read(&mut request).await else {
                    return;
                };
                let text = String::from_utf8_lossy(&request[..count]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/");
                let answer = match path.strip_prefix("/to/") {
                    Some(target) => {
                        format!("HTTP/1.1 302 x\r\nlocation: {target}\r\nconnection: close\r\n\r\n")
                    }
                    None => "HTTP/1.1 200 x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_string(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    guests
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a network of its own: see the test above"]
async fn inside() {
    let folder = PathBuf::from(std::env::var_os(INSIDE).expect("only the test above runs this"));
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let tls =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![read("own.der").into()], read("key.der").try_into().unwrap())
            .unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    let public = serve(PUBLIC, 443, tls.clone()).await;
    let mut private = Vec::new();
    for (address, port) in [
        ("127.0.0.1", 443),
        ("127.0.0.1", 80),
        ("127.0.0.1", 6379),
        ("127.0.0.1", 8443),
        ("::1", 443),
        ("10.0.0.1", 443),
        ("169.254.169.254", 443),
        ("169.254.169.254", 80),
        (PUBLIC, 6379),
        (PUBLIC, 25),
    ] {
        private.push((address, port, serve(address, port, tls.clone()).await));
    }
    let names = HashMap::from([
        ("social.example", vec![PUBLIC]),
        ("inner.example", vec!["127.0.0.1"]),
        ("mapped.example", vec!["::ffff:127.0.0.1"]),
        ("nat64.example", vec!["64:ff9b::7f00:1"]),
        ("tunnel.example", vec!["2002:7f00:1::1"]),
        ("teredo.example", vec!["2001:0:7f00:1::1"]),
        // One address that may be contacted, among some that may not.
        ("mixed.example", vec!["127.0.0.1 10.0.0.1 93.184.215.14 ::1"]),
        // Public at the first look-up, private ever after.
        ("rebind.example", vec![PUBLIC, "127.0.0.1"]),
    ]);
    let client = Client::new(Settings {
        allow_private: false,
        user_agent: "tidings/test".into(),
        resolver: Resolver::Custom(Arc::new(Names(Mutex::new(names)))),
    })
    .unwrap();
    let unsigned = |_: &Url| Ok::<_, NetError>(HeaderMap::new());
    let get = async |url: &str| client.get(&url.parse().unwrap(), "*/*", 1000, unsigned).await;
    for url in [
        "https://social.example/",
        "https://93.184.215.14/",
        "https://mixed.example/",
        "https://social.example/to/https://mixed.example/",
        "https://rebind.example/",
    ] {
        assert_eq!(
            get(url)
                .await
                .unwrap_or_else(|error| panic!("{url}: {error}"))
                .body,
            "ok",
            "{url}"
        );
    }
    let reached = public.load(Ordering::SeqCst);
    assert_eq!(reached, 6, "the public server is reached");
    let mut refused = 0;
    for target in [
        "https://127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://10.0.0.1/",
        "https://0x0a000001/",
        "https://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "//127.0.0.1/",
        "https://inner.example/",
        "https://mapped.example/",
        "https://nat64.example/",
        "https://tunnel.example/",
        "https://teredo.example/",
        "https://rebind.example/",
        "https://social.example:6379/",
        "https://social.example:25/",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "file:///etc/passwd",
    ] {
        let by_redirect = get(&format!("https://social.example/to/{target}")).await;
        let fits = |error: &NetError| {
            matches!(
                error,
                NetError::Refused { .. } | NetError::Connect { .. } | NetError::Redirect { .. }
            )
        };
        assert!(by_redirect.as_ref().is_err_and(fits), "{target}: {by_redirect:?}");
        refused += 1;
        let Ok(url) = target.parse::<Url>() else { continue };
        let answer = client
            .post(&url, HeaderMap::new(), bytes::Bytes::new(), Reuse::Close)
            .await;
        assert!(answer.as_ref().is_err_and(fits), "{target}: {answer:?}");
        refused += 1;
    }
    assert_eq!(
        public.load(Ordering::SeqCst),
        reached + 25,
        "each redirect was asked for"
    );
    for (address, port, guests) in &private {
        assert_eq!(guests.load(Ordering::SeqCst), 0, "{address}:{port} was contacted");
    }
    println!("{refused} ways to private addresses and other protocols, none of them taken");
}
