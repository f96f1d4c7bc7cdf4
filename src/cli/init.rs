//! `tidings init`: writes a commented `ap.toml`, and says what to put into the proxy.
//!
//! The text is that of the `ap.toml` in the repository, with the example's values replaced.

use std::path::{Path, PathBuf};

use super::{Outcome, Session};
use crate::config::{Config, Listen};
use crate::control::{Failure, code};

/// The shipped configuration.
const TEMPLATE: &str = include_str!("../../ap.toml");
/// Where readers find a site that nobody named.
const URL: &str = "https://blog.example";

/// What `init` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that the site's generator writes [default: public]
    #[arg(long, value_name = "DIR")]
    site: Option<PathBuf>,
    /// Where readers find the site
    #[arg(long)]
    url: Option<String>,
    /// What stands before the second @ of the account's handle
    #[arg(long, default_value = "blog")]
    name: String,
}

/// Writes the configuration.
pub(super) fn run(args: Args, session: &Session<'_>) -> Outcome {
    let file = session.init_file();
    if file.exists() {
        return Err(Failure::failed(format!("{} is there already", file.display()))
            .hint("edit it, or name another with --config"));
    }
    let wanted = Wanted {
        output: output_below(&file, args.site.as_deref().unwrap_or(Path::new("public"))),
        url: args.url.clone().unwrap_or_else(|| URL.to_string()),
        name: args.name,
    };
    let (text, config) = wanted.write(&file)?;
    write_new(&file, &text)?;

    let screen = session.screen;
    screen.note(&format!("wrote {}", file.display()));
    if args.url.is_none() {
        screen.note(&format!(
            "set site.url in it: {URL} only stands in for the address of your site"
        ));
    }
    if !config.site.output.is_dir() {
        screen.note(&format!(
            "the output folder {} is not there yet: run the site's generator, or correct site.output",
            config.site.output.display()
        ));
    }
    screen.note(&format!("the account will be {}", config.handle(&wanted.name)));
    screen.note("\nthe proxy in front of the site passes tidings' own paths on to it; in the server block of nginx:\n");
    screen.text(&proxy(&config))?;
    screen.note(
        "\n(proxy/ in the repository has this with threads in the pages, and the same for Caddy and Apache)",
    );
    screen.note("then: tidings serve, and in another terminal: tidings doctor");
    Ok(0)
}

/// What the owner asked for.
#[derive(Debug)]
struct Wanted {
    output: String,
    url: String,
    name: String,
}

impl Wanted {
    /// The text of the configuration, and what it means.
    fn write(&self, file: &Path) -> Result<(String, Config), Failure> {
        let usage = |problems: Vec<crate::config::Problem>| Failure {
            code: code::USAGE,
            errors: problems
                .into_iter()
                .map(|problem| (format!("{}: {}", problem.key, problem.message), problem.hint))
                .collect(),
        };
        // An address that only this machine or network knows is a lab, where http is all there is.
        let private = url::Url::parse(&self.url).is_ok_and(|url| crate::config::is_private(&url));
        let text = self.fill(private, "");
        let config = crate::config::parse(&text, file).map_err(usage)?;
        let text = self.fill(private, &config.federation.handle_domain);
        let config = crate::config::parse(&text, file).map_err(usage)?;
        Ok((text, config))
    }

