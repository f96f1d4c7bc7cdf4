//! Files of the output folder: which of them are pages, under which paths, and what stands in them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use super::library::Library;
use crate::ap::iri;
use crate::article::Article;
use crate::site::page::{self, Head, Page, Source};
use crate::site::snapshot::Sighting;

/// Reads single pages of the folder again.
#[derive(Clone, Debug)]
pub struct Reader {
    root: PathBuf,
    site: Url,
    library: Library,
}

impl Reader {
    /// A reader of the folder `root`, which readers find at `site`.
    pub fn new(root: &Path, site: &Url) -> Reader {
        Reader {
            root: root.to_path_buf(),
            site: site.clone(),
            library: Library::new(root, site, Vec::new()),
        }
    }

    /// The same with the texts of the site's feeds, for pages that have none.
    pub(super) fn with(self, library: Library) -> Reader {
        Reader { library, ..self }
    }

    /// The article of a page; `None` when its file isn't a post any more.
    pub fn article(&self, path: &str, sighting: &Sighting) -> Option<Article> {
        match self.page(path, sighting)?.verdict {
            page::Verdict::Post(article) => Some(*article),
            _ => None,
        }
    }

    /// A page with all the evidence, read beside the same feeds and the same other pages as it was seen; `None` when its file is gone.
    pub fn page(&self, path: &str, sighting: &Sighting) -> Option<Page> {
        self.read(path, sighting, |source| self.library.read(path, source))
    }

    /// What a page tells other programs; `None` when its file is gone.
    pub fn head(&self, path: &str, sighting: &Sighting) -> Option<Head> {
        self.read(path, sighting, page::head)
    }

    /// The file of the page at a path, relative to the output folder.
    pub fn file(&self, path: &str) -> Option<String> {
        file_of(&self.site, path)
    }

    fn read<T>(&self, path: &str, sighting: &Sighting, read: impl Fn(&Source<'_>) -> T) -> Option<T> {
        let file = self.file(path)?;
        let html = read_file(&self.root.join(&file), page::MAX_PAGE).ok()?;
        Some(read(&Source {
            path: &path_below(Path::new(&file))?,
            html: &html,
            site: &self.site,
            feed: sighting.feed.as_deref(),
            changed: sighting.changed.map(Into::into),
            frame: sighting.frame.as_deref(),
        }))
    }

    /// The path of the page in a file of the output folder. A relative name is looked for in `base` and in the folder.
    pub fn path_of_file(&self, file: &Path, base: &Path) -> Option<String> {
        let root = fs::canonicalize(&self.root).ok()?;
        [base.join(file), root.join(file)].iter().find_map(|candidate| {
            let relative = match candidate.strip_prefix(&self.root) {
                // As it is named, because what a link leads to may lie elsewhere.
                Ok(relative) if candidate.exists() => relative.to_path_buf(),
                _ => fs::canonicalize(candidate)
                    .ok()?
                    .strip_prefix(&root)
                    .ok()?
                    .to_path_buf(),
            };
            is_page(&relative).then(|| page_path(&self.site, &relative))?
        })
    }
}

/// The path on ORIGIN of a file or folder that is given relative to the output folder.
pub(super) fn page_path(site: &Url, relative: &Path) -> Option<String> {
    let below = spelled(relative)?;
    Some(iri::page_path(&format!("{}{below}", site.path())))
}

/// What paths on ORIGIN begin with, as they are written.
fn prefix(site: &Url) -> String {
    let mut prefix = iri::page_path(site.path());
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    prefix
}

/// The file of the page at a path: what [`page_path`] makes of a file, the other way.
pub(super) fn file_of(site: &Url, path: &str) -> Option<String> {
    let below = path.strip_prefix(&prefix(site))?;
    let mut file = percent_decode_str(below).decode_utf8().ok()?.into_owned();
    if file.is_empty() || file.ends_with('/') {
        file.push_str("index.html");
    }
    Some(file)
}

/// Makes paths of files one after the other. It is asked for every file of every scan, and nearly all names are plain.
pub(super) struct Spelling<'a> {
    site: &'a Url,
    prefix: usize,
    path: String,
}

