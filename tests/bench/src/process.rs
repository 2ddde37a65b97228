//! Processes under measurement and this one: cores, descriptors, CPU time, memory. Linux only, through `/proc` and util-linux.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

/// The core of whatever is measured.
pub(crate) const MEASURED: u32 = 0;
/// The core of whatever makes load: upstreams, viewers, this process.
pub(crate) const LOAD: u32 = 1;

/// All cores, for what is measured in seconds and whose load is nothing.
pub(crate) const EVERY: &str = "0,1";

/// A command that runs on one core only. It ends with this process at the latest.
pub(crate) fn pinned(core: u32, program: &Path) -> tokio::process::Command {
    pinned_to(&core.to_string(), program)
}

/// A command that runs on these cores, as taskset lists them. It ends with this process at the latest.
pub(crate) fn pinned_to(cores: &str, program: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("taskset");
    command.arg("-c").arg(cores).arg(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Keeps this process (and what it starts unpinned) to the load's core, and raises its soft limit of open files to the hard one.
/// Returns that limit.
pub(crate) fn settle() -> anyhow::Result<usize> {
    let own = std::process::id().to_string();
    let hard = open_files(5)?;
    run("taskset", &["-a", "-c", "-p", &LOAD.to_string(), &own])?;
    run("prlimit", &["--pid", &own, &format!("--nofile={hard}:{hard}")])?;
    open_files(4)
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let done = done.with_context(|| format!("{program} is needed; `cargo xtask bench` installs it where it may"))?;
    ensure!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// The limit of open files: `Max open files SOFT HARD files`, so the fourth word is the soft one and the fifth the hard one.
fn open_files(word: usize) -> anyhow::Result<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("no limit of open files")?;
    match line.split_whitespace().nth(word - 1) {
        Some("unlimited") => Ok(1 << 20),
        Some(number) => Ok(number.parse()?),
        None => bail!("no limit of open files in \"{line}\""),
    }
}

/// CPU seconds that a process used so far.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    // USER_HZ is 100 on every Linux that Rust's standard library supports.
    Ok((field(11) + field(12)) as f64 / 100.0)
}

/// Memory of a process, bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident, shared pages in full.
    pub(crate) rss: f64,
    /// Resident, shared pages in proportion.
    pub(crate) pss: f64,
}

/// Memory that a process has now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .with_context(|| format!("process {pid} is gone"))?;
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0).with_context(|| format!("no {name} of process {pid}"))
    };
    Ok(Memory { rss: field("Rss:")?, pss: field("Pss:")? })
}

/// The most resident memory that a process had since it started, or since [`forget_peak_memory`], in bytes.
pub(crate) fn peak_memory_of(pid: u32) -> anyhow::Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(peak.context("no VmHWM of the process")? * 1024.0)
}

/// Has the kernel measure the most resident memory from now on.
pub(crate) fn forget_peak_memory(pid: u32) -> anyhow::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
        .with_context(|| format!("process {pid} is gone, or somebody else's"))
}

/// Bytes that are free where `folder` is.
pub(crate) fn free_space(folder: &Path) -> anyhow::Result<u64> {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(folder).output().context("df is needed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().nth(1).and_then(|line| line.trim().parse().ok()).with_context(|| format!("df printed {text}"))
}
