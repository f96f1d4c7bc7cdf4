//! The templates: ours, and in place of each the owner's own, when there is one in the folder `interactions.templates`.
//!
//! They are minijinja files with everything escaped that isn't clean HTML already. A changed file is used at once.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, Value, escape_formatter};

use super::text::Locale;
use crate::ap::escape;

/// Our own, by name.
const BUILT_IN: [(&str, &str); 6] = [
    ("thread.html", include_str!("templates/thread.html")),
    ("reply.html", include_str!("templates/reply.html")),
    ("counts.html", include_str!("templates/counts.html")),
    ("follow.html", include_str!("templates/follow.html")),
    ("interact.html", include_str!("templates/interact.html")),
    ("note.html", include_str!("templates/note.html")),
];

/// Largest template of an owner that is read, in bytes; ours have some thousand.
const MAX_TEMPLATE: u64 = 256 * 1024;

/// The templates as they were read last.
#[derive(Debug, Default)]
pub struct Templates {
    read: Mutex<Option<Arc<Set>>>,
}

/// The templates as they are on disk at one moment.
#[derive(Debug)]
pub(super) struct Set {
    stamp: Stamp,
    environment: Environment<'static>,
    /// Whether the log was told that one of the owner's fails.
    told: AtomicBool,
}

/// By what a change is noticed: folder, language, and of each file its time and size.
#[derive(Debug, PartialEq)]
struct Stamp {
    folder: PathBuf,
    locale: Locale,
    files: Vec<Option<(SystemTime, u64)>>,
}

impl Stamp {
    fn of(folder: &Path, locale: Locale) -> Stamp {
        let file = |(name, _): &(&str, &str)| {
            let about = std::fs::metadata(folder.join(name)).ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        Stamp {
            folder: folder.to_path_buf(),
            locale,
            files: BUILT_IN.iter().map(file).collect(),
        }
    }
}

impl Set {
    /// Renders a template that is built in.
    pub(super) fn render(&self, name: &str, context: &Value) -> String {
        render_ours(&self.environment, name, context)
    }

    /// Whether a template is the built-in one.
    pub(super) fn is_built_in(&self, name: &str) -> bool {
        let mut files = BUILT_IN.iter().zip(&self.stamp.files);
        files.any(|((other, _), file)| *other == name && file.is_none())
    }
}

impl Templates {
    /// Renders a template by name. One of the owner's that fails is named in the log, once, and ours is used.
    pub(super) fn render(&self, folder: &Path, locale: Locale, name: &str, context: &Value) -> String {
        let set = self.set(folder, locale);
        let failed = match render(&set.environment, name, context) {
            Ok(text) => return text,
            Err(error) => error,
        };
        if !set.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a template in {} fails, the built-in ones are used: {failed:#}",
                folder.display()
            );
        }
        render_ours(&built_in(locale), name, context)
    }

    /// As they are now: the same set as long as no file changes.
    pub(super) fn set(&self, folder: &Path, locale: Locale) -> Arc<Set> {
        let stamp = Stamp::of(folder, locale);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = read.as_ref()
            && set.stamp == stamp
        {
            return Arc::clone(set);
        }
        let mut environment = built_in(locale);
        for ((name, _), file) in BUILT_IN.iter().zip(&stamp.files) {
            let Some((_, size)) = file else { continue };
            let path = folder.join(name);
            let added = if *size > MAX_TEMPLATE {
                Err(format!("it is larger than {MAX_TEMPLATE} bytes"))
            } else {
                std::fs::read_to_string(&path)
                    .map_err(|error| error.to_string())
                    .and_then(|text| {
                        environment
                            .add_template_owned(*name, text)
                            .map_err(|error| format!("{error:#}"))
                    })
            };
            if let Err(reason) = added {
                tracing::warn!("{}: {reason}; the built-in template is used", path.display());
            }
        }
        let set = Arc::new(Set {
            stamp,
            environment,
            told: AtomicBool::new(false),
        });
        *read = Some(Arc::clone(&set));
        set
    }
}

fn render(environment: &Environment<'_>, name: &str, context: &Value) -> Result<String, Error> {
    environment.get_template(name)?.render(context)
}

fn render_ours(environment: &Environment<'_>, name: &str, context: &Value) -> String {
    render(environment, name, context).unwrap_or_else(|error| {
        tracing::error!("the built-in template {name} fails: {error:#}");
        String::new()
    })
}

fn built_in(locale: Locale) -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .expect("the delimiters are minijinja's own");
    environment.set_syntax(syntax);
    // minijinja also escapes the slash, which needs it nowhere in HTML and makes every link unreadable.
    environment.set_formatter(|out, state, value| match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Html, Some(text)) if !value.is_safe() => {
            // An owner's template may put it between single quotes.
            out.write_str(&escape(text).replace('\'', "&#39;"))
                .map_err(Error::from)
        }
        _ => escape_formatter(out, state, value),
    });
    environment.add_function("t", move |key: &str, number: Option<u64>, who: Option<&str>| {
        locale.text(key, number, who)
    });
    for (name, text) in BUILT_IN {
        environment
            .add_template(name, text)
            .expect("a built-in template parses: a test renders each");
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn an_owners_template_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let templates = Templates::default();
        let context = context! { handle => "@blog@blog.example", name => "<b>", link => "/ap/interact" };
        let render = || templates.render(folder.path(), Locale::English, "follow.html", &context);
        assert!(render().contains("Follow @blog@blog.example"));
        let file = folder.path().join("follow.html");
        std::fs::write(&file, "mine: {{ name }}").unwrap();
        assert_eq!(render(), "mine: &lt;b&gt;");
        std::fs::write(&file, "mine: {{ name").unwrap();
        assert!(render().contains("Follow @blog@blog.example"), "it doesn't parse");
        std::fs::write(&file, "mine: {{ nothing_of_that_name() }}").unwrap();
        assert!(render().contains("Follow @blog@blog.example"), "it fails");
    }
}
