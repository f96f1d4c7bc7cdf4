//! What can be checked on this machine alone.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use serde_json::Value;

use super::Report;
use crate::config::{Config, is_private};
use crate::keys::Keys;
use crate::store::Disk;

/// How long the system may take to look a name up, or to connect to itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The output folder.
pub(super) fn output(config: &Config, report: &mut Report<'_>) {
    let folder = &config.site.output;
    match std::fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                report.ok("output folder", folder.display().to_string());
            } else {
                report.warn(
                    "output folder",
                    format!("{} is empty", folder.display()),
                    "run the site's generator",
                );
            }
        }
        Err(error) => report.fail(
            "output folder",
            format!("{}: {error}", folder.display()),
            "run the site's generator, or correct site.output",
        ),
    }
}

/// The data directory.
pub(super) fn data(config: &Config, report: &mut Report<'_>) {
    let folder = &config.site.data;
    let found = match std::fs::metadata(folder) {
        Ok(found) => found,
        Err(error) => {
            report.warn(
                "data directory",
                format!("{}: {error}", folder.display()),
                "the daemon makes it at its first start",
            );
            return;
        }
    };
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        report.fail(
            "data directory",
            format!(
                "{} belongs to user {}, this is user {user}",
                folder.display(),
                found.uid()
            ),
            format!(
                "run doctor as its owner: sudo -u '#{}' tidings doctor",
                found.uid()
            ),
        );
    } else if found.permissions().mode() & 0o200 == 0 {
        report.fail(
            "data directory",
            format!("{} can't be written", folder.display()),
            "run chmod u+w on it",
        );
    } else {
        report.ok("data directory", folder.display().to_string());
    }
}

/// The keys; only ones that were made before, for doctor changes nothing.
pub(super) fn keys(config: &Config, report: &mut Report<'_>) {
    let disk = Disk::new(&config.site.data);
    if !disk.path("keys").exists() {
        report.warn(
            "keys",
            "there are none yet",
            "the daemon makes them at its first start",
        );
        return;
    }
    let keys = Keys::new(&disk);
    let mut count = 0;
    let made = |folder: &str| config.site.data.join(folder).exists();
    let mut results = vec![keys.instance().map(drop)];
    for actor in &config.actors {
        if made(&format!("actors/{}", actor.name)) {
            results.push(keys.of(&actor.name).map(drop));
        }
    }
    for result in results {
        match result {
            Ok(()) => count += 1,
            Err(error) => report.fail(
                "keys",
                error.to_string(),
                "without its key the account can't speak",
            ),
        }
    }
    if count > 0 {
        report.ok("keys", format!("{count} are there, readable by their owner only"));
    }
}

/// Where the daemon listens.
pub(super) async fn address(status: &Value, report: &mut Report<'_>) {
    let address = status["address"].as_str().unwrap_or_default().to_string();
    let connected = if let Some(path) = address.strip_prefix("unix:") {
        let connecting = tokio::net::UnixStream::connect(path);
        tokio::time::timeout(PATIENCE, connecting)
            .await
            .map(|done| done.map(drop))
    } else {
        let connecting = tokio::net::TcpStream::connect(address.trim_start_matches("http://").to_string());
        tokio::time::timeout(PATIENCE, connecting)
            .await
            .map(|done| done.map(drop))
    };
    match connected {
        Ok(Ok(())) => report.ok("listening", address),
        Ok(Err(error)) => report.fail("listening", format!("{address}: {error}"), "restart the daemon"),
        Err(_) => report.fail(
            "listening",
            format!("{address} doesn't answer"),
            "restart the daemon",
        ),
    }
}

/// What the names of the site and of the handles stand for.
pub(super) async fn names(config: &Config, report: &mut Report<'_>) {
    let origin = &config.site.url;
    let site = origin.host_str().unwrap_or_default();
    let handles = config.federation.handle_domain.as_str();
    name(
        site,
        origin.port_or_known_default().unwrap_or(443),
        is_private(origin),
        report,
    )
    .await;
    if handles.split(':').next() != Some(site) && !handles.starts_with('[') {
        let bare = handles.split(':').next().unwrap_or(handles);
        name(bare, 443, is_private(origin), report).await;
    }
}

async fn name(host: &str, port: u16, private: bool, report: &mut Report<'_>) {
    let bare = host.trim_matches(['[', ']']);
    let looked_up = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((bare, port))).await;
    let hint = format!("set the DNS records of {host} (A and AAAA)");
    match looked_up {
        Ok(Ok(found)) => {
            let addresses: Vec<std::net::IpAddr> = found.map(|address| address.ip()).collect();
            let listed = addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            if addresses.is_empty() {
                report.fail("DNS", format!("{host} has no address"), hint);
            } else if !private
                && !addresses
                    .iter()
                    .any(|address| crate::net::guard::is_public(*address))
            {
                report.warn(
                    "DNS",
                    format!("{host} is {listed} here, which others can't reach"),
                    "fine if others are told another address; other servers need a public one",
                );
            } else {
                report.ok("DNS", format!("{host} is {listed}"));
            }
        }
        Ok(Err(error)) => report.fail("DNS", format!("{host}: {error}"), hint),
        Err(_) => report.fail("DNS", format!("{host}: no answer in {PATIENCE:?}"), hint),
    }
}
