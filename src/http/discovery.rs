//! WebFinger, host-meta and NodeInfo: how we are found. None of it ever asks for a signature.

use hyper::StatusCode;
use jiff::SignedDuration;
use serde_json::Value;

use super::request::Asked;
use super::respond::{self, Cache, Reply, problem};
use crate::ap::actor::instance_name;
use crate::ap::iri::{Local, page_path};
use crate::ap::nodeinfo::{self, Usage, Version};
use crate::ap::webfinger::{self, Account, JRD_JSON, Resource};
use crate::article::Visibility;
use crate::config::Config;
use crate::store::ObjectState;

/// The days of NodeInfo's month and half year.
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
const HALF_YEAR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Who a resource is.
enum Who<'a> {
    Actor(&'a crate::config::Actor),
    Instance,
}

/// WebFinger (RFC 7033).
pub(super) fn webfinger(asked: &Asked<'_>) -> Reply {
    let Some(resource) = asked
        .parameter("resource")
        .filter(|resource| !resource.is_empty())
    else {
        return problem(StatusCode::BAD_REQUEST, "the parameter resource is missing");
    };
    let config = asked.instance.config();
    let Some(who) = Resource::read(&resource).and_then(|resource| who(asked, &config, &resource)) else {
        return problem(StatusCode::NOT_FOUND, "nobody here goes by that name");
    };
    let iris = &asked.instance.iris;
    let handle_domain = config.federation.handle_domain.as_str();
    let page = config.site.url.as_str();
    let jrd = match who {
        Who::Actor(actor) => webfinger::jrd(Account {
            name: &actor.name,
            handle_domain,
            actor: &iris.actor(&actor.name),
            page,
            avatar: config.describe(actor).icon.as_deref(),
        }),
        Who::Instance => webfinger::jrd(Account {
            name: instance_name(handle_domain),
            handle_domain,
            actor: &iris.instance(),
            page,
            avatar: None,
        }),
    };
    let relations: Vec<String> = asked.parameters("rel").collect();
    json(JRD_JSON, &webfinger::only(jrd, &relations))
}

fn who<'a>(asked: &Asked<'_>, config: &'a Config, resource: &Resource<'_>) -> Option<Who<'a>> {
    let iris = &asked.instance.iris;
    match resource {
        Resource::Account { name, host } => {
            let handle_domain = config.federation.handle_domain.as_str();
            let origin = iris
                .origin()
                .split_once("://")
                .map_or("", |(_, authority)| authority);
            let ours = [handle_domain, origin, instance_name(origin)];
            if !ours.iter().any(|own| own.eq_ignore_ascii_case(host)) {
                return None;
            }
            let actor = config
                .actors
                .iter()
                .find(|actor| actor.name.eq_ignore_ascii_case(name));
            let is_instance = instance_name(handle_domain).eq_ignore_ascii_case(name);
            actor
                .map(Who::Actor)
                .or_else(|| is_instance.then_some(Who::Instance))
        }
        Resource::Url(text) => match iris.read(text) {
            Some(Local::Actor(name)) => config.actor(&name).map(Who::Actor),
            Some(Local::Instance) => Some(Who::Instance),
            Some(_) => None,
            None => {
                let url = url::Url::parse(text).ok()?;
                let path = |url: &url::Url| page_path(url.path()).trim_end_matches('/').to_string();
                let is_page = url.origin() == config.site.url.origin()
                    && url.query().is_none()
                    && path(&url) == path(&config.site.url);
                is_page.then(|| Who::Actor(config.default_actor()))
            }
        },
    }
}

/// host-meta as XRD (RFC 6415).
pub(super) fn host_meta(asked: &Asked<'_>) -> Reply {
    let body = webfinger::host_meta(&asked.instance.iris).into_bytes();
    respond::document("application/xrd+xml; charset=utf-8", body, Cache::Hour)
}

/// host-meta as JSON (RFC 6415).
pub(super) fn host_meta_json(asked: &Asked<'_>) -> Reply {
    json(JRD_JSON, &webfinger::host_meta_json(&asked.instance.iris))
}

/// Where the NodeInfo documents lie.
pub(super) fn nodeinfo_index(asked: &Asked<'_>) -> Reply {
    json("application/json", &nodeinfo::index(&asked.instance.iris))
}

/// A NodeInfo document.
pub(super) fn nodeinfo(asked: &Asked<'_>, version: Version) -> Reply {
    let config = asked.instance.config();
    let document = nodeinfo::document(
        version,
        &config.default_actor().display_name,
        usage(asked, &config),
    );
    let body = document.to_string().into_bytes();
    respond::document(version.media_type(), body, Cache::Minute)
}

fn usage(asked: &Asked<'_>, config: &Config) -> Usage {
    let now = asked.instance.clock.now();
    let mut posts = 0;
    let mut latest = vec![None; config.actors.len()];
    asked.instance.store.objects.each(|_, object| {
        if object.state != ObjectState::Live
            || !matches!(object.visibility, Visibility::Public | Visibility::Unlisted)
        {
            return;
        }
        posts += 1;
        let actor = config
            .actors
            .iter()
            .position(|actor| *actor.name == *object.actor);
        if let Some(latest) = actor.and_then(|actor| latest.get_mut(actor)) {
            *latest = (*latest).max(Some(object.published));
        }
    });
    let active = |span: SignedDuration| {
        let since = latest.iter().flatten();
        since.filter(|at| now.duration_since(**at) < span).count()
    };
    Usage {
        users: config.actors.len(),
        active_month: active(MONTH),
        active_half_year: active(HALF_YEAR),
        posts,
    }
}

fn json(media_type: &'static str, document: &Value) -> Reply {
    let body = document.to_string().into_bytes();
    respond::document(media_type, body, Cache::Hour)
}
