//! SIGHUP: the configuration is read again.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::control::Engine;

/// Reads the configuration again. A wrong one changes nothing; what only a restart can change is named.
pub(super) fn reload(engine: &Arc<Engine>, file: &Path) {
    tracing::info!("reading {} again", file.display());
    let mut new = match Config::read(file) {
        Ok(new) => new,
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            tracing::error!("the configuration stays as it was");
            return;
        }
    };
    let old = engine.instance.config();
    for key in keep_fixed(&mut new, &old) {
        tracing::warn!("{key} changes with the next restart only");
    }
    if new.runs_commands() && engine.instance.place.has_nobody() {
        tracing::warn!(
            "the first [[hook]] with a command runs after the next restart, or by `tidings hooks run`"
        );
    }
    engine.instance.set_config(new);
    engine.instance.scan.notify_one();
}

/// Puts back what can't change while the daemon runs; the names of what would have.
fn keep_fixed(new: &mut Config, old: &Config) -> Vec<&'static str> {
    let mut kept = Vec::new();
    let mut keep = |changed: bool, key| {
        if changed {
            kept.push(key);
        }
    };
    keep(new.site.url != old.site.url, "site.url");
    keep(new.site.output != old.site.output, "site.output");
    keep(new.site.data != old.site.data, "site.data");
    keep(new.server.listen != old.server.listen, "server.listen");
    keep(
        new.server.listen_mode != old.server.listen_mode,
        "server.listen_mode",
    );
    keep(
        new.federation.handle_domain != old.federation.handle_domain,
        "federation.handle_domain",
    );
    keep(
        new.federation.allow_private_addresses != old.federation.allow_private_addresses,
        "federation.allow_private_addresses",
    );
    keep(new.server.rates != old.server.rates, "server.…_per_minute");
    new.server.rates = old.server.rates;
    new.site = old.site.clone();
    new.server.listen = old.server.listen.clone();
    new.server.listen_mode = old.server.listen_mode;
    new.federation.handle_domain = old.federation.handle_domain.clone();
    new.federation.allow_private_addresses = old.federation.allow_private_addresses;
    kept
}
