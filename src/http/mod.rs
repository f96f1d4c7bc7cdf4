//! The web face: accepts connections, and gives each request to the handler of its route.
//!
//! [`route`] is the whole table. The handlers translate only: what is true stands in the store, what a document looks like in
//! [`crate::ap`]. Everything here is limited, because anybody may connect.

mod actor;
mod compress;
mod crowd;
mod discovery;
mod documents;
mod gate;
mod inbox;
mod listing;
mod negotiate;
mod note;
mod object;
mod pace;
mod peer;
mod request;
mod respond;
mod route;
mod widget;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use self::crowd::{Crowd, Guest};
use self::documents::Documents;
use self::pace::{Paced, WRITE_TIMEOUT};
use self::peer::Peer;
use crate::instance::Instance;

/// Most connections at once; further ones wait in the system's queue. Each may hold a file and some 30 KiB.
const MAX_CONNECTIONS: usize = 4_096;

/// Largest head of a request in bytes. Signatures take 2 KiB at most; nginx passes on 32 KiB by default.
const MAX_HEAD: usize = 32 * 1024;

/// Most header fields of a request.
const MAX_HEADERS: usize = 100;

/// How long the head of a request may take, and how long a connection may lie idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long requests that are under way may take to end when we stop; deliveries to us are repeated by their senders.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// How long we wait when a connection can't be accepted, usually because no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// Serves until `shutdown` says stop; then accepts nothing more and lets what is under way end.
pub async fn serve(instance: Arc<Instance>, listener: Listener, mut shutdown: watch::Receiver<bool>) {
    let server = Server {
        instance,
        graceful: GracefulShutdown::new(),
        documents: Arc::new(Documents::new()),
        crowd: Arc::new(Crowd::default()),
        places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };
    let mut connections = JoinSet::new();
    {
        let mut stop = pin!(shutdown.wait_for(|stop| *stop));
        loop {
            let accepted = tokio::select! {
                accepted = server.accept(&listener, &mut connections) => accepted,
                _ = &mut stop => break,
            };
            if let Err(error) = accepted {
                tracing::warn!("a connection can't be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            while connections.try_join_next().is_some() {}
        }
    }
    drop(listener);
    // They would never end by themselves.
    server.instance.streams.close();
    if tokio::time::timeout(LAST_REQUESTS, server.graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests that took longer than {LAST_REQUESTS:?} were cut off");
    }
    connections.shutdown().await;
}

/// Either kind of socket. Both go through the same code, which is in the program once.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

struct Server {
    instance: Arc<Instance>,
    documents: Arc<Documents>,
    graceful: GracefulShutdown,
    crowd: Arc<Crowd>,
    places: Arc<Semaphore>,
}

impl Server {
    /// Waits for room, then for a connection, and starts serving it.
    async fn accept(&self, listener: &Listener, connections: &mut JoinSet<()>) -> io::Result<()> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        match listener {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                let address = address.ip().to_canonical();
                // All readers come from the proxy's address, so it alone may open as many as there is room for.
                let trusted = self.instance.config().server.trusted_proxies.contains(address);
                let guest = match trusted {
                    true => None,
                    false => match self.crowd.enter(address) {
                        Some(guest) => Some(guest),
                        None => return Ok(()),
                    },
                };
                // Answers are written at once and whole; waiting for more would only delay them.
                stream.set_nodelay(true)?;
                self.spawn(
                    connections,
                    Box::new(stream),
                    Peer::Address(address),
                    (place, guest),
                );
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                self.spawn(connections, Box::new(stream), Peer::Unix, (place, None));
            }
        }
        Ok(())
    }

    /// Serves a connection in a task of its own; what it `holds` is given back at its end.
    fn spawn(
        &self,
        connections: &mut JoinSet<()>,
        stream: Box<dyn Stream>,
        peer: Peer,
        holds: (OwnedSemaphorePermit, Option<Guest>),
    ) {
        let instance = Arc::clone(&self.instance);
        let documents = Arc::clone(&self.documents);
        let service = service_fn(move |request| {
            let (instance, documents) = (Arc::clone(&instance), Arc::clone(&documents));
            async move { Ok::<_, Infallible>(route::answer(&instance, &documents, peer, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(Paced::new(stream, WRITE_TIMEOUT)), service);
        let connection = self.graceful.watch(connection);
        connections.spawn(async move {
            let _holds = holds;
            if let Err(error) = connection.await {
                tracing::debug!("a connection broke: {error}");
            }
        });
    }
}
