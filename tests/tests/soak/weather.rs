//! What upstreams and workers suffer.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mast_upstream::{Fault, HlsFault};
use tokio::sync::watch;

use crate::random::Random;
use crate::stage::Stage;

fn faults() -> Vec<Fault> {
    vec![
        Fault::Reset,
        Fault::HangBeforeHead,
        Fault::HangAfterHead,
        Fault::Status(404),
        Fault::Status(503),
        Fault::RedirectLoop,
        Fault::Html,
        Fault::Empty,
        Fault::Garbage,
        Fault::Truncate,
        Fault::Stall,
        Fault::Close,
        Fault::NullFlood,
        Fault::PtsJump(Duration::from_secs(3600)),
        Fault::Hls(HlsFault::Frozen),
        Fault::Hls(HlsFault::Looping),
        Fault::Hls(HlsFault::Restarted),
        Fault::Hls(HlsFault::Holes),
        Fault::Hls(HlsFault::Seams),
    ]
}

/// Waits so long, or until the end; true where it is over.
pub(crate) async fn pause(length: Duration, ended: &mut watch::Receiver<bool>) -> bool {
    // An error means that the sender is gone, which is an end too.
    tokio::time::timeout(length, ended.wait_for(|ended| *ended)).await.is_ok()
}

/// One channel's upstream: good for a while, then a fault, again and again. Good in the end.
pub(crate) async fn blow(
    stage: Arc<Stage>,
    channel: &'static str,
    mut random: Random,
    mut ended: watch::Receiver<bool>,
) {
    let faults = faults();
    while !pause(random.seconds(2.0..10.0), &mut ended).await {
        if random.once_in(4) {
            stage.upstream.disconnect(channel);
            continue;
        }
        stage.upstream.set_fault(channel, random.pick(&faults).clone());
        let over = pause(random.seconds(0.2..5.0), &mut ended).await;
        stage.upstream.set_fault(channel, None);
        if over {
            return;
        }
    }
}

/// The workers of the host: killed now and then. And the list of channels cannot always be had.
pub(crate) async fn kill_workers(stage: Arc<Stage>, mut random: Random, mut ended: watch::Receiver<bool>) {
    while !pause(random.seconds(4.0..12.0), &mut ended).await {
        if let [worker, ..] = stage.host.workers()[..] {
            // It may have ended by itself meanwhile.
            let _ = Command::new("kill").args(["-KILL", &worker.to_string()]).output().unwrap();
        }
        let fault = random.pick(&[None, Some(Fault::Status(500)), Some(Fault::Html), Some(Fault::Truncate)]).clone();
        stage.upstream.set_fault("/copied.m3u", fault);
    }
}
