//! From the text of `ap.toml` to a [`Config`], or to everything that is wrong with it.

use std::path::{Component, Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::actor::read_actors;
use super::hook::read_hook;
use super::problem::{Problem, Problems, Refusal};
use super::section::{At, Section, whole};
use super::{
    Config, Federation, FirstRun, Interactions, Listen, Moderation, Order, Publish, QuotePolicy, Rates,
    Server, Share, Show, Signatures, Site, Translations, TrustedProxies, address, default, value,
};
use crate::article::{Kind, Visibility};
use crate::site::watch::Method;

/// Largest configuration that is read, in bytes: a hundred times the shipped one, comments and all.
pub const MAX_FILE: usize = 1 << 20;

/// Reads a configuration. `file` is where the text came from: relative paths in it start there, and messages name it.
/// Nothing is looked up on disk.
///
/// # Errors
/// All problems of the text, by line; at least one.
pub fn parse(text: &str, file: &Path) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(file.to_path_buf(), text);
    if text.len() > MAX_FILE {
        problems.add(
            &(0..0),
            "",
            Refusal::new("is larger than 1 MiB: this can't be a configuration"),
        );
        return Err(problems.into_sorted());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What was salvaged from broken TOML would only add misleading complaints.
        for error in errors {
            problems.add(&error.span().unwrap_or(0..0), "", Refusal::new(error.message()));
        }
        return Err(problems.into_sorted());
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let base = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    let config = read(root.get_ref(), absolute, &base, &mut problems);
    let found = problems.into_sorted();
    match config {
        Some(config) if found.is_empty() => Ok(config),
        _ => Err(found),
    }
}

fn read<'t>(
    root: &'t DeTable<'t>,
    file: PathBuf,
    base: &Path,
    problems: &mut Problems<'t>,
) -> Option<Config> {
    let mut whole_file = Section::new("", 0..0, Some(root), problems);
    let (site_span, site) = whole_file.table("site");
    let (server_span, server) = whole_file.table("server");
    let actors = whole_file.tables("actor");
    let (publish_span, publish) = whole_file.table("publish");
    let (federation_span, federation) = whole_file.table("federation");
    let (interactions_span, interactions) = whole_file.table("interactions");
    let hooks = whole_file.tables("hook");
    if root.get("actor").is_none() {
        whole_file.refuse_here(
            "actor",
            Refusal::new("is missing")
                .hint("add the account that people follow: [[actor]] with name = \"blog\""),
        );
    }
    whole_file.finish();

    // Whether the network is private decides what site.url and the hooks may be.
    let mut section = Section::new("federation", federation_span, federation, problems);
    let (federation, private) = read_federation(&mut section);
    section.finish();
    let mut section = Section::new("site", site_span, site, problems);
    let site = read_site(&mut section, base, private.value);
    section.finish();
    if let Some(site) = &site
        && private.value
        && site.url.scheme() == "https"
        && !address::is_private(&site.url)
    {
        problems.add(
            &private.span,
            &private.key,
            Refusal::new("private addresses can't be allowed for a public site: strangers could make tidings call inner machines")
                .hint("take the line out; it is for labs and tests with a local site.url"),
        );
    }
    let mut section = Section::new("server", server_span, server, problems);
    let server = read_server(&mut section, base);
    section.finish();
    let handle_domain = federation.handle_domain.or_else(|| {
        let url = &site.as_ref()?.url;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        })
    });
    let actors = read_actors(actors, handle_domain.as_deref(), problems);
    let mut section = Section::new("publish", publish_span, publish, problems);
    let publish = read_publish(&mut section);
    section.finish();
    let mut section = Section::new("interactions", interactions_span, interactions, problems);
    let interactions = read_interactions(&mut section, base);
    section.finish();
    let hooks = hooks
        .into_iter()
        .filter_map(|(span, table)| {
            let mut section = Section::new("hook", span, Some(table), problems);
            let hook = read_hook(&mut section, private.value);
            section.finish();
            hook
        })
        .collect();

    let site = site?;
    let handle_domain = handle_domain?;
    Some(Config {
        file,
        site,
        server,
        actors,
        publish,
        federation: Federation {
            handle_domain,
            blocked: federation.blocked,
            allowed: federation.allowed,
            signatures: federation.signatures,
            require_signed_fetch: federation.require_signed_fetch,
            allow_private_addresses: private.value,
        },
        interactions,
        hooks,
    })
}

