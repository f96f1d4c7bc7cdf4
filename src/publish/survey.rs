//! Looking at the site for its weak spots: the data of `tidings doctor`, and of the hint below `tidings plan`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::PublishError;
use super::reading::{Look, chosen};
use crate::ap::iri;
use crate::instance::Instance;
use crate::site::diff::Action;
use crate::site::page::{self, NO_ZONE, ONLY_DAY, Reason};
use crate::site::snapshot::{Sighting, Verdict};
use crate::site::survey::{Dated, Site, Surveyed, Weakness, weaknesses};
use crate::store::ObjectState;

/// Posts that are read again; a theme writes all alike, and the newest are those it writes now.
const SAMPLE: usize = 300;
/// Posts beside which a page without a date looks like one of them.
const NEIGHBOURS: usize = 3;
/// Duplicates of which the titles are compared.
const COMPARED: usize = 50;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// How many posts there are.
    pub posts: usize,
    /// How many of them were looked at, the newest.
    pub read: usize,
    /// Why nothing is sent of it at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What is weak, the weightiest first.
    pub weaknesses: Vec<Weakness>,
}

/// Surveys the site as a look saw it.
pub(super) fn of(instance: &Instance, look: &Look) -> Result<Survey, PublishError> {
    let mut posts = posts(instance, look);
    // The newest first: they are what the theme writes now.
    posts.sort_by(|a, b| b.published.cmp(&a.published).then(a.page.cmp(b.page)));
    let surveyed: Vec<Surveyed> = posts
        .iter()
        .take(SAMPLE)
        .filter_map(|post| survey(instance, look, post))
        .collect();
    let config = &look.config;
    let home = look.snapshot.page_at(&iri::page_path(config.site.url.path()));
    let home = home.and_then(|(path, sighting)| look.reader.head(path, sighting));
    let host = config.site.url.host_str().unwrap_or_default();
    let attributed = |domain: &String| host == domain || host.ends_with(&format!(".{domain}"));
    let site = Site {
        url: config.site.url.clone(),
        feed_linked: home.is_some_and(|home| home.feed),
        undated: undated(look).into_iter().map(str::to_string).collect(),
        unlisted: unlisted(look).into_iter().map(str::to_string).collect(),
        future: posts
            .iter()
            .filter(|post| post.published > look.now)
            .map(|post| post.page.to_string())
            .collect(),
        duplicates: duplicates(look),
        unattributed: config
            .actors
            .iter()
            .filter(|actor| !actor.attribution_domains.iter().any(attributed))
            .map(|actor| actor.name.clone())
            .collect(),
    };
    Ok(Survey {
        posts: posts.len(),
        read: surveyed.len(),
        held: look.plan.held.clone(),
        weaknesses: weaknesses(&surveyed, &site),
    })
}

/// Pages that aren't published and look like posts all the same.
pub(super) fn doubtful(look: &Look) -> Vec<String> {
    let mut doubtful: Vec<&str> = undated(look);
    doubtful.extend(unlisted(look));
    doubtful.sort_unstable();
    doubtful.into_iter().map(str::to_string).collect()
}

/// A page that is a post when all pages are known.
struct Found<'a> {
    page: &'a str,
    sighting: &'a Sighting,
    key: String,
    published: jiff::Timestamp,
}

fn posts<'a>(instance: &Instance, look: &'a Look) -> Vec<Found<'a>> {
    let mut keys: HashMap<String, String> = HashMap::new();
    instance.store.objects.each(|key, object| {
        if let (ObjectState::Live, Some(page)) = (object.state, &object.page) {
            keys.insert(page.to_string(), key.to_string());
        }
    });
    for new in &look.plan.baseline {
        keys.insert(new.page.to_string(), new.key.to_string());
    }
    for change in look
        .plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Delete)
    {
        keys.insert(change.page.clone(), change.key.clone());
    }
    let all = look.snapshot.pages.iter();
    all.filter_map(|(page, sighting)| {
        let post = sighting.post()?;
        let later = || post.published > look.now && chosen(&look.config.publish, page).is_ok();
        let key = match keys.remove(&**page) {
            Some(key) => key,
            None if later() => iri::key_of_path(page),
            None => return None,
        };
        Some(Found {
            page,
            sighting,
            key,
            published: post.published,
        })
    })
    .collect()
}

