//! Drawing a post in a terminal as other servers show it. Pure: from what is shown and a width to lines.
//!
//! Only the left edge of a box is drawn: where a line ends depends on the terminal's idea of how wide a character is and
//! in which direction it runs, which can't be known for all scripts.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::screen::printable;
use crate::ap::shown::{Card, Medium, Shown};

/// Lines of a text before it is cut, as Mastodon folds a long post.
const FOLD: usize = 20;
/// Lines of the texts on a card.
const CARD_LINES: usize = 2;

/// Whether colours and weights are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Colours,
    Plain,
}

/// How something is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Columns of a line.
    pub(super) width: usize,
    pub(super) paint: Paint,
    /// Whether what is too long for a line is cut; in a file it is kept.
    pub(super) cut: bool,
}

/// How a line looks.
#[derive(Clone, Copy)]
enum Look {
    Plain,
    Bold,
    Soft,
    Link,
}

impl Style {
    fn paint(self, text: &str, look: Look) -> String {
        let code = match look {
            _ if self.paint == Paint::Plain || text.is_empty() => return text.to_string(),
            Look::Plain => return text.to_string(),
            Look::Bold => "1",
            Look::Soft => "2",
            Look::Link => "4",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A heading.
    pub(super) fn heading(self, text: &str) -> String {
        self.paint(text, Look::Bold)
    }
}

/// Who posted it, as it stands above a post.
pub(super) struct Byline<'a> {
    pub(super) name: &'a str,
    pub(super) handle: &'a str,
    /// Date and visibility.
    pub(super) rest: &'a str,
}

/// Draws a post.
pub(super) fn draw(shown: &Shown, by: &Byline<'_>, style: Style) -> String {
    let mut page = Lines {
        text: String::new(),
        style,
    };
    let edge = "│ ";
    page.put(edge, &format!("{} {}", by.name, by.handle), Look::Bold, 1);
    page.put(edge, by.rest, Look::Soft, 1);
    if let Some(warning) = &shown.warning {
        page.gap(edge);
        page.put(edge, &format!("[content warning] {warning}"), Look::Bold, FOLD);
    }
    if let Some(title) = &shown.title {
        page.gap(edge);
        page.put(edge, title, Look::Bold, FOLD);
    }
    let mut left = FOLD;
    for (index, paragraph) in shown.text.iter().enumerate() {
        if left == 0 {
            page.gap(edge);
            let more = shown.text.len() - index;
            let paragraphs = if more == 1 { "paragraph" } else { "paragraphs" };
            page.put(edge, &format!("[{more} more {paragraphs}]"), Look::Soft, 1);
            break;
        }
        page.gap(edge);
        left -= page.put(edge, paragraph, Look::Plain, left);
    }
    if let Some(link) = &shown.link {
        page.gap(edge);
        page.put(edge, link, Look::Link, FOLD);
    }
    if !shown.media.is_empty() {
        page.gap(edge);
        for medium in &shown.media {
            page.put(edge, &describe(medium), Look::Soft, CARD_LINES);
        }
    }
    if let Some(card) = &shown.card {
        page.gap(edge);
        page.card(card);
    }
    if !shown.hashtags.is_empty() {
        page.gap(edge);
        page.put(edge, &shown.hashtags.join(" "), Look::Link, FOLD);
    }
    page.text
}

fn describe(medium: &Medium) -> String {
    match &medium.alt {
        Some(alt) => format!("[{}: {alt}]", medium.kind.to_lowercase()),
        None => format!(
            "[{} without a description: {}]",
            medium.kind.to_lowercase(),
            medium.url
        ),
    }
}

/// Lines that grow.
struct Lines {
    text: String,
    style: Style,
}

impl Lines {
    /// Adds a text in as many lines as it takes, at most `limit`; answers how many.
    fn put(&mut self, edge: &str, text: &str, look: Look, limit: usize) -> usize {
        let room = self.style.width.saturating_sub(edge.width());
        let lines = wrap(&printable(text), room, limit);
        for line in &lines {
            self.text.push_str(edge);
            self.text.push_str(&self.style.paint(line, look));
            self.text.push('\n');
        }
        lines.len()
    }

    fn gap(&mut self, edge: &str) {
        self.text.push_str(edge.trim_end());
        self.text.push('\n');
    }

    fn card(&mut self, card: &Card) {
        let edge = "│ │ ";
        self.text.push_str("│ ┌\n");
        if let Some(image) = &card.image {
            let alt = card.image_alt.as_deref().unwrap_or(image);
            self.put(edge, &format!("[image: {alt}]"), Look::Soft, CARD_LINES);
        }
        self.put(edge, &card.site, Look::Soft, 1);
        self.put(edge, &card.title, Look::Bold, CARD_LINES);
        if let Some(description) = &card.description {
            self.put(edge, description, Look::Plain, CARD_LINES);
        }
        if let Some(author) = &card.author {
            self.put(edge, &format!("by {author}"), Look::Soft, 1);
        }
        self.text.push_str("│ └\n");
    }
}

/// Breaks a text into at most `limit` lines of at most `width` columns; the last one ends in an ellipsis when something
/// was left out.
///
/// Lines break at spaces and beside wide characters (Chinese and Japanese are written without spaces), else anywhere; a
/// mark stays with the letter that it belongs to.
pub(super) fn wrap(text: &str, width: usize, limit: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (line, after) = first_line(rest, width);
        if lines.len() + 1 == limit && !after.is_empty() {
            lines.push(cut(rest, width));
            return lines;
        }
        if lines.len() == limit {
            return lines;
        }
        lines.push(line.to_string());
        rest = after;
    }
    lines
}

