//! `mast guide links|link|report|export-links|import-links`.

use std::path::PathBuf;

use clap::Args;
use mast_model::Span;
use serde_json::{Value, json};

use super::super::backend::{Backend, encoded};
use super::super::output::{say, say_json, table};
use super::super::{ConfigArg, Failure, load};

#[derive(Debug, Args)]
pub(in super::super) struct LinksArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only channels in this state: linked, doubtful (to be reviewed), unlinked, dummy or none
    #[arg(long)]
    state: Option<String>,
    /// Print one JSON document: {"links": [...]}
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(in super::super) struct LinkArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The channel, by its number in mast guide links
    #[arg(long)]
    channel: u32,
    /// Link it to a channel of this guide
    #[arg(long, requires = "guide_channel", conflicts_with_all = ["none", "auto"])]
    guide: Option<String>,
    /// The guide's id for the channel
    #[arg(long, requires = "guide")]
    guide_channel: Option<String>,
    /// It has no guide, and none is looked for
    #[arg(long, conflicts_with = "auto")]
    none: bool,
    /// Take back what was said: it is linked automatically
    #[arg(long, conflicts_with_all = ["shift", "zone"])]
    auto: bool,
    /// Move all times, for example 1h or -30m
    #[arg(long, allow_hyphen_values = true)]
    shift: Option<String>,
    /// All times are those of the clocks in this time zone, for example Europe/Berlin
    #[arg(long)]
    zone: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(in super::super) struct ReportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(in super::super) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The CSV file
    #[arg(long)]
    file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn list(args: LinksArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let query = args.state.map(|state| format!("&state={}", encoded(&state))).unwrap_or_default();
    let all: Vec<Value> = backend.every("/api/v1/guide/links", &query).await?;
    if args.json {
        say_json(&json!({ "links": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("there are no such channels");
        return Ok(());
    }
    let head = ["CHANNEL", "NAME", "STATE", "GUIDE", "GUIDE CHANNEL", "WHY", "MAY BE"];
    let rows = std::iter::once(head.map(str::to_owned).to_vec()).chain(all.iter().map(row));
    table(&rows.collect::<Vec<_>>());
    Ok(())
}

fn row(view: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let of = |value: &Value, key: &str| if value[key].is_null() { String::new() } else { text(&value[key]) };
    let first = &view["links"][0];
    let candidates = view["candidates"].as_array().into_iter().flatten();
    let candidates = candidates.map(|one| {
        let percent = one["score"].as_f64().unwrap_or_default() * 100.0;
        format!("{}/{} {percent:.0} %", of(one, "guide"), of(one, "guide_channel"))
    });
    vec![
        of(view, "channel"),
        of(view, "name"),
        of(view, "state"),
        of(first, "guide"),
        of(first, "guide_channel"),
        of(first, "why"),
        candidates.collect::<Vec<_>>().join(", "),
    ]
}

pub(super) async fn link(args: LinkArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let path = format!("/api/v1/guide/links/{}", args.channel);
    let view: Value = if args.auto {
        backend.0.delete(&path).await?;
        backend.0.get(&path).await?
    } else {
        let shift = args.shift.as_deref().map_or(Ok(0), seconds)?;
        let body = json!({
            "guide": args.guide, "guide_channel": args.guide_channel, "none": args.none,
            "shift_seconds": shift, "zone": args.zone,
        });
        backend.0.put(&path, &body).await?
    };
    if args.json {
        say_json(&view);
    } else {
        say(format!("channel {} is {}", args.channel, view["state"].as_str().unwrap_or_default()));
    }
    Ok(())
}

fn seconds(text: &str) -> Result<i64, Failure> {
    let (sign, span) = text.strip_prefix('-').map_or((1, text), |span| (-1, span));
    let span: Span = span.trim_start_matches('+').parse().map_err(|_| {
        Failure::new("invalid_shift", format!("\"{text}\" is not a shift: write for example 1h or -30m"))
    })?;
    Ok(sign * i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX))
}

pub(super) async fn report(args: ReportArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let report: Value = backend.0.get("/api/v1/guide/report").await?;
    if args.json {
        say_json(&report);
        return Ok(());
    }
    let mut rows = vec![vec!["channels".to_owned(), report["channels"].to_string()]];
    for (key, what) in [("states", ""), ("reasons", "linked by "), ("unused", "unused of guide ")] {
        let counts = report[key].as_object().into_iter().flatten();
        rows.extend(counts.map(|(name, count)| vec![format!("  {what}{name}"), count.to_string()]));
    }
    rows.push(vec!["said by hand".to_owned(), report["by_hand"].to_string()]);
    table(&rows);
    Ok(())
}

pub(super) async fn export(config: &ConfigArg) -> Result<(), Failure> {
    let backend = Backend::open(&load(config)?).await?;
    Ok(backend.0.download("/api/v1/guide/links/export", &mut std::io::stdout().lock()).await?)
}

pub(super) async fn import(args: ImportArgs) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new("unreadable_file", format!("{} cannot be read: {error}", args.file.display()))
    };
    let file = std::fs::read(&args.file).map_err(unreadable)?;
    let backend = Backend::open(&load(&args.config)?).await?;
    let done: Value = backend.0.upload("/api/v1/guide/links/import", "text/csv", file).await?;
    if args.json {
        say_json(&done);
    } else {
        say(format!("{} channels read", done["channels"]));
    }
    Ok(())
}
