//! What the terminal shows: one line for each thing that happens.

use std::io::IsTerminal as _;

use jiff::Zoned;

/// Whose doing a line tells of.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// The blog said something.
    In,
    /// One of the people did something.
    Out,
    /// Something was refused or failed.
    Wrong,
    /// A word to whoever sits in front of the terminal.
    Hint,
}

/// Prints one line with the time of day.
pub(crate) fn line(way: Way, text: &str) {
    let (sign, colour) = match way {
        Way::In => ("<-", "36"),
        Way::Out => ("->", "32"),
        Way::Wrong => ("!!", "31"),
        Way::Hint => ("  ", "2"),
    };
    let time = Zoned::now().strftime("%H:%M:%S");
    let text = printable(text);
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        println!("\x1b[2m{time}\x1b[0m \x1b[{colour}m{sign} {text}\x1b[0m");
    } else {
        println!("{time} {sign} {text}");
    }
}

/// Text from outside on one line, without what could steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The beginning of a text, for a line or a list.
pub(crate) fn short(text: &str, characters: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= characters {
        return text;
    }
    let cut: String = text.chars().take(characters).collect();
    format!("{}…", cut.trim_end())
}
