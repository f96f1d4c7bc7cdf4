//! Builds the example site: Markdown and templates in `site-example/source`, pages in `site-example/public`.
//!
//! It stands for whatever generator a real blog uses and needs nothing but Rust. The output is committed;
//! running it again changes nothing, so a test or a reader can tell at once whether it is up to date.
//!
//! ```text
//! cargo run --example build-site                                    # writes site-example/public
//! cargo run --example build-site -- --url https://blog.example --out /srv/blog
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pulldown_cmark::{CowStr, Event, Options, Tag, TagEnd};
use serde::Deserialize;

mod output;

use output::Output;

/// Builds the example site.
#[derive(Parser)]
struct Arguments {
    /// Where the Markdown, the templates and the pictures are.
    #[arg(long, default_value = "site-example/source")]
    source: PathBuf,
    /// Where the pages go; what is there already is replaced.
    #[arg(long, default_value = "site-example/public")]
    out: PathBuf,
    /// The address of the site, instead of the one in site.toml.
    #[arg(long)]
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    url: String,
    title: String,
    subtitle: String,
    author: String,
    actor: String,
    handle: String,
    language: String,
    email: String,
    menu: Vec<MenuEntry>,
    #[serde(default)]
    aliases: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MenuEntry {
    name: String,
    path: String,
}

/// The TOML between the `+++` lines at the top of a Markdown file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    title: Option<String>,
    date: Option<String>,
    updated: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    summary: Option<String>,
    language: Option<String>,
    image: Option<String>,
    image_alt: Option<String>,
    /// How the page says what it is: json-ld, h-entry, opengraph, plain, tidings or all.
    metadata: Option<String>,
    /// `<meta name="tidings:KEY">`
    #[serde(default)]
    tidings: BTreeMap<String, String>,
}

/// A Markdown file, read and rendered.
struct Page {
    front: FrontMatter,
    path: String,
    content: String,
    text: String,
}

const PATH_SAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut site: Site = toml::from_str(&read(&arguments.source.join("site.toml"))?).context("site.toml")?;
    if let Some(url) = arguments.url {
        site.url = url.trim_end_matches('/').to_owned();
    }
    let templates = templates(&arguments.source.join("templates"))?;
    let mut out = Output::new(&arguments.out)?;
    build(&site, &arguments.source, &templates, &mut out)?;
    out.finish()
}

