//! `bench guide`: a guide of a gigabyte from its file to the committed store, against quick-xml that only reads it and a Python importer
//! of lxml and SQLite; what is on now, asked while an import runs; and a line's guide as players fetch it.
//!
//! The host and the Python peer have both cores here, as an import uses two threads; this process reads with quick-xml, looks on, or asks
//! on one connection.

mod export;
mod peers;
mod queries;
mod subject;

use std::path::Path;
use std::time::Duration;

use mast_upstream::GuideSpec;

use crate::figure::{Figure, Goal, Report};
use crate::host::scratch;
use queries::Query;
use subject::{Import, Subject, write_guide};

const CHANNELS: u32 = 4_000;
/// Of the lineup that has few of the guide's channels.
const FEW: u32 = 100;
/// Of the guide that players fetch.
const EXPORTED_CHANNELS: u32 = 400;
const EXPORTED_MEGABYTES: u64 = 100;
/// How long is asked while nothing else goes on.
const QUIET: Duration = Duration::from_secs(4);

/// Runs it.
pub(crate) async fn run(mast: &Path, megabytes: u64, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let guide = scratch(&folder, "guide.xml");
    let programmes = write_guide(&guide, CHANNELS, megabytes)?;
    let size = std::fs::metadata(&guide)?.len() as f64 / 1e6;
    report.progress(&format!("a guide of {size:.0} MB, {CHANNELS} channels, {programmes} programmes"))?;
    let theirs = Peers::measure(&folder, &guide, programmes, size, report).await?;
    let subject = start(mast, CHANNELS).await?;
    let import = subject.add_guide("big", &guide).await?;
    imported(&import, size, &theirs, report)?;
    asked_meanwhile(&subject, &guide, report).await?;
    subject.shutdown().await;
    mostly_unwanted(mast, &guide, size, &theirs, report).await?;
    std::fs::remove_file(&guide)?;
    exports(mast, &folder, report).await
}

/// A host whose lineup has so many of the guide's channels.
async fn start(mast: &Path, channels: u32) -> anyhow::Result<Subject> {
    let spec = GuideSpec::default();
    Subject::start(mast, (0..channels).map(|number| spec.channel(number))).await
}

/// Megabytes per second of the peers, and Python's memory in MB.
struct Peers {
    quick_xml: f64,
    python: f64,
    python_memory: f64,
}

impl Peers {
    async fn measure(
        folder: &tempfile::TempDir,
        guide: &Path,
        programmes: u64,
        size: f64,
        report: &Report,
    ) -> anyhow::Result<Self> {
        let quick_xml = size / peers::quick_xml(guide, programmes)?;
        let (seconds, memory) = peers::python(guide, folder.path(), programmes).await?;
        std::fs::remove_file(scratch(folder, "peer.sqlite"))?;
        report.progress(&format!("quick-xml {quick_xml:.0} MB/s, Python {seconds:.0} s"))?;
        Ok(Self { quick_xml, python: size / seconds, python_memory: memory / 1e6 })
    }
}

fn imported(import: &Import, size: f64, theirs: &Peers, report: &mut Report) -> anyhow::Result<()> {
    let Import { seconds, cpu_seconds, peak_memory } = import;
    report.progress(&format!("{seconds:.2} s, {cpu_seconds:.2} CPU seconds"))?;
    let (rate, goal) = ((size / seconds, "MB/s"), Some(Goal::AtLeast(150.0)));
    add(report, "import, file to committed", rate, Some(("quick-xml alone", theirs.quick_xml)), goal)?;
    add(report, "the same", rate, Some(("Python, lxml and SQLite", theirs.python)), None)?;
    add(report, "import per CPU second", (size / cpu_seconds, "MB"), None, None)?;
    let memory = (peak_memory / 1e6, "MB");
    let goal = Some(Goal::AtMost(300.0));
    add(report, "peak memory while importing", memory, Some(("Python, lxml and SQLite", theirs.python_memory)), goal)
}

/// Queries for now and next, with and without an import beside them.
async fn asked_meanwhile(subject: &Subject, guide: &Path, report: &mut Report) -> anyhow::Result<()> {
    let query = Query::new(subject, CHANNELS as usize).await?;
    let (quiet, quiet_longest) = query.rate(subject, |elapsed| elapsed >= QUIET).await?;
    let import = subject.import_again("big", guide);
    tokio::pin!(import);
    let mut rates = Vec::new();
    let import = loop {
        tokio::select! {
            import = &mut import => break import?,
            rate = query.rate(subject, |elapsed| elapsed >= Duration::from_secs(1)) => rates.push(rate?),
        }
    };
    // Files are left to settle before they are read again.
    let before = rates.len().saturating_sub(import.seconds as usize);
    let rates = rates.split_off(before);
    let longest = rates.iter().map(|(_, longest)| *longest).fold(0.0, f64::max);
    let busy = crate::figure::median(rates.into_iter().map(|(rate, _)| rate).collect());
    report.progress(&format!("the import took {:.2} s with queries beside it", import.seconds))?;
    let peer = |value| Some(("without an import", value));
    add(report, "queries for now and next of 4,000 channels while importing", (busy, "per second"), peer(quiet), None)?;
    add(report, "the slowest of them", (longest, "ms"), peer(quiet_longest), None)
}

/// The same guide for a lineup that has few of its channels.
async fn mostly_unwanted(
    mast: &Path,
    guide: &Path,
    size: f64,
    theirs: &Peers,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subject = start(mast, FEW).await?;
    let import = subject.add_guide("big", guide).await?;
    subject.shutdown().await;
    let rate = (size / import.seconds, "MB/s");
    add(report, "import for 100 of 4,000 channels", rate, Some(("quick-xml alone", theirs.quick_xml)), None)
}

/// What players fetch.
async fn exports(mast: &Path, folder: &tempfile::TempDir, report: &mut Report) -> anyhow::Result<()> {
    let guide = scratch(folder, "exported.xml");
    write_guide(&guide, EXPORTED_CHANNELS, EXPORTED_MEGABYTES)?;
    let subject = start(mast, EXPORTED_CHANNELS).await?;
    subject.add_guide("big", &guide).await?;
    subject
        .host
        .add_instance("xmltv", "kind = \"output\"\nplugin = \"output-xmltv\"\n[config]\ndays = 14\npast = 7\n")?;
    export::wait_for_route(&subject.host).await?;
    let first = export::one(&subject.host).await?;
    let cached = export::one(&subject.host).await?;
    let size = first.bytes as f64 / 1e6;
    report.progress(&format!("an exported guide of {size:.0} MB"))?;
    let crowd = export::crowd(&subject.host, &first).await?;
    subject.shutdown().await;
    add(report, "export for one player, first", (size / first.seconds, "MB/s"), None, None)?;
    add(report, "export for one player, again", (size / cached.seconds, "MB/s"), None, None)?;
    add(report, "export for 10 players at once", (size * 10.0 / crowd.seconds, "MB/s"), None, None)?;
    add(report, "memory that 10 exports took", (crowd.peak_memory / 1e6, "MB"), None, None)
}

fn add(
    report: &mut Report,
    figure: &'static str,
    (value, unit): (f64, &'static str),
    peer: Option<(&'static str, f64)>,
    goal: Option<Goal>,
) -> anyhow::Result<()> {
    report.add(&Figure { bench: "guide", figure, value, unit, peer, goal })
}
