//! Short questions to FFmpeg, such as `-version`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::error::FfmpegError;
use crate::group::Group;

/// An answer takes milliseconds; a cold disk may take seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// The list of encoders has some 20 KiB.
const OUTPUT: u64 = 256 * 1024;

/// What a program prints when it is asked.
pub(crate) async fn ask(program: &Path, question: &[&str], after: Duration) -> Result<String, FfmpegError> {
    let path = || program.to_path_buf();
    let mut command = Command::new(program);
    command.args(question).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let spawned = command.process_group(0).kill_on_drop(true).spawn();
    let mut child = spawned.map_err(|cause| FfmpegError::Start { path: path(), cause })?;
    let group = Group::led_by(&child);
    let mut output = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(OUTPUT).read_to_end(&mut output).await?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(after, run).await.map_err(|_| FfmpegError::Hangs { path: path(), after })?;
    group.reaped();
    status.map_err(|cause| FfmpegError::Start { path: path(), cause })?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}