fn build(site: &Site, source: &Path, templates: &Environment<'_>, out: &mut Output) -> Result<()> {
    let statics = source.join("static");
    copy(&statics, &statics, out)?;

    let mut posts = pages(&source.join("posts"), "/posts/", "/", site, &statics)?;
    posts.extend(pages(&source.join("notes"), "/notes/", ".html", site, &statics)?);
    let mut dated = Vec::new();
    for post in posts {
        let date = post
            .front
            .date
            .as_deref()
            .with_context(|| format!("{}: a post needs a date", post.path))?;
        let instant: Timestamp = date.parse().with_context(|| format!("{}: date", post.path))?;
        dated.push((instant, post));
    }
    dated.sort_by_key(|(instant, post)| (std::cmp::Reverse(*instant), post.path.clone()));
    let posts: Vec<Page> = dated.into_iter().map(|(_, post)| post).collect();
    // A page that is dated far ahead is built but not linked yet. The rule must not ask the clock, or two runs
    // of the same source could differ.
    let is_ahead = |post: &Page| post.front.date.as_deref().is_some_and(|date| date > "2090");
    let listed: Vec<&Page> = posts.iter().filter(|post| !is_ahead(post)).collect();

    let site_value = site_value(site);
    let render = |template: &str, context: Value| -> Result<String> {
        let template = templates.get_template(template)?;
        Ok(template.render(context! { site => site_value.clone(), ..context })? + "\n")
    };

    for post in &posts {
        let place = listed.iter().position(|other| other.path == post.path);
        let neighbour = |at: Option<usize>| {
            at.and_then(|at| listed.get(at))
                .map(|page| link_value(site, page))
                .unwrap_or_default()
        };
        let value = context! {
            newer => neighbour(place.and_then(|at| at.checked_sub(1))),
            older => neighbour(place.map(|at| at + 1)),
            json_ld => json_ld(site, post)?,
            ..post_value(site, post, &statics)?
        };
        out.write(
            &file_of(&post.path),
            &render("post.html", context! { page => value })?,
        )?;
    }

    for page in pages(&source.join("pages"), "/", "/", site, &statics)? {
        let value =
            context! { url => url_of(site, &page.path), content => &page.content, ..link_value(site, &page) };
        out.write(
            &file_of(&page.path),
            &render("page.html", context! { page => value })?,
        )?;
    }

    let mut tags: BTreeMap<String, (String, Vec<&Page>)> = BTreeMap::new();
    for post in &listed {
        for tag in &post.front.tags {
            tags.entry(tag_path(tag))
                .or_insert_with(|| (tag.clone(), Vec::new()))
                .1
                .push(post);
        }
    }
    let mut lists = vec![
        (
            "/".to_owned(),
            None,
            true,
            vec![(None, listed.iter().copied().take(10).collect::<Vec<_>>())],
        ),
        (
            "/archive/".to_owned(),
            Some("Archive".to_owned()),
            false,
            by_month(&listed),
        ),
    ];
    lists
        .extend(tags.into_iter().map(|(path, (name, posts))| {
            (path, Some(format!("Tagged “{name}”")), true, vec![(None, posts)])
        }));
    for (path, title, summaries, groups) in lists {
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|(name, posts)| {
                let posts: Vec<Value> = posts.into_iter().map(|post| link_value(site, post)).collect();
                context! { name, posts }
            })
            .collect();
        let page = context! {
            path => &path, title => &title, summaries,
            heading => &title,
            url => url_of(site, &path),
            language => &site.language,
        };
        out.write(&file_of(&path), &render("list.html", context! { page, groups })?)?;
    }

    let not_found = context! { heading => "Not found", path => "/404.html", language => &site.language };
    out.write("404.html", &render("404.html", context! { page => not_found })?)?;
    for (from, target) in &site.aliases {
        out.write(&file_of(from), &render("alias.html", context! { target })?)?;
    }

    let newest = listed
        .iter()
        .filter_map(|post| post.front.updated.as_ref().or(post.front.date.as_ref()));
    let mut newest: Vec<(Timestamp, &String)> = newest
        .map(|date| Ok((date.parse()?, date)))
        .collect::<Result<_>>()?;
    newest.sort();
    let entries = listed
        .iter()
        .map(|post| post_value(site, post, &statics))
        .collect::<Result<Vec<_>>>()?;
    let updated = newest.last().map(|(_, date)| date.as_str());
    out.write(
        "feed.xml",
        &render("feed.xml", context! { posts => entries, updated })?,
    )
}

fn templates(folder: &Path) -> Result<Environment<'static>> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    // As the default, but slashes stay readable: they need no escape in text or in quoted attributes.
    templates.set_formatter(|out, _, value| match value {
        _ if value.is_none() || value.is_undefined() => Ok(()),
        _ if value.is_safe() => Ok(write!(out, "{value}")?),
        _ => Ok(out.write_str(&escape(&value.to_string()))?),
    });
    for file in files(folder)? {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .context("a template's name isn't UTF-8")?;
        templates.add_template_owned(name.to_owned(), read(&file)?)?;
    }
    Ok(templates)
}

fn pages(folder: &Path, prefix: &str, suffix: &str, site: &Site, statics: &Path) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    for file in files(folder)? {
        let text = read(&file)?;
        let (front, markdown) = text
            .strip_prefix("+++\n")
            .and_then(|rest| rest.split_once("\n+++\n"))
            .with_context(|| format!("{}: no front matter between +++ lines", file.display()))?;
        let front: FrontMatter = toml::from_str(front).with_context(|| file.display().to_string())?;
        let stem = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .context("a file's name isn't UTF-8")?;
        let markdown = markdown.trim().replace("{{ handle }}", &site.handle);
        let (content, text) = html_of(&markdown, statics).with_context(|| file.display().to_string())?;
        pages.push(Page {
            front,
            path: format!("{prefix}{stem}{suffix}"),
            content,
            text,
        });
    }
    Ok(pages)
}

