//! Looking at the folder: a scan, and what it means for what is published.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use globset::GlobSet;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;

use super::{Confirmed, Progress, PublishError, Publisher};
use crate::aside;
use crate::clock::{Clock, Moment};
use crate::config::{self, Config, FirstRun, Translations};
use crate::instance::Instance;
use crate::site::diff::{Brake, First, Known, Ledger, Plan, Rules, State};
use crate::site::scan::{Heard, Reader, Scanner, Scope};
use crate::site::snapshot::{Changes, Folder, Post, Snapshot};
use crate::site::translations::{self, Terms, Voice};
use crate::store::{Held, Object, ObjectBrief, ObjectState, StoreError};

/// How long a command waits for the folder to become quiet.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait before a folder that changed while it was read is read again, at least.
const BREATH: Duration = Duration::from_millis(50);

/// What is kept between two looks.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) scanner: Option<Scanner>,
    /// The revision of the objects at the last look.
    revision: u64,
    /// What the last look found, for the next one, and the configuration by which it was found.
    ledger: Option<(Ledger, Arc<Config>)>,
    /// Warnings that were given, so that each is given once as long as it is true.
    warned: HashSet<String>,
}

/// One look at the folder.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) config: Arc<Config>,
    pub(super) now: Timestamp,
    pub(super) snapshot: Snapshot,
    pub(super) plan: Plan,
    pub(super) reader: Reader,
    /// How long to wait before it may be acted upon: something changed shortly before, or while it was read.
    pub(super) unrest: Option<Duration>,
    first: bool,
    /// What was held at the last look, or before it.
    held: Option<Held>,
}

impl Look {
    /// What is to be remembered as held from now on.
    fn holds(&self) -> Option<Held> {
        Some(Held {
            because: self.plan.held.clone()?,
            folder: match &self.held {
                Some(held) => held.folder.clone(),
                None => self.snapshot.digest(),
            },
        })
    }

    /// Remembers what is held, so that it stays so when fewer changes are left though the folder is the same: some were
    /// published by name.
    pub(super) fn remember_held(&self, instance: &Instance, confirmed: Confirmed) -> Result<(), StoreError> {
        let held = match confirmed {
            Confirmed::No => self.holds(),
            Confirmed::ByOwner => None,
        };
        if instance.store.site()?.held == held {
            return Ok(());
        }
        instance.store.update_site(|site| site.held = held)
    }

    /// Whether this is the first scan that saw the folder.
    pub(super) fn is_first_complete(&self) -> bool {
        self.first && self.snapshot.folder != Folder::Missing
    }
}

