//! Real folders, as generators and deployments leave them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::article::Print;

struct Place {
    folder: tempfile::TempDir,
    scanner: Scanner,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("public");
        fs::create_dir(&root).unwrap();
        let place = Place {
            scanner: Scanner::new(&root, &Url::parse("https://blog.example/sub/").unwrap()),
            folder,
        };
        for (name, html) in files {
            place.write(name, html);
        }
        place
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    fn write(&self, name: &str, html: &str) {
        let file = self.root().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, html).unwrap();
    }

    /// As if what is there had been there for long.
    fn age(&mut self) {
        for seen in self.scanner.pages.values_mut() {
            Arc::make_mut(seen).fresh = false;
        }
    }

    fn scan(&mut self) -> Scan {
        self.scanner.scan(&Scope::All, &|_, _| {})
    }

    fn at(&mut self, names: &[&str]) -> Scan {
        let paths = names.iter().map(|name| self.root().join(name)).collect();
        self.scanner.scan(&Scope::Paths(paths), &|_, _| {})
    }
}

fn paths(scan: &Scan) -> Vec<&str> {
    scan.snapshot.pages.keys().map(|path| &**path).collect()
}

const POST: &str =
    "<article><h1>Hi</h1><time datetime=2026-11-01T10:00:00Z>then</time><p>Text.</p></article>";

#[test]
fn pages_get_the_paths_that_readers_see() {
    let mut place = Place::new(&[
        ("index.html", POST),
        ("posts/hello/index.html", POST),
        ("a.html", POST),
        ("b.HTM", POST),
        ("über uns/index.html", POST),
        ("100%25?.html", POST),
        ("style.css", "p {}"),
        (".index.html.Ab3dEf", POST),
        (".git/x.html", POST),
    ]);
    let scan = place.scan();
    assert_eq!(
        paths(&scan),
        [
            "/sub/",
            "/sub/%C3%BCber%20uns/",
            "/sub/100%2525%3F.html",
            "/sub/a.html",
            "/sub/b.HTM",
            "/sub/posts/hello/"
        ]
    );
    assert_eq!((scan.read, scan.unsettled, scan.warnings.len()), (6, false, 0));
    let post = &scan.snapshot.pages["/sub/posts/hello/"];
    let article = place.scanner.reader().article("/sub/posts/hello/", post).unwrap();
    assert_eq!(article.url, "https://blog.example/sub/posts/hello/");
    assert_eq!(Print::of_digest(&article.digest()), post.post().unwrap().digest);
}

#[test]
fn a_missing_folder_an_empty_one_and_one_with_pages_are_three_things() {
    let mut place = Place::new(&[("robots.txt", "")]);
    assert_eq!(place.scan().snapshot.folder, Folder::Empty);
    place.write("a.html", POST);
    assert_eq!(place.scan().snapshot.folder, Folder::Pages);
    fs::rename(place.root(), place.folder.path().join("away")).unwrap();
    let scan = place.scan();
    assert_eq!((scan.snapshot.folder, scan.warnings.len()), (Folder::Missing, 1));
}

#[test]
fn what_has_not_changed_is_not_opened_again() {
    let mut place = Place::new(&[("a.html", POST), ("b.html", POST)]);
    let first = place.scan();
    assert_eq!(first.read, 2);
    assert_eq!(
        place.scan().read,
        2,
        "what changed just now may change again unnoticed"
    );
    place.age();
    assert_eq!(place.scan().read, 0);
    // rsync -t: other words of the same length, with the old time.
    let before = fs::metadata(place.root().join("a.html")).unwrap();
    place.write("new", &POST.replace("Text", "Next"));
    let new = place.root().join("new");
    let file = fs::File::options().write(true).open(&new).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    fs::rename(new, place.root().join("a.html")).unwrap();
    let second = place.scan();
    assert_eq!(second.read, 1);
    let digest = |scan: &Scan| scan.snapshot.pages["/sub/a.html"].post().unwrap().digest;
    assert_ne!(digest(&first), digest(&second));
}

