//! What the rooms say of themselves: as metrics, and in the status of the admin API. Nothing here names an upstream or a line.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admin::StatusPart;
use crate::catalog::{SourceProvider, SourceStatus};
use crate::delivery::Deps;
use crate::extensions::InstanceState;
use crate::guide::GuideReading;
use crate::metrics::{head, sample};
use crate::resellers::Resellers;
use crate::tuner::ChannelReport;

/// Adds the rooms' values to the metrics.
pub(super) fn register(deps: &Deps) {
    let (tuner, sessions, catalog, extensions) =
        (deps.tuner.clone(), deps.sessions.clone(), deps.catalog.clone(), deps.extensions.clone());
    deps.metrics.register(Box::new(move |text| channels(text, &tuner.reports())));
    let tuner = deps.tuner.clone();
    deps.metrics.register(Box::new(move |text| {
        head(text, "mast_window_bytes", "gauge", "Bytes of segments held for all channels.");
        sample(text, "mast_window_bytes", "", tuner.window_bytes() as u64);
    }));
    deps.metrics.register(Box::new(move |text| {
        let [hls, continuous, files] = sessions.count();
        head(text, "mast_sessions", "gauge", "Viewer sessions.");
        sample(text, "mast_sessions", "kind=\"hls\"", hls as u64);
        sample(text, "mast_sessions", "kind=\"continuous\"", continuous as u64);
        sample(text, "mast_sessions", "kind=\"file\"", files as u64);
    }));
    deps.metrics.register(Box::new(move |text| {
        head(text, "mast_source_channels", "gauge", "Channels in a source's last good lineup.");
        let statuses = catalog.statuses();
        for status in &statuses {
            sample(text, "mast_source_channels", &format!("source=\"{}\"", status.source), status.channels as u64);
        }
        head(text, "mast_source_failing", "gauge", "1 where a source's last refresh failed.");
        for status in &statuses {
            sample(
                text,
                "mast_source_failing",
                &format!("source=\"{}\"", status.source),
                u64::from(status.error.is_some()),
            );
        }
        providers(text, &statuses);
    }));
    deps.metrics.register(Box::new(move |text| {
        head(text, "mast_plugin_instances", "gauge", "Plugin instance files by state.");
        let statuses = extensions.statuses();
        let count =
            |wanted: fn(&InstanceState) -> bool| statuses.iter().filter(|status| wanted(&status.state)).count() as u64;
        sample(
            text,
            "mast_plugin_instances",
            "state=\"loaded\"",
            count(|state| matches!(state, InstanceState::Loaded)),
        );
        sample(
            text,
            "mast_plugin_instances",
            "state=\"failed\"",
            count(|state| matches!(state, InstanceState::Failed(_))),
        );
        sample(
            text,
            "mast_plugin_instances",
            "state=\"disabled\"",
            count(|state| matches!(state, InstanceState::Disabled)),
        );
    }));
    let guide = deps.guide.clone();
    deps.metrics.register(Box::new(move |text| guides(text, &guide.readings())));
    deps.metrics.register(Box::new(process));
}

/// What providers say of the operator's accounts; nothing where they say nothing.
fn providers(text: &mut String, statuses: &[SourceStatus]) {
    type Value = fn(&SourceProvider) -> Option<u64>;
    let metrics: [(&str, &str, Value); 2] = [
        (
            "mast_source_provider_expiry_timestamp_seconds",
            "When the account with a provider ends, Unix seconds.",
            |one| u64::try_from(one.expires?.as_second()).ok(),
        ),
        ("mast_source_provider_connections", "Connections that a provider allows at once.", |one| {
            Some(one.max_connections? as u64)
        }),
    ];
    for (name, help, value) in metrics {
        head(text, name, "gauge", help);
        for status in statuses {
            if let Some(value) = status.provider.as_ref().and_then(value) {
                sample(text, name, &format!("source=\"{}\"", status.source), value);
            }
        }
    }
}

fn channels(text: &mut String, reports: &[ChannelReport]) {
    type Value = fn(&ChannelReport) -> u64;
    let metrics: [(&str, &str, &str, Value); 10] = [
        ("mast_channel_viewers", "gauge", "Viewers holding a channel.", |report| report.viewers as u64),
        ("mast_channel_restarts_total", "counter", "Times a channel's upstream failed.", |report| report.restarts),
        ("mast_channel_bytes_total", "counter", "Bytes from a channel's upstreams.", |report| report.bytes_in),
        ("mast_channel_segments_total", "counter", "Segments cut.", |report| report.segments),
        ("mast_channel_continuity_errors_total", "counter", "Packets that were lost on the way.", |report| {
            report.continuity_errors
        }),
        ("mast_channel_skips_total", "counter", "Times a slow viewer lost its place.", |report| report.skips),
        ("mast_channel_bitrate", "gauge", "Bits per second in a channel's window.", |report| report.bitrate),
        ("mast_channel_upstream", "gauge", "Which of its upstreams a channel plays, from 0.", |report| {
            report.upstream as u64
        }),
        (
            "mast_channel_start_milliseconds",
            "gauge",
            "From the order to the first segment, at the last start.",
            |report| report.start.map_or(0, |start| u64::try_from(start.as_millis()).unwrap_or(u64::MAX)),
        ),
        ("mast_channel_slate", "gauge", "1 while viewers of a channel see the slate.", |report| {
            u64::from(report.slate)
        }),
    ];
    for (name, kind, help, value) in metrics {
        head(text, name, kind, help);
        for report in reports {
            sample(text, name, &format!("channel=\"{}\"", report.channel), value(report));
        }
    }
    head(text, "mast_channel_state", "gauge", "1 for the state a channel is in.");
    for report in reports {
        let labels = format!("channel=\"{}\",state=\"{}\"", report.channel, report.state.name());
        sample(text, "mast_channel_state", &labels, 1);
    }
}

