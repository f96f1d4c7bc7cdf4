//! The example site behind nginx, with its widgets in each of the three ways.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::chromium::{Browser, skip};
use crate::harness::{Site, World, wait_for};

/// The page that people talk about.
pub(super) const PAGE: &str = "/posts/wheat-paste/";

/// What the strictest owners send: nothing but the site's own files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";

/// How the widgets come into the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// The web server includes them.
    Include,
    /// The reader's browser fetches them.
    Elements,
    /// The generator includes what `tidings render` wrote.
    Rendered,
}

/// Whether the page comes with a Content-Security-Policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    Strict,
    None,
}

impl Way {
    pub(super) const ALL: [Way; 3] = [Way::Include, Way::Elements, Way::Rendered];

    fn folder(self) -> &'static str {
        match self {
            Way::Include => "public",
            Way::Elements => "elements",
            Way::Rendered => "rendered",
        }
    }
}

/// A browser, and a site to look at.
pub(super) struct Stage {
    pub(super) browser: Browser,
    pub(super) world: World,
    _nginx: Nginx,
}

impl Stage {
    /// Builds it all up; `None` when something that it needs isn't installed. `extra` is TOML for ap.toml.
    pub(super) async fn start(extra: &str) -> Option<Stage> {
        let nginx = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
        if nginx.is_err() {
            skip("nginx");
            return None;
        }
        let browser = Browser::start()?;
        let site = Site::example();
        let with_all = ["counts", "follow", "thread"].map(include_of).concat();
        each_page(&site.output(), &site.output(), |page, html| {
            replace_include(html, &with_all.replace("PAGE", page))
        });
        each_page(&site.output(), &site.root().join("elements"), |page, html| {
            let tags = format!(
                "<script type=\"module\" src=\"/ap/widgets/tidings.js\"></script><tidings-counts page=\"{page}\"></tidings-counts>\
                 <tidings-follow></tidings-follow><tidings-thread page=\"{page}\"><a href=\"/about/\">What people say elsewhere</a></tidings-thread>"
            );
            replace_include(html, &tags)
        });
        let origin = format!("http://{}", free_address());
        let mut world = World::behind(
            site,
            &format!(
                "actor = [{{ name = 'hanne', display_name = 'Hanne Brandt', icon = '/avatar.png' }}]\n\
                 interactions.moderation = 'show'\n{extra}"
            ),
            origin,
        );
        world.restart().await;
        world.baseline().await;
        let nginx = Nginx::start(&world);
        wait_for("nginx", || async {
            std::net::TcpStream::connect(world.origin.trim_start_matches("http://"))
                .ok()
                .map(drop)
        })
        .await;
        Some(Stage {
            browser,
            world,
            _nginx: nginx,
        })
    }

    /// Writes the third way's pages: what the generator would build of what `tidings render` wrote.
    pub(super) async fn render(&self) {
        let root = self.world.site.root();
        let fragments = root.join("fragments");
        let out = fragments.to_str().unwrap();
        let rendered = self.world.command(&["render", "--out", out]).await;
        assert_eq!(rendered.code, 0, "{}", rendered.stderr);
        each_page(&self.world.site.output(), &root.join("rendered"), |page, html| {
            let file = fragments.join(page.trim_start_matches('/')).join("index.html");
            let thread = std::fs::read_to_string(file).unwrap_or_default();
            replace_include(html, &thread)
        });
    }

    /// The address of a page with the widgets in one of the ways.
    pub(super) fn url(&self, page: &str, way: Way, policy: Policy) -> String {
        let policy = match policy {
            Policy::Strict => "&policy=strict",
            Policy::None => "",
        };
        format!("{}{page}?way={}{policy}", self.world.origin, way.folder())
    }

    /// The object of the page that people talk about.
    pub(super) fn object(&self) -> String {
        format!("{}/ap/objects/posts~wheat-paste", self.world.origin)
    }
}

fn include_of(widget: &str) -> String {
    format!("<!--#include virtual=\"/ap/widgets/{widget}?page=PAGE\" -->")
}

/// Puts something in place of all includes of a page.
fn replace_include(html: &str, new: &str) -> String {
    const START: &str = "<!--#include virtual=\"/ap/widgets/";
    let Some(from) = html.find(START) else {
        return html.to_string();
    };
    let last = html.rfind(START).unwrap_or(from);
    let to = last + html[last..].find("-->").unwrap() + 3;
    format!("{}{new}{}", &html[..from], &html[to..])
}

/// Copies a folder, changing its HTML; `change` gets the path of the page.
fn each_page(from: &Path, to: &Path, change: impl Fn(&str, &str) -> String) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let inner = entry.path().strip_prefix(from).unwrap();
        let target = to.join(inner);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else if inner.extension().is_some_and(|ending| ending == "html") {
            let page = format!("/{}", inner.display());
            let html = std::fs::read_to_string(entry.path()).unwrap();
            let changed = change(page.trim_end_matches("index.html"), &html);
            std::fs::write(target, changed).unwrap();
        } else if from != to {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An address that is free now: nginx can't be asked for port 0.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A running nginx; ended when dropped.
struct Nginx(Child);

impl Nginx {
    fn start(world: &World) -> Nginx {
        let root: PathBuf = world.site.root().to_path_buf();
        let snippet =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/proxy/nginx.conf")).unwrap();
        let snippet = snippet.replace("127.0.0.1:8790", &world.address().to_string());
        std::fs::write(root.join("tidings.conf"), snippet).unwrap();
        let here = root.display();
        let listen = world.origin.trim_start_matches("http://");
        let config = format!(
            "daemon off; worker_processes 1; pid {here}/nginx.pid; error_log {here}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; default_type application/octet-stream;\n\
             types {{ text/html html; text/css css; image/png png; image/jpeg jpg; application/xml xml; }} charset utf-8;\n\
             client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/f;\n\
             uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
             map $arg_way $folder {{ default public; elements elements; rendered rendered; }}\n\
             map $arg_policy $policy {{ default ''; strict \"{POLICY}\"; }}\n\
             server {{ listen {listen}; root {here}/$folder; index index.html;\n\
             add_header Content-Security-Policy $policy always; include {here}/tidings.conf;\n\
             location / {{ try_files $uri $uri/ =404; }} }} }}\n"
        );
        std::fs::write(root.join("nginx.conf"), config).unwrap();
        // Its workers run as another user when the tests run as root.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(&root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Nginx(child)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}