fn survey(instance: &Instance, look: &Look, post: &Found<'_>) -> Option<Surveyed> {
    let page = look.reader.page(post.page, post.sighting)?;
    let head = look.reader.head(post.page, post.sighting)?;
    let note = page
        .evidence
        .iter()
        .find(|evidence| evidence.field == "published")
        .and_then(|evidence| evidence.note);
    let page::Verdict::Post(article) = page.verdict else {
        return None;
    };
    let config = &look.config;
    let asked = article.actor.as_deref().and_then(|name| config.actor(name));
    let actor = asked.unwrap_or_else(|| config.actor_of_page(post.page));
    Some(Surveyed {
        page: post.page.to_string(),
        url: instance.iris.at(post.page),
        object: instance.iris.object(&post.key),
        handle: config.handle(&actor.name),
        article: *article,
        head,
        dated: match note {
            Some(ONLY_DAY) => Dated::Day,
            Some(NO_ZONE) => Dated::NoZone,
            _ => Dated::Exactly,
        },
    })
}

/// Pages without a date that a feed names, that say they are postings, or that lie among posts.
fn undated(look: &Look) -> Vec<&str> {
    let mut among: BTreeMap<&str, usize> = BTreeMap::new();
    for (page, sighting) in &look.snapshot.pages {
        if sighting.post().is_some() {
            *among.entry(folder(page)).or_default() += 1;
        }
    }
    let no_date = Reason::NoDate.to_string();
    let looks_like_one = |page: &str, sighting: &Sighting| {
        let neighbours = among.get(folder(page)).copied().unwrap_or_default();
        sighting.feed.is_some()
            || sighting.standing.asked
            || sighting.standing.stated
            || (neighbours >= NEIGHBOURS && !folder(page).is_empty())
    };
    look.snapshot
        .pages
        .iter()
        .filter(|(_, sighting)| matches!(&sighting.verdict, Verdict::Not(reason) if **reason == *no_date))
        .filter(|(page, sighting)| {
            looks_like_one(page, sighting)
                && chosen(&look.config.publish, page).is_ok()
                && original(look, page, sighting).is_none()
        })
        .map(|(page, _)| &**page)
        .collect()
}

/// Posts by their markup that are skipped because the feed leaves them out.
fn unlisted(look: &Look) -> Vec<&str> {
    let skipped = look.plan.skipped.iter();
    skipped
        .filter(|skipped| skipped.reason.starts_with("not in the site's feed"))
        .map(|skipped| &*skipped.page)
        .collect()
}

/// Posts that name another page as their canonical address though they say something else: a copy for printers has the
/// title of its original or its last part of the path, and what isn't a post has no copies.
fn duplicates(look: &Look) -> Vec<(String, String)> {
    let skipped: HashSet<&str> = look
        .plan
        .skipped
        .iter()
        .filter(|skipped| skipped.reason.starts_with("a duplicate of"))
        .map(|skipped| &*skipped.page)
        .collect();
    let title = |page: &str, sighting: &Sighting| look.reader.article(page, sighting)?.title;
    let strays = skipped.iter().filter_map(|page| {
        let sighting = look.snapshot.pages.get(*page)?;
        let (original, named) = original(look, page, sighting)?;
        (slug(original) != slug(page)).then_some((*page, original, sighting, named))
    });
    let mut found: Vec<(String, String)> = strays
        .take(COMPARED)
        .filter(|(page, original, sighting, named)| {
            named.post().is_none() || title(page, sighting) != title(original, named)
        })
        .map(|(page, original, _, _)| (page.to_string(), original.to_string()))
        .collect();
    found.sort_unstable();
    found
}

/// The other page that a page names as its canonical address.
fn original<'a>(look: &'a Look, page: &str, sighting: &Sighting) -> Option<(&'a str, &'a Sighting)> {
    let origin = &look.config.site.url.origin().ascii_serialization();
    let canonical = url::Url::parse(&sighting.canonical.url(origin, page)?).ok()?;
    let (original, named) = look.snapshot.page_at(&iri::page_path(canonical.path()))?;
    (**original != *page).then_some((&**original, &**named))
}

/// The last part of a path.
fn slug(page: &str) -> &str {
    page.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The folder in which a page lies.
fn folder(page: &str) -> &str {
    page.trim_end_matches('/')
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
}
