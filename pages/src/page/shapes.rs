//! Whole sites of many shapes, written by hand: what of a page is its post.
//!
//! Each shape is a template with the places `TITLE`, `DAY` and `BODY`, filled in for several posts as a generator would.

use proptest::prelude::*;

use super::*;
use crate::feed::Mention;
use crate::frame::Frame;

/// Posts that have nothing in common.
const POSTS: [(&str, &str); 6] = [
    (
        "Bread at six in the morning",
        "<p>The oven was warm before the sun came up, and the dough had risen over the edge of its bowl.</p><p>We ate it \
         with salt and butter, standing in the kitchen.</p>",
    ),
    (
        "A lock for the garden gate",
        "<p>Nobody steals carrots, I was told. Then somebody did.</p><pre><code>latch = open()\nlatch.close()\n</code></pre>\
         <p>So I built a lock from two bolts and a spring.</p>",
    ),
    ("Rain", "<p>It rained all day.</p>"),
    (
        "Three books about rivers",
        "<p>The first is long, the second is wet, and the third one I haven't finished.</p><ul><li>The Danube, from its \
         source</li><li>Old maps of the Rhine</li></ul><p>Which one would you take onto a boat?</p>",
    ),
    (
        "Why my bicycle squeaks",
        "<p>It squeaks because of me: I never oil the chain. A friend listened to it for a minute and laughed.</p>\
         <blockquote><p>Oil it.</p></blockquote>",
    ),
    (
        "How to fold a paper boat",
        "<p>Take a sheet, fold it once along the middle and twice at the corners, then open it like a hat.</p><p><img \
         src=/boat.jpg alt='A boat'></p><p>It swims for about ten minutes.</p>",
    ),
];

struct Site {
    pages: Vec<(String, String)>,
    feed: Vec<Option<Mention>>,
}

impl Site {
    fn of(template: &str) -> Site {
        Site::with(template, &POSTS)
    }

    fn with(template: &str, posts: &[(&str, &str)]) -> Site {
        let page = |(at, (title, body)): (usize, &(&str, &str))| {
            let html = template
                .replace("TITLE", title)
                .replace("NUMBER", &(at + 3).to_string())
                .replace("DAY", &format!("2026-0{}-1{at}", at + 1))
                .replace("OTHER", posts[(at + 1) % posts.len()].0)
                .replace("BODY", body);
            (format!("/{at}/"), html)
        };
        Site {
            pages: posts.iter().enumerate().map(page).collect(),
            feed: posts.iter().map(|_| None).collect(),
        }
    }

    /// With a feed that has the text of all posts.
    fn fed(mut self, posts: &[(&str, &str)]) -> Site {
        for (mention, (_, body)) in self.feed.iter_mut().zip(posts) {
            *mention = Some(Mention {
                guide: Guide::of(body),
                ..Mention::default()
            });
        }
        self
    }

    fn frame(&self) -> Frame {
        let url = "https://a.example/".parse().unwrap();
        let sketches: Vec<_> = self
            .pages
            .iter()
            .zip(&self.feed)
            .filter_map(|((path, html), feed)| sketch(&source(path, html, &url, feed.as_ref(), None)))
            .collect();
        Frame::learn(&sketches.iter().collect::<Vec<_>>())
    }

    /// What is read of each page.
    fn read(&self) -> Vec<Article> {
        let frame = self.frame();
        let url = "https://a.example/".parse().unwrap();
        let pages = self.pages.iter().zip(&self.feed);
        pages
            .map(|((path, html), feed)| {
                match read(&source(path, html, &url, feed.as_ref(), Some(&frame))).verdict {
                    Verdict::Post(article) => *article,
                    other => panic!("{other:?} of {html}"),
                }
            })
            .collect()
    }
}

fn source<'a>(
    path: &'a str,
    html: &'a str,
    site: &'a Url,
    feed: Option<&'a Mention>,
    frame: Option<&'a Frame>,
) -> Source<'a> {
    Source {
        path,
        html: html.as_bytes(),
        site,
        feed,
        changed: None,
        frame,
    }
}

