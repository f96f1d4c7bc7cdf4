//! `tidings render`: the widgets as files, for generators that include them at build time.

use std::path::{Path, PathBuf};

use super::{Outcome, Session};
use crate::config::{Config, real_path};
use crate::control::{Command, Failure, Format, code};

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

/// Writes a file for each page.
pub(super) fn run(args: &Args, session: &Session<'_>) -> Outcome {
    check_folder(&args.out, &session.config()?)?;
    let reply = session.tell(Command::Render { format: args.format })?;
    let ending = match args.format {
        Format::Html => "html",
        Format::Json => "json",
    };
    let (mut count, mut changed) = (0, 0);
    for page in reply.data.as_array().into_iter().flatten() {
        let (Some(path), Some(content)) = (page["page"].as_str(), page["content"].as_str()) else {
            continue;
        };
        let file = file_of(&args.out, path, ending);
        let fail = |error: std::io::Error| Failure::failed(format!("{}: {error}", file.display()));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        count += 1;
        // A generator rebuilds what was written, so what is the same stays untouched.
        if std::fs::read(&file).is_ok_and(|there| there == content.as_bytes()) {
            continue;
        }
        std::fs::write(&file, content).map_err(fail)?;
        changed += 1;
    }
    session.screen.note(&format!(
        "{count} files are in {}, {changed} of them written",
        args.out.display()
    ));
    Ok(0)
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
fn file_of(out: &Path, page: &str, ending: &str) -> PathBuf {
    let decoded = percent_encoding::percent_decode_str(page).decode_utf8_lossy();
    let mut file = out.to_path_buf();
    for segment in decoded.split('/') {
        if !segment.is_empty() && segment != "." && segment != ".." && !segment.contains('\0') {
            file.push(segment);
        }
    }
    if decoded.ends_with('/') {
        file.push(format!("index.{ending}"));
        file
    } else {
        file.with_extension(ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_at_the_path_of_its_page_and_never_outside() {
        let out = Path::new("/out");
        assert_eq!(
            file_of(out, "/posts/hello/", "html"),
            Path::new("/out/posts/hello/index.html")
        );
        assert_eq!(file_of(out, "/about.html", "json"), Path::new("/out/about.json"));
        assert_eq!(
            file_of(out, "/%C3%BCber/", "html"),
            Path::new("/out/über/index.html")
        );
        assert_eq!(
            file_of(out, "/../%2e%2e/etc/", "html"),
            Path::new("/out/etc/index.html")
        );
    }
}
