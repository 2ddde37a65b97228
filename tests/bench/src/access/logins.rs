//! Logins: how many, and what those who watch notice of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use futures_util::future::try_join_all;

use super::lines::{COUNT, name};
use crate::figure::{Figure, Report};
use crate::host::{Host, PASSWORD};
use crate::process::cpu_seconds;

/// Clients that log in, one line after the other.
const CLIENTS: usize = 32;
const LASTS: Duration = Duration::from_secs(8);
/// Between two segments of the one who watches.
const PACE: Duration = Duration::from_millis(10);

pub(super) async fn run(host: &Host, report: &mut Report) -> anyhow::Result<()> {
    let channel = host.channels().await?.into_iter().next().context("no channel")?;
    let id = channel.rsplit('/').next().context("no channel id")?.to_owned();
    let quiet = watch(host, &channel).await?;
    let before = cpu_seconds(host.pid()?)?;
    let (logins, loud) = tokio::try_join!(flood(host, &id), watch(host, &channel))?;
    let seconds = cpu_seconds(host.pid()?)? - before;
    let value = logins as f64 / seconds;
    report.progress(&format!(
        "{logins} logins in {LASTS:?}, {seconds:.1} CPU seconds; segments ms {quiet:.1?}, then {loud:.1?}"
    ))?;
    let mut add = |figure, value, unit, peer| {
        report.add(&Figure { bench: "access", figure, value, unit, peer: Some(peer), goal: None })
    };
    add("first logins by password", value, "logins per CPU second", ("the bare hash", bare_hashes()))?;
    add("segment while 32 log in, median", loud.0, "ms", ("without them", quiet.0))?;
    add("segment while 32 log in, p99", loud.1, "ms", ("without them", quiet.1))
}

/// Hashes per second of a core, with the parameters that the host has.
pub(super) fn bare_hashes() -> f64 {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(3) {
        std::hint::black_box(hash());
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// argon2id of [`PASSWORD`] as the host makes it.
pub(super) fn hash() -> String {
    let params = Params::new(19 * 1024, 2, 1, None).expect("constants within argon2's ranges");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password(PASSWORD.as_bytes()).expect("a password of usual length").to_string()
}

/// One who watches: milliseconds of a segment, the median and 99 of 100.
async fn watch(host: &Host, channel: &str) -> anyhow::Result<(f64, f64)> {
    let (_, segments) = host.tune(channel).await?;
    let segment = host.at(segments.last().context("no segment")?);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (until, mut times) = (Instant::now() + LASTS, Vec::new());
    while Instant::now() < until {
        let start = Instant::now();
        http.get(&segment).send().await?.error_for_status()?.bytes().await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(PACE).await;
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}

/// Logins of lines that were not seen before.
async fn flood(host: &Host, id: &str) -> anyhow::Result<usize> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let until = Instant::now() + LASTS;
    let client = async |_: usize| {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let mut count = 0;
        while Instant::now() < until {
            let line = name(COUNT - 1 - NEXT.fetch_add(1, Ordering::Relaxed));
            let answer = http.get(host.at(&format!("/live/{line}/{PASSWORD}/{id}"))).send().await?;
            ensure!(answer.status().is_success(), "a login was answered {}", answer.status());
            count += 1;
        }
        anyhow::Ok(count)
    };
    Ok(try_join_all((0..CLIENTS).map(client)).await?.into_iter().sum())
}