/// The content that a body has by itself.
fn expected(body: &str) -> String {
    sanitize::own_html(body, &"https://a.example/0/".parse().unwrap()).html
}

/// Says that of each post exactly its body is read, with its title.
#[track_caller]
fn exact(site: &Site, posts: &[(&str, &str)]) {
    for (article, (title, body)) in site.read().iter().zip(posts) {
        assert_eq!(article.content, expected(body), "of {title}");
        assert_eq!(article.title.as_deref(), Some(*title));
    }
}

const MONTHS: &str =
    "<meta property=article:published_time content=DAYT10:00:00Z><title>TITLE - Home of Ann</title>";

fn head(body: &str) -> String {
    format!("<!DOCTYPE html><html lang=en><head>{MONTHS}</head><body>{body}</body></html>")
}

#[test]
fn tables_for_columns() {
    let page = head(
        "<table width='100%' border=0><tr><td colspan=2><font size=6><a href='/'>Home of Ann</a></font></td></tr><tr>\
         <td width=120 bgcolor='#eee'><b>Menu</b><br><a href='/about/'>About</a><br><a href='/links/'>Links</a><br><br>\
         <b>Me</b><br>I write about bread and gates, and you are the NUMBERth reader of this page today.</td>\
         <td valign=top><font size=4><b>TITLE</b></font><br><br>BODY<hr><center>[ <a href='/'>back to the start</a> | \
         <a href='/guestbook/'>sign my guestbook</a> ]</center></td></tr><tr><td colspan=2>Best viewed with any browser. \
         &copy; Ann</td></tr></table>",
    );
    for (article, (title, body)) in Site::of(&page).read().iter().zip(POSTS) {
        assert_eq!(article.content.replace("<hr>", ""), expected(body), "of {title}");
    }
}

#[test]
fn soup_of_hashed_class_names() {
    let page = head(
        "<div id=__next><div class='css-1a2b3c'><div class='_nav_x9f2'><a href='/'>Home</a><a href='/about/'>About</a></div>\
         <div class='css-9z8y7x mt-4 px-2'><div class='_hero_77aa'><h1 class='text-2xl font-bold'>TITLE</h1><div \
         class='_by_12ff'><span>Ann Author</span><span>NUMBER min read</span></div></div><div class='prose_5d5d'>BODY</div>\
         <div class='_box_0c0c'><div class='_t_1'>Enjoyed this?</div><div class='_t_2'>Buy me a coffee or tell a friend about \
         it, both help more than you may think.</div></div><div class='_pn_4'><a href='/9/'>OTHER</a></div></div><div \
         class='_foot_3e3e'>Made in a kitchen.</div></div></div>",
    );
    exact(&Site::of(&page), &POSTS);
}

#[test]
fn a_sidebar_that_comes_first_in_the_source() {
    let page = head(
        "<div class=wrap><div class=left><h3>About Ann</h3><p>Ann has baked bread since she was nine years old, in four \
         towns and two countries, and writes here about whatever else there is time for between two loaves.</p><h3>Latest\
         </h3><ul><li><a href='/1/'>OTHER</a></li></ul></div><div class=right><h2>TITLE</h2><div class=text>BODY</div></div>\
         </div>",
    );
    exact(&Site::of(&page), &POSTS);
}

#[test]
fn comments_under_the_post() {
    let talk = |who: &str, what: &str| {
        format!("<div class=c><b>{who}</b> <small>said on DAY</small><div class=ct><p>{what}</p></div></div>")
    };
    let mut site = Site::of(&head(
        "<div class=page><h1>TITLE</h1><div class=txt>BODY</div><div class=talk><h3>NUMBER voices</h3>TALK</div></div>",
    ));
    for (at, (_, html)) in site.pages.iter_mut().enumerate() {
        let said = (0..at * 2).map(|n| {
            talk(
                &format!("Reader {n}"),
                &format!("I have thought about post {at} for {n} days now, and I must say that every word of it rings true to me."),
            )
        });
        *html = html.replace("TALK", &said.collect::<String>());
    }
    exact(&site, &POSTS);
}

