//! The real nginx, Apache httpd and Caddy, each with the file from `proxy/` as it is shipped: only names and ports are
//! replaced, and the block of the site is the one that the file shows.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long a proxy may take to begin, and to end.
const LIMIT: Duration = Duration::from_secs(60);
/// What the files say where tidings listens.
const SHIPPED: &str = "127.0.0.1:8790";

/// A proxy program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Apache,
    Caddy,
}

/// Where a proxy passes requests on to.
#[derive(Clone, Debug)]
pub(super) enum Upstream {
    Tcp(String),
    Unix(PathBuf),
}

impl Kind {
    /// Its program; says so when it isn't installed.
    pub(super) fn installed(self) -> Option<PathBuf> {
        let names: &[&str] = match self {
            Kind::Nginx => &["nginx"],
            Kind::Apache => &["apache2", "httpd"],
            Kind::Caddy => &["caddy"],
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|program| program.is_file());
        if found.is_none() {
            assert!(
                std::env::var_os("TIDINGS_TEST_ALL").is_none(),
                "{} is not installed, and all tests are asked for",
                names[0]
            );
            println!("skipped: {} not installed", names[0]);
        }
        found
    }

    /// The file that is shipped.
    pub(super) fn file(self) -> String {
        let name = match self {
            Kind::Nginx => "nginx.conf",
            Kind::Apache => "apache.conf",
            Kind::Caddy => "Caddyfile",
        };
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("proxy").join(name)).unwrap();
        assert!(text.contains(SHIPPED), "{name} names the default address");
        text
    }

    /// The line for the theme that the file shows.
    pub(super) fn include(self) -> String {
        let file = self.file();
        let line = file.lines().find_map(|line| {
            let line = line.strip_prefix("#     ")?;
            line.contains("/ap/widgets/thread?page=").then_some(line)
        });
        line.expect("the file shows the line for the theme").to_string()
    }

    /// The block of the site that the file shows in its comments, from the line that `begins` it to the one that `ends` it.
    fn shown(self, begins: &str, ends: &str) -> String {
        let file = self.file();
        let lines: Vec<&str> = file
            .lines()
            .filter_map(|line| line.strip_prefix("#     "))
            .skip_while(|line| !line.starts_with(begins))
            .collect();
        let end = lines.iter().position(|line| *line == ends).unwrap();
        lines[..=end].join("\n")
    }
}

/// A running proxy with all its processes; ended when dropped.
pub(super) struct Front {
    child: Child,
    group: Pid,
    /// What the proxy writes into.
    _folder: tempfile::TempDir,
}

impl Front {
    /// Starts a proxy before `upstream` that serves the files in `output` at `listen`.
    pub(super) fn start(
        kind: Kind,
        program: &Path,
        output: &Path,
        listen: &str,
        upstream: &Upstream,
    ) -> Front {
        Front::start_edited(kind, program, output, listen, upstream, &|_| {})
    }