impl Publisher {
    /// Looks at the folder until it has been quiet for as long as the owner asks.
    pub(super) async fn settled(
        &self,
        desk: &mut Desk,
        progress: &Progress,
    ) -> Result<Arc<Look>, PublishError> {
        let begun = tokio::time::Instant::now();
        loop {
            let look = self.look(desk, Scope::All, progress).await?;
            if look.snapshot.folder == Folder::Missing && look.first {
                return Err(PublishError::NoFolder(look.config.site.output.clone()));
            }
            match look.unrest {
                None => return Ok(look),
                Some(_) if begun.elapsed() > PATIENCE => {
                    return Err(PublishError::Restless(look.config.site.output.clone()));
                }
                Some(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Looks at the folder once.
    pub(super) async fn look(
        &self,
        desk: &mut Desk,
        scope: Scope,
        progress: &Progress,
    ) -> Result<Arc<Look>, PublishError> {
        let config = self.instance.config();
        let (root, site) = (&config.site.output, &config.site.url);
        let (mut scanner, scope, first) = match desk.scanner.take() {
            Some(scanner) if scanner.is_of(root, site) => (scanner, scope, false),
            _ => (Scanner::new(root, site), Scope::All, true),
        };
        let instance = Arc::clone(&self.instance);
        let moment = self.moment();
        let progress = Arc::clone(progress);
        let (changed, revision) = instance.store.objects.changed_since(desk.revision);
        desk.revision = revision;
        let ledger = desk.ledger.take();
        let (scanner, looked, warnings) = aside::run(move || {
            if first {
                super::recall::recall(&instance, &mut scanner);
            }
            scanner.remember(heard(&instance));
            let touched: Option<Vec<Arc<str>>> =
                changed.map(|keys| keys.iter().flat_map(|key| pages(&instance, key)).collect());
            match &touched {
                Some(pages) => scanner.doubt(pages.iter().cloned()),
                None => scanner.doubt_all(),
            }
            let begun = Instant::now();
            if first {
                tracing::info!("reading {}", config.site.output.display());
            }
            let scan = scanner.scan(&scope, &*progress);
            if first {
                let pages = &scan.snapshot.pages;
                tracing::info!(
                    "read {} of {} pages, of which {} look like posts, in {:.1} s",
                    scan.read,
                    pages.len(),
                    pages
                        .values()
                        .filter(|sighting| sighting.post().is_some())
                        .count(),
                    begun.elapsed().as_secs_f64()
                );
            }
            let settle = config.publish.settle;
            let unrest = if scan.unsettled {
                Some(settle.max(BREATH))
            } else {
                scan.latest.and_then(|latest| unrest(latest, settle))
            };
            // Commands show why each page is as it is, so they compare everything.
            let part = match (ledger, touched) {
                (Some((ledger, by)), Some(touched)) if scope != Scope::All && Arc::ptr_eq(&by, &config) => {
                    Some((ledger, scan.changes, touched))
                }
                _ => None,
            };
            let looked = look_of(
                &instance,
                config,
                moment,
                scan.snapshot,
                scanner.reader(),
                unrest,
                part,
            );
            (scanner, looked, scan.warnings)
        })
        .await?;
        desk.scanner = Some(scanner);
        let (look, ledger) = looked?;
        desk.ledger = ledger.map(|ledger| (ledger, Arc::clone(&look.config)));
        desk.warn(&look, warnings);
        Ok(Arc::new(look))
    }
}

impl Desk {
    /// What the last look met, but that something is held, which the plan says itself.
    pub(super) fn warnings(&self, look: &Look) -> Vec<String> {
        /// So many lines are read; the log has all.
        const SHOWN: usize = 20;
        let is_held = |warning: &str| look.plan.held.is_some() && warning.starts_with("held: ");
        let mut warnings: Vec<String> = self
            .warned
            .iter()
            .filter(|warning| !is_held(warning))
            .cloned()
            .collect();
        warnings.sort_unstable();
        warnings.truncate(SHOWN);
        warnings
    }

    fn warn(&mut self, look: &Look, mut warnings: Vec<String>) {
        let output = look.config.site.output.display();
        match look.snapshot.folder {
            Folder::Pages => {}
            Folder::Missing => warnings.push(format!(
                "the output folder {output} is missing; nothing is deleted while it is"
            )),
            Folder::Empty => warnings.push(format!(
                "the output folder {output} holds no page; nothing is deleted while it doesn't"
            )),
        }
        if let Some(held) = &look.plan.held {
            warnings.push(format!(
                "held: {held}; look at it with `tidings plan`, confirm it with `tidings publish`"
            ));
        }
        if look.plan.aside > 0 {
            warnings.push(format!(
                "{} pages changed beside their words, as a new theme does it; no Update is sent for that",
                look.plan.aside
            ));
        }
        for warning in &warnings {
            if !self.warned.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
        self.warned = warnings.into_iter().collect();
    }
}

/// How long the folder must still be left alone when its latest change was at `latest`.
///
/// A change in the future is one of a file system with another clock, which says nothing.
fn unrest(latest: Timestamp, settle: Duration) -> Option<Duration> {
    let age = Duration::try_from(Clock::system().now().duration_since(latest)).ok()?;
    settle.checked_sub(age).filter(|rest| !rest.is_zero())
}

/// What a look at a part of the folder has to go by: the ledger of the last look, what changed in the folder since, and
/// the pages of objects that changed since.
type Since = (Ledger, Changes, Vec<Arc<str>>);

fn look_of(
    instance: &Instance,
    config: Arc<Config>,
    moment: Moment,
    mut snapshot: Snapshot,
    reader: Reader,
    unrest: Option<Duration>,
    since: Option<Since>,
) -> Result<(Look, Option<Ledger>), StoreError> {
    let now = moment.now;
    let site = instance.store.site()?;
    let first = site.baseline.is_none();
    let publish = &config.publish;
    let objects = &instance.store.objects;
    let mut rules = Rules {
        origin: instance.iris.origin(),
        chosen: &|page| chosen(publish, page),
        first: match publish.first_run {
            _ if !first => First::No,
            FirstRun::Baseline => First::Baseline,
            FirstRun::Announce => First::Announce,
        },
        lost: &|key| objects.is_aside(key),
        leapt: moment.leapt,
        delete_grace: SignedDuration::try_from(publish.delete_grace).unwrap_or(SignedDuration::MAX),
        brake: Brake {
            max_changes: publish.max_changes,
            // Of a part, more than are always let through are left to the comparison of everything.
            max_deletes: 0,
        },
    };
    // Sets of translations, and what is held, are questions to the whole site.
    let since = since.filter(|_| publish.translations != Translations::Together && site.held.is_none());
    let of_part = since.and_then(|(mut ledger, changes, touched)| {
        let of_page = |page: &str| {
            let there = objects.group(page).into_iter();
            there.map(|(key, object)| known_of(&key, &object)).collect()
        };
        let taken = |key: &str| objects.contains(key);
        let plan = ledger.compare_part((&changes, &touched), &of_page, &taken, &snapshot, &rules, now)?;
        Some((plan, Some(ledger)))
    });
    let (mut plan, ledger) = match of_part {
        Some(found) => found,
        None => {
            let known = known(instance);
            let published = known
                .iter()
                .filter(|object| object.state == State::Live && object.page.is_some())
                .count();
            if publish.translations == Translations::Together {
                gather(&config, instance.iris.origin(), &mut snapshot, &known, now);
            }
            rules.brake.max_deletes = publish.max_deletes.of(published);
            Ledger::compare_all(&known, &snapshot, &rules, now)
        }
    };
    // A folder that is missing or empty is none that changed.
    let held = site.held.filter(|held| {
        snapshot.folder != Folder::Pages || (!plan.changes.is_empty() && held.folder == snapshot.digest())
    });
    if let Some(held) = &held {
        plan.held.get_or_insert_with(|| held.because.clone());
    }
    let look = Look {
        held,
        now,
        plan,
        snapshot,
        reader,
        unrest,
        first,
        config,
    };
    Ok((look, ledger))
}

/// Takes the pages together that are translations of one another.
fn gather(config: &Config, origin: &str, snapshot: &mut Snapshot, known: &[Known], now: Timestamp) {
    let mut states: HashMap<&str, State> = HashMap::new();
    for object in known.iter().filter(|object| object.state != State::Deleted) {
        if let Some(page) = &object.page {
            let state = states.entry(page).or_insert(object.state);
            if object.state == State::Live {
                *state = State::Live;
            }
        }
    }
    let voice = |page: &str, post: &Post| {
        chosen(&config.publish, page).ok()?;
        Some(Voice {
            actor: config.speaker(post.actor.as_deref(), page).name.clone(),
            visibility: post.visibility.unwrap_or(config.publish.visibility),
        })
    };
    let terms = Terms {
        now,
        origin,
        home: config.site.url.path(),
        voice: &voice,
        state: &|page| states.get(page).copied(),
    };
    translations::gather(snapshot, &terms);
}

/// What feeds said of the pages that are published.
fn heard(instance: &Arc<Instance>) -> Heard {
    let instance = Arc::clone(instance);
    Heard::new(move |page| {
        let objects = &instance.store.objects;
        let own = objects.group(page).into_iter();
        let mut own = own.filter(|(_, object)| object.state == ObjectState::Live);
        let translated = || {
            let keys = objects.labelled(&Object::label_of_translation(page));
            let live = keys.iter().filter_map(|key| objects.brief(key));
            let mut live = live.filter(|object| object.state == ObjectState::Live);
            live.find_map(|object| {
                let of = object.translations().iter().find(|of| of.page == page)?;
                of.heard.clone()
            })
        };
        own.find_map(|(_, object)| object.heard().cloned())
            .or_else(translated)
    })
}

/// The pages of which an object remembers what feeds said.
fn pages(instance: &Instance, key: &str) -> Vec<Arc<str>> {
    let Some(object) = instance.store.objects.brief(key) else {
        return Vec::new();
    };
    let translated = object.translations().iter().map(|of| &of.page);
    let others = object.former_pages().iter().chain(translated);
    let others = others.map(|page| page.as_str().into());
    object.page.iter().cloned().chain(others).collect()
}

/// Our objects, as far as a comparison needs them.
fn known(instance: &Instance) -> Vec<Known> {
    let mut known = Vec::with_capacity(instance.store.objects.len());
    instance
        .store
        .objects
        .each(|key, object| known.push(known_of(key, object)));
    known
}

fn known_of(key: &Arc<str>, object: &ObjectBrief) -> Known {
    Known {
        key: Arc::clone(key),
        page: object.page.clone(),
        canonical: object.canonical.clone(),
        state: match object.state {
            ObjectState::Live => State::Live,
            ObjectState::Deleted => State::Deleted,
            ObjectState::Unpublished => State::Unpublished,
        },
        announced: object.announced,
        digest: object.digest,
        fingerprint: object.fingerprint,
        translations: object
            .translations()
            .iter()
            .map(|of| of.page.as_str().into())
            .collect(),
        impression: object.impression,
        missing_since: object.missing_since(),
    }
}

/// Whether `include` and `exclude` let a page through.
pub(super) fn chosen(publish: &config::Publish, page: &str) -> Result<(), String> {
    if matches(&publish.exclude, page) {
        Err("excluded by publish.exclude".into())
    } else if matches(&publish.include, page) {
        Ok(())
    } else {
        Err("not included by publish.include".into())
    }
}

/// Whether globs match a page, in any of the spellings in which its path may be written: percent-encoded or not, with
/// the slash at its end or without.
fn matches(globs: &GlobSet, page: &str) -> bool {
    let bare = page.trim_start_matches('/');
    let decoded = percent_decode_str(bare).decode_utf8_lossy();
    [
        bare,
        &decoded,
        bare.trim_end_matches('/'),
        decoded.trim_end_matches('/'),
    ]
    .iter()
    .any(|path| globs.is_match(path))
}
