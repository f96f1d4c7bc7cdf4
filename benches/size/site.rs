//! A site as a generator writes it: posts in a theme's frame, lists, tags, a feed of the newest and a sitemap.
//!
//! The same numbers give the same site, so that two runs measure the same.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Where readers would find it.
pub(crate) const ORIGIN: &str = "https://blog.example";
/// Posts on one page of the list.
const A_LIST: usize = 20;
/// Posts in the feed.
const A_FEED: usize = 20;
/// The tags of the site; a post has two of them.
const TAGS: [&str; 12] = [
    "gardens",
    "rivers",
    "compilers",
    "type",
    "bread",
    "maps",
    "radio",
    "trains",
    "letters",
    "clouds",
    "chess",
    "glass",
];
/// What the text is made of.
const WORDS: [&str; 40] = [
    "the", "a", "river", "stone", "morning", "slowly", "wrote", "table", "between", "under", "light",
    "number", "paper", "garden", "asked", "which", "never", "green", "window", "because", "letter", "small",
    "carried", "question", "without", "water", "answer", "several", "found", "walked", "bridge", "quiet",
    "evening", "machine", "began", "remember", "street", "colour", "almost", "bread",
];

/// A site in a folder.
pub(crate) struct Site {
    pub(crate) root: PathBuf,
    posts: usize,
    size: usize,
}

/// A source of chance that is the same in every run (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap_or_default() % below
    }
}

impl Site {
    /// Writes a site of `pages` files, nearly all of them posts of about `size` bytes.
    pub(crate) fn write(root: PathBuf, pages: usize, size: usize) -> io::Result<Site> {
        // Every twenty posts a page of the list, a page for each tag, and the first page.
        let posts = (pages - 1 - TAGS.len()) * A_LIST / (A_LIST + 1);
        let site = Site { root, posts, size };
        for n in 0..posts {
            site.put(
                &format!("{}index.html", path(n).trim_start_matches('/')),
                &site.post(n, ""),
            )?;
        }
        let lists = pages - 1 - TAGS.len() - posts;
        for list in 0..lists {
            let newest = posts.saturating_sub(list * A_LIST);
            site.put(
                &format!("page/{}/index.html", list + 2),
                &site.list("Posts", newest),
            )?;
        }
        for (n, tag) in TAGS.iter().enumerate() {
            site.put(&format!("tags/{tag}/index.html"), &site.list(tag, posts - n))?;
        }
        site.around("")?;
        Ok(site)
    }

    /// Edits one post, and writes again what generators write again with it: the first page, the feed, the sitemap.
    /// Answers the files.
    pub(crate) fn edit(&self, n: usize, words: &str) -> io::Result<Vec<PathBuf>> {
        let post = format!("{}index.html", path(n).trim_start_matches('/'));
        self.put(&post, &self.post(n, words))?;
        self.around(words)?;
        Ok([&post, "index.html", "index.xml", "sitemap.xml"]
            .iter()
            .map(|file| self.root.join(file))
            .collect())
    }

    /// The path of a post.
    pub(crate) fn path_of(&self, n: usize) -> String {
        path(n)
    }

    /// The number of posts.
    pub(crate) fn posts(&self) -> usize {
        self.posts
    }

