//! The test upstream as a program, for the quickstart and for trying things by hand.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use mast_upstream::{ChannelSpec, Upstream};

/// Serves test patterns over HTTP as MPEG-TS.
#[derive(Parser)]
#[command(name = "mast-upstream")]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8091")]
    listen: SocketAddr,
    /// A channel: NAME, NAME:VIDEO or NAME:VIDEO+AUDIO with h264|hevc|none and aac|mp2|ac3|none.
    #[arg(long = "channel", required = true)]
    channels: Vec<String>,
    /// Seconds that a new client gets at once, from a keyframe on; 0 for none.
    #[arg(long, default_value_t = 0.0)]
    burst: f64,
    /// Seconds between keyframes.
    #[arg(long, default_value_t = 2.0)]
    gop: f64,
    /// Keep the patterns running without clients.
    #[arg(long)]
    always_on: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (burst, gop) = (Duration::try_from_secs_f64(arguments.burst)?, Duration::try_from_secs_f64(arguments.gop)?);
    let mut specs = Vec::new();
    for channel in &arguments.channels {
        let mut spec = ChannelSpec::parse(channel)?.gop(gop);
        if !burst.is_zero() {
            spec = spec.burst(burst);
        }
        specs.push(if arguments.always_on { spec.always_on() } else { spec });
    }
    let upstream = Upstream::start_at(arguments.listen, specs).await?;
    writeln!(std::io::stdout(), "listening on {}", upstream.address())?;
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    upstream.shutdown().await;
    Ok(())
}
