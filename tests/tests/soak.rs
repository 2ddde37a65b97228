//! The soak: a host with every kind of channel, upstreams that fail at random, viewers that come and go. At the end nothing may have
//! piled up: memory and descriptors as after the warm-up, no process left, every playlist by the book from the first to the last.
//!
//! A minute among the other tests. `cargo xtask soak --minutes 60` for longer; `MAST_SOAK_MINUTES` and `MAST_SOAK_SEED` are its variables.
//! The seed decides who does what for how long, not how it falls together in time.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::print_stderr, reason = "an hour is long: it says how far it is")]

#[path = "soak/random.rs"]
mod random;
#[path = "soak/stage.rs"]
mod stage;
#[path = "soak/viewers.rs"]
mod viewers;
#[path = "soak/vitals.rs"]
mod vitals;
#[path = "soak/weather.rs"]
mod weather;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use random::Random;
use stage::Stage;
use vitals::Vitals;

const VIEWERS: usize = 14;

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_piles_up() {
    let length = Duration::from_secs_f64(60.0 * variable("MAST_SOAK_MINUTES").unwrap_or(1.0));
    let mut random = Random::new(variable("MAST_SOAK_SEED").unwrap_or(1));
    eprintln!("soak: {length:?}, seed {}", random.seed());
    let stage = Arc::new(Stage::build().await);
    let mut vitals = Vitals::start(&stage, length).await;

    let (end, ended) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for channel in &stage.channels {
        tasks.spawn(weather::blow(Arc::clone(&stage), channel.name, random.fork(), ended.clone()));
    }
    tasks.spawn(weather::kill_workers(Arc::clone(&stage), random.fork(), ended.clone()));
    for number in 0..VIEWERS {
        tasks.spawn(viewers::come_and_go(Arc::clone(&stage), number, random.fork(), ended.clone()));
    }
    tasks.spawn(viewers::zap(Arc::clone(&stage), random.fork(), ended));
    tokio::select! {
        () = vitals.follow(&stage) => {}
        Some(task) = tasks.join_next() => panic!("ended before its time, seed {}: {task:?}", random.seed()),
    }
    end.send_replace(true);
    tasks.join_all().await;

    vitals.at_rest(&stage).await;
    stage.verdict().await;
}
