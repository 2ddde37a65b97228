//! As much of a host as it takes to kill one: `launch …` is what the host's hidden subcommand is, `run SCRIPT` spawns a worker through
//! it and waits. For the tests only.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use mast_ffmpeg::{Launcher, Limits, StandardInput, Starts, Worker, WorkerSpec};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let error = match arguments.next().as_ref().and_then(|word| word.to_str()) {
        Some("launch") => mast_ffmpeg::launch(arguments).to_string(),
        Some("run") => run(arguments.collect()).err().map_or_else(String::new, |error| error.to_string()),
        _ => "launch or run".to_owned(),
    };
    let _ = writeln!(std::io::stderr(), "[fatal] {error}");
    ExitCode::from(127)
}

#[tokio::main(flavor = "current_thread")]
async fn run(script: Vec<OsString>) -> Result<(), Box<dyn std::error::Error>> {
    mast_ffmpeg::raise_descriptors()?;
    let arguments = [OsString::from("-c")].into_iter().chain(script).collect();
    let mut spec = WorkerSpec::new("/bin/sh", arguments, StandardInput::Null);
    spec.launcher = Some(Launcher::this_program(&["launch"], Limits::default()));
    let (_worker, task) = Worker::spawn(spec, Starts::by_cores().turn().await).await?;
    task.run().await;
    Ok(())
}
