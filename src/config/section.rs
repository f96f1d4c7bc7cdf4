//! One table of `ap.toml`, read key by key: whatever can't be taken becomes a [`Problem`](super::Problem) with its
//! line, and reading goes on with the default, so that all mistakes of a file come to light at once.

use std::ops::Range;

use globset::{GlobSet, GlobSetBuilder};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, Refusal};
use super::value;

/// How alike a known key must be to be suggested for an unknown one, from 0 to 1; below it suggestions only confuse.
const ALIKE: f64 = 0.8;

/// A value with its place.
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
    pub(super) key: String,
}

/// A table being read. Which keys it may have follows from what was asked for until [`Section::finish`].
pub(super) struct Section<'t, 'p> {
    path: String,
    span: Range<usize>,
    table: Option<&'t DeTable<'t>>,
    known: Vec<&'static str>,
    pub(super) problems: &'p mut Problems<'t>,
}

impl<'t, 'p> Section<'t, 'p> {
    /// Begins to read a table; `path` stands before its keys in messages, empty for the whole file.
    pub(super) fn new(
        path: &str,
        span: Range<usize>,
        table: Option<&'t DeTable<'t>>,
        problems: &'p mut Problems<'t>,
    ) -> Section<'t, 'p> {
        Section {
            path: path.to_string(),
            span,
            table,
            known: Vec::new(),
            problems,
        }
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let path = join(&self.path, name);
            self.problems
                .add(&key.span(), &path, unknown("unknown key", name, &self.known));
        }
    }

    /// The place of a key and its value, as it came.
    pub(super) fn value(&mut self, key: &'static str) -> Option<At<&'t DeValue<'t>>> {
        self.known.push(key);
        let value: &Spanned<DeValue<'t>> = self.table?.get(key)?;
        Some(At {
            value: value.get_ref(),
            span: value.span(),
            key: join(&self.path, key),
        })
    }

    /// A table inside this one; also when it isn't there, so that its missing keys are reported.
    pub(super) fn table(&mut self, key: &'static str) -> (Range<usize>, Option<&'t DeTable<'t>>) {
        let Some(at) = self.value(key) else {
            return (self.span.clone(), None);
        };
        match at.value {
            DeValue::Table(table) => (at.span, Some(table)),
            other => {
                self.wrong_type(&at, other, &format!("a table: [{}]", at.key));
                (at.span, None)
            }
        }
    }

    /// An array of tables: their places and contents.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(Range<usize>, &'t DeTable<'t>)> {
        let Some(at) = self.value(key) else {
            return Vec::new();
        };
        let wanted = format!("an array of tables: [[{key}]]");
        let DeValue::Array(array) = at.value else {
            self.wrong_type(&at, at.value, &wanted);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((item.span(), table)),
                other => {
                    let at = At {
                        value: other,
                        span: item.span(),
                        key: at.key.clone(),
                    };
                    self.wrong_type(&at, other, &wanted);
                }
            }
        }
        tables
    }

    /// A string.
    pub(super) fn string(&mut self, key: &'static str) -> Option<At<String>> {
        let at = self.value(key)?;
        match at.value {
            DeValue::String(text) => Some(At {
                value: text.to_string(),
                span: at.span,
                key: at.key,
            }),
            other => {
                self.wrong_type(&at, other, "a string in quotes");
                None
            }
        }
    }

    /// A string that must be there.
    pub(super) fn required(&mut self, key: &'static str, hint: &str) -> Option<At<String>> {
        if self.table.is_none_or(|table| !table.contains_key(key)) {
            self.known.push(key);
            self.refuse_here(key, Refusal::new("is missing").hint(hint));
            return None;
        }
        self.string(key)
    }

    /// A string in one of the small languages of [`value`].
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let at = self.string(key)?;
        self.take(&at, read(&at.value))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        words: &[(&'static str, T)],
    ) -> T {
        self.parsed(key, |text| one_of(text, words)).unwrap_or(default)
    }

    /// true or false.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some(at) = self.value(key) else {
            return default;
        };
        match at.value {
            DeValue::Boolean(value) => *value,
            other => {
                self.wrong_type(&at, other, "true or false, without quotes");
                default
            }
        }
    }

    /// A whole number, not negative.
    pub(super) fn count(&mut self, key: &'static str, default: usize) -> usize {
        let Some(at) = self.value(key) else {
            return default;
        };
        let Some(number) = whole(at.value) else {
            let refusal = match at.value {
                DeValue::Integer(_) => {
                    Refusal::new("is out of range").hint("write a whole number, 0 or greater")
                }
                other => Refusal::new(format!("is {}, not a whole number", type_name(other))),
            };
            self.problems.add(&at.span, &at.key, refusal);
            return default;
        };
        number
    }

    /// A list of strings, each with its place; `None` when there is no such key.
    pub(super) fn strings(&mut self, key: &'static str) -> Option<Vec<At<String>>> {
        let at = self.value(key)?;
        let DeValue::Array(array) = at.value else {
            self.wrong_type(&at, at.value, "a list of strings: [\"…\", \"…\"]");
            return None;
        };
        let mut strings = Vec::new();
        for item in array.iter() {
            let at = At {
                value: item.get_ref(),
                span: item.span(),
                key: at.key.clone(),
            };
            match at.value {
                DeValue::String(text) => strings.push(At {
                    value: text.to_string(),
                    span: at.span,
                    key: at.key,
                }),
                other => self.wrong_type(&at, other, "a string in quotes"),
            }
        }
        Some(strings)
    }

    /// A list of strings, each in one of the small languages of [`value`].
    pub(super) fn list<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Result<T, Refusal>) -> Vec<T> {
        let strings = self.strings(key).unwrap_or_default();
        strings
            .into_iter()
            .filter_map(|at| self.take(&at, read(&at.value)))
            .collect()
    }

    /// A list of globs.
    pub(super) fn globs(&mut self, key: &'static str, default: &[&str]) -> GlobSet {
        let mut builder = GlobSetBuilder::new();
        match self.strings(key) {
            Some(strings) => {
                for at in strings {
                    let added = value::glob(&at.value, &mut builder);
                    self.take(&at, added);
                }
            }
            None => {
                for glob in default {
                    value::glob(glob, &mut builder).expect("a default glob is a glob");
                }
            }
        }
        match value::globs(&builder) {
            Ok(globs) => globs,
            Err(refusal) => {
                self.refuse_here(key, refusal);
                GlobSet::empty()
            }
        }
    }

    /// Takes the value, or notes why not.
    pub(super) fn take<T, U>(&mut self, at: &At<U>, result: Result<T, Refusal>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.problems.add(&at.span, &at.key, refusal);
                None
            }
        }
    }

    /// Notes what is wrong with a key at the place of its table.
    pub(super) fn refuse_here(&mut self, key: &str, refusal: Refusal) {
        let span = self.span.clone();
        self.problems.add(&span, &join(&self.path, key), refusal);
    }

    /// Notes that a value is of another type.
    pub(super) fn wrong_type<U>(&mut self, at: &At<U>, found: &DeValue<'_>, wanted: &str) {
        let refusal = Refusal::new(format!("is {}, not {wanted}", type_name(found)));
        self.problems.add(&at.span, &at.key, refusal);
    }
}

/// A whole number that fits, from any of TOML's notations.
pub(super) fn whole(value: &DeValue<'_>) -> Option<usize> {
    let DeValue::Integer(number) = value else {
        return None;
    };
    usize::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok()
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Refusal> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let mut refusal = Refusal::new(format!("{text:?} is not one of {}", known.join(", ")));
    refusal.hint = closest(text, &known).map(|word| format!("did you mean {word:?}?"));
    Err(refusal)
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Refusal {
    let refusal = Refusal::new(what);
    match closest(name, known) {
        Some(word) => refusal.hint(format!("did you mean `{word}`?")),
        None => refusal.hint(format!("known here: {}", known.join(", "))),
    }
}

/// The known word that was probably meant: one that begins alike, or is a slip or two of the finger away.
fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_lowercase();
    let slips = (name.chars().count() / 3).max(1);
    known
        .iter()
        .map(|word| {
            let word_lower = word.to_lowercase();
            let likeness = strsim::jaro_winkler(&name, &word_lower);
            let near = strsim::osa_distance(&name, &word_lower) <= slips;
            (near, likeness, *word)
        })
        .filter(|(near, likeness, _)| *near || *likeness >= ALIKE)
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, _, word)| word)
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
}