    fn around(&self, words: &str) -> io::Result<()> {
        self.put("index.html", &self.list(&format!("Posts {words}"), self.posts))?;
        let mut feed = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Blog</title><link>{ORIGIN}/</link>"
        );
        for n in (self.posts.saturating_sub(A_FEED)..self.posts).rev() {
            let _ = write!(
                feed,
                "<item><title>{}</title><link>{ORIGIN}{}</link><guid>{ORIGIN}{}</guid><pubDate>{}</pubDate>\
                 <category>{}</category><description>{}</description></item>",
                title(n),
                path(n),
                path(n),
                instant(n).strftime("%a, %d %b %Y %H:%M:%S +0000"),
                TAGS[n % TAGS.len()],
                sentence(&mut Chance(n as u64 + 7), 20),
            );
        }
        feed.push_str("</channel></rss>");
        self.put("index.xml", &feed)?;
        let mut map = String::from(
            "<?xml version=\"1.0\"?><urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">",
        );
        for n in 0..self.posts {
            let _ = writeln!(map, "<url><loc>{ORIGIN}{}</loc></url>", path(n));
        }
        map.push_str("</urlset>");
        self.put("sitemap.xml", &map)
    }

    fn put(&self, file: &str, text: &str) -> io::Result<()> {
        let file = self.root.join(file);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text)
    }

    fn post(&self, n: usize, words: &str) -> String {
        let mut chance = Chance(n as u64 * 2 + 1);
        let (title, url) = (title(n), format!("{ORIGIN}{}", path(n)));
        let (tag, other) = (TAGS[n % TAGS.len()], TAGS[(n * 7 + 3) % TAGS.len()]);
        let summary = sentence(&mut Chance(n as u64 + 7), 20);
        let at = instant(n);
        let mut body = format!(
            "<article class=\"post\"><header class=\"post-header\"><h1 class=\"post-title\">{title}</h1>\
             <div class=\"post-meta\"><time datetime=\"{at}\">{}</time> · 4 min · <a href=\"/about/\">Anna Author</a></div></header>\n\
             <div class=\"post-content\"><p>{words}</p>\n",
            at.strftime("%B %-d, %Y")
        );
        let around = frame(&title, &url, &summary, Some(n), "").len();
        let mut part = 0;
        while around + body.len() < self.size.saturating_sub(900) {
            part += 1;
            match part % 8 {
                3 => {
                    let _ = writeln!(body, "<h2 id=\"part-{part}\">{}</h2>", sentence(&mut chance, 4));
                }
                5 => {
                    body.push_str("<ul>\n");
                    for _ in 0..4 {
                        let _ = writeln!(
                            body,
                            "<li><strong>{}</strong>: {}</li>",
                            WORDS[chance.next(40)],
                            sentence(&mut chance, 9)
                        );
                    }
                    body.push_str("</ul>\n");
                }
                6 => {
                    let _ = writeln!(
                        body,
                        "<figure><img src=\"part-{part}.jpg\" alt=\"{}\" width=\"800\" height=\"600\" loading=\"lazy\"><figcaption>{}</figcaption></figure>",
                        sentence(&mut chance, 6),
                        sentence(&mut chance, 8)
                    );
                }
                7 => {
                    body.push_str("<pre><code class=\"language-rust\">");
                    for line in 0..6 {
                        let _ = writeln!(
                            body,
                            "<span class=\"k\">let</span> <span class=\"n\">{}_{line}</span> <span class=\"o\">=</span> <span class=\"mi\">{}</span>;",
                            WORDS[chance.next(40)],
                            chance.next(1000)
                        );
                    }
                    body.push_str("</code></pre>\n");
                }
                _ => {
                    let _ = writeln!(
                        body,
                        "<p>{} <a href=\"{}\">{}</a>, {} <em>{}</em>. {} &amp; {}</p>",
                        sentence(&mut chance, 22),
                        path(chance.next(n + 1)),
                        sentence(&mut chance, 3),
                        sentence(&mut chance, 12),
                        WORDS[chance.next(40)],
                        sentence(&mut chance, 18),
                        sentence(&mut chance, 9)
                    );
                }
            }
        }
        let _ = write!(
            body,
            "</div><footer class=\"post-footer\"><ul class=\"post-tags\"><li><a href=\"/tags/{tag}/\" rel=\"tag\">{tag}</a></li>\
             <li><a href=\"/tags/{other}/\" rel=\"tag\">{other}</a></li></ul><nav class=\"paginav\"><a class=\"prev\" href=\"{}\">« Prev</a>\
             <a class=\"next\" href=\"{}\">Next »</a></nav></footer></article>",
            path(n + 1),
            path(n.saturating_sub(1))
        );
        frame(&title, &url, &summary, Some(n), &body)
    }

    /// A page that lists the twenty posts before `end`.
    fn list(&self, title: &str, end: usize) -> String {
        let mut body = format!("<header class=\"page-header\"><h1>{title}</h1></header>");
        for n in (end.saturating_sub(A_LIST)..end).rev() {
            let _ = writeln!(
                body,
                "<article class=\"post-entry\"><header><h2>{}</h2></header><div class=\"entry-content\"><p>{}</p></div>\
                 <footer><time datetime=\"{}\">{}</time></footer><a class=\"entry-link\" href=\"{}\"></a></article>",
                self::title(n),
                sentence(&mut Chance(n as u64 + 7), 20),
                instant(n),
                instant(n).strftime("%B %-d, %Y"),
                path(n)
            );
        }
        frame(
            title,
            &format!("{ORIGIN}/"),
            "A blog about nothing in particular.",
            None,
            &body,
        )
    }
}

