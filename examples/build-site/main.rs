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

use anyhow::{Context as _, Result};
use clap::Parser;
use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, Value, context};

mod output;
mod source;
mod values;

use crate::output::Output;
use crate::source::{Page, Site, escape, files, pages, read};
use crate::values::{day, json_ld, link_value, post_value, site_value, tag_path, url_of};

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

fn file_of(path: &str) -> String {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') {
        format!("{path}index.html")
    } else {
        path.to_owned()
    }
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