    fn fill(&self, private: bool, handle_domain: &str) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let url = quoted(&self.url);
        let mut text = String::from(
            "# tidings: the configuration.\n#\n\
             # Every key is here. A line that begins with `#key =` shows a key that is left at its default, with that\n\
             # default. Relative paths start from the folder of this file. `tidings doctor` checks the whole chain.\n",
        );
        // The template's own introduction speaks of the example.
        let body = TEMPLATE
            .find("[site]")
            .and_then(|at| TEMPLATE.get(at..))
            .unwrap_or(TEMPLATE);
        for line in std::iter::once("").chain(body.lines()) {
            let key = line.split(" =").next().unwrap_or_default();
            let new = match key {
                "url" => format!("url = {url}"),
                "output" => format!("output = {}", quoted(&self.output)),
                "name" => format!("name = {}", quoted(&self.name)),
                "display_name" => format!("display_name = {}", quoted(&self.name)),
                "summary" => "summary = \"\"".to_string(),
                "icon" | "image" => format!("#{line}"),
                "fields" => format!("fields = {{ Website = {url} }}"),
                "#handle_domain" => format!("#handle_domain = {}", quoted(handle_domain)),
                "allow_private_addresses" if !private => "#allow_private_addresses = false".to_string(),
                _ if line.starts_with("# REAL SITE") => continue,
                _ => line.replace("@hanne@", &format!("@{}@", self.name)),
            };
            text.push_str(&new);
            text.push('\n');
        }
        text
    }
}

/// The output folder as the configuration names it: relative where its file lies here too.
fn output_below(file: &Path, site: &Path) -> String {
    let here = file.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let path = if here {
        site.to_path_buf()
    } else {
        std::path::absolute(site).unwrap_or_else(|_| site.to_path_buf())
    };
    path.to_string_lossy().into_owned()
}

fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let fail = |error: std::io::Error| Failure::failed(format!("{}: {error}", file.display()));
    let mut new = std::fs::File::create_new(file).map_err(fail)?;
    new.write_all(text.as_bytes())
        .and_then(|()| new.sync_all())
        .map_err(fail)
}

/// What to put into nginx.
fn proxy(config: &Config) -> String {
    let upstream = match &config.server.listen {
        Listen::Tcp(address) => format!("http://{address}"),
        Listen::Unix(path) => format!("http://unix:{}:", path.display()),
    };
    format!(
        "# A server that asks for a page's address wants its object.\n\
         if ($http_accept ~* \"^\\s*application/(activity|ld)\\+json\") {{\n    \
             rewrite ^(?!/ap/|/\\.well-known/)(.*)$ /ap/resolve?url=$1? last;\n\
         }}\n\
         add_header Vary Accept always;\n\
         location ~ ^/(ap/|\\.well-known/(webfinger|nodeinfo|host-meta(\\.json)?)$) {{\n    \
             proxy_pass {upstream};\n    \
             proxy_http_version 1.1;\n    \
             proxy_set_header Host $http_host;\n    \
             proxy_set_header X-Forwarded-For $remote_addr;\n    \
             proxy_set_header X-Forwarded-Proto $scheme;\n    \
             client_max_body_size 2m;\n    \
             proxy_buffering off;\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_valid_configuration_with_what_was_asked_for() {
        let wanted = Wanted {
            output: "out \"1\"".into(),
            url: "https://www.blog.example/sub".into(),
            name: "ada".into(),
        };
        let (text, config) = wanted.write(Path::new("/srv/ap.toml")).unwrap();
        assert_eq!(config.site.url.as_str(), "https://www.blog.example/sub/");
        assert_eq!(config.site.output, Path::new("/srv/out \"1\""));
        assert_eq!(config.handle("ada"), "@ada@www.blog.example");
        assert!(!config.federation.allow_private_addresses);
        for example in [
            "Hanne",
            "hanne",
            "REAL SITE",
            "playground",
            "127.0.0.1:8080",
            "site-example",
        ] {
            assert!(!text.contains(example), "{example} is left of the example");
        }
    }

    #[test]
    fn a_lab_may_speak_http() {
        let wanted = Wanted {
            output: "public".into(),
            url: "http://127.0.0.1:9000".into(),
            name: "ada".into(),
        };
        assert!(
            wanted
                .write(Path::new("/srv/ap.toml"))
                .unwrap()
                .1
                .federation
                .allow_private_addresses
        );
        let public = Wanted {
            url: "http://blog.example".into(),
            ..wanted
        };
        assert_eq!(
            public.write(Path::new("/srv/ap.toml")).unwrap_err().code,
            code::USAGE
        );
    }
}
