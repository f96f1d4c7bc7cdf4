//! How the program does with large sites: each figure beside a limit that is measured in the same run.
//!
//!     cargo bench --bench size                        all of it; some minutes, and 3 GB in a temporary folder
//!     cargo bench --bench size -- --quick             a hundredth of it: does the bench itself still work?
//!     cargo bench --bench size -- --only rescan,edit  some of it: scan, rescan (and a start), edit, memory, baseline
//!     … --json                                        the rows as JSON
//!     … --dir DIR                                     where the sites are written; else a RAM disk if there is one
//!     … --check                                       fails when a goal is missed
//!
//! It is built with `[profile.bench]`: as released, without link-time optimisation. Times are processor time where that is
//! fair, the least of several runs, so that other work on the machine disturbs them little.

mod daemon;
mod measure;
mod site;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tidings::config::Config;
use tidings::control::{Engine, Role};
use tidings::publish;
use tidings::site::feed;
use tidings::site::page::{self, Source};
use tidings::site::scan::{Scanner, Scope};
use tidings::store::Disk;
use url::Url;
use walkdir::WalkDir;

use self::daemon::Daemon;
use self::measure::{Took, kind_of, least, took};
use self::site::{ORIGIN, Site};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is asked for on the command line.
struct Options {
    quick: bool,
    json: bool,
    check: bool,
    only: Option<Vec<String>>,
    folder: PathBuf,
}

/// One line of the table.
struct Row {
    what: String,
    figure: f64,
    limit: f64,
    unit: &'static str,
    /// What the figure may be of the limit.
    goal: f64,
}

fn main() -> io::Result<()> {
    let options = options();
    let place = tempfile::Builder::new()
        .prefix("tidings-size-")
        .tempdir_in(&options.folder)?;
    let scale = |full: usize, quick: usize| if options.quick { quick } else { full };
    let (large, huge) = (scale(10_000, 200), scale(100_000, 2_000));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    eprintln!(
        "sites in {} ({}), {cores} cores",
        place.path().display(),
        kind_of(place.path())
    );

    let mut rows = Vec::new();
    let asked = |part: &str| {
        options
            .only
            .as_ref()
            .is_none_or(|only| only.iter().any(|one| one == part))
    };
    if asked("scan") || asked("memory") || asked("baseline") {
        let site = told(&format!("writing {large} pages of 20 KB"), || {
            Site::write(place.path().join("large"), large, 20_000)
        })?;
        if asked("scan") {
            first_scan(&site, cores, &mut rows);
        }
        if asked("baseline") {
            baseline(&site, scale(300, 20), &mut rows)?;
        }
        if asked("memory") {
            let daemon = told("the daemon's first scan of them", || {
                begun(place.path(), "a", &site)
            })?;
            rows.push(resident(&daemon, large));
        }
        fs::remove_dir_all(&site.root)?;
    }
    if asked("rescan") || asked("memory") || asked("edit") {
        // Smaller pages: what is measured here doesn't depend on their size, and the RAM disk may be small.
        let site = told(&format!("writing {huge} pages of 6 KB"), || {
            Site::write(place.path().join("huge"), huge, 6_000)
        })?;
        if asked("rescan") {
            rescan(&site, huge, &mut rows);
        }
        if asked("memory") || asked("edit") {
            let daemon = told("the daemon's first scan of them", || {
                begun(place.path(), "b", &site)
            })?;
            if asked("memory") {
                let small = Site::write(place.path().join("small"), huge / 10, 6_000)?;
                let other = told("and of a tenth", || begun(place.path(), "c", &small))?;
                rows.push(growth(&other, huge / 10, &daemon, huge));
            }
            if asked("edit") {
                edit(&site, &daemon, huge, &mut rows)?;
            }
        }
    }
    print(&rows, options.json)?;
    let missed = rows.iter().filter(|row| row.ratio() > row.goal).count();
    if options.check && missed > 0 {
        return Err(io::Error::other(format!("{missed} goals are missed")));
    }
    Ok(())
}

/// Scanning everything for the first time, against reading and parsing it.
fn first_scan(site: &Site, cores: usize, rows: &mut Vec<Row>) {
    let files = files(&site.root);
    let parsing = least(3, || {
        for file in &files {
            let html = fs::read(file).unwrap_or_default();
            let text = String::from_utf8_lossy(&html);
            std::hint::black_box(scraper::Html::parse_document(&text));
        }
    });
    let scanning = least(3, || {
        std::hint::black_box(scanner(site).scan(&Scope::All, &|_, _| {}));
    });
    let used = cores.min(files.len());
    let parsing_on_all = parsing.cpu.as_secs_f64() / used as f64;
    rows.push(Row {
        what: format!(
            "first scan of {} pages of 20 KB, by processor time / cores",
            files.len()
        ),
        figure: scanning.cpu.as_secs_f64() / used as f64,
        limit: parsing_on_all,
        unit: "s",
        goal: 2.5,
    });
    rows.push(Row {
        what: format!("the same by the clock, on {used} cores"),
        figure: scanning.wall.as_secs_f64(),
        limit: parsing.wall.as_secs_f64() / used as f64,
        unit: "s",
        goal: 2.5,
    });
}

