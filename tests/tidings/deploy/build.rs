//! What a generator writes: a small blog in one of several themes, with lists, a feed and a sitemap.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The looks of a site. Each says the same of its posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// Microformats.
    Entry,
    /// JSON-LD, other elements in another order, a sidebar.
    Data,
    /// Little more than `<article>` and `<time>`, as a minifier leaves it.
    Bare,
    /// The same, and of dates only the day.
    Day,
}

/// A post: its title, day of November 2026, and the inside of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) title: String,
    pub(super) day: u32,
    pub(super) body: String,
}

/// One build of the site.
#[derive(Clone, Debug)]
pub(super) struct Build {
    pub(super) posts: BTreeMap<String, Post>,
    pub(super) theme: Theme,
    /// The base URL that the generator was told.
    pub(super) base: String,
    /// Whether pages name their canonical URL.
    pub(super) canonical: bool,
    /// Something that is different in every build and stands in every page.
    pub(super) nonce: String,
}

impl Build {
    /// A site without posts, with the right base URL.
    pub(super) fn new(origin: &str) -> Build {
        Build {
            posts: BTreeMap::new(),
            theme: Theme::Entry,
            base: origin.to_string(),
            canonical: true,
            nonce: String::new(),
        }
    }

    /// With a post more, or another text of one.
    pub(super) fn with(mut self, slug: &str, body: &str) -> Build {
        let day = self
            .posts
            .get(slug)
            .map_or(self.posts.len() as u32 + 1, |post| post.day);
        let title = format!("About {slug}");
        let body = format!("<p>{body}</p>");
        self.posts.insert(slug.into(), Post { title, day, body });
        self
    }

    /// With posts named by letters.
    pub(super) fn many(mut self, count: u8) -> Build {
        for letter in b'a'..b'a' + count {
            let slug = char::from(letter).to_string();
            let body = format!(
                "What there is to say of {slug} takes a few lines, and a <a href=\"BASE/posts/{slug}/more.txt\">file</a>."
            );
            self = self.with(&slug, &body);
        }
        self
    }

    pub(super) fn without(mut self, slug: &str) -> Build {
        self.posts.remove(slug).unwrap();
        self
    }

    /// The files of the site, by name.
    pub(super) fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut list = String::new();
        let mut items = String::new();
        let mut urls = String::new();
        let base = &self.base;
        for (slug, post) in self.posts.iter().rev() {
            let day = post.day;
            let url = format!("{base}/posts/{slug}/");
            write!(
                list,
                "<li><a href=\"{url}\">{}</a> <time>2026-11-{day:02}</time></li>",
                post.title
            )
            .unwrap();
            write!(
                items,
                "<item><title>{}</title><link>{url}</link><guid>{url}</guid>\
                 <pubDate>{day:02} Nov 2026 10:00:00 +0000</pubDate></item>",
                post.title
            )
            .unwrap();
            write!(urls, "<url><loc>{url}</loc></url>").unwrap();
            files.insert(format!("posts/{slug}/index.html"), self.page(slug, post));
            files.insert(format!("posts/{slug}/more.txt"), "more".into());
        }
        let frame = |title: &str, inside: &str| {
            format!(
                "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head>\
                 <body data-build=\"{}\"><h1>{title}</h1>{inside}</body></html>",
                self.nonce
            )
        };
        files.insert("index.html".into(), frame("Blog", &format!("<ul>{list}</ul>")));
        files.insert(
            "posts/index.html".into(),
            frame("Posts", &format!("<ul>{list}</ul>")),
        );
        files.insert("about/index.html".into(), frame("About", "<p>Who we are.</p>"));
        files.insert("404.html".into(), frame("Not found", "<p>Nothing here.</p>"));
        files.insert(
            "index.xml".into(),
            format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Blog</title>\
                 <link>{base}/</link><description>All posts</description>{items}</channel></rss>"
            ),
        );
        files.insert(
            "sitemap.xml".into(),
            format!("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{urls}</urlset>"),
        );
        files.insert(
            "style.css".into(),
            format!("/* {} */ body {{ color: black }}", self.nonce),
        );
        files
    }

    fn page(&self, slug: &str, post: &Post) -> String {
        let Build { base, nonce, .. } = self;
        let Post { title, day, body } = post;
        let body = body.replace("BASE", base);
        let date = match self.theme {
            Theme::Day => format!("2026-11-{day:02}"),
            _ => format!("2026-11-{day:02}T10:00:00Z"),
        };
        let url = format!("{base}/posts/{slug}/");
        let canonical = match self.canonical {
            true => format!("<link rel=canonical href=\"{url}\"><meta property=og:url content=\"{url}\">"),
            false => String::new(),
        };
        match self.theme {
            Theme::Entry => format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} | Blog</title>\n{canonical}\n\
                 <link rel=stylesheet href=\"/style.css?v={nonce}\">\n</head>\n<body data-build=\"{nonce}\">\n\
                 <nav><a href=\"{base}/\">Home</a> <a href=\"{base}/about/\">About</a></nav>\n<main>\n<article class=\"h-entry\">\n\
                 <h1 class=\"p-name\">{title}</h1>\n<time class=\"dt-published\" datetime=\"{date}\">then</time>\n\
                 <div class=\"e-content\">\n{body}\n</div>\n</article>\n</main>\n<footer>Built {nonce}</footer>\n</body>\n</html>\n"
            ),
            Theme::Data => format!(
                "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title>{canonical}\
                 <script type=\"application/ld+json\" nonce=\"{nonce}\">{{\"@context\":\"https://schema.org\",\"@type\":\"BlogPosting\",\
                 \"headline\":\"{title}\",\"datePublished\":\"{date}\",\"inLanguage\":\"en\"}}</script></head><body class=\"wide {nonce}\">\
                 <header><a href=\"{base}/\">Blog</a></header><div class=layout><aside><h2>Others</h2>\
                 <ul><li><a href=\"{base}/about/\">About</a></ul></aside><main><article><header><h1>{title}</h1>\
                 <p>1 min read</p></header><section itemprop=articleBody>{body}</section></article></main></div>\
                 <footer>The {nonce} footer</footer></body></html>"
            ),
            Theme::Bare | Theme::Day => format!(
                "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>{canonical}<main><article><h1>{title}</h1>\
                 <time datetime={date}>{date}</time>{body}</article></main></html>"
            ),
        }
    }

    /// Writes the whole site into a folder, file by file, over what is there.
    pub(super) fn write(&self, folder: &Path) {
        for (name, text) in self.files() {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }
}
