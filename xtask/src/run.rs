//! The demo: a test upstream and a host on examples/quickstart, until Ctrl-C.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command as BlockingCommand, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::build::{self, binary};
use crate::process::output;
use crate::say::line;
use crate::setup;

/// Where examples/quickstart/plugins.d/demo.toml expects the upstream.
const UPSTREAM: &str = "127.0.0.1:8091";
const CHANNELS: [&str; 3] = ["one", "two:hevc", "three"];
const LINE: &str = "demo";
const PASSWORD: &str = "demo-password";
const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(15);

/// How to run the demo.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the host listens; 0.0.0.0:8080 lets other devices in.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Stop as soon as the host is ready and a playlist was read, as a check that everything works.
    #[arg(long)]
    check: bool,
}

/// Sets up, builds and runs.
pub(crate) fn run(workspace: &Path, options: &Options) -> anyhow::Result<()> {
    setup::setup(workspace, setup::For::Running)?;
    build::build(workspace, false)?;
    must_be_free(UPSTREAM.parse()?, "the demo's upstream listens there")?;
    must_be_free(options.listen, "choose another with `cargo xtask run --listen 127.0.0.1:9000`")?;
    add_line(workspace)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(workspace, options))
}

fn must_be_free(address: SocketAddr, hint: &str) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "cannot listen on {address} ({error}): another program uses the port, perhaps a demo that still runs; {hint}"
        ),
    }
}

fn mast(workspace: &Path) -> BlockingCommand {
    BlockingCommand::new(binary(workspace, "debug", "mast"))
}

fn config(workspace: &Path) -> std::path::PathBuf {
    workspace.join("examples/quickstart/mast.toml")
}

/// The demo's line stays in examples/quickstart/data from one run to the next.
fn add_line(workspace: &Path) -> anyhow::Result<()> {
    let lines = output(mast(workspace).args(["line", "list", "--json", "--config"]).arg(config(workspace)))?;
    let lines: serde_json::Value = serde_json::from_str(&lines).context("`mast line list --json` is JSON")?;
    let is_demo = |entry: &serde_json::Value| entry["username"] == LINE;
    let entries = lines.as_array().or_else(|| lines["lines"].as_array());
    if entries.is_some_and(|entries| entries.iter().any(is_demo)) {
        return Ok(());
    }
    let add = ["line", "add", "--username", LINE, "--password", PASSWORD, "--max-connections", "5", "--config"];
    output(mast(workspace).args(add).arg(config(workspace)))?;
    Ok(())
}

async fn serve(workspace: &Path, options: &Options) -> anyhow::Result<()> {
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut upstream = Command::new(binary(workspace, "debug", "mast-upstream"));
    upstream.args(["--listen", UPSTREAM, "--burst", "3"]);
    upstream.args(CHANNELS.iter().flat_map(|channel| ["--channel", channel]));
    let mut upstream = start(upstream, "the test upstream")?;
    let mut host = Command::new(binary(workspace, "debug", "mast"));
    host.args(["serve", "--config"]).arg(config(workspace)).env("MAST__HTTP__LISTEN", options.listen.to_string());
    let mut host = start(host, "the host")?;

    let reached = tokio::select! {
        ended = upstream.wait() => Err(anyhow::anyhow!("the test upstream ended ({})", shown(ended))),
        ended = host.wait() => Err(anyhow::anyhow!("the host ended ({}); its log is above", shown(ended))),
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        announced = announce_then_wait(options) => announced,
    };
    line("stopping");
    end(host).await?;
    end(upstream).await?;
    reached
}

/// In process groups of their own: Ctrl-C reaches only this tool, which ends them in order.
fn start(mut command: Command, what: &str) -> anyhow::Result<Child> {
    command.stdin(std::process::Stdio::null()).process_group(0).kill_on_drop(true);
    command.spawn().with_context(|| format!("{what} does not start"))
}

fn shown(ended: std::io::Result<ExitStatus>) -> String {
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}

async fn end(mut child: Child) -> anyhow::Result<()> {
    let Some(id) = child.id() else { return Ok(()) };
    output(BlockingCommand::new("kill").args(["-TERM", &id.to_string()])).context("asking a process to end")?;
    if timeout(END_WITHIN, child.wait()).await.is_err() {
        line(&format!("process {id} did not end within {END_WITHIN:?}: killing it"));
        child.kill().await?;
    }
    Ok(())
}

async fn announce_then_wait(options: &Options) -> anyhow::Result<()> {
    let local = match options.listen.ip().is_unspecified() {
        true => SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), options.listen.port()),
        false => options.listen,
    };
    let credentials = format!("username={LINE}&password={PASSWORD}");
    let path = format!("/get.php?{credentials}&type=m3u_plus&output=hls");
    let playlist = timeout(READY_WITHIN, wait_for_playlist(local, &path))
        .await
        .with_context(|| format!("the host served no channel within {READY_WITHIN:?}; its log is above"))?;
    let urls: Vec<&str> = playlist.lines().filter(|text| text.starts_with("http")).collect();
    let first = urls.first().context("the playlist has no channel")?;
    let continuous = first.replace(".m3u8", ".ts");
    line(&format!(
        "
Mast serves {} channels. Press Ctrl-C to stop.

  playlist       http://{local}{path}
  in VLC         vlc 'http://{local}/get.php?{credentials}&type=m3u_plus'
  in mpv         mpv '{first}'
  HLS            {first}
  MPEG-TS        {continuous}
  credentials    username {LINE}, password {PASSWORD}

  next           edit examples/quickstart/plugins.d/demo.toml to point at a playlist of your own; saving is enough
                 examples/quickstart/README.md has more to try
",
        urls.len()
    ));
    if options.check {
        return Ok(());
    }
    std::future::pending().await
}

async fn wait_for_playlist(address: SocketAddr, path: &str) -> String {
    loop {
        if let Some(playlist) = get(address, path).ok().filter(|text| text.contains("\nhttp")) {
            return playlist;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The body of a 200 answer. HTTP/1.0, so that it needs no more than reading to the end.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    if head.split_whitespace().nth(1) != Some("200") {
        bail!("{}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}