impl<'a> Spelling<'a> {
    pub(super) fn new(site: &'a Url) -> Spelling<'a> {
        let path = prefix(site);
        Spelling {
            site,
            prefix: path.len(),
            path,
        }
    }

    /// The path on ORIGIN of a file that is given relative to the output folder: the same as [`page_path`] has it.
    pub(super) fn path(&mut self, file: &str) -> &str {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        self.path.truncate(self.prefix);
        if file.bytes().all(is_plain) {
            let folder = file.strip_suffix("index.html");
            let folder = folder.filter(|folder| folder.is_empty() || folder.ends_with('/'));
            self.path.push_str(folder.unwrap_or(file));
        } else if let Some(path) = page_path(self.site, Path::new(file)) {
            self.path.push_str(&path[self.prefix..]);
        }
        &self.path
    }
}

/// Why a file wasn't read.
pub(super) enum Unread {
    Gone,
    TooLarge,
    Io(io::Error),
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Unread> {
    let limit = limit as u64;
    let read = || -> io::Result<Option<Vec<u8>>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if size > limit {
            return Ok(None);
        }
        let mut html = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        // It may grow while it is read.
        file.take(limit + 1).read_to_end(&mut html)?;
        Ok((html.len() as u64 <= limit).then_some(html))
    };
    match read() {
        Ok(Some(html)) => Ok(html),
        Ok(None) => Err(Unread::TooLarge),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unread::Gone),
        Err(error) => Err(Unread::Io(error)),
    }
}

/// Whether an HTML file ends in the middle, as one does while it is written, or when the disk was full: behind its last
/// tag stands something, and an element that holds the whole page was begun and not ended. Careless authors leave out
/// end tags, too, but not behind half a sentence.
pub(super) fn is_cut_short(html: &[u8]) -> bool {
    let end = html
        .iter()
        .rposition(|byte| !byte.is_ascii_whitespace() && *byte != 0)
        .map_or(0, |last| last + 1);
    let html = &html[..end];
    if html.is_empty() {
        return true;
    }
    let count = |wanted: &[u8]| {
        html.windows(wanted.len())
            .filter(|part| part.eq_ignore_ascii_case(wanted))
            .count()
    };
    !html.ends_with(b">")
        && [
            (b"<html".as_slice(), b"</html".as_slice()),
            (b"<body", b"</body"),
            (b"<main", b"</main"),
            (b"<article", b"</article"),
            (b"<div", b"</div"),
        ]
        .iter()
        .any(|(start, end)| count(start) > count(end))
}

/// The beginning of a file.
pub(super) fn read_start(path: &Path, length: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(length);
    File::open(path)?.take(length as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// The path of a page below `site.url`, as the reader of pages wants it: with a leading slash, `index.html` cut.
pub(super) fn path_below(relative: &Path) -> Option<String> {
    Some(iri::page_path(&format!("/{}", spelled(relative)?)))
}

/// A relative file name as part of a URL's path. Only what would end or change the path is encoded here;
/// `iri::page_path` does the rest.
fn spelled(relative: &Path) -> Option<String> {
    Some(
        relative
            .to_str()?
            .replace('%', "%25")
            .replace('?', "%3F")
            .replace('#', "%23"),
    )
}

pub(super) fn is_page(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("html") || ending.eq_ignore_ascii_case("htm"))
        && !is_hidden(path)
}

/// Names with a dot in front: rsync's temporary files (`.index.html.Ab3dEf`, `.~tmp~`), editors' swap files, `.git`.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_follows_from_the_path_whatever_it_is_called() {
        for site in [
            "https://blog.example/",
            "https://blog.example/sub/",
            "https://blog.example/caf%C3%A9/b%20c/",
        ] {
            let site = Url::parse(site).unwrap();
            let mut spelling = Spelling::new(&site);
            for file in [
                "index.html",
                "a.html",
                "a/index.html",
                "a/index.htm",
                "a/myindex.html",
                "index.html/b.html",
                "über uns/index.html",
                "100%25?#.html",
                "%41.html",
                "a'(b)*!.HTM",
                "a//b.html",
                "a/../b.html",
                "q?index.html",
                "e\u{301}.html",
            ] {
                let path = page_path(&site, Path::new(file)).unwrap();
                assert_eq!(spelling.path(file), path, "{file}");
                assert_eq!(file_of(&site, &path).as_deref(), Some(file), "{path}");
            }
        }
    }

    #[test]
    fn a_file_that_ends_in_the_middle_is_told_from_a_careless_one() {
        let whole = "<!doctype html><html><body><div><p>One two</p></div></body></html>\n";
        assert!(!is_cut_short(whole.as_bytes()));
        for end in [0, 20, 26, 36, 40, 50] {
            let cut = &whole.as_bytes()[..end];
            assert!(is_cut_short(cut) || cut.ends_with(b">"), "{end}");
        }
        for careless in [
            "<p>One two",
            "<html><body><p>One</p>\n",
            "<html><p>One</html>\n<!-- built --> x",
        ] {
            assert!(!is_cut_short(careless.as_bytes()), "{careless}");
        }
    }
}
