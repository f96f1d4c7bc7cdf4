//! The playground stands in for the proxy and for the rest of the world.
//!
//! On one port it serves the example's pages and passes `/ap` and `/.well-known` on to tidings, as nginx would
//! ([`site`]). On another it plays a remote server with a few people, who follow the blog and like, boost and
//! answer what it says ([`people`], [`inbox`], [`deeds`], [`remote`]). Each activity that arrives is printed.
//!
//! ```text
//! cargo run --release -- serve        # in one terminal
//! cargo run --example playground      # in another
//! ```
//!
//! It refuses every address but loopback: nothing here is fit for the open network.

mod deeds;
mod inbox;
mod people;
mod print;
mod remote;
mod site;
mod web;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tidings::sig::Scheme;
use tokio::net::TcpListener;

use crate::people::{Life, World};
use crate::site::Site;
use crate::web::Client;

/// Serves the example site in place of a proxy, and plays a remote server with a few people on it.
///
/// Start `tidings serve` beside it and open the two addresses that it prints.
#[derive(Parser)]
#[command(name = "playground")]
struct Arguments {
    /// Where readers find the site; must be the url of ap.toml. Port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the people live. Port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.2:8081")]
    people: SocketAddr,
    /// Where tidings listens.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8790")]
    tidings: SocketAddr,
    /// The folder with the built site.
    #[arg(long, value_name = "DIR", default_value = "site-example/public")]
    site: PathBuf,
    /// The name of the actor to follow.
    #[arg(long, value_name = "NAME", default_value = "hanne")]
    account: String,
    /// How the people's server signs what it sends.
    #[arg(long, value_enum, default_value = "cavage")]
    signatures: Signatures,
    /// The people do nothing by themselves: everything by the buttons on their page.
    #[arg(long)]
    by_hand: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Signatures {
    /// draft-cavage-http-signatures, as most servers do
    Cavage,
    /// RFC 9421
    Rfc9421,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Runtime::new()
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    for address in [arguments.listen, arguments.people, arguments.tidings] {
        if !address.ip().is_loopback() {
            bail!("{address} is not a loopback address; the playground stays on this machine");
        }
    }
    if !arguments.site.is_dir() {
        bail!(
            "{} is not a folder; run this in the repository, or name the built site with --site",
            arguments.site.display()
        );
    }
    let site_listener = bind(arguments.listen).await?;
    let people_listener = match bind(arguments.people).await {
        Ok(listener) => listener,
        // Linux answers on the whole of 127.0.0.0/8, macOS and the BSDs on 127.0.0.1 only.
        Err(_) if arguments.people.ip() != arguments.listen.ip() => {
            bind(SocketAddr::new(arguments.listen.ip(), arguments.people.port())).await?
        }
        Err(error) => return Err(error),
    };
    let site_address = site_listener.local_addr()?;
    let people_address = people_listener.local_addr()?;

    let client = Client::new();
    let site = Arc::new(Site::new(
        arguments.site.clone(),
        arguments.tidings,
        client.clone(),
    ));
    let scheme = match arguments.signatures {
        Signatures::Cavage => Scheme::Cavage,
        Signatures::Rfc9421 => Scheme::Rfc9421,
    };
    let blog = format!("{}@{site_address}", arguments.account);
    let life = if arguments.by_hand {
        Life::ByHand
    } else {
        Life::Lively
    };
    let world = tokio::task::spawn_blocking(move || World::new(people_address, blog, scheme, client, life))
        .await
        .context("making the people's keys")??;
    let world = Arc::new(world);

    println!(
        "the blog     http://{site_address}/          (pages of {})",
        arguments.site.display()
    );
    println!("the people   http://{people_address}/          (what they see, and buttons for what they do)");
    println!("tidings      expected at {}\n", arguments.tidings);

    let site_task = serve(site_listener, move |request, peer| {
        let site = Arc::clone(&site);
        async move { site.answer(request, peer).await }
    });
    let remote = Arc::clone(&world);
    let people_task = serve(people_listener, move |request, _| {
        let world = Arc::clone(&remote);
        async move { remote::answer(&world, request).await }
    });
    let lives = async {
        if world.lively() {
            deeds::arrive(&world).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = site_task => outcome,
        outcome = people_task => outcome,
        () = lives => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))
}

/// Accepts connections for ever; a connection that breaks concerns nobody else.
async fn serve<F, A>(listener: TcpListener, answer: F) -> Result<()>
where
    F: Fn(hyper::Request<hyper::body::Incoming>, SocketAddr) -> A + Clone + Send + 'static,
    A: Future<Output = web::Response> + Send + 'static,
{
    loop {
        let (stream, peer) = listener.accept().await.context("accepting a connection")?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = answer(request, peer);
                async move { Ok::<_, Infallible>(response.await) }
            });
            // An error here is a browser that went away.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
