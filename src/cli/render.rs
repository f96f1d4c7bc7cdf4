//! `tidings render`: the widgets as files, for generators that include them at build time.

mod folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{Outcome, Session};
use crate::config::{Config, real_path};
use crate::control::{Command, Failure, Format, code};
use crate::sanitize::inert_html;

/// The file of [`Format::Data`].
const DATA: &str = "tidings.json";
/// How many files that aren't ours are named.
const NAMED: usize = 5;

/// What `render` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to write into; a page's file lies at the page's path
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the files hold
    #[arg(long, default_value = "html")]
    format: Format,
}

/// Writes a file for each page, or one for all.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    check_folder(&args.out, &session.config()?)?;
    let reply = session.tell(Command::Render { format: args.format })?;
    let pages = reply.data.as_array().map(Vec::as_slice).unwrap_or_default();
    let files = files(args.format, pages);
    // A list for each format: two of them may share a folder.
    let list = match args.format {
        Format::Html => ".html.tidings",
        Format::Json => ".json.tidings",
        Format::Data => ".data.tidings",
    };
    let done = folder::bring(&args.out, list, &files)
        .map_err(|(file, error)| Failure::failed(format!("{}: {error}", file.display())))?;
    let mut note = format!(
        "{} in {}, {} of them written",
        match done.there {
            1 => "1 file is".to_string(),
            there => format!("{there} files are"),
        },
        args.out.display(),
        done.written
    );
    if done.removed > 0 {
        note.push_str(&format!(", {} removed", done.removed));
    }
    session.screen.note(&note);
    if done.foreign.is_empty() {
        return Ok(0);
    }
    let named: Vec<String> = done
        .foreign
        .iter()
        .take(NAMED)
        .map(|file| file.display().to_string())
        .collect();
    let more = match done.foreign.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(Failure::failed(format!(
        "left as they are, because somebody else wrote or changed them: {}{more}",
        named.join(", ")
    ))
    .hint("remove them, or name another folder"))
}

/// The files of the pages.
fn files(format: Format, pages: &[Value]) -> BTreeMap<PathBuf, String> {
    let html = |page: &Value| inert_html(page["html"].as_str().unwrap_or_default());
    let paths = pages
        .iter()
        .filter_map(|page| Some((page["page"].as_str()?, page)));
    match format {
        Format::Html => paths
            .map(|(path, page)| (file_of(path, "html"), html(page)))
            .collect(),
        Format::Json => paths
            .map(|(path, page)| (file_of(path, "json"), format!("{:#}\n", page["said"])))
            .collect(),
        Format::Data => {
            let mut data = Map::new();
            for (path, page) in paths {
                let value = json!({ "html": html(page), "counts": page["counts"] });
                // Some generators know a page by its decoded path.
                if let Ok(decoded) = percent_decode_str(path).decode_utf8()
                    && decoded != path
                {
                    data.insert(decoded.into_owned(), value.clone());
                }
                data.insert(path.to_string(), value);
            }
            BTreeMap::from([(DATA.into(), format!("{:#}\n", Value::Object(data)))])
        }
    }
}

/// The files have the names of the pages themselves: in the output folder they would take their places.
fn check_folder(out: &Path, config: &Config) -> Result<(), Failure> {
    let out = real_path(out);
    for (key, folder) in [
        ("site.output", &config.site.output),
        ("site.data", &config.site.data),
    ] {
        let folder = real_path(folder);
        if let (Some(out), Some(folder)) = (&out, folder)
            && out.starts_with(folder)
        {
            return Err(Failure::new(
                code::USAGE,
                format!("--out lies inside {key}, and would overwrite what is there"),
            )
            .hint("name a folder of its own, among the sources of the site"));
        }
    }
    Ok(())
}

/// `/posts/hello/` -> `posts/hello/index.html`, `/about.html` -> `about.html`; never outside the folder.
fn file_of(page: &str, ending: &str) -> PathBuf {
    let decoded = percent_decode_str(page).decode_utf8_lossy();
    let mut segments: Vec<String> = decoded
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != "." && *segment != "..")
        .map(|segment| segment.replace(char::is_control, "_"))
        .collect();
    let last = match decoded.ends_with('/') {
        true => None,
        false => segments.pop(),
    };
    let name = last.as_deref().unwrap_or("index");
    segments.push(format!("{}.{ending}", name.strip_suffix(".html").unwrap_or(name)));
    segments.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_at_the_path_of_its_page_and_never_outside() {
        for (page, ending, file) in [
            ("/posts/hello/", "html", "posts/hello/index.html"),
            ("/", "html", "index.html"),
            ("/about.html", "json", "about.json"),
            ("/v1.2", "html", "v1.2.html"),
            ("/%C3%BCber/", "html", "über/index.html"),
            ("/../%2e%2e/etc/", "html", "etc/index.html"),
            ("/a%0Ab%00/", "html", "a_b_/index.html"),
        ] {
            assert_eq!(file_of(page, ending), Path::new(file), "{page}");
        }
    }

    #[test]
    fn one_file_has_all_pages_under_both_spellings_and_nothing_that_opens_a_template() {
        let pages = [json!({ "page": "/%C3%BCber/", "html": "<p>{{x}}</p>", "counts": { "likes": 2 } })];
        let files = files(Format::Data, &pages);
        let data: Value = serde_json::from_str(&files[Path::new(DATA)]).unwrap();
        for path in ["/%C3%BCber/", "/über/"] {
            assert_eq!(data[path]["html"], "<p>&#123;&#123;x}}</p>");
            assert_eq!(data[path]["counts"]["likes"], 2);
        }
    }
}
