//! nginx as a peer: one process, `sendfile`, kept connections, no log.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::Child;

use crate::host::{free_port, scratch};
use crate::process::{MEASURED, pinned};

/// A running nginx; ended on drop.
pub(crate) struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    /// Starts it with these locations; what it writes goes to `folder`.
    pub(crate) async fn start(folder: &tempfile::TempDir, locations: &str) -> anyhow::Result<Self> {
        let (root, port) = (folder.path().display(), free_port()?);
        let config = format!(
            "user root;\nmaster_process off;\ndaemon off;\npid {root}/pid;\nerror_log {root}/error.log;\n\
             events {{ worker_connections 19000; }}\n\
             http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n\
             \x20 keepalive_requests 1000000;\n  keepalive_timeout 300;\n\
             \x20 open_file_cache max=2000;\n  types {{ video/mp2t ts; application/vnd.apple.mpegurl m3u8; }}\n\
             \x20 server {{\n    listen 127.0.0.1:{port} backlog=4096;\n{locations}  }}\n}}\n"
        );
        let path = scratch(folder, "nginx.conf");
        std::fs::write(&path, config)?;
        let child = pinned(MEASURED, Path::new("/usr/sbin/nginx"))
            .arg("-c")
            .arg(&path)
            .spawn()
            .context("nginx is needed; `cargo xtask bench` installs it where it may")?;
        let nginx = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let log = || std::fs::read_to_string(scratch(folder, "error.log")).unwrap_or_default();
            ensure!(Instant::now() < deadline, "nginx does not listen: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(nginx)
    }

    /// The process to measure.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("nginx has ended")
    }

    /// An absolute URL.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}