/// Scanning everything again, against walking and asking for metadata.
fn rescan(site: &Site, pages: usize, rows: &mut Vec<Row>) {
    let mut scanner = scanner(site);
    // Times of files count only when they are older than the coarsest clock of a file system.
    std::thread::sleep(Duration::from_secs(3));
    scanner.scan(&Scope::All, &|_, _| {});
    let walking = least(5, || {
        let walk = WalkDir::new(&site.root).into_iter().flatten();
        std::hint::black_box(
            walk.filter_map(|entry| entry.metadata().ok())
                .map(|about| about.len())
                .sum::<u64>(),
        );
    });
    let scanning = least(5, || {
        let scan = scanner.scan(&Scope::All, &|_, _| {});
        assert_eq!(scan.read, 0, "nothing changed");
    });
    let row = |what: String, by: fn(&Took) -> Duration| Row {
        what,
        figure: by(&scanning).as_secs_f64() * 1e3,
        limit: by(&walking).as_secs_f64() * 1e3,
        unit: "ms",
        goal: 3.0,
    };
    rows.push(row(
        format!("rescan of {pages} unchanged files, processor time"),
        |took| took.cpu,
    ));
    rows.push(row("the same by the clock".into(), |took| took.wall));

    // As a daemon that is started again: what the one before it read comes from a file.
    let mut left = Vec::new();
    let told = scanner.tell("bench", &mut |bytes| {
        left.extend_from_slice(bytes);
        Ok(())
    });
    told.expect("memory takes it all");
    drop(scanner);
    let starting = least(3, || {
        let mut scanner = self::scanner(site);
        let known = scanner.recall(left.as_slice(), "bench");
        let scan = scanner.scan(&Scope::All, &|_, _| {});
        assert_eq!(
            (known, scan.read),
            (Ok(scan.snapshot.pages.len()), 0),
            "nothing changed"
        );
    });
    rows.push(Row {
        what: format!(
            "the first scan of a start with {pages} unchanged files, processor time (from {:.1} MiB)",
            left.len() as f64 / f64::from(1 << 20)
        ),
        figure: starting.cpu.as_secs_f64() * 1e3,
        limit: walking.cpu.as_secs_f64() * 1e3,
        unit: "ms",
        goal: 3.0,
    });
}

/// One page edited: what the daemon takes of the processors until its Update is on disk.
fn edit(site: &Site, daemon: &Daemon, pages: usize, rows: &mut Vec<Row>) -> io::Result<()> {
    /// The operating system counts another process's time in steps of 10 ms.
    const EDITS: usize = 10;
    let url = Url::parse(ORIGIN).map_err(io::Error::other)?;
    let mut parsing = Duration::ZERO;
    let mut total = Duration::ZERO;
    for n in 0..EDITS {
        daemon.wait_for_quiet();
        let (post, words) = (site.posts() / (n + 2), format!("edited for the {n}. time"));
        let files = site.edit(post, &words)?;
        let before = daemon.cpu();
        daemon.wait_for_object(&site.path_of(post).trim_matches('/').replace('/', "~"), &words);
        daemon.wait_for_quiet();
        total += daemon.cpu().saturating_sub(before);
        parsing += least(3, || files.iter().for_each(|file| read_one(site, file, &url))).cpu;
    }
    let each = |sum: Duration| sum.as_secs_f64() * 1e3 / EDITS as f64;
    rows.push(Row {
        what: format!(
            "one page edited among {pages}, processor time beyond parsing it, list, feed and sitemap"
        ),
        figure: (each(total) - each(parsing)).max(0.0),
        limit: 50.0,
        unit: "ms",
        goal: 1.0,
    });
    Ok(())
}

fn read_one(site: &Site, file: &Path, url: &Url) {
    let bytes = fs::read(file).unwrap_or_default();
    if file.file_name().is_some_and(|name| name == "sitemap.xml") {
        std::hint::black_box(feed::Sitemap::read(&bytes, url));
    } else if file.extension().is_some_and(|ending| ending == "xml") {
        std::hint::black_box(feed::read(&bytes, url, url));
    } else {
        let path = file
            .strip_prefix(&site.root)
            .unwrap_or(file)
            .to_string_lossy()
            .replace("index.html", "");
        std::hint::black_box(page::read(&Source {
            path: &format!("/{path}"),
            html: &bytes,
            site: url,
            feed: None,
            changed: None,
            frame: None,
        }));
    }
}

