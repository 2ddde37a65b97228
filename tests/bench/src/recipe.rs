//! Clips at a steady bit rate, made by ffmpeg for a benchmark.

use std::sync::Arc;

use anyhow::{Context, ensure};
use mast_upstream::Clip;

/// What a clip is like.
#[derive(Clone, Copy)]
pub(crate) struct Recipe {
    /// A multiple of `gop`.
    pub(crate) seconds: u32,
    /// Seconds between keyframes.
    pub(crate) gop: u32,
    /// Kilobits of picture in a second; packets of MPEG-TS and the tone come on top.
    pub(crate) kilobits: u32,
    /// With AAC at 96 kb/s.
    pub(crate) tone: bool,
}

impl Recipe {
    /// H.264 of a noisy test pattern at a constant bit rate.
    pub(crate) async fn make(self) -> anyhow::Result<Arc<Clip>> {
        let Self { seconds, gop, kilobits, tone } = self;
        let mut command = tokio::process::Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-f", "lavfi"]);
        command.args(["-i", "testsrc2=size=640x360:rate=25,noise=alls=60:allf=t"]);
        if tone {
            command.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a", "96k"]);
        }
        let (frames, rate) = ((gop * 25).to_string(), format!("{kilobits}k"));
        command.args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "ultrafast"]);
        command.args(["-g", &frames, "-keyint_min", &frames, "-sc_threshold", "0", "-b:v", &rate]);
        command.args(["-minrate", &rate, "-maxrate", &rate, "-bufsize", &format!("{}k", kilobits / 2)]);
        command.args(["-x264-params", "nal-hrd=cbr", "-f", "mpegts", "pipe:1"]);
        let made = command.output().await.context("ffmpeg is needed; `cargo xtask setup` installs it")?;
        ensure!(made.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&made.stderr));
        Clip::from_packets(made.stdout, seconds).map(Arc::new)
    }
}
