//! `bench access`: a host with 1,000,000 lines. How fast they are added and what they take, against Redis with the records of the old
//! panels; playlists that are authorised, against nginx with the same playlist as a file; logins by password, against the bare hash; and
//! what a flood of logins does to those who watch.

mod lines;
mod logins;
mod redis;

use std::path::Path;

use anyhow::Context;
use mast_upstream::{ChannelSpec, Clip, Upstream};

use crate::figure::{Figure, Report, median};
use crate::host::{Host, scratch};
use crate::load::{requests_per_cpu_second, scripted_requests_per_cpu_second};
use crate::nginx::Nginx;
use crate::process::memory;
use lines::Lines;
use redis::Redis;

const ROUNDS: usize = 3;
const SECONDS: u32 = 4;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let upstream = Upstream::start([ChannelSpec::clip("bench", &Clip::standard()?)]).await?;
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), "").await?;
    let lines = Lines::new(&host, mast).await?;
    keeping(&host, &lines, report).await?;
    // Before the sessions of all these lines have to be swept.
    logins::run(&host, report).await?;
    playlists(&host, report).await?;
    upstream.shutdown().await;
    Ok(())
}

/// Adding the lines, and what they take in memory.
async fn keeping(host: &Host, lines: &Lines<'_>, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut redis = Redis::start(&folder).await?;
    let (ours_before, theirs_before) = (memory(host.pid()?)?.rss, memory(redis.pid()?)?.rss);
    let (mut ours, mut theirs) = (0.0, 0.0);
    for piece in lines::pieces() {
        ours += lines.add(piece.clone()).await?;
        theirs += redis.add(piece).await?;
    }
    let count = lines::COUNT as f64;
    let grown = |pid, before: f64| anyhow::Ok((memory(pid)?.rss - before) / 1e6);
    let (ours_grown, theirs_grown) = (grown(host.pid()?, ours_before)?, grown(redis.pid()?, theirs_before)?);
    report.progress(&format!("{count} lines in {ours:.0} s, of Redis in {theirs:.0} s"))?;
    let mut add = |figure, value, unit, theirs| {
        let peer = Some(("Redis with the old panel's records", theirs));
        report.add(&Figure { bench: "access", figure, value, unit, peer, goal: None })
    };
    add("lines added, audited and on disk", count / ours, "lines per second", count / theirs)?;
    add("memory of 1,000,000 lines", ours_grown, "MB", theirs_grown)?;
    let (rate, bare) = (lines.add_with_passwords().await?, logins::bare_hashes());
    let peer = Some(("the bare hash", bare));
    let (figure, unit) = ("lines added with passwords", "lines per second");
    report.add(&Figure { bench: "access", figure, value: rate, unit, peer, goal: None })
}

/// Playlists: of a session that goes on, and first ones of lines by their tokens.
async fn playlists(host: &Host, report: &mut Report) -> anyhow::Result<()> {
    let channel = host.channels().await?.into_iter().next().context("no channel")?;
    let (media, _) = host.tune(&channel).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(scratch(&folder, "media.m3u8"), host.bytes(&media).await?)?;
    let root = folder.path().display();
    let nginx = Nginx::start(&folder, &format!("location / {{ root {root}; }}\n")).await?;
    let id = channel.rsplit('/').next().and_then(|name| name.strip_suffix(".m3u8")).context("no channel id")?;
    let script = scratch(&folder, "tokens.lua");
    std::fs::write(&script, tokens(id))?;
    let (mut theirs, mut of_sessions, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(requests_per_cpu_second(&nginx.at("/media.m3u8"), nginx.pid()?, SECONDS).await?);
        of_sessions.push(requests_per_cpu_second(&host.at(&media), host.pid()?, SECONDS).await?);
        first.push(scripted_requests_per_cpu_second(&host.at("/"), &script, host.pid()?, SECONDS).await?);
    }
    report.progress(&format!("nginx {theirs:.0?}, sessions {of_sessions:.0?}, tokens {first:.0?} per CPU second"))?;
    let theirs = median(theirs);
    let mut add = |figure, values| {
        let (value, peer) = (median(values), Some(("nginx, a file without auth", theirs)));
        report.add(&Figure { bench: "access", figure, value, unit: "requests per CPU second", peer, goal: None })
    };
    add("media playlists of a session", of_sessions)?;
    add("first playlists by token, each of another line", first)
}

/// Each request is of another line.
fn tokens(id: &str) -> String {
    let (count, stride) = (lines::COUNT, 7919);
    format!(
        "local n = 0\nrequest = function()\n  n = (n + {stride}) % {count}\n  \
         return wrk.format(\"GET\", string.format(\"/live/stream_{id}.m3u8?token=%064x\", n))\nend\n"
    )
}
