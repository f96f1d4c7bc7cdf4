//! The texts that feeds give of pages, for pages that have none themselves: scripts put it there in a browser.
//!
//! They aren't kept in memory, because nearly no site needs them. The first page that asks has the feeds read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use url::Url;

use super::reader::{path_below, read_file};
use crate::site::feed::{self, MAX_FEED};
use crate::site::page::{self, Page, Source};

/// Bytes of all texts; the pages of a larger site have texts of their own.
const MAX_TEXTS: usize = 64 << 20;

/// The texts of a site's feeds.
#[derive(Clone, Debug)]
pub(super) struct Library(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    root: PathBuf,
    site: Url,
    /// The feeds, the ones nearest to the root first.
    feeds: Vec<PathBuf>,
    texts: OnceLock<HashMap<String, Box<str>>>,
}

impl Library {
    pub(super) fn new(root: &Path, site: &Url, feeds: Vec<PathBuf>) -> Library {
        Library(Arc::new(Shelf {
            root: root.to_path_buf(),
            site: site.clone(),
            feeds,
            texts: OnceLock::new(),
        }))
    }

    /// Reads a page; with the text that a feed gives of it if it has none.
    pub(super) fn read(&self, path: &str, source: &Source<'_>) -> Page {
        let page = page::read(source);
        if !page.lacks_text {
            return page;
        }
        match self.text(path) {
            Some(text) => page::read_with(source, text),
            None => page,
        }
    }

    fn text(&self, path: &str) -> Option<&str> {
        let texts = self.0.texts.get_or_init(|| self.0.open());
        texts.get(feed::bare(path)).map(|text| &**text)
    }
}

impl Shelf {
    fn open(&self) -> HashMap<String, Box<str>> {
        let mut texts = HashMap::new();
        let mut left = MAX_TEXTS;
        for file in &self.feeds {
            let own = path_below(file).and_then(|path| self.site.join(path.trim_start_matches('/')).ok());
            let bytes = read_file(&self.root.join(file), MAX_FEED);
            let (Some(own), Ok(bytes)) = (own, bytes) else {
                continue;
            };
            for (page, text) in feed::texts(&bytes, &own, &self.site) {
                let page = feed::bare(&page);
                if text.len() <= left && !texts.contains_key(page) {
                    left -= text.len();
                    texts.insert(page.to_owned(), text.into_boxed_str());
                }
            }
        }
        texts
    }
}