    /// The same, after `edit` did something to the folder with the configuration.
    pub(super) fn start_edited(
        kind: Kind,
        program: &Path,
        output: &Path,
        listen: &str,
        upstream: &Upstream,
        edit: &dyn Fn(&Path),
    ) -> Front {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut command = Command::new(program);
        match kind {
            Kind::Nginx => nginx(&mut command, root, output, listen, upstream),
            Kind::Apache => apache(&mut command, root, output, listen, upstream),
            Kind::Caddy => caddy(&mut command, root, output, listen, upstream),
        }
        edit(root);
        // Workers run as another user when the tests run as root.
        for folder in [root, output.parent().unwrap()] {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let log = root.join("said");
        let said = std::fs::File::create(&log).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .process_group(0);
        let child = command.spawn().unwrap();
        let group = Pid::from_child(&child);
        let mut front = Front {
            child,
            group,
            _folder: folder,
        };
        let start = Instant::now();
        while std::net::TcpStream::connect(listen).is_err() {
            let ended = front.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < LIMIT,
                "{kind:?} did not begin: {ended:?}\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        front
    }

    /// The group of its processes.
    pub(super) fn group(&self) -> Pid {
        self.group
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let start = Instant::now();
        while is_running(self.group) {
            // Its main process is ours to collect; until then the group isn't empty.
            let _ = self.child.try_wait();
            if start.elapsed() > Duration::from_secs(10) {
                let _ = kill_process_group(self.group, Signal::KILL);
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether any process of a group is there.
pub(super) fn is_running(group: Pid) -> bool {
    test_kill_process_group(group).is_ok()
}

/// An address that is free: a proxy can't be asked for port 0. Each has an IP address of its own, where no other test
/// takes ports.
pub(super) fn free_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id() % 250;
    std::net::TcpListener::bind(format!("127.44.{process}.{number}:0"))
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

fn nginx(command: &mut Command, root: &Path, output: &Path, listen: &str, upstream: &Upstream) {
    let there = match upstream {
        Upstream::Tcp(address) => format!("http://{address}"),
        Upstream::Unix(path) => format!("http://unix:{}:", path.display()),
    };
    let snippet = Kind::Nginx.file().replace(&format!("http://{SHIPPED}"), &there);
    std::fs::write(root.join("tidings.conf"), snippet).unwrap();
    let site = Kind::Nginx
        .shown("server {", "}")
        .replace("443 ssl", listen)
        .replace("/srv/blog/public", &output.display().to_string())
        .replace(
            "/etc/nginx/tidings.conf",
            &root.join("tidings.conf").display().to_string(),
        );
    let root_text = root.display();
    // Pages are packed, so that it is tried with threads in them.
    let config = format!(
        "daemon off; worker_processes 1; pid {root_text}/nginx.pid; error_log stderr;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; types {{ text/html html; text/css css; }} default_type application/octet-stream;\n\
         gzip on; gzip_min_length 1;\n\
         client_body_temp_path {root_text}/body; proxy_temp_path {root_text}/proxy; fastcgi_temp_path {root_text}/f;\n\
         uwsgi_temp_path {root_text}/u; scgi_temp_path {root_text}/s;\n\
         {site}\n}}\n"
    );
    std::fs::write(root.join("nginx.conf"), config).unwrap();
    command
        .arg("-p")
        .arg(root)
        .arg("-c")
        .arg(root.join("nginx.conf"))
        .args(["-e", "stderr"]);
}

fn apache(command: &mut Command, root: &Path, output: &Path, listen: &str, upstream: &Upstream) {
    /// Where distributions put the modules.
    const MODULES: [&str; 4] = [
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "/usr/lib/httpd/modules",
        "/usr/local/apache2/modules",
    ];
    /// What is on in Debian, as far as it concerns these tests.
    const USUAL: [&str; 8] = [
        "mpm_event",
        "authz_core",
        "mime",
        "dir",
        "deflate",
        "filter",
        "env",
        "setenvif",
    ];
    let there = match upstream {
        Upstream::Tcp(address) => format!("http://{address}"),
        Upstream::Unix(path) => format!("unix:{}|http://tidings", path.display()),
    };
    let file = Kind::Apache.file();
    let snippet = file.replace(&format!("http://{SHIPPED}"), &there);
    std::fs::write(root.join("tidings.conf"), snippet).unwrap();
    let site = Kind::Apache
        .shown("<VirtualHost", "</VirtualHost>")
        .replace("*:443", listen)
        .replace("/srv/blog/public", &output.display().to_string())
        .replace(
            "/etc/apache2/tidings.conf",
            &root.join("tidings.conf").display().to_string(),
        );
    let modules = MODULES.iter().find(|folder| Path::new(folder).is_dir()).unwrap();
    let wanted = file
        .lines()
        .find_map(|line| line.strip_prefix("#     a2enmod "))
        .unwrap();
    let loaded: String = USUAL
        .into_iter()
        .chain(wanted.split(' '))
        .filter(|name| Path::new(modules).join(format!("mod_{name}.so")).is_file())
        .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
        .collect();
    // A user is only changed to by root.
    let user = match rustix::process::geteuid().is_root() {
        true => "User nobody\nGroup #65534\n",
        false => "",
    };
    let config = format!(
        "ServerRoot {root}\nPidFile {root}/apache.pid\nErrorLog /dev/stderr\nServerName blog.example\n{loaded}{user}\
         Listen {listen}\nTypesConfig /dev/null\nAddType text/html .html\nDirectoryIndex index.html\n\
         AddOutputFilterByType DEFLATE text/html application/json\n\
         StartServers 1\nServerLimit 2\nThreadsPerChild 25\nMaxRequestWorkers 50\n{site}\n",
        root = root.display()
    );
    std::fs::write(root.join("apache.conf"), config).unwrap();
    command
        .arg("-DFOREGROUND")
        .arg("-f")
        .arg(root.join("apache.conf"));
}

fn caddy(command: &mut Command, root: &Path, output: &Path, listen: &str, upstream: &Upstream) {
    let there = match upstream {
        Upstream::Tcp(address) => address.clone(),
        Upstream::Unix(path) => format!("unix/{}", path.display()),
    };
    let site = Kind::Caddy
        .file()
        .replace(
            &format!("import tidings {SHIPPED}"),
            &format!("import tidings {there}"),
        )
        .replace(
            "\nblog.example {\n",
            &format!("\nhttp://{listen} {{\n\tencode gzip\n"),
        )
        .replace("/srv/blog/public", &output.display().to_string());
    std::fs::write(
        root.join("Caddyfile"),
        format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}"),
    )
    .unwrap();
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(root.join("Caddyfile"))
        .env("HOME", root)
        .env("XDG_CONFIG_HOME", root)
        .env("XDG_DATA_HOME", root);
}
