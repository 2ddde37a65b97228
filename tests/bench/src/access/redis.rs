//! Redis as the home-grown panels have it: a JSON record by username and the username by token, each write on disk before it is answered.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::lines::name;
use super::logins::hash;
use crate::host::free_port;
use crate::process::{MEASURED, pinned};

/// A running server; ended on drop.
pub(super) struct Redis {
    child: Child,
    socket: TcpStream,
}

impl Redis {
    pub(super) async fn start(folder: &tempfile::TempDir) -> anyhow::Result<Self> {
        let port = free_port()?.to_string();
        let mut command = pinned(MEASURED, Path::new("redis-server"));
        command.args(["--port", &port, "--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--dir"]);
        command.arg(folder.path()).args(["--appendonly", "yes", "--appendfsync", "always"]);
        command.args(["--auto-aof-rewrite-percentage", "0"]).stdout(std::process::Stdio::null());
        let child = command.spawn().context("redis-server is needed; `cargo xtask bench` installs it where it may")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        let socket = loop {
            match TcpStream::connect(format!("127.0.0.1:{port}")).await {
                Ok(socket) => break socket,
                Err(error) => ensure!(Instant::now() < deadline, "redis-server does not listen: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Ok(Self { child, socket })
    }

    /// The process to measure.
    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("redis-server has ended")
    }

    /// Seconds that it took, all in one pipeline.
    pub(super) async fn add(&mut self, numbers: Range<usize>) -> anyhow::Result<f64> {
        let hash = hash();
        let (mut requests, answers) = (String::new(), 2 * numbers.len() * OK.len());
        for n in numbers {
            let (name, token) = (name(n), format!("{n:064x}"));
            let record = format!(
                "{{\"username\":\"{name}\",\"password\":\"{hash}\",\"token\":\"{token}\",\"email\":null,\"max_connections\":2,\
                 \"is_active\":true,\"expires_at\":null}}"
            );
            set(&mut requests, &format!("user:{name}"), &record)?;
            set(&mut requests, &format!("token:{token}"), &name)?;
        }
        let mut got = vec![0; answers];
        let start = Instant::now();
        let (mut reading, mut writing) = self.socket.split();
        tokio::try_join!(writing.write_all(requests.as_bytes()), reading.read_exact(&mut got))?;
        let elapsed = start.elapsed().as_secs_f64();
        ensure!(got.chunks(OK.len()).all(|answer| answer == OK), "Redis refused a record");
        Ok(elapsed)
    }
}

const OK: &[u8] = b"+OK\r\n";

fn set(requests: &mut String, key: &str, value: &str) -> std::fmt::Result {
    write!(requests, "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len())
}