fn path(n: usize) -> String {
    // A month in a folder, as many blogs have them.
    let at = instant(n);
    format!("/posts/{}/{}-{n}/", at.strftime("%Y/%m"), WORDS[n * 31 % 40])
}

fn title(n: usize) -> String {
    let words = sentence(&mut Chance(n as u64 + 99), 5);
    format!("{} {n}", words.trim_end_matches('.'))
}

fn instant(n: usize) -> jiff::Timestamp {
    // Every two hours since 2003.
    let seconds = 1_041_379_200 + i64::try_from(n).unwrap_or_default() * 7_200;
    jiff::Timestamp::from_second(seconds).expect("no site of a bench is so large")
}

fn sentence(chance: &mut Chance, words: usize) -> String {
    let mut sentence = String::new();
    for n in 0..words {
        let word = WORDS[chance.next(WORDS.len())];
        match n {
            0 => sentence.extend(
                word.chars()
                    .take(1)
                    .flat_map(char::to_uppercase)
                    .chain(word.chars().skip(1)),
            ),
            _ => {
                sentence.push(' ');
                sentence.push_str(word);
            }
        }
    }
    sentence.push('.');
    sentence
}

/// What all pages share: a head full of metadata, a menu, a sidebar, a footer.
fn frame(title: &str, url: &str, summary: &str, n: Option<usize>, body: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" dir=\"auto\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"index, follow\">\n\
         <title>{title} | A Blog</title>\n<meta name=\"description\" content=\"{summary}\">\n<meta name=\"author\" content=\"Anna Author\">\n\
         <link rel=\"canonical\" href=\"{url}\">\n<link rel=\"stylesheet\" href=\"/assets/css/stylesheet.0a1b2c3d.css\">\n\
         <link rel=\"icon\" href=\"/favicon.ico\">\n<link rel=\"alternate\" type=\"application/rss+xml\" href=\"{ORIGIN}/index.xml\">\n\
         <meta property=\"og:url\" content=\"{url}\">\n<meta property=\"og:site_name\" content=\"A Blog\">\n\
         <meta property=\"og:title\" content=\"{title}\">\n<meta property=\"og:description\" content=\"{summary}\">\n\
         <meta name=\"twitter:card\" content=\"summary\">\n<style>:root{{--gap:24px;--content-gap:20px}}@media screen and (max-width:768px){{:root{{--gap:14px}}}}</style>\n"
    );
    if let Some(n) = n {
        let at = instant(n);
        let _ = writeln!(
            page,
            "<meta property=\"og:type\" content=\"article\">\n<meta property=\"article:published_time\" content=\"{at}\">\n\
             <script type=\"application/ld+json\">{{\"@context\":\"https://schema.org\",\"@type\":\"BlogPosting\",\"headline\":\"{title}\",\
             \"description\":\"{summary}\",\"datePublished\":\"{at}\",\"author\":{{\"@type\":\"Person\",\"name\":\"Anna Author\"}},\
             \"mainEntityOfPage\":{{\"@type\":\"WebPage\",\"@id\":\"{url}\"}}}}</script>"
        );
    }
    page.push_str("</head>\n<body id=\"top\">\n<header class=\"header\"><nav class=\"nav\"><div class=\"logo\"><a href=\"/\" accesskey=\"h\">A Blog</a></div><ul id=\"menu\">");
    for item in [
        "archives", "about", "search", "tags", "series", "projects", "photos", "talks",
    ] {
        let _ = write!(
            page,
            "<li><a href=\"/{item}/\" title=\"{item}\"><span>{item}</span></a></li>"
        );
    }
    page.push_str("</ul></nav></header>\n<main class=\"main\">\n");
    page.push_str(body);
    page.push_str("\n</main>\n<aside class=\"sidebar\"><h3>Tags</h3><ul>");
    for tag in TAGS {
        let _ = write!(page, "<li><a href=\"/tags/{tag}/\">{tag}</a> <sup>12</sup></li>");
    }
    page.push_str("</ul></aside>\n<footer class=\"footer\"><span>&copy; 2026 <a href=\"/\">A Blog</a></span> <span>Powered by patience</span></footer>\n\
         <script>let menu=document.getElementById('menu');if(menu){menu.scrollLeft=localStorage.getItem(\"menu-scroll-position\")}</script>\n</body>\n</html>\n");
    page
}