/// What fits on one line, and the rest.
fn first_line(text: &str, width: usize) -> (&str, &str) {
    let mut columns = 0;
    // Where the line may end, the last such place.
    let mut end = None;
    let mut wide_before = false;
    for (at, character) in text.char_indices() {
        let own = character.width().unwrap_or(0);
        if own > 0 && at > 0 && (character == ' ' || own == 2 || wide_before) {
            end = Some(at);
        }
        if columns + own > width && own > 0 {
            if character == ' ' {
                end = Some(at);
            }
            let end = end.unwrap_or(at);
            // A character that is wider than the line stands on it all the same.
            let end = if end == 0 { at + character.len_utf8() } else { end };
            let (line, rest) = text.split_at(end);
            return (line.trim_end(), rest.trim_start());
        }
        columns += own;
        if own > 0 {
            wide_before = own == 2;
        }
    }
    (text, "")
}

/// A text of at most so many columns, the last one an ellipsis when something was cut off.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut columns = 0;
    let mut short = String::new();
    for character in text.chars() {
        let own = character.width().unwrap_or(0);
        if columns + own + 1 > width {
            break;
        }
        columns += own;
        short.push(character);
    }
    let mut short = short.trim_end().to_string();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BY: Byline<'_> = Byline {
        name: "The Blog",
        handle: "@blog@blog.example",
        rest: "2026-11-01 · public",
    };

    fn plain(width: usize) -> Style {
        Style {
            width,
            paint: Paint::Plain,
            cut: true,
        }
    }

    #[test]
    fn an_article_is_drawn_with_its_card() {
        let shown = Shown {
            title: Some("Hello".into()),
            text: vec!["What it is about, in a line or two.".into()],
            link: Some("https://blog.example/a/".into()),
            hashtags: vec!["#rust".into(), "#blog".into()],
            card: Some(Card {
                site: "Blog".into(),
                title: "Hello | Blog".into(),
                image: Some("https://blog.example/a.png".into()),
                image_alt: Some("A cat".into()),
                ..Card::default()
            }),
            ..Shown::default()
        };
        assert_eq!(
            draw(&shown, &BY, plain(30)),
            "│ The Blog @blog@blog.example\n│ 2026-11-01 · public\n│\n│ Hello\n│\n│ What it is about, in a line\n│ or two.\n│\n\
             │ https://blog.example/a/\n│\n│ ┌\n│ │ [image: A cat]\n│ │ Blog\n│ │ Hello | Blog\n│ └\n│\n│ #rust #blog\n"
        );
    }

    #[test]
    fn a_note_without_a_title_begins_with_its_text_and_a_long_one_is_folded() {
        let shown = Shown {
            text: (0..40).map(|n| format!("Paragraph {n}")).collect(),
            ..Shown::default()
        };
        let drawn = draw(&shown, &BY, plain(40));
        assert!(drawn.contains("public\n│\n│ Paragraph 0\n"), "{drawn}");
        assert!(
            drawn.ends_with("Paragraph 19\n│\n│ [20 more paragraphs]\n"),
            "{drawn}"
        );
    }

    #[test]
    fn colours_are_drawn_only_when_they_are_wanted() {
        let shown = Shown {
            title: Some("Hello".into()),
            ..Shown::default()
        };
        let coloured = Style {
            paint: Paint::Colours,
            ..plain(40)
        };
        assert!(draw(&shown, &BY, coloured).contains("│ \x1b[1mHello\x1b[0m\n"));
        assert!(!draw(&shown, &BY, plain(40)).contains('\x1b'));
    }

    #[test]
    fn wide_characters_take_two_columns_and_break_without_spaces() {
        assert_eq!(wrap("日本語の文章です", 6, 9), ["日本語", "の文章", "です"]);
        assert_eq!(wrap("a 日本語", 6, 9), ["a 日本", "語"]);
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(wrap("日", 1, 9), ["日"]);
    }

    #[test]
    fn marks_stay_with_their_letters() {
        assert_eq!(
            wrap("e\u{301}e\u{301}e\u{301}", 2, 9),
            ["e\u{301}e\u{301}", "e\u{301}"]
        );
    }

    #[test]
    fn right_to_left_text_wraps_by_words_and_cannot_turn_the_line() {
        assert_eq!(wrap("שלום עולם טוב", 9, 9), ["שלום עולם", "טוב"]);
        let shown = Shown {
            title: Some("\u{202e}שלום\u{2066}".into()),
            ..Shown::default()
        };
        assert!(draw(&shown, &BY, plain(40)).contains("│ שלום\n"));
    }

    #[test]
    fn a_very_long_title_is_wrapped_and_on_the_card_cut() {
        let title = "long ".repeat(60);
        let shown = Shown {
            title: Some(title.clone()),
            card: Some(Card {
                site: "Blog".into(),
                title,
                ..Card::default()
            }),
            ..Shown::default()
        };
        let drawn = draw(&shown, &BY, plain(40));
        let on_card = drawn.lines().filter(|line| line.starts_with("│ │ long")).count();
        assert_eq!(on_card, CARD_LINES, "{drawn}");
        assert!(drawn.lines().all(|line| line.width() <= 40), "{drawn}");
        assert_eq!(drawn.matches('…').count(), 1, "{drawn}");
        assert_eq!(wrap(&"x".repeat(10), 4, 9), ["xxxx", "xxxx", "xx"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked_and_nothing_is_lost(text in "\\PC{0,120}", width in 2_usize..40) {
            let lines = wrap(&text, width, usize::MAX);
            for line in &lines {
                prop_assert!(line.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() <= width, "{line:?}");
            }
            let dense = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(dense(&lines.concat()), dense(&text));
        }
    }
}