/// Renders Markdown; a picture gets its dimensions, so that the text doesn't jump when it loads.
/// The second string is the plain text, for the headline of what has none.
fn html_of(markdown: &str, statics: &Path) -> Result<(String, String)> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_SMART_PUNCTUATION;
    let mut events = Vec::new();
    let mut text = String::new();
    let mut picture: Option<(String, String)> = None;
    for event in pulldown_cmark::Parser::new_ext(markdown, options) {
        match (event, &mut picture) {
            (Event::Start(Tag::Image { dest_url, .. }), _) => {
                picture = Some((dest_url.into_string(), String::new()));
            }
            (Event::End(TagEnd::Image), _) => {
                if let Some((path, alt)) = picture.take() {
                    let (width, height) = dimensions(statics, &path)?;
                    let tag = format!(
                        "<img src=\"{path}\" alt=\"{}\" width=\"{width}\" height=\"{height}\" loading=\"lazy\">",
                        escape(&alt)
                    );
                    events.push(Event::InlineHtml(CowStr::from(tag)));
                }
            }
            (Event::Text(part), Some((_, alt))) => alt.push_str(&part),
            (_, Some(_)) => {}
            (event, None) => {
                match &event {
                    Event::Text(part) | Event::Code(part) => text.push_str(part),
                    Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph) => text.push(' '),
                    _ => {}
                }
                events.push(event);
            }
        }
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    Ok((html, text))
}

fn dimensions(statics: &Path, path: &str) -> Result<(usize, usize)> {
    let size =
        imagesize::size(statics.join(path.trim_start_matches('/'))).with_context(|| path.to_owned())?;
    Ok((size.width, size.height))
}

fn site_value(site: &Site) -> Value {
    let menu: Vec<Value> = site
        .menu
        .iter()
        .map(|entry| context! { name => &entry.name, path => &entry.path })
        .collect();
    context! {
        url => &site.url, title => &site.title, subtitle => &site.subtitle, author => &site.author,
        actor => &site.actor, handle => &site.handle, language => &site.language, email => &site.email, menu,
    }
}

/// What a list shows of a post, or the menu of a page.
fn link_value(site: &Site, page: &Page) -> Value {
    context! {
        path => &page.path,
        title => page.front.title.clone(),
        heading => heading(page),
        summary => page.front.summary.clone(),
        language => language(site, page),
        date => page.front.date.as_deref().map(|date| date_value(date, language(site, page))),
    }
}

fn post_value(site: &Site, page: &Page, statics: &Path) -> Result<Value> {
    let language = language(site, page);
    let style = page.front.metadata.as_deref().unwrap_or("plain");
    if !["json-ld", "h-entry", "opengraph", "plain", "tidings", "all"].contains(&style) {
        bail!("{}: unknown metadata style {style}", page.path);
    }
    let tags: Vec<Value> = page
        .front
        .tags
        .iter()
        .map(|tag| context! { name => tag, path => tag_path(tag) })
        .collect();
    let image = match &page.front.image {
        None => Value::from(()),
        Some(path) => {
            let (width, height) = dimensions(statics, path)?;
            context! { path, width, height, alt => page.front.image_alt.clone() }
        }
    };
    let overrides: Vec<Value> = page
        .front
        .tidings
        .iter()
        .map(|(key, value)| context! { key, value })
        .collect();
    let words = match language {
        "de" => {
            context! { updated => "geändert am", tags => "Schlagwörter", posts => "Beiträge", replies => "Antworten" }
        }
        _ => context! { updated => "updated", tags => "Tags", posts => "Posts", replies => "Replies" },
    };
    Ok(context! {
        url => url_of(site, &page.path),
        encoded_path => utf8_percent_encode(&page.path, PATH_SAFE).to_string(),
        object => format!("{}/ap/objects/{}", origin(&site.url), key(&page.path)),
        metadata => style,
        updated => page.front.updated.as_deref().map(|date| date_value(date, language)),
        content => &page.content,
        tidings => overrides,
        tags, image, words,
        ..link_value(site, page)
    })
}

