//! What the templates see, and the addresses of things.

use std::path::Path;

use anyhow::{Result, bail};
use minijinja::{Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::source::{Page, Site, dimensions};

pub(crate) const PATH_SAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

pub(crate) fn site_value(site: &Site) -> Value {
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
pub(crate) fn link_value(site: &Site, page: &Page) -> Value {
    context! {
        path => &page.path,
        title => page.front.title.clone(),
        heading => heading(page),
        summary => page.front.summary.clone(),
        language => language(site, page),
        date => page.front.date.as_deref().map(|date| date_value(date, language(site, page))),
    }
}

pub(crate) fn post_value(site: &Site, page: &Page, statics: &Path) -> Result<Value> {
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

pub(crate) fn json_ld(site: &Site, page: &Page) -> Result<String> {
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

pub(crate) fn heading(page: &Page) -> String {
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

pub(crate) fn language<'a>(site: &'a Site, page: &'a Page) -> &'a str {
    page.front.language.as_deref().unwrap_or(&site.language)
}

pub(crate) fn date_value(date: &str, language: &str) -> Value {
    context! { iso => date, day => day(date, language) }
}

/// "14 March 2026", read from the date as it is written: the day at the writer's place.
pub(crate) fn day(date: &str, language: &str) -> String {
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
pub(crate) fn url_of(site: &Site, path: &str) -> String {
    format!("{}{}", site.url, utf8_percent_encode(path, PATH_SAFE))
}

pub(crate) fn tag_path(tag: &str) -> String {
    format!("/tags/{}/", tag.to_lowercase().replace(' ', "-"))
}

/// Scheme and host of a URL: `/ap` lies there also when the site has a path.
pub(crate) fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |slash| &url[..host + slash])
}

/// The KEY under which tidings publishes a page, so that the theme can link the object.
pub(crate) fn key(path: &str) -> String {
    let path = path.trim_matches('/').trim_end_matches(".html");
    if path.is_empty() {
        return "~".to_owned();
    }
    path.split('/')
        .map(|part| utf8_percent_encode(part, PATH_SAFE).to_string())
        .collect::<Vec<_>>()
        .join("~")
}