#[test]
fn related_posts_with_excerpts_longer_than_the_post() {
    let page = head(
        "<main><article><header><h1>TITLE</h1></header><div class=body>BODY</div><div class=more><h2>More to read</h2><div \
         class=card><h3><a href='/7/'>OTHER</a></h3><p>OTHER is a story of which the beginning alone is longer than most of \
         what I have ever written here, since an excerpt is never cut where it should be, and goes on, and on, and on.</p>\
         </div><div class=card><h3><a href='/8/'>Again OTHER</a></h3><p>After OTHER it is said once more, at the same length \
         or even a greater one, so that the post itself looks small beside it, like a boat beside the ship.</p></div></div>\
         </article></main>",
    );
    exact(&Site::of(&page), &POSTS);
}

#[test]
fn cookie_banners_forms_contents_authors_and_sharing_around_and_in_the_post() {
    let page = head(
        "<div class=ck role=dialog><p>We use two cookies. Both are necessary, and neither knows who you are.</p><button>Fine\
         </button></div><div id=top><a href='/'>Home of Ann</a></div><article><h1>TITLE</h1><p class=x1>By Ann Author, NUMBER \
         minutes</p><div class=toc><ul><li><a href='#a'>One</a></ul></div><div class=y2>BODY<div class=z3><h3>Get it by mail\
         </h3><p>One letter a month, no more.</p><form action='/s'><input type=email name=m><button>Send</button></form></div>\
         </div><div class=q7><img src='/ann.jpg' width=80><p>Ann Author lives by a river and bakes.</p></div><div class=sh>\
         <a href='https://share.example/?u=NUMBER'>Share</a> <a href='mailto:?subject=TITLE'>Mail</a></div><p>Text: CC BY 4.0\
         </p></article>",
    );
    exact(&Site::of(&page), &POSTS);
}

#[test]
fn what_is_marked_as_content_is_freed_of_what_all_posts_share() {
    let page = head(
        "<article class=h-entry><h1 class=p-name>TITLE</h1><div class=e-content>BODY<div class=k1>Liked it? <a \
         href='https://pay.example/'>Leave a coin</a></div><p>First written for the Home of Ann.</p></div></article>",
    );
    exact(&Site::of(&page), &POSTS);
}

#[test]
fn a_letter_form_in_the_middle_of_the_text() {
    let page = head(
        "<div class=post><h1>TITLE</h1><div class=text><p>TITLE, that is what this is about.</p><div class=nl><strong>The \
         letter</strong><p>Every month, by mail.</p><form><input></form></div>BODY</div></div>",
    );
    for (article, (title, body)) in Site::of(&page).read().iter().zip(POSTS) {
        let whole = format!("<p>{title}, that is what this is about.</p>{body}");
        assert_eq!(article.content, expected(&whole));
    }
}

#[test]
fn what_two_of_many_posts_say_alike_is_content_and_headings_of_all_posts_are() {
    let again = "<h2>What you need</h2><p>Thank you all for the many letters about the last one.</p><p>Flour, water, NUMBER \
        things more.</p><h2>What to do</h2>BODY";
    let once = "<h2>What you need</h2><p>TITLE, and then some.</p><h2>What to do</h2>BODY";
    let page = |body: &str| {
        head(&format!(
            "<div class=p><h1>TITLE</h1><div class=t>{body}</div></div>"
        ))
    };
    let mut site = Site::of(&page(once));
    let twice = Site::of(&page(again));
    for at in [1, 4] {
        site.pages[at] = twice.pages[at].clone();
    }
    for (at, article) in site.read().iter().enumerate() {
        assert!(
            article.content.starts_with("<h2>What you need</h2><p>"),
            "{}",
            article.content
        );
        assert!(
            article.content.contains("<h2>What to do</h2>"),
            "{}",
            article.content
        );
        assert_eq!(article.content.contains("Thank you all for"), at == 1 || at == 4);
    }
}

