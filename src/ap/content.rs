//! What an object says: the text of an article as other servers show it, its summary, and the preview for those that
//! show no Article.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::attachment::media;
use super::escape;
use super::object::{Extent, Placed};
use crate::article::Article;
use crate::sanitize::plain;

/// Longest summary in characters: Misskey refuses an object whose summary is longer (misskey#15252).
pub(super) const MAX_SUMMARY: usize = 2_048;

/// Characters of the text that stand for a summary where a page has none and its text is too long to send: a paragraph.
pub(super) const EXCERPT: usize = 500;

/// The content of an Article: all of it, or summary and link.
pub(super) fn article_content(article: &Article, extent: Extent) -> String {
    match extent {
        Extent::Whole | Extent::OwnLanguage => article.content.clone(),
        Extent::Summary => {
            let mut content = String::new();
            push_paragraph(&mut content, Some(&summary_of(article)));
            push_link(&mut content, &article.url);
            content
        }
    }
}

/// The summary of an article, or else the beginning of its text.
fn summary_of(article: &Article) -> Cow<'_, str> {
    match &article.summary {
        Some(summary) => summary.into(),
        None => shortened(&plain(&article.content), EXCERPT).into(),
    }
}

/// A Note stands for itself: title, text (or the summary where there is none, or no room for it), link and hashtags.
pub(super) fn note_content(article: &Article, tags: &[Value], extent: Extent) -> String {
    let mut content = String::new();
    if let Some(title) = &article.title {
        content.push_str("<p><strong>");
        content.push_str(&escape(title));
        content.push_str("</strong></p>");
    }
    match extent {
        Extent::Whole | Extent::OwnLanguage if !article.content.trim().is_empty() => {
            content.push_str(&article.content);
        }
        // A content warning isn't the text.
        _ if article.sensitive => {}
        _ => push_paragraph(&mut content, Some(&summary_of(article))),
    }
    push_link(&mut content, &article.url);
    if !tags.is_empty() {
        content.push_str("<p>");
        for (index, tag) in tags.iter().enumerate() {
            let (Some(href), Some(name)) = (tag["href"].as_str(), tag["name"].as_str()) else {
                continue;
            };
            if index > 0 {
                content.push(' ');
            }
            content.push_str("<a href=\"");
            content.push_str(&escape(href));
            content.push_str("\" class=\"mention hashtag\" rel=\"tag\">#<span>");
            content.push_str(&escape(name.trim_start_matches('#')));
            content.push_str("</span></a>");
        }
        content.push_str("</p>");
    }
    content
}

/// What a server shows that can't show an Article (FEP-b2b8).
pub(super) fn preview(article: &Article, placed: &Placed<'_>, tags: &[Value]) -> Value {
    let mut content = String::new();
    if let Some(title) = &article.title {
        content.push_str("<p><strong>");
        content.push_str(&escape(title));
        content.push_str("</strong></p>");
    }
    push_paragraph(&mut content, article.summary.as_deref());
    push_link(&mut content, &article.url);
    let mut preview = json!({
        "type": "Note",
        "attributedTo": placed.iris.actor(placed.actor),
        "content": content,
        "published": article.published.to_string(),
    });
    if !tags.is_empty() {
        preview["tag"] = tags.into();
    }
    if let Some(image) = &article.image {
        preview["attachment"] = json!([media(image)]);
    }
    preview
}

fn push_paragraph(content: &mut String, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        content.push_str("<p>");
        content.push_str(&escape(&shortened(text, MAX_SUMMARY)));
        content.push_str("</p>");
    }
}

fn push_link(content: &mut String, url: &str) {
    let url = escape(url);
    content.push_str("<p><a href=\"");
    content.push_str(&url);
    content.push_str("\">");
    content.push_str(&url);
    content.push_str("</a></p>");
}

/// At most `limit` characters, the last one an ellipsis when something was cut off.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_string();
    }
    let mut short: String = text.chars().take(limit - 1).collect();
    short.push('…');
    short
}