fn read_site(section: &mut Section<'_, '_>, base: &Path, private: bool) -> Option<Site> {
    let url = section.required(
        "url",
        "write where readers find the site: url = \"https://blog.example\"",
    );
    let output = section.required(
        "output",
        "write the folder that your generator fills: output = \"public\"",
    );
    let data = section.required(
        "data",
        "write the folder for everything that tidings keeps: data = \"data\"",
    );
    let url = url.and_then(|at| {
        let read = address::site_url(&at.value).and_then(|url| {
            if url.scheme() == "http" && !private {
                Err(
                    Refusal::new("must be https: other servers talk to nothing else").hint(format!(
                        "write \"https{}\"; for a lab, federation.allow_private_addresses = true allows http",
                        at.value.get(4..).unwrap_or_default()
                    )),
                )
            } else {
                Ok(url)
            }
        });
        section.take(&at, read)
    });
    let output = output.and_then(|at| folder(section, &at, base));
    let data_at = data;
    let data = data_at.as_ref().and_then(|at| folder(section, at, base));
    if let (Some(output), Some(data), Some(at)) = (&output, &data, &data_at) {
        let nested = if data.starts_with(output) {
            Some(
                "lies inside site.output: whatever tidings keeps, keys too, would be published with the site",
            )
        } else if output.starts_with(data) {
            Some("contains site.output: the folder of the generator can't lie in the store")
        } else {
            None
        };
        if let Some(nested) = nested {
            section.take::<(), _>(
                at,
                Err(Refusal::new(nested).hint("choose two folders beside each other")),
            );
        }
    }
    let watch = section.choice(
        "watch",
        default::WATCH,
        &[("auto", Method::Auto), ("poll", Method::Poll)],
    );
    Some(Site {
        url: url?,
        output: output?,
        data: data?,
        watch,
    })
}

fn folder(section: &mut Section<'_, '_>, at: &At<String>, base: &Path) -> Option<PathBuf> {
    let read = if at.value.is_empty() || at.value.contains('\0') {
        Err(Refusal::new("must be the path of a folder"))
    } else {
        Ok(below(base, Path::new(&at.value)))
    };
    section.take(at, read)
}

/// A path from the configuration, absolute and without `.` and `..`.
pub(super) fn below(base: &Path, path: &Path) -> PathBuf {
    let mut absolute = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                absolute.pop();
            }
            other => absolute.push(other),
        }
    }
    absolute
}

fn read_server(section: &mut Section<'_, '_>, base: &Path) -> Server {
    let listen = section
        .parsed("listen", address::listen)
        .unwrap_or_else(|| address::listen(default::LISTEN).expect("the default address is an address"));
    let listen = match listen {
        Listen::Unix(path) => Listen::Unix(below(base, &path)),
        tcp @ Listen::Tcp(_) => tcp,
    };
    let listen_mode = section
        .parsed("listen_mode", value::mode)
        .unwrap_or(default::LISTEN_MODE);
    let mut trusted_proxies = TrustedProxies::default();
    match section.strings("trusted_proxies") {
        Some(strings) => {
            for at in strings {
                let added = address::proxy(&at.value, &mut trusted_proxies);
                section.take(&at, added);
            }
        }
        None => {
            for proxy in default::TRUSTED_PROXIES {
                address::proxy(proxy, &mut trusted_proxies)
                    .expect("a default proxy is an address or a range");
            }
        }
    }
    let mut rate = |key, default| {
        let rate = section.count(key, default);
        if rate == 0 {
            let refusal =
                Refusal::new("would refuse everything").hint("write how many there may be in a minute");
            section.refuse_here(key, refusal);
        }
        rate
    };
    let rates = Rates {
        failures: rate("failures_per_minute", default::FAILURES_PER_MINUTE),
        activities: rate("activities_per_minute", default::ACTIVITIES_PER_MINUTE),
    };
    Server {
        listen,
        listen_mode,
        trusted_proxies,
        rates,
    }
}

