//! Connecting: names are looked up, every address passes the guard, and only an address that passed is connected to.
//!
//! There is no second look-up between the check and the connection, so a name that changes its address in between
//! (DNS rebinding) gains nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::guard::{Reach, Refusal};
use crate::aside;

/// Longest time from nothing to an open connection: look-up, TCP and TLS together (the contract's 10 s).
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Most names looked up at once: each takes a thread of the blocking pool while the system's resolver waits.
const LOOK_UPS: usize = 64;

/// Most addresses of one name that are tried; a name of a stranger must not make us knock at a thousand doors.
const ADDRESSES: usize = 8;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Turns names into addresses: the system's resolver, or one of a test.
#[derive(Clone)]
pub enum Resolver {
    /// The system's.
    System,
    /// Another one.
    Custom(Arc<dyn LookUp>),
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resolver::System => "System",
            Resolver::Custom(_) => "Custom",
        })
    }
}

/// A resolver other than the system's. Called on a thread that may block.
pub trait LookUp: Send + Sync {
    /// The addresses of a name.
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver with the guard behind it.
#[derive(Clone, Debug)]
pub(super) struct GuardedResolver {
    resolver: Resolver,
    reach: Reach,
    slots: Arc<Semaphore>,
}

impl GuardedResolver {
    pub(super) fn new(resolver: Resolver, reach: Reach) -> GuardedResolver {
        GuardedResolver {
            resolver,
            reach,
            slots: Arc::new(Semaphore::new(LOOK_UPS)),
        }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let GuardedResolver {
            resolver,
            reach,
            slots,
        } = self.clone();
        Box::pin(async move {
            // The permit goes along into the thread: a look-up whose caller has given up still takes one.
            let slot = slots
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let found = aside::run(move || {
                let _slot = slot;
                resolver.addresses(name.as_str())
            })
            .await
            .map_err(io::Error::other)??;
            public_only(found, reach).map(Vec::into_iter)
        })
    }
}

impl Resolver {
    fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Resolver::System => Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()),
            Resolver::Custom(resolver) => resolver.look_up(name),
        }
    }
}

/// Leaves out what isn't public; an error when nothing is left. The connector puts the port in.
fn public_only(found: Vec<IpAddr>, reach: Reach) -> io::Result<Vec<SocketAddr>> {
    let mut refused = None;
    let mut addresses = Vec::new();
    for address in found {
        match reach.check_address(address) {
            Ok(()) if addresses.len() < ADDRESSES => addresses.push(SocketAddr::new(address, 0)),
            Ok(()) => {}
            Err(refusal) => refused = Some(refusal),
        }
    }
    match (addresses.is_empty(), refused) {
        (false, _) => Ok(addresses),
        (true, Some(refusal)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, refusal)),
        (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
    }
}

/// Opens connections: guarded, and never longer than [`CONNECT_TIME`].
#[derive(Clone, Debug)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<GuardedResolver>>,
    reach: Reach,
}

impl Connector {
    pub(super) fn new(resolver: GuardedResolver, tls: rustls::ClientConfig) -> Connector {
        let reach = resolver.reach;
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls);
        let builder = match reach {
            Reach::Public => builder.https_only(),
            Reach::Anywhere => builder.https_or_http(),
        };
        Connector {
            inner: builder.enable_http1().wrap_connector(tcp),
            reach,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector<GuardedResolver>> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = BoxFuture<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // hyper-util doesn't ask the resolver about a host that is an address.
        if let Some(address) = literal(&uri)
            && let Err(refusal) = self.reach.check_address(address)
        {
            return Box::pin(async move { Err(refusal.into()) });
        }
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            tokio::time::timeout(CONNECT_TIME, connecting)
                .await
                .map_err(|_| {
                    BoxError::from(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "connecting took too long",
                    ))
                })?
        })
    }
}

fn literal(uri: &Uri) -> Option<IpAddr> {
    uri.host()?
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// The refusal at the bottom of an error, if there is one.
pub(super) fn refusal_in(error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(*refusal);
        }
        if let Some(io) = error.downcast_ref::<io::Error>()
            && let Some(inner) = io.get_ref()
            && let Some(refusal) = inner.downcast_ref::<Refusal>()
        {
            return Some(*refusal);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_addresses_of_a_name_the_first_public_ones_are_tried() {
        let public = |last: u8| IpAddr::from([93, 184, 215, last]);
        let private = IpAddr::from([10, 0, 0, 1]);
        let many: Vec<IpAddr> = (0..100).flat_map(|last| [private, public(last)]).collect();
        let tried = public_only(many, Reach::Public).unwrap();
        let expected: Vec<IpAddr> = (0..8).map(public).collect();
        assert_eq!(tried.iter().map(SocketAddr::ip).collect::<Vec<_>>(), expected);
        let refused = public_only(vec![private; 100], Reach::Public).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
