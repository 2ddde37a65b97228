//! Players that people use, beside a test: hls.js in Chromium, mpv, ffmpeg. Each is a process that plays a URL until it is told to
//! stop, and meanwhile says what it has shown. They take what comes: no retries, no settings that would hide a fault of ours.

mod browser;
mod ffmpeg;
mod meter;
mod mpv;

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use browser::{fill_in, hls_js};
pub use ffmpeg::ffmpeg;
pub use mpv::mpv;

use crate::SOON;

/// What a player has shown so far.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Media that was shown, jumps left out.
    pub played: Duration,
    /// The longest time for which the position did not move after it first did.
    pub longest_stall: Duration,
    /// Places where one run of media ended and another began, as far as the player tells.
    pub discontinuities: u64,
    /// Why it gave up, or what it could not make sense of.
    pub broken: Option<String>,
    /// Everything else that it said.
    pub account: Value,
}

/// A player that plays.
pub struct Player {
    name: &'static str,
    child: Child,
    shown: watch::Receiver<Shown>,
    // A set of one each: what is in a set ends with it.
    reading: JoinSet<()>,
    complaints: JoinSet<String>,
    controls: Box<dyn AsyncWrite + Send + Unpin>,
    /// What makes it stop when written to `controls`, which are closed behind it.
    quit: &'static [u8],
}

/// Starts a process with three pipes, which ends with the handle.
fn start(command: &mut Command) -> Child {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = pipes.kill_on_drop(true).spawn();
    started.unwrap_or_else(|error| panic!("{:?}: {error}; `cargo xtask setup --tests` installs it", command.as_std()))
}

impl Player {
    /// Each line that the player says changes the account by `take`.
    fn new(
        name: &'static str,
        mut child: Child,
        (lines, controls, quit): (
            impl AsyncBufRead + Send + Unpin + 'static,
            impl AsyncWrite + Send + Unpin + 'static,
            &'static [u8],
        ),
        mut take: impl FnMut(&str, &mut Shown) + Send + 'static,
    ) -> Self {
        let (mut reading, mut complaints) = (JoinSet::new(), JoinSet::new());
        complaints.spawn(read_complaints(child.stderr.take().unwrap()));
        let (sender, shown) = watch::channel(Shown::default());
        reading.spawn(async move {
            let mut lines = lines.lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|shown| take(&line, shown));
            }
        });
        Self { name, child, shown, reading, complaints, controls: Box::new(controls), quit }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// As it is now.
    pub fn shown(&self) -> Shown {
        self.shown.borrow().clone()
    }

    /// Waits until what it shows is as wanted; fails when the player breaks, ends or takes longer than anything may.
    pub async fn shown_when(&mut self, what: &str, wanted: impl Fn(&Shown) -> bool) -> Shown {
        let name = self.name;
        let reached = self.shown.wait_for(|shown| shown.broken.is_some() || wanted(shown));
        let reached = tokio::time::timeout(SOON, reached).await.map(|reached| reached.map(|shown| shown.clone()));
        match reached {
            Ok(Ok(shown)) if shown.broken.is_none() => shown,
            Ok(Ok(shown)) => panic!("{name} broke before {what}: {shown:#?}"),
            Ok(Err(_)) => {
                let (status, complaints) = self.ended().await;
                panic!("{name} ended ({status}) before {what}: {:#?}\n{complaints}", self.shown());
            }
            Err(_) => panic!("{name}, not within {SOON:?}: {what}: {:#?}", self.shown()),
        }
    }

    /// Waits until so much more was shown than by `since`.
    pub async fn plays_on(&mut self, since: &Shown, more: Duration) -> Shown {
        let enough = since.played + more;
        self.shown_when(&format!("{more:?} more than {:?} were shown", since.played), |shown| shown.played >= enough)
            .await
    }

    /// Stops it properly, and says what it had shown; fails where it ends with an error.
    pub async fn stop(mut self) -> Shown {
        // A player that ended before says why with its status.
        let _ = self.controls.write_all(self.quit).await;
        let _ = self.controls.shutdown().await;
        drop(std::mem::replace(&mut self.controls, Box::new(tokio::io::sink())));
        let (status, complaints) = self.ended().await;
        let shown = self.shown();
        assert_eq!(
            (status.as_str(), &shown.broken),
            ("exit status: 0", &None),
            "{}: {shown:#?}\n{complaints}",
            self.name
        );
        shown
    }

    async fn ended(&mut self) -> (String, String) {
        let ended = async {
            let status = self.child.wait().await.unwrap();
            while let Some(read) = self.reading.join_next().await {
                read.unwrap();
            }
            let complaints = self.complaints.join_next().await.transpose().unwrap().unwrap_or_default();
            (status.to_string(), complaints)
        };
        tokio::time::timeout(SOON, ended).await.unwrap_or_else(|_| panic!("{} does not end", self.name))
    }
}

/// The last of it, so that a player that never stops complaining needs no memory.
async fn read_complaints(mut pipe: ChildStderr) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(16 * 1024));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn pipes(
    child: &mut Child,
    quit: &'static [u8],
) -> (impl AsyncBufRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static, &'static [u8]) {
    (BufReader::new(child.stdout.take().unwrap()), child.stdin.take().unwrap(), quit)
}
