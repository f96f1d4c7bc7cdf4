//! What the generator reads: the site's own facts, and Markdown files with their front matter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pulldown_cmark::{CowStr, Event, Options, Tag, TagEnd};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) author: String,
    pub(crate) actor: String,
    pub(crate) handle: String,
    pub(crate) language: String,
    pub(crate) email: String,
    pub(crate) menu: Vec<MenuEntry>,
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MenuEntry {
    pub(crate) name: String,
    pub(crate) path: String,
}

/// The TOML between the `+++` lines at the top of a Markdown file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontMatter {
    pub(crate) title: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) updated: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) summary: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) image_alt: Option<String>,
    /// How the page says what it is: json-ld, h-entry, opengraph, plain, tidings or all.
    pub(crate) metadata: Option<String>,
    /// `<meta name="tidings:KEY">`
    #[serde(default)]
    pub(crate) tidings: BTreeMap<String, String>,
}

/// A Markdown file, read and rendered.
pub(crate) struct Page {
    pub(crate) front: FrontMatter,
    pub(crate) path: String,
    pub(crate) content: String,
    pub(crate) text: String,
}

pub(crate) fn pages(
    folder: &Path,
    prefix: &str,
    suffix: &str,
    site: &Site,
    statics: &Path,
) -> Result<Vec<Page>> {
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
pub(crate) fn html_of(markdown: &str, statics: &Path) -> Result<(String, String)> {
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

pub(crate) fn dimensions(statics: &Path, path: &str) -> Result<(usize, usize)> {
    let size =
        imagesize::size(statics.join(path.trim_start_matches('/'))).with_context(|| path.to_owned())?;
    Ok((size.width, size.height))
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(crate) fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// The entries of a folder in the order of their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}