#[test]
fn a_look_at_single_paths_finds_what_a_look_at_everything_finds() {
    let mut place = Place::new(&[
        ("a.html", POST),
        ("posts/b/index.html", POST),
        ("posts/c/index.html", POST),
    ]);
    place.scan();
    place.age();
    place.write("posts/d/index.html", POST);
    fs::remove_dir_all(place.root().join("posts/b")).unwrap();
    place.write("posts/c/index.html", "<p>No post any more.</p>");
    let some = place.at(&[
        "posts/b",
        "posts/c/index.html",
        "posts/d",
        "posts/gone.html",
        ".x/y.html",
    ]);
    assert_eq!((some.read, some.unsettled), (2, false));
    let all = Scanner::new(&place.root(), &place.scanner.site).scan(&Scope::All, &|_, _| {});
    // What wasn't looked at again was read beside other posts, which makes no difference to what it says.
    let what = |scan: &Scan| -> Vec<(Arc<str>, u64, Verdict)> {
        let pages = scan.snapshot.pages.iter();
        pages
            .map(|(path, seen)| (Arc::clone(path), seen.seal, seen.verdict.clone()))
            .collect()
    };
    assert_eq!(what(&some), what(&all));
    fs::remove_dir_all(place.root().join("posts")).unwrap();
    assert_eq!(paths(&place.at(&["posts"])), ["/sub/a.html"]);
}