fn read_publish(section: &mut Section<'_, '_>) -> Publish {
    Publish {
        include: section.globs("include", &default::ALL_PAGES),
        exclude: section.globs("exclude", &[]),
        kind: section.choice(
            "kind",
            None,
            &[
                ("auto", None),
                ("article", Some(Kind::Article)),
                ("note", Some(Kind::Note)),
            ],
        ),
        visibility: section.choice(
            "visibility",
            default::VISIBILITY,
            &[
                ("public", Visibility::Public),
                ("unlisted", Visibility::Unlisted),
                ("followers", Visibility::Followers),
            ],
        ),
        quotes: section.choice(
            "quotes",
            default::QUOTES,
            &[
                ("anyone", QuotePolicy::Anyone),
                ("followers", QuotePolicy::Followers),
                ("nobody", QuotePolicy::Nobody),
            ],
        ),
        first_run: section.choice(
            "first_run",
            default::FIRST_RUN,
            &[("baseline", FirstRun::Baseline), ("announce", FirstRun::Announce)],
        ),
        translations: section.choice(
            "translations",
            default::TRANSLATIONS,
            &[
                ("separate", Translations::Separate),
                ("together", Translations::Together),
            ],
        ),
        settle: section
            .parsed("settle", value::duration)
            .unwrap_or(default::SETTLE),
        delete_grace: section
            .parsed("delete_grace", value::duration)
            .unwrap_or(default::DELETE_GRACE),
        max_changes: section.count("max_changes", default::MAX_CHANGES),
        max_deletes: read_share(section),
        featured: section.count("featured", default::FEATURED),
    }
}

fn read_share(section: &mut Section<'_, '_>) -> Share {
    let Some(at) = section.value("max_deletes") else {
        return default::MAX_DELETES;
    };
    let read = match at.value {
        DeValue::String(text) => value::share(text),
        other => whole(other).map(Share::Count).ok_or_else(|| {
            Refusal::new("is not a number or a share")
                .hint("write a whole number, or a share such as \"10%\"")
        }),
    };
    section.take(&at, read).unwrap_or(default::MAX_DELETES)
}

/// `[federation]` before it is known what `handle_domain` is by default.
struct RawFederation {
    handle_domain: Option<String>,
    blocked: Vec<String>,
    allowed: Vec<String>,
    signatures: Signatures,
    require_signed_fetch: bool,
}

fn read_federation(section: &mut Section<'_, '_>) -> (RawFederation, At<bool>) {
    let private = At {
        value: section.boolean("allow_private_addresses", false),
        span: section
            .value("allow_private_addresses")
            .map_or(0..0, |at| at.span),
        key: "federation.allow_private_addresses".into(),
    };
    let federation = RawFederation {
        handle_domain: section.parsed("handle_domain", address::handle_domain),
        blocked: section.list("blocked", address::domain),
        allowed: section.list("allowed", address::domain),
        signatures: section.choice(
            "signatures",
            default::SIGNATURES,
            &[
                ("auto", Signatures::Auto),
                ("cavage", Signatures::Cavage),
                ("rfc9421", Signatures::Rfc9421),
            ],
        ),
        require_signed_fetch: section.boolean("require_signed_fetch", false),
    };
    (federation, private)
}

fn read_interactions(section: &mut Section<'_, '_>, base: &Path) -> Interactions {
    Interactions {
        moderation: section.choice(
            "moderation",
            default::MODERATION,
            &[
                ("first", Moderation::First),
                ("show", Moderation::Show),
                ("hold", Moderation::Hold),
            ],
        ),
        show: section.choice(
            "show",
            default::SHOW,
            &[("all", Show::All), ("counts", Show::Counts), ("none", Show::None)],
        ),
        order: section.choice("order", default::ORDER, &Order::NAMES),
        closed: section.globs("closed", &[]),
        off: section.globs("off", &[]),
        expire: section.parsed("expire", value::age).unwrap_or(None),
        templates: {
            let at = section.string("templates");
            at.and_then(|at| folder(section, &at, base))
                .unwrap_or_else(|| below(base, Path::new(default::TEMPLATES)))
        },
        locale: section
            .parsed("locale", value::language)
            .unwrap_or_else(|| default::LOCALE.to_string()),
        media_limit: read_size(section),
    }
}

fn read_size(section: &mut Section<'_, '_>) -> u64 {
    let Some(at) = section.value("media_limit") else {
        return default::MEDIA_LIMIT;
    };
    let read = match at.value {
        DeValue::String(text) => value::size(text),
        other => whole(other)
            .and_then(|bytes| u64::try_from(bytes).ok())
            .ok_or_else(|| Refusal::new("is not a size").hint("write a number and a unit: \"256 MiB\"")),
    };
    section.take(&at, read).unwrap_or(default::MEDIA_LIMIT)
}

#[cfg(test)]
mod tests;