#[test]
fn pages_without_spaces_between_words() {
    let posts = [
        (
            "朝のパン",
            "<p>夜明け前に窯を温め、生地はもう鉢からあふれていた。</p><p>塩とバターで食べた。</p>",
        ),
        (
            "庭の門の鍵",
            "<p>人参を盗む人はいないと言われたが、盗まれた。</p>",
        ),
        ("雨", "<p>一日中雨だった。</p>"),
        (
            "河的三本书",
            "<p>第一本很长，第二本很湿，第三本我还没有读完。你会带哪一本上船？</p>",
        ),
    ];
    let page = head(
        "<div class=a><div class=b><a href='/'>アンの家</a><a href='/about/'>紹介</a></div><div class=c><h1>TITLE</h1><div \
         class=d>BODY</div><div class=e>この記事を友達に教えてください。よろしくお願いします。</div></div><div class=f>\
         無断転載を禁じます。</div></div>",
    );
    exact(&Site::with(&page, &posts), &posts);
}

#[test]
fn posts_that_are_a_picture() {
    let posts: Vec<(String, String)> = (0..5)
        .map(|n| {
            (
                format!("Light {n}"),
                format!("<a href='/full/{n}.jpg'><img src='/small/{n}.jpg' alt='Light on wall {n}'></a>"),
            )
        })
        .collect();
    let posts: Vec<(&str, &str)> = posts.iter().map(|(title, body)| (&**title, &**body)).collect();
    let page = head(
        "<div class=h><img src='/logo.png' alt='Home of Ann'><a href='/'>Home</a></div><div class=m><h1>TITLE</h1><div \
         class=ph>BODY</div><div class=nx><a href='/2/'><img src='/thumb/NUMBER.jpg' alt=next></a></div></div>",
    );
    for (at, article) in Site::with(&page, &posts).read().iter().enumerate() {
        let shown: Vec<&str> = article
            .attachments
            .iter()
            .map(|media| media.url.as_str())
            .collect();
        assert_eq!(shown, [format!("https://a.example/full/{at}.jpg")]);
    }
}

#[test]
fn a_picture_between_the_headline_and_the_text_belongs_to_the_post() {
    let mut site = Site::of(&head(
        "<div class=p><div class=h><h1>TITLE</h1></div><figure><img src='/lead-NUMBER.jpg' alt=lead></figure><div class=t>BODY\
         </div><div class=s>Share this with everyone you know</div></div>",
    ));
    for article in site.read() {
        assert!(
            article.attachments[0].url.contains("/lead-"),
            "{:?}",
            article.attachments
        );
        assert!(!article.content.contains("Share this"), "{}", article.content);
    }
    // The same with one post only: density has to do.
    site.pages.truncate(1);
    assert!(site.read()[0].attachments[0].url.contains("/lead-"));
}

#[test]
fn one_page_alone() {
    let page = head(
        "<div class=top><a href='/'>Home of Ann</a> <a href='/about/'>About</a></div><div class=side><p>Ann has baked since \
         she was nine, in four towns.</p><a href='/1/'>OTHER</a></div><div class=main><h2>TITLE</h2><div class=t>BODY</div>\
         </div><div class=end>&copy; Ann. <a href='/imprint/'>Imprint</a></div>",
    );
    for post in POSTS {
        exact(&Site::with(&page, &[post]), &[post]);
    }
}

#[test]
fn the_feed_shows_where_the_text_stands_when_nothing_else_does() {
    // A single post beside a longer text without links.
    let page = head(
        "<div><div><h2>TITLE</h2><div>BODY</div></div><div><p>All rights are reserved, and those that aren't are kept in a \
         box under the stairs, from which they are taken on holidays to be shown to visitors, who rarely ask for them and \
         never take one home, though they might.</p></div></div>",
    );
    let post = [POSTS[0]];
    exact(&Site::with(&page, &post).fed(&post), &post);
}

