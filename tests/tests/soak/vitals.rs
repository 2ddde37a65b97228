//! Memory, descriptors and processes of the host, before, during and after.

use std::time::Duration;

use mast_tests::eventually;
use mast_tests::readings::Readings;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::stage::Stage;

/// Descriptors more than before anybody came: connections that this test keeps, files that stay open once they were needed.
const MORE_DESCRIPTORS: u64 = 8;
/// MiB that the mean of the last third may lie above the mean of the second.
const MORE_MEMORY: f64 = 16.0;
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(30);

pub(crate) struct Vitals {
    start: Instant,
    length: Duration,
    descriptors: u64,
    /// Time and MiB, every second.
    memory: Vec<(Duration, f64)>,
}

impl Vitals {
    pub(crate) async fn start(stage: &Stage, length: Duration) -> Self {
        let readings = Readings::of(&stage.host).await;
        Self { start: Instant::now(), length, descriptors: readings.descriptors(), memory: Vec::new() }
    }

    /// Looks every second until the time is over.
    pub(crate) async fn follow(&mut self, stage: &Stage) {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut said = Duration::ZERO;
        while self.start.elapsed() < self.length {
            seconds.tick().await;
            let (readings, now) = (Readings::of(&stage.host).await, self.start.elapsed());
            self.memory.push((now, readings.memory() as f64));
            if now >= said + PROGRESS {
                said = now;
                eprintln!(
                    "soak: {now:.0?}: {} MiB, {} descriptors, {} viewers, {} processes",
                    readings.memory(),
                    readings.descriptors(),
                    readings.sum("mast_sessions", ""),
                    stage.host.workers().len()
                );
            }
        }
    }

    /// Everybody has left and nothing fails any more.
    pub(crate) async fn at_rest(&self, stage: &Stage) {
        let most = self.descriptors + MORE_DESCRIPTORS;
        let rest =
            eventually(&format!("no session, no process, all channels idle, at most {most} descriptors"), async || {
                let readings = Readings::of(&stage.host).await;
                let idle = readings.sum("mast_channel_state", "state=\"idle\"");
                let calm = readings.sum("mast_sessions", "") == 0 && idle == stage.channels.len() as u64;
                (calm && stage.host.workers().is_empty() && readings.descriptors() <= most).then_some(readings)
            })
            .await;
        let (middle, last) = (self.mean(1..2), self.mean(2..3));
        eprintln!("soak: {middle:.1} MiB after the warm-up, {last:.1} at the end, {} at rest", rest.memory());
        assert!(last <= middle + MORE_MEMORY, "memory grows: {middle:.1} MiB after the warm-up, {last:.1} at the end");
        assert_eq!(rest.sum("mast_window_bytes", ""), 0, "segments of channels that are idle");
    }

    /// Mean memory over thirds of the time.
    fn mean(&self, thirds: std::ops::Range<u32>) -> f64 {
        let third = self.length / 3;
        let within = |at: &Duration| (third * thirds.start..third * thirds.end).contains(at);
        let values: Vec<f64> = self.memory.iter().filter(|(at, _)| within(at)).map(|(_, memory)| *memory).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }
}