#[test]
fn links_are_followed_but_not_in_circles_and_other_oddities_are_named() {
    let mut place = Place::new(&[("a.html", POST)]);
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("b.html"), POST).unwrap();
    let link =
        |target: &Path, name: &str| std::os::unix::fs::symlink(target, place.root().join(name)).unwrap();
    link(&elsewhere, "more");
    link(&place.root(), "loop");
    link(Path::new("/nowhere/at/all"), "broken.html");
    fs::File::create(place.root().join("huge.html"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.root().join("pipe.html"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let scan = place.scan();
    assert_eq!(
        paths(&scan),
        ["/sub/a.html", "/sub/huge.html", "/sub/more/b.html"]
    );
    assert!(matches!(
        scan.snapshot.pages["/sub/huge.html"].verdict,
        Verdict::Unreadable(_)
    ));
    let named = |what: &str| scan.warnings.iter().any(|warning| warning.contains(what));
    assert!(named("loop") && named("huge.html"), "{:?}", scan.warnings);
    assert!(!scan.unsettled);
}

#[test]
fn names_that_are_no_text_closed_files_and_crowded_folders_are_named_and_the_rest_goes_on() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut place = Place::new(&[("a.html", POST), ("closed.html", POST)]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.html");
    if fs::write(place.root().join(name), POST).is_err() {
        eprintln!("skipped: this file system takes no names that aren't UTF-8");
        return;
    }
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(place.root().join("closed.html"), closed).unwrap();
    let crowd = place.root().join("crowd");
    fs::create_dir(&crowd).unwrap();
    for n in 0..=walk::CROWDED {
        fs::File::create(crowd.join(n.to_string())).unwrap();
    }
    let scan = place.scan();
    let named = |what: &str| {
        scan.warnings
            .iter()
            .filter(|warning| warning.contains(what))
            .count()
    };
    assert_eq!(
        (named("isn't UTF-8"), named("crowd: more than")),
        (1, 1),
        "{:?}",
        scan.warnings
    );
    // Root may read everything.
    let root = rustix::process::geteuid().is_root();
    assert_eq!(named("closed.html"), usize::from(!root), "{:?}", scan.warnings);
    assert_eq!(paths(&scan), ["/sub/a.html", "/sub/closed.html"]);
    assert!(scan.snapshot.pages["/sub/a.html"].post().is_some() && !scan.unsettled);
}

#[test]
fn a_scan_tells_what_changed_since_the_one_before() {
    let mut place = Place::new(&[("a.html", POST), ("posts/b/index.html", POST)]);
    let changed = |scan: &Scan| -> Vec<(String, bool)> {
        let pages = scan.changes.iter();
        pages
            .map(|(page, before)| (page.to_string(), before.is_some()))
            .collect()
    };
    assert_eq!(place.scan().changes.len(), 2);
    place.age();
    assert!(place.scan().changes.is_empty());
    place.write("a.html", &POST.replace("Text", "Other text"));
    place.write("c.html", POST);
    fs::remove_dir_all(place.root().join("posts")).unwrap();
    let scan = place.at(&["a.html", "c.html", "posts"]);
    let expected = [
        ("/sub/a.html", true),
        ("/sub/c.html", false),
        ("/sub/posts/b/", true),
    ];
    assert_eq!(
        changed(&scan),
        expected.map(|(page, before)| (page.to_string(), before))
    );
}

#[test]
fn thousands_of_files_are_read_on_all_cores_and_counted() {
    let mut place = Place::new(&[]);
    for n in 0..500 {
        place.write(&format!("{n}.html"), POST);
    }
    let most = AtomicUsize::new(0);
    let scan = place.scanner.scan(&Scope::All, &|done, all| {
        assert_eq!(all, 500);
        most.fetch_max(done, Ordering::Relaxed);
    });
    assert_eq!((scan.snapshot.pages.len(), most.into_inner()), (500, 500));
}

#[test]
fn a_page_is_found_by_its_file() {
    let place = Place::new(&[("posts/a/index.html", POST)]);
    let reader = place.scanner.reader();
    let found = |name: &str| reader.path_of_file(Path::new(name), place.folder.path());
    for name in [
        "public/posts/a/index.html",
        "posts/a/index.html",
        place.root().join("posts/a/index.html").to_str().unwrap(),
    ] {
        assert_eq!(found(name).as_deref(), Some("/sub/posts/a/"), "{name}");
    }
    assert_eq!(found("posts/b/index.html"), None);
    assert_eq!(found("../../etc/passwd"), None);
}

#[test]
fn a_page_that_scripts_fill_says_what_the_feed_says_and_stays_when_the_feed_forgets_it() {
    let page = "<html><title>Tea</title><body><div id=app></div><noscript>Please allow scripts.</noscript></body></html>";
    let feed = |entries: &str| {
        format!("<rss version='2.0'><channel><link>https://blog.example/sub/</link>{entries}</channel></rss>")
    };
    let entry = "<item><title>Tea</title><link>https://blog.example/sub/tea/</link><pubDate>Sun, 01 Nov 2026 10:00:00 \
        GMT</pubDate><description>&lt;p>Boil the water &lt;em>twice&lt;/em>, and pour it slowly.&lt;/p></description></item>";
    let mut place = Place::new(&[("tea/index.html", page), ("feed.xml", &feed(entry))]);
    let scan = place.scan();
    let article = place
        .scanner
        .reader()
        .article("/sub/tea/", &scan.snapshot.pages["/sub/tea/"])
        .unwrap();
    assert_eq!(
        article.content,
        "<p>Boil the water <em>twice</em>, and pour it slowly.</p>"
    );
    let digest = &scan.snapshot.pages["/sub/tea/"].post().unwrap().digest;
    assert_eq!(Print::of_digest(&article.digest()), *digest);

    let heard = scan.snapshot.pages["/sub/tea/"].feed.clone();
    place.scanner.remember(Heard::new(move |_| heard.clone()));
    place.write("feed.xml", &feed(""));
    place.write("tea/index.html", &page.replace("app", "app2"));
    let scan = place.scan();
    let seen = &scan.snapshot.pages["/sub/tea/"];
    assert!(
        matches!(seen.verdict, Verdict::Unreadable(_)),
        "{:?}",
        seen.verdict
    );
}

/// What a scanner leaves to the next one.
#[derive(Default)]
struct Left(Vec<u8>);

impl Left {
    fn by(&mut self, scanner: &mut Scanner, due: Due) {
        assert_eq!(scanner.due(), due);
        if due == Due::Whole {
            self.0.clear();
        }
        let sink: Sink<'_> = &mut |bytes| {
            self.0.extend_from_slice(bytes);
            Ok(())
        };
        scanner.tell("me", sink).unwrap();
        assert_eq!(scanner.due(), Due::Nothing);
    }

    fn next(&self, place: &Place) -> Scanner {
        let mut scanner = Scanner::new(&place.root(), &place.scanner.site);
        scanner.recall(self.0.as_slice(), "me").unwrap();
        scanner
    }
}

#[test]
fn a_scanner_takes_over_what_another_one_read() {
    let feed = |title: &str| {
        format!(
            "<rss version='2.0'><channel><link>https://blog.example/sub/</link><item><title>{title}</title>\
             <link>https://blog.example/sub/a.html</link></item></channel></rss>"
        )
    };
    let other = POST.replace("Text", "Other text");
    let mut place = Place::new(&[
        ("a.html", POST),
        ("b/index.html", &other),
        ("über c.html", "<p>No post.</p>"),
        ("gone.html", POST),
        ("feed.xml", &feed("Hi")),
    ]);
    let mut left = Left::default();
    left.by(&mut place.scanner, Due::Whole);
    assert_eq!(place.scan().read, 4);
    // What was written just now is read once more, whoever starts next.
    left.by(&mut place.scanner, Due::More);
    assert_eq!(left.next(&place).scan(&Scope::All, &|_, _| {}).read, 4);

    place.age();
    place.scanner.memory.untold = place.scanner.pages.keys().cloned().collect();
    left.by(&mut place.scanner, Due::More);
    let mut next = left.next(&place);
    let scan = next.scan(&Scope::All, &|_, _| {});
    assert_eq!(scan.read, 0);
    assert_eq!(scan.snapshot.pages, place.scan().snapshot.pages);
    assert!(scan.snapshot.pages["/sub/a.html"].feed.is_some());
    assert_eq!(next.due(), Due::Nothing);

    // Meanwhile one page comes, one changes, one goes, and the feed says something else of one.
    place.write("d.html", POST);
    place.write("b/index.html", POST);
    place.write("feed.xml", &feed("Ho"));
    fs::remove_file(place.root().join("gone.html")).unwrap();
    let mut next = left.next(&place);
    let scan = next.scan(&Scope::All, &|_, _| {});
    assert_eq!(scan.read, 3);
    assert_eq!(
        paths(&scan),
        ["/sub/%C3%BCber%20c.html", "/sub/a.html", "/sub/b/", "/sub/d.html"]
    );
    let anew = Scanner::new(&place.root(), &place.scanner.site).scan(&Scope::All, &|_, _| {});
    let what = |scan: &Scan| -> Vec<(Verdict, Option<Arc<crate::site::feed::Mention>>)> {
        let pages = scan.snapshot.pages.values();
        pages
            .map(|seen| (seen.verdict.clone(), seen.feed.clone()))
            .collect()
    };
    assert_eq!(what(&scan), what(&anew));
    left.by(&mut next, Due::More);
    assert_eq!(left.next(&place).pages.len(), 1, "three are fresh");
}

#[test]
fn what_another_reader_left_or_of_another_folder_is_not_taken_over() {
    let mut place = Place::new(&[("a.html", POST)]);
    place.scan();
    place.age();
    let mut left = Left::default();
    left.by(&mut place.scanner, Due::Whole);
    let recalled = |root: &Path, reader: &str| {
        let mut scanner = Scanner::new(root, &place.scanner.site);
        let recalled = scanner.recall(left.0.as_slice(), reader);
        assert_eq!(scanner.pages.len(), *recalled.as_ref().unwrap_or(&0));
        recalled.is_ok()
    };
    assert!(recalled(&place.root(), "me"));
    assert!(!recalled(&place.root(), "you"));
    assert!(!recalled(place.folder.path(), "me"));
}

#[test]
fn a_page_that_an_older_reader_took_for_none_is_late_while_its_file_is_the_same() {
    let mut place = Place::new(&[("a.html", POST), ("b.html", POST)]);
    place.scan();
    place.age();
    for seen in place.scanner.pages.values_mut() {
        Arc::make_mut(seen).verdict = Verdict::Not("a list".into());
    }
    let mut left = Left::default();
    left.by(&mut place.scanner, Due::Whole);
    place.write("b.html", &POST.replace("Text", "More text"));
    place.scanner = Scanner::new(&place.root(), &place.scanner.site);
    assert!(place.scanner.recall(left.0.as_slice(), "another").is_err());
    let late = |scan: &Scan, page: &str| scan.snapshot.pages[page].standing.late;
    let scan = place.scan();
    assert!(late(&scan, "/sub/a.html") && !late(&scan, "/sub/b.html"));
    // It is remembered as long as nobody writes the page anew.
    place.scanner.doubt_all();
    let scan = place.scan();
    assert!(late(&scan, "/sub/a.html"));
    place.write("a.html", &POST.replace("Text", "Much more text"));
    assert!(!late(&place.scan(), "/sub/a.html"));
}

#[test]
fn a_chronicle_that_says_most_things_twice_is_written_anew() {
    let mut place = Place::new(&[("a.html", POST)]);
    place.scan();
    let mut left = Left::default();
    left.by(&mut place.scanner, Due::Whole);
    let length = left.0.len();
    for _ in 0..1_100 {
        place.scanner.memory.untold.push("/sub/a.html".into());
        let due = place.scanner.due();
        left.by(&mut place.scanner, due);
    }
    assert!(left.0.len() < length * 1_000 && left.next(&place).pages.len() <= 1);
}