fn guides(text: &mut String, readings: &[GuideReading]) {
    type Value = fn(&GuideReading) -> u64;
    let seconds = |at: Option<Timestamp>| at.map_or(0, |at| u64::try_from(at.as_second()).unwrap_or_default());
    let metrics: [(&str, &str, &str, Value); 8] = [
        ("mast_guide_programmes", "gauge", "Programmes of a guide.", |one| one.status.programmes),
        ("mast_guide_channels", "gauge", "Channels of a guide.", |one| one.status.channels),
        ("mast_guide_bytes", "gauge", "Bytes that a guide takes on disk.", |one| one.status.bytes),
        ("mast_guide_imports_total", "counter", "Imports of a guide that succeeded.", |one| one.succeeded),
        (
            "mast_guide_failures_total",
            "counter",
            "Imports of a guide that changed nothing because they failed.",
            |one| one.failed,
        ),
        ("mast_guide_failing", "gauge", "1 where a guide's last import failed.", |one| {
            u64::from(one.status.error.is_some())
        }),
        ("mast_guide_import_bytes", "gauge", "Bytes read by the import that is under way.", |one| {
            one.status.progress.as_ref().map_or(0, |progress| progress.text_bytes)
        }),
        ("mast_guide_import_programmes", "gauge", "Programmes read by the import that is under way.", |one| {
            one.status.progress.as_ref().map_or(0, |progress| progress.programmes)
        }),
    ];
    for (name, kind, help, value) in metrics {
        head(text, name, kind, help);
        for one in readings {
            sample(text, name, &format!("guide=\"{}\"", one.status.guide), value(one));
        }
    }
    let name = "mast_guide_success_timestamp_seconds";
    head(text, name, "gauge", "When an import of a guide last succeeded, Unix seconds; 0 for never.");
    for one in readings {
        sample(text, name, &format!("guide=\"{}\"", one.status.guide), seconds(one.status.last_success));
    }
}

/// Memory and descriptors of the process, under the names that Prometheus expects.
fn process(text: &mut String) {
    // Linux only; elsewhere the files are missing and so are the lines.
    let resident = std::fs::read_to_string("/proc/self/statm").ok().and_then(|statm| {
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * 4096)
    });
    if let Some(bytes) = resident {
        let _ = writeln!(text, "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {bytes}");
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let _ = writeln!(text, "# TYPE process_open_fds gauge\nprocess_open_fds {}", open.count());
    }
}

/// The rooms' parts of `/api/v1/status`.
pub(super) fn status(deps: &Deps) -> Vec<StatusPart> {
    let (tuner, catalog, extensions, sessions) =
        (deps.tuner.clone(), deps.catalog.clone(), deps.extensions.clone(), deps.sessions.clone());
    let guide = deps.guide.clone();
    vec![
        part("sources", move || json!(catalog.statuses())),
        part("guides", move || json!(guide.statuses())),
        part("instances", move || json!(extensions.statuses())),
        part("channels", move || tuner.reports().iter().map(channel).collect()),
        part("sessions", move || {
            let [hls, continuous, files] = sessions.count();
            json!({ "hls": hls, "continuous": continuous, "files": files })
        }),
    ]
}

/// Where the HTTP side listens; `mast line` prints URLs with it.
pub(super) fn http(address: Arc<OnceLock<SocketAddr>>) -> StatusPart {
    part("http", move || json!({ "listening": address.get() }))
}

/// Whether credits move.
pub(super) fn ledger(resellers: &Resellers) -> StatusPart {
    let problem = resellers.damage().map(str::to_owned);
    part("ledger", move || json!({ "sound": problem.is_none(), "problem": problem }))
}

fn part(name: &'static str, read: impl Fn() -> Value + Send + Sync + 'static) -> StatusPart {
    StatusPart { name, read: Box::new(read) }
}

fn channel(report: &ChannelReport) -> Value {
    json!({
        "id": report.channel,
        "state": report.state.name(),
        "fault": report.fault.map(|fault| fault.to_string()),
        "viewers": report.viewers,
        "restarts": report.restarts,
        "bytes": report.bytes_in,
        "segments": report.segments,
        "continuity_errors": report.continuity_errors,
        "skips": report.skips,
        "slate": report.slate,
        "warm": report.warm,
        "upstream": report.upstream,
        "bitrate": report.bitrate,
        "segment_seconds": report.segment.as_secs_f64(),
        "start_seconds": report.start.map(|start| start.as_secs_f64()),
        "codecs": report.codecs.names,
        "resolution": report.codecs.resolution.map(|(width, height)| format!("{width}x{height}")),
        "frame_rate": report.codecs.frame_rate,
        "rungs": report.rungs,
    })
}