fn json_ld(site: &Site, page: &Page) -> Result<String> {
    let mut post = serde_json::json!({
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": heading(page),
        "url": url_of(site, &page.path),
        "datePublished": page.front.date,
        "inLanguage": language(site, page),
        "author": { "@type": "Person", "name": site.author, "url": url_of(site, "/about/") },
        "keywords": page.front.tags,
    });
    if let Some(summary) = &page.front.summary {
        post["description"] = summary.as_str().into();
    }
    if let Some(updated) = &page.front.updated {
        post["dateModified"] = updated.as_str().into();
    }
    if let Some(image) = &page.front.image {
        post["image"] = serde_json::json!({
            "@type": "ImageObject", "url": url_of(site, image), "caption": page.front.image_alt,
        });
    }
    // Inside <script>, only "</" could end the element early.
    Ok(serde_json::to_string_pretty(&post)?.replace("</", "<\\/"))
}

/// The posts by month, newest first.
fn by_month<'a>(posts: &[&'a Page]) -> Vec<(Option<String>, Vec<&'a Page>)> {
    let mut months: Vec<(Option<String>, Vec<&Page>)> = Vec::new();
    for post in posts {
        let date = post.front.date.as_deref().unwrap_or_default();
        let month = day(date, "en").split_once(' ').map(|(_, month)| month.to_owned());
        match months.last_mut() {
            Some((name, list)) if *name == month => list.push(post),
            _ => months.push((month, vec![post])),
        }
    }
    months
}

fn heading(page: &Page) -> String {
    const LONGEST: usize = 60;
    match &page.front.title {
        Some(title) => title.clone(),
        None if page.text.chars().count() <= LONGEST => page.text.trim().to_owned(),
        None => {
            let cut: String = page.text.chars().take(LONGEST).collect();
            format!(
                "{} …",
                cut.rsplit_once(' ')
                    .map_or(cut.as_str(), |(whole_words, _)| whole_words)
            )
        }
    }
}

fn language<'a>(site: &'a Site, page: &'a Page) -> &'a str {
    page.front.language.as_deref().unwrap_or(&site.language)
}

fn date_value(date: &str, language: &str) -> Value {
    context! { iso => date, day => day(date, language) }
}

/// "14 March 2026", read from the date as it is written: the day at the writer's place.
fn day(date: &str, language: &str) -> String {
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const GERMAN: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let Some(date) = date
        .get(..10)
        .and_then(|day| day.parse::<jiff::civil::Date>().ok())
    else {
        return date.to_owned();
    };
    let month = usize::from(date.month().unsigned_abs()) - 1;
    match language {
        "de" => format!("{}. {} {}", date.day(), GERMAN[month], date.year()),
        _ => format!("{} {} {}", date.day(), ENGLISH[month], date.year()),
    }
}

/// Where readers find a path.
fn url_of(site: &Site, path: &str) -> String {
    format!("{}{}", site.url, utf8_percent_encode(path, PATH_SAFE))
}

fn tag_path(tag: &str) -> String {
    format!("/tags/{}/", tag.to_lowercase().replace(' ', "-"))
}

/// Scheme and host of a URL: `/ap` lies there also when the site has a path.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |slash| &url[..host + slash])
}

/// The KEY under which tidings publishes a page, so that the theme can link the object.
fn key(path: &str) -> String {
    let path = path.trim_matches('/').trim_end_matches(".html");
    if path.is_empty() {
        return "~".to_owned();
    }
    path.split('/')
        .map(|part| utf8_percent_encode(part, PATH_SAFE).to_string())
        .collect::<Vec<_>>()
        .join("~")
}

fn file_of(path: &str) -> String {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') {
        format!("{path}index.html")
    } else {
        path.to_owned()
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// The entries of a folder in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

fn copy(root: &Path, folder: &Path, out: &mut Output) -> Result<()> {
    for file in files(folder)? {
        if file.is_dir() {
            copy(root, &file, out)?;
        } else {
            let name = file
                .strip_prefix(root)?
                .to_str()
                .context("a file's name isn't UTF-8")?
                .to_owned();
            out.write_bytes(
                &name,
                &fs::read(&file).with_context(|| file.display().to_string())?,
            )?;
        }
    }
    Ok(())
}