#[test]
fn a_feed_that_gives_only_the_beginning_does_not_cut_the_post() {
    let page = head(
        "<div class=p><h1>TITLE</h1><div class=t><div class=lead><p>TITLE in one sentence, as a start.</p></div>BODY</div></div>",
    );
    let mut site = Site::of(&page);
    let starts: Vec<String> = POSTS
        .iter()
        .map(|(title, _)| format!("<p>{title} in one sentence, as a start.</p>"))
        .collect();
    let starts: Vec<(&str, &str)> = starts.iter().map(|start| ("", &**start)).collect();
    site = site.fed(&starts);
    for (article, (title, body)) in site.read().iter().zip(POSTS) {
        assert!(
            article.content.ends_with(&expected(body)),
            "of {title}: {}",
            article.content
        );
    }
}

#[test]
fn notes_without_a_title_stay_notes() {
    let posts: Vec<(&str, &str)> = POSTS.iter().map(|(_, body)| ("", *body)).collect();
    let page = "<html lang=en><title>Home of Ann</title><body><div class=top><a href='/'>Home of Ann</a></div><div class='note \
        h-entry'><div class=e-content>BODY</div><a class=u-url href=''><time class=dt-published datetime=DAY>DAY</time></a>\
        </div><div class=end>Replies by mail, please.</div>";
    for (article, (_, body)) in Site::with(page, &posts).read().iter().zip(&posts) {
        assert_eq!(
            (article.title.as_deref(), &article.content),
            (None, &expected(body))
        );
    }
}

#[test]
fn one_post_more_changes_nothing_for_the_others() {
    let page = head(
        "<div class=p><h1>TITLE</h1><div class=t>BODY</div><div class=s>Share this with everyone you know</div></div>",
    );
    let five = Site::with(&page, &POSTS[..5]).read();
    let six = Site::with(&page, &POSTS).read();
    for (before, after) in five.iter().zip(&six) {
        assert_eq!(before.digest(), after.digest());
    }
}

proptest! {
    #[test]
    fn no_site_makes_it_panic_and_the_same_pages_say_the_same(
        pages in proptest::collection::vec(proptest::collection::vec(piece(), 0..25), 1..6),
    ) {
        let site = Site {
            feed: pages.iter().map(|_| None).collect(),
            pages: pages
                .iter()
                .enumerate()
                .map(|(at, parts)| (format!("/{at}/"), format!("{}{}", MONTHS.replace("DAY", "2026-01-01"), parts.concat())))
                .collect(),
        };
        let site = site.fed(&POSTS);
        let frame = site.frame();
        prop_assert_eq!(&frame, &site.frame());
        let url = "https://a.example/".parse().unwrap();
        for ((path, html), feed) in site.pages.iter().zip(&site.feed) {
            let first = read(&source(path, html, &url, feed.as_ref(), Some(&frame)));
            prop_assert_eq!(first, read(&source(path, html, &url, feed.as_ref(), Some(&frame))));
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "<div>",
            "</div>",
            "<div class=a>",
            "<p>",
            "</p>",
            "<table><tr><td>",
            "</table>",
            "<ul><li>",
            "</ul>",
            "<h2>",
            "</h2>",
            "<article>",
            "</article>",
            "<a href='/1/'>",
            "</a>",
            "<img src=x.png>",
            "<br>",
            "<pre>",
            "</pre>",
            "<form>",
            "<span>",
            "<b>",
            "</b>",
            "<template>",
            "<svg>",
            "Home of Ann",
            "Share: this",
            "the same text in every place",
            "日本語",
        ])
        .prop_map(str::to_owned),
        "[a-z0-9: ]{0,12}",
    ]
}