fn resident(daemon: &Daemon, pages: usize) -> Row {
    let (now, most) = daemon.memory();
    Row {
        what: format!(
            "resident at {pages} pages (at most it was {:.1} MiB)",
            most as f64 / 1024.0
        ),
        figure: now as f64 / 1024.0,
        limit: 60.0,
        unit: "MiB",
        goal: 1.0,
    }
}

fn growth(few: &Daemon, at_few: usize, many: &Daemon, at_many: usize) -> Row {
    let ((few, _), (many, most)) = (few.memory(), many.memory());
    Row {
        what: format!(
            "growth a page from {at_few} ({:.1} MiB) to {at_many} ({:.1} MiB, at most {:.1})",
            few as f64 / 1024.0,
            many as f64 / 1024.0,
            most as f64 / 1024.0
        ),
        figure: many.saturating_sub(few) as f64 * 1024.0 / (at_many - at_few) as f64,
        limit: 1024.0,
        unit: "B",
        goal: 1.0,
    }
}

/// Recording the pages of a first scan on a real disk, against writing as many records one after another.
fn baseline(site: &Site, sample: usize, rows: &mut Vec<Row>) -> io::Result<()> {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    fs::create_dir(place.path().join("one-by-one"))?;
    let disk = Disk::new(&place.path().join("one-by-one"));
    // As large as the record of such a page.
    let record = vec![b' '; 16_000];
    let (one_by_one, written) = took(|| (0..sample).try_for_each(|n| disk.replace(&n.to_string(), &record)));
    written.map_err(io::Error::other)?;

    let scanning = least(1, || drop(scanner(site).scan(&Scope::All, &|_, _| {})));
    let config = daemon::configure(place.path(), &site.root)?;
    let config = Config::read(&config).map_err(|problems| io::Error::other(format!("{problems:?}")))?;
    let engine =
        Engine::open(config, Role::Command).map_err(|failure| io::Error::other(format!("{failure:?}")))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (all, settled) = took(|| runtime.block_on(engine.publisher.settle(publish::silent())));
    settled.map_err(io::Error::other)?;
    rows.push(Row {
        what: format!(
            "recording {} posts on {}, by the clock",
            site.posts(),
            kind_of(place.path())
        ),
        figure: all.wall.saturating_sub(scanning.wall).as_secs_f64(),
        limit: one_by_one.wall.as_secs_f64() / sample as f64 * site.posts() as f64,
        unit: "s",
        goal: 1.0,
    });
    Ok(())
}

impl Row {
    fn ratio(&self) -> f64 {
        self.figure / self.limit
    }
}

fn print(rows: &[Row], as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "figure": row.figure, "limit": row.limit, "unit": row.unit,
                    "ratio": row.ratio(), "goal": row.goal, "kept": row.ratio() <= row.goal,
                })
            })
            .collect();
        return writeln!(out, "{:#}", serde_json::Value::Array(rows));
    }
    writeln!(
        out,
        "{:>12} {:>12}      {:>6} {:>6}",
        "figure", "limit", "ratio", "goal"
    )?;
    for row in rows {
        let kept = if row.ratio() <= row.goal { "" } else { "   MISSED" };
        writeln!(
            out,
            "{:>12.2} {:>12.2} {:<4} {:>6.2} {:>6.2}   {}{kept}",
            row.figure,
            row.limit,
            row.unit,
            row.ratio(),
            row.goal,
            row.what
        )?;
    }
    Ok(())
}

/// Starts the daemon over a site, and waits until it has read it.
fn begun(place: &Path, name: &str, site: &Site) -> io::Result<Daemon> {
    let place = place.join(name);
    fs::create_dir(&place)?;
    let daemon = Daemon::start(&place, &site.root)?;
    daemon.wait_for_baseline();
    Ok(daemon)
}

fn scanner(site: &Site) -> Scanner {
    Scanner::new(&site.root, &Url::parse(ORIGIN).expect("it is written here"))
}

/// The pages of a folder.
fn files(root: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(root).into_iter().flatten();
    entries
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|ending| ending == "html"))
        .collect()
}

/// Says what is being done, for whoever waits.
fn told<T>(what: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let begun = Instant::now();
    let done = work();
    eprintln!("{what}: {:.1} s", begun.elapsed().as_secs_f64());
    done
}

fn options() -> Options {
    let ram = Path::new("/dev/shm");
    let mut options = Options {
        quick: false,
        json: false,
        check: false,
        only: None,
        folder: if ram.is_dir() {
            ram.to_path_buf()
        } else {
            std::env::temp_dir()
        },
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--only" => {
                options.only = arguments
                    .next()
                    .map(|only| only.split(',').map(Into::into).collect());
            }
            "--dir" => options.folder = arguments.next().map_or(options.folder, PathBuf::from),
            // Cargo says so itself.
            "--bench" => {}
            other => {
                eprintln!("unknown option {other}: --quick, --json, --check, --only PARTS, --dir DIR");
                std::process::exit(2);
            }
        }
    }
    options
}
