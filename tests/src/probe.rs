//! ffmpeg's and ffprobe's opinion of what was received.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// What ffmpeg made of some MPEG-TS or of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Codec names in order, as ffprobe spells them.
    pub codecs: Vec<String>,
    /// Decoded frames of the first picture, or of the first tone where there is no picture.
    pub frames: usize,
    /// What the decoder complained about.
    pub complaints: String,
}

const PATIENCE: Duration = Duration::from_secs(90);

/// Decodes bytes from the first to the last.
pub async fn decode(bytes: &[u8]) -> Decoded {
    let mut file = tempfile::NamedTempFile::with_suffix(".ts").unwrap();
    file.write_all(bytes).unwrap();
    let path = file.path().to_str().unwrap();
    let codecs = codecs(path).await;
    let (frames, complaints) = frames(path, &[]).await;
    Decoded { codecs, frames, complaints }
}

/// Plays a URL for some seconds of its own time.
pub async fn play(url: &str, seconds: u32) -> Decoded {
    let codecs = codecs(url).await;
    let (frames, complaints) = frames(url, &["-t", &seconds.to_string()]).await;
    Decoded { codecs, frames, complaints }
}

async fn codecs(input: &str) -> Vec<String> {
    let output = run("ffprobe", &["-v", "error", "-show_entries", "stream=codec_name", "-of", "json", input]).await;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = answer["streams"].as_array().cloned().unwrap_or_default();
    streams.iter().map(|stream| stream["codec_name"].as_str().unwrap_or("?").to_owned()).collect()
}

async fn frames(input: &str, limit: &[&str]) -> (usize, String) {
    let mut arguments = vec!["-nostdin", "-v", "error", "-i", input];
    arguments.extend(limit);
    // One line for each decoded frame.
    arguments.extend(["-map", "0:v:0?", "-map", "0:a:0?", "-f", "framecrc", "-"]);
    let output = run("ffmpeg", &arguments).await;
    let lines = String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("0,")).count();
    (lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn run(program: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    output.unwrap_or_else(|_| panic!("{program} {arguments:?} did not end within {PATIENCE:?}")).unwrap()
}
