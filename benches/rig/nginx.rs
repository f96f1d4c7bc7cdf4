//! A real nginx that serves files, as one that is set up for speed: the limit for whoever serves documents.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running nginx; ended when dropped.
pub(crate) struct Nginx {
    child: Child,
    files: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Starts one that keeps its files in `place`; `None` where it isn't installed.
    pub(crate) fn start(place: &Path) -> io::Result<Option<Nginx>> {
        let root = place.join("nginx");
        let files = root.join("files");
        fs::create_dir_all(&files)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let text = root.display();
        fs::write(
            root.join("nginx.conf"),
            format!(
                "daemon off; worker_processes auto; pid {text}/pid; error_log {text}/error.log;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000;\n\
                 default_type text/html; open_file_cache max=100 inactive=60s; open_file_cache_valid 60s;\n\
                 client_body_temp_path {text}/b; proxy_temp_path {text}/p; fastcgi_temp_path {text}/f;\n\
                 uwsgi_temp_path {text}/u; scgi_temp_path {text}/s;\n\
                 server {{ listen {address}; root {text}/files; }} }}\n"
            ),
        )?;
        let started = Command::new("nginx")
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("skipped: nginx is not installed");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let nginx = Nginx {
            child,
            files,
            address,
        };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(io::Error::other("nginx doesn't start"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(nginx))
    }

    /// Gives it a file to serve.
    pub(crate) fn serve(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.files.join(name), bytes)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked to.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
