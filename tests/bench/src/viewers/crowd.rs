//! Viewers and what they met with.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{Body, Connection};
use crate::host::{join, uris};

/// Viewers that come at the same time.
const DOORS: usize = 50;
/// A run that takes this much longer than planned has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One viewer.
pub(super) struct Viewer {
    address: SocketAddr,
    agent: String,
    connection: Option<Connection>,
    playlist: String,
    /// The playlist never changes.
    files: bool,
    /// The segment that was played last.
    last: Option<String>,
}

impl Viewer {
    /// A viewer who opened a channel and has a session.
    pub(super) async fn tuned(address: SocketAddr, number: usize, channel: &str) -> anyhow::Result<Self> {
        let mut viewer = Self::of_files(address, number, channel).await?;
        let multivariant = String::from_utf8(viewer.fetch(channel).await?)?;
        let variant = uris(&multivariant).next().context("the multivariant playlist has no variant")?;
        viewer.playlist = join(channel, variant);
        viewer.files = false;
        Ok(viewer)
    }

    /// A viewer of a playlist that never changes.
    pub(super) async fn of_files(address: SocketAddr, number: usize, playlist: &str) -> anyhow::Result<Self> {
        let connection = Some(Connection::open(address).await?);
        let agent = format!("bench/{number}");
        Ok(Self { address, agent, connection, playlist: playlist.to_owned(), files: true, last: None })
    }

    /// The media playlist's path.
    pub(super) fn playlist(&self) -> &str {
        &self.playlist
    }

    /// A body.
    pub(super) async fn fetch(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.get(path, Body::Keep(&mut body)).await?;
        Ok(body)
    }

    async fn get(&mut self, path: &str, body: Body<'_>) -> anyhow::Result<u64> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let length = connection.get(path, &self.agent, body).await?;
        // A connection that failed is not used again.
        self.connection = Some(connection);
        Ok(length)
    }

    /// The playlist, then the next segment.
    async fn step(&mut self, number: u32) -> anyhow::Result<u64> {
        let (mut body, playlist) = (Vec::new(), self.playlist.clone());
        let mut bytes = self.get(&playlist, Body::Keep(&mut body)).await?;
        let text = String::from_utf8(body)?;
        let listed: Vec<&str> = uris(&text).collect();
        let segment = join(&playlist, self.choose(&listed, number).context("the playlist lists nothing")?);
        bytes += self.get(&segment, Body::Count).await?;
        Ok(bytes)
    }

    fn choose<'a>(&mut self, listed: &[&'a str], number: u32) -> Option<&'a str> {
        let newest = listed.len().checked_sub(1)?;
        let third = newest.saturating_sub(2);
        if self.files {
            return listed.get(third + number as usize % (newest - third + 1)).copied();
        }
        let after = self.last.as_ref().and_then(|last| listed.iter().position(|uri| uri == last)).map(|at| at + 1);
        let segment = listed.get(after.unwrap_or(third).min(newest)).copied()?;
        self.last = Some(segment.to_owned());
        Some(segment)
    }
}

/// All viewers.
pub(super) struct Crowd(Vec<Viewer>);

impl Crowd {
    /// Lets so many in.
    pub(super) async fn gather<F>(count: usize, enter: impl Fn(usize) -> F) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<Viewer>> + Send + 'static,
    {
        let (mut viewers, mut coming) = (Vec::with_capacity(count), JoinSet::new());
        for number in 0..count {
            if coming.len() >= DOORS
                && let Some(viewer) = coming.join_next().await
            {
                viewers.push(viewer??);
            }
            coming.spawn(enter(number));
        }
        while let Some(viewer) = coming.join_next().await {
            viewers.push(viewer??);
        }
        Ok(Self(viewers))
    }

    /// Lets everybody watch for so many steps.
    pub(super) async fn watch(self, period: Duration, steps: u32) -> anyhow::Result<Outcome> {
        // Time to get everybody seated.
        let start = Instant::now() + Duration::from_secs(1);
        let mut watching = JoinSet::new();
        for (number, viewer) in self.0.into_iter().enumerate() {
            // Golden ratio: evenly spread, and those who came at the same time (and share a channel) far apart.
            let phase = period.mul_f64((number as f64 * 0.618_033_988_75).fract());
            watching.spawn(watch(viewer, start + phase, period, steps));
        }
        tokio::time::sleep_until(start).await;
        let mut outcome = Outcome { seconds: (period * steps).as_secs_f64(), ..Outcome::default() };
        let all = async {
            while let Some(tally) = watching.join_next().await {
                outcome.add(tally?);
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(period * (steps + 1) + PATIENCE, all).await;
        match ended {
            Ok(ended) => ended?,
            Err(_) => bail!("{} viewers hang", watching.len()),
        }
        outcome.latencies.sort_unstable();
        outcome.lateness.sort_unstable();
        Ok(outcome)
    }
}

async fn watch(mut viewer: Viewer, first: Instant, period: Duration, steps: u32) -> Outcome {
    let mut tally = Outcome::default();
    for number in 0..steps {
        let due = first + period * number;
        tokio::time::sleep_until(due).await;
        tally.lateness.push(micros(due.elapsed()));
        match viewer.step(number).await {
            Ok(bytes) => {
                tally.latencies.push(micros(due.elapsed()));
                tally.bytes += bytes;
            }
            Err(error) => {
                tally.errors += 1;
                tally.first_error.get_or_insert(format!("{error:#}"));
            }
        }
    }
    tally
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// What viewers met with.
#[derive(Default)]
pub(super) struct Outcome {
    /// Planned length.
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
    /// Microseconds from the due moment to the last byte, sorted at the end.
    latencies: Vec<u32>,
    /// Microseconds from the due moment to the first action: what the load itself, or a step before, held up.
    lateness: Vec<u32>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.latencies.extend(other.latencies);
        self.lateness.extend(other.lateness);
    }

    /// Milliseconds that this part of all steps took at most.
    pub(super) fn latency(&self, part: f64) -> f64 {
        quantile(&self.latencies, part)
    }

    /// Milliseconds that this part of all steps began late at most.
    pub(super) fn lateness(&self, part: f64) -> f64 {
        quantile(&self.lateness, part)
    }
}

fn quantile(sorted: &[u32], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
}
