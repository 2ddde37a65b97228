//! What imports are measured against: quick-xml that only reads, and Python that stores.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use quick_xml::events::Event;

use crate::process::{EVERY, peak_memory_of, pinned_to};

/// The Python that has lxml; `cargo xtask bench` installs it.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clients/bench-python/bin/python");

/// Seconds in which quick-xml takes every event of the guide, texts unescaped, in this process.
pub(super) fn quick_xml(guide: &Path, programmes: u64) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(128 << 10, File::open(guide)?));
    let (mut buffer, mut found) = (Vec::new(), 0);
    loop {
        match reader.read_event_into(&mut buffer)? {
            Event::Start(tag) => found += u64::from(tag.name().as_ref() == "programme"),
            Event::Eof => break,
            _ => {}
        }
        buffer.clear();
    }
    ensure!(found == programmes, "quick-xml found {found} of {programmes} programmes");
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds, and the most memory that it had, in bytes.
pub(super) async fn python(guide: &Path, folder: &Path, programmes: u64) -> anyhow::Result<(f64, f64)> {
    let script = folder.join("peer.py");
    std::fs::write(&script, include_str!("peer.py"))?;
    let start = Instant::now();
    let child = pinned_to(EVERY, Path::new(PYTHON))
        .arg(&script)
        .arg(guide)
        .arg(folder.join("peer.sqlite"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .context("starting Python under taskset")?;
    let pid = child.id().context("Python has ended")?;
    let output = child.wait_with_output();
    tokio::pin!(output);
    let mut peak = 0.0_f64;
    let output = loop {
        tokio::select! {
            output = &mut output => break output?,
            () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {
                peak = peak.max(peak_memory_of(pid).unwrap_or(0.0));
            }
        }
    };
    let elapsed = start.elapsed().as_secs_f64();
    let found = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().ok();
    ensure!(
        output.status.success() && found == Some(programmes),
        "{PYTHON} found {found:?} of {programmes} programmes; `cargo xtask bench` installs it with lxml"
    );
    Ok((elapsed, peak))
}
