//! What a reader sees: data on standard output, everything else on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::drawing::{Paint, Style, cut};
use crate::control::{Failure, Progress};

/// Columns of a terminal that doesn't say how many it has, and of a file.
const USUAL: usize = 80;
/// Columns below which nothing readable can be drawn.
const NARROWEST: usize = 24;
/// Columns beyond which lines of text are hard to read.
const WIDEST: usize = 120;

/// How many columns there are to draw on.
fn width(terminal: bool) -> usize {
    let told = terminal
        .then(|| rustix::termios::tcgetwinsize(io::stdout()).ok())
        .flatten()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0);
    let named = || std::env::var("COLUMNS").ok()?.parse().ok();
    told.or_else(named).unwrap_or(USUAL).clamp(NARROWEST, WIDEST)
}

/// The terminal, or the files and pipes in its place.
#[derive(Debug)]
pub(super) struct Screen {
    quiet: bool,
    colours: bool,
    style: Style,
}

impl Screen {
    pub(super) fn new(quiet: bool) -> Screen {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let terminal = io::stdout().is_terminal();
        Screen {
            quiet,
            colours: wanted && io::stderr().is_terminal(),
            style: Style {
                width: width(terminal),
                paint: if wanted && terminal {
                    Paint::Colours
                } else {
                    Paint::Plain
                },
                cut: terminal,
            },
        }
    }

    /// How what is drawn on standard output should look.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Whether standard error takes colours.
    pub(super) fn colours(&self) -> bool {
        self.colours
    }

    /// Prints text as it is.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // The reader, `head` for example, has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(format!("standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Prints data as JSON.
    pub(super) fn json(&self, data: &Value) -> Result<(), Failure> {
        self.text(&format!("{data:#}\n"))
    }

    /// Prints a table: a row of headings and rows of as many cells.
    pub(super) fn table(&self, headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        self.text(&table(headings, rows))
    }

    /// Prints a table whose second column is cut to what fits on a line of the terminal.
    pub(super) fn fitted(&self, headings: &[&str], mut rows: Vec<Vec<String>>) -> Result<(), Failure> {
        if self.style.cut {
            let widest = |column: usize| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                let heading = headings.get(column).map_or(0, |heading| heading.width());
                cells.map(|cell| cell.width()).max().unwrap_or(0).max(heading)
            };
            let others: usize = (0..headings.len())
                .filter(|column| *column != 1)
                .map(|column| widest(column) + 2)
                .sum();
            let room = self.style.width.saturating_sub(others).max(NARROWEST);
            for cell in rows.iter_mut().filter_map(|row| row.get_mut(1)) {
                *cell = cut(cell, room);
            }
        }
        self.table(headings, &rows)
    }

    /// Says something that isn't data.
    pub(super) fn note(&self, note: &str) {
        if !self.quiet {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "{note}");
        }
    }

    /// Says why the command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        let mut text = String::new();
        for (error, hint) in &failure.errors {
            let (red, bold, plain) = if self.colours {
                ("\x1b[1;31m", "\x1b[1m", "\x1b[0m")
            } else {
                ("", "", "")
            };
            let _ = writeln!(text, "{red}error:{plain} {error}");
            if let Some(hint) = hint {
                let _ = writeln!(text, "{bold}hint:{plain} {hint}");
            }
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// A bar that shows how far long work is; on a terminal only.
    pub(super) fn progress(&self) -> Bar {
        let bar = ProgressBar::new(0);
        if self.quiet || !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Bar(bar)
    }
}

/// A progress bar.
#[derive(Clone, Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Shows a step.
    pub(super) fn show(&self, step: &Progress) {
        let template = if step.total == 0 {
            "{spinner} {msg} {pos}"
        } else {
            "{msg} {wide_bar} {pos}/{len}, {eta} left"
        };
        // The style last: it draws.
        self.0.set_message(step.doing.clone());
        self.0.set_length(step.total);
        self.0.set_position(step.done);
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.enable_steady_tick(Duration::from_millis(100));
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let last = cells.len().saturating_sub(1);
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            text.push_str(cell);
            if column < last {
                text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
        }
        text.push('\n');
    };
    let headings: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    line(&headings);
    for row in rows {
        line(row);
    }
    text
}

/// A string of a JSON value for a cell: without line ends and control characters, that a stranger could have put there.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    printable(&text)
}

/// Text from outside without what could change the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !turns(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Whether a character turns the direction of all that follows it on the line, what we write included (UAX #9, 2.1 to 2.5).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Rows of a table from a list of JSON objects.
pub(super) fn rows(list: &Value, keys: &[&str]) -> Vec<Vec<String>> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            keys.iter()
                .map(|key| cell(item.pointer(key).unwrap_or(&Value::Null)))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_where_they_end() {
        let rows = [
            vec!["ä".to_string(), "x".to_string()],
            vec!["bcd".to_string(), String::new()],
        ];
        assert_eq!(table(&["a", "b"], &rows), "A    B\nä    x\nbcd  \n");
        let wide = [
            vec!["日本".to_string(), "x".to_string()],
            vec!["a".to_string(), "y".to_string()],
        ];
        assert_eq!(table(&["a", "b"], &wide), "A     B\n日本  x\na     y\n");
    }

    #[test]
    fn a_stranger_cannot_move_the_cursor() {
        assert_eq!(cell(&Value::from("a\x1b[2J\nb")), "a [2J b");
        assert_eq!(cell(&Value::from("a\u{202e}b")), "ab");
    }
}
