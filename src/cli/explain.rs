//! `tidings plan --explain`: why a page becomes what it becomes, and how it will look.

use serde_json::{Value, json};

use super::drawing::{Byline, draw, wrap};
use super::publish::absolute;
use super::screen::{Screen, printable};
use super::{Outcome, Session};
use crate::article::{Kind, Visibility};
use crate::control::{Command, Failure, code};
use crate::publish::{Explanation, Preview};

/// What stands before the lines about a page.
const LABEL: usize = 9;

/// Explains pages; `data` says whether as JSON.
pub(super) fn run(pages: &[String], json_wanted: bool, exit_code: bool, session: &Session<'_>) -> Outcome {
    let pages = pages.iter().map(|page| absolute(page)).collect();
    let reply = session.tell(Command::Explain { pages })?;
    let explained: Vec<Explanation> = serde_json::from_value(reply.data.clone())
        .map_err(|error| Failure::failed(format!("the daemon's answer can't be read: {error}")))?;
    if json_wanted {
        session.screen.json(&json!({ "explained": reply.data }))?;
    } else {
        for (index, page) in explained.iter().enumerate() {
            if index > 0 {
                session.screen.text("\n")?;
            }
            show(page, session.screen)?;
        }
    }
    let changes = explained.iter().any(|page| page.action.is_some());
    Ok(if exit_code && changes { code::CHANGES } else { 0 })
}

fn show(page: &Explanation, screen: &Screen) -> Result<(), Failure> {
    let style = screen.style();
    let mut text = format!("{}\n", style.heading(&printable(&page.page)));
    let mut line = |label: &str, value: &str| {
        let room = style.width.saturating_sub(LABEL + 2);
        for (index, part) in wrap(&printable(value), room, usize::MAX).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            text.push_str(&format!("  {label:LABEL$}{part}\n"));
        }
    };
    if let Some(file) = &page.file {
        line("file", file);
    }
    line(
        "post",
        &format!(
            "{}: {}",
            if page.post { "yes" } else { "no" },
            page.because.join("; ")
        ),
    );
    if let Some(advice) = &page.advice {
        line("", advice);
    }
    match page.action {
        Some(action) => line("now", &format!("{}: {}", name(&json!(action)), page.reason)),
        None => line("now", &format!("nothing: {}", page.reason)),
    }
    if let Some(because) = &page.held_because {
        line("held", &format!("{because}; `tidings publish` lets it go out"));
    }
    if let Some(object) = &page.object {
        let state = page.state.map(|state| name(&json!(state))).unwrap_or_default();
        let when = page
            .announced
            .map(|at| format!(", announced {at}"))
            .unwrap_or_default();
        line("object", &format!("{object} ({state}{when})"));
    }
    for (index, changed) in page.changed.iter().enumerate() {
        line(if index == 0 { "changed" } else { "" }, changed);
    }
    if let Some(preview) = &page.preview {
        line("sent as", &sent_as(preview));
    }
    screen.text(&text)?;
    if !page.fields.is_empty() {
        screen.text("\n")?;
        screen.fitted(&["field", "value", "from"], table(page))?;
    }
    if let Some(preview) = &page.preview {
        let day = preview.published.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let by = Byline {
            name: &preview.name,
            handle: &preview.handle,
            rest: &format!("{day} · {}", name(&json!(preview.visibility))),
        };
        let kind = match preview.kind {
            Kind::Article => "an Article",
            Kind::Note => "a Note",
        };
        let heading = style.heading(&format!("On Mastodon, as {kind}:"));
        screen.text(&format!("\n{heading}\n{}", draw(&preview.mastodon, &by, style)))?;
        if let Some(note) = &preview.note {
            let heading = style.heading("As a Note, with kind = \"note\":");
            screen.text(&format!("\n{heading}\n{}", draw(note, &by, style)))?;
        }
    }
    Ok(())
}

fn sent_as(preview: &Preview) -> String {
    let kind = match preview.kind {
        Kind::Article => "Article",
        Kind::Note => "Note",
    };
    let mut text = format!("{kind} by {}, {}", preview.handle, seen_by(preview.visibility));
    match preview.attachments {
        0 => {}
        1 => text.push_str(", 1 attachment"),
        many => text.push_str(&format!(", {many} attachments")),
    }
    if !preview.hashtags.is_empty() {
        text.push_str(", ");
        text.push_str(&preview.hashtags.join(" "));
    }
    if !preview.whole {
        text.push_str("; too large to be sent whole, so only its summary and link are");
    }
    text
}

fn seen_by(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Unlisted => "unlisted",
        Visibility::Followers => "for followers only",
        Visibility::Direct => "direct",
    }
}

/// A row for each field, one for what should be known of it, and one for each that lost.
fn table(page: &Explanation) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for field in &page.fields {
        let mut label = field.field.clone();
        if let Some(value) = &field.value {
            let mut from = field.source.clone().unwrap_or_default();
            if !field.also.is_empty() {
                from.push_str(&format!(" (and {})", field.also.join(", ")));
            }
            rows.push(vec![std::mem::take(&mut label), printable(value), from]);
        }
        if let Some(note) = &field.note {
            rows.push(vec![String::new(), format!("({note})"), String::new()]);
        }
        for other in &field.others {
            rows.push(vec![
                std::mem::take(&mut label),
                printable(&other.value),
                format!("{}: not taken", other.source),
            ]);
        }
    }
    rows
}

/// The name of a value of an enum, as JSON writes it.
fn name(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
