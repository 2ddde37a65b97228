//! The benchmarks behind `cargo xtask bench`: each against its peer in the same run, printed as ratios.
//!
//! Loopback only, bounded in count and time. Numbers of two machines do not compare; ratios mostly do.

mod access;
mod channels;
mod failover;
mod figure;
mod fleet;
mod guide;
mod host;
mod idle;
mod load;
mod m3u;
mod nginx;
mod outputs;
mod process;
mod recipe;
mod serve;
mod tune;
mod viewers;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::figure::Report;

/// Runs benchmarks.
#[derive(Parser)]
struct Arguments {
    /// The binary to measure.
    #[arg(long)]
    mast: PathBuf,
    /// One JSON line per figure instead of text.
    #[arg(long)]
    json: bool,
    /// Which: serve, tune, channels, viewers, failover, idle, m3u, outputs, access, guide. All where none is named.
    names: Vec<String>,
    /// Megabytes of the guide that is imported.
    #[arg(long, default_value_t = 1000)]
    guide_size: u64,
}

const ALL: [&str; 10] =
    ["serve", "tune", "channels", "viewers", "failover", "idle", "m3u", "outputs", "access", "guide"];

// One worker: everything here shares a core.
#[tokio::main(worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let names = if arguments.names.is_empty() { ALL.map(str::to_owned).to_vec() } else { arguments.names };
    let open_files = process::settle()?;
    let mut report = Report::new(arguments.json);
    for name in &names {
        match name.as_str() {
            "serve" => serve::run(&arguments.mast, &mut report).await.context("bench serve")?,
            "tune" => tune::run(&arguments.mast, &mut report).await.context("bench tune")?,
            "channels" => channels::run(&arguments.mast, &mut report).await.context("bench channels")?,
            "viewers" => viewers::run(&arguments.mast, open_files, &mut report).await.context("bench viewers")?,
            "failover" => failover::run(&arguments.mast, &mut report).await.context("bench failover")?,
            "idle" => idle::run(&arguments.mast, &mut report).await.context("bench idle")?,
            "m3u" => m3u::run(&arguments.mast, &mut report).await.context("bench m3u")?,
            "outputs" => outputs::run(&arguments.mast, &mut report).await.context("bench outputs")?,
            "access" => access::run(&arguments.mast, &mut report).await.context("bench access")?,
            "guide" => guide::run(&arguments.mast, arguments.guide_size, &mut report).await.context("bench guide")?,
            other => anyhow::bail!("there is no benchmark \"{other}\"; there are: {}", ALL.join(", ")),
        }
    }
    Ok(())
}
