//! `mast guide`: how the guides are doing, importing one at once, links of channels, searching.

mod links;
mod search;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::backend::{Backend, encoded};
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::GuideView;

#[derive(Debug, Subcommand)]
pub(super) enum GuideCommand {
    /// List the guides and how they are doing
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"guides": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Import a guide now, before it is due
    Refresh(OneGuide),
    /// End the import that is under way; what was there stays
    Cancel(OneGuide),
    /// Import a guide now, and take it over even if it has lost most of its programmes
    Accept(OneGuide),
    /// List what each channel has for a guide, and why
    Links(links::LinksArgs),
    /// Say what a channel has for a guide, all of it: what is not given is as the host finds it
    Link(links::LinkArgs),
    /// How channels and guides fit together, in numbers
    Report(links::ReportArgs),
    /// Print the links of all channels as CSV
    ExportLinks(ConfigArg),
    /// Say what channels have for a guide, from a CSV as export-links prints it
    ImportLinks(links::ImportArgs),
    /// Search programmes
    Search(search::SearchArgs),
}

#[derive(Debug, Args)]
pub(super) struct OneGuide {
    #[command(flatten)]
    config: ConfigArg,
    /// The guide, as list shows it
    #[arg(long)]
    name: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl GuideCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List { json, .. } => *json,
            Self::Refresh(args) | Self::Cancel(args) | Self::Accept(args) => args.json,
            Self::Links(args) => args.json,
            Self::Link(args) => args.json,
            Self::Report(args) => args.json,
            Self::ExportLinks(_) => false,
            Self::ImportLinks(args) => args.json,
            Self::Search(args) => args.json,
        }
    }
}

pub(super) fn run(command: GuideCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            GuideCommand::List { config, json } => list(&config, json).await,
            GuideCommand::Refresh(args) => ask(args, "refresh", "is imported").await,
            GuideCommand::Cancel(args) => ask(args, "cancel", "is not imported any more").await,
            GuideCommand::Accept(args) => ask(args, "accept", "is imported, and taken over whatever it has lost").await,
            GuideCommand::Links(args) => links::list(args).await,
            GuideCommand::Link(args) => links::link(args).await,
            GuideCommand::Report(args) => links::report(args).await,
            GuideCommand::ExportLinks(config) => links::export(&config).await,
            GuideCommand::ImportLinks(args) => links::import(args).await,
            GuideCommand::Search(args) => search::run(args).await,
        }
    })
}

async fn ask(args: OneGuide, what: &str, done: &str) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let path = format!("/api/v1/guides/{}/{what}", encoded(&args.name));
    backend.0.post::<Value>(&path, None::<&()>).await?;
    if args.json {
        say_json(&json!({ "guide": args.name, "asked": what }));
    } else {
        say(format!("guide {} {done}; mast guide list shows how it goes", args.name));
    }
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let backend = Backend::open(&load(config)?).await?;
    let all: Vec<GuideView> = backend.every("/api/v1/guides", "").await?;
    if json {
        say_json(&json!({ "guides": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("there are no guides; an instance file of kind \"epg\" makes one");
        return Ok(());
    }
    let head = ["NAME", "STATE", "CHANNELS", "PROGRAMMES", "UNTIL", "IMPORTED", "NEXT", "ERROR"];
    let rows = std::iter::once(head.map(str::to_owned).to_vec()).chain(all.iter().map(row));
    table(&rows.collect::<Vec<_>>());
    Ok(())
}

fn row(view: &GuideView) -> Vec<String> {
    let time = |at: Option<jiff::Timestamp>| {
        at.and_then(|at| at.round(jiff::Unit::Second).ok()).map(|at| at.to_string()).unwrap_or_default()
    };
    let state = match &view.progress {
        Some(progress) => {
            let share = progress.bytes_total.map(|total| format!(" {} %", progress.bytes * 100 / total.max(1)));
            format!("{}{}", view.state, share.unwrap_or_default())
        }
        None => view.state.clone(),
    };
    let numbers = [view.channels.to_string(), view.programmes.to_string()];
    let times = [time(view.until), time(view.imported), time(view.next_attempt)];
    let last = view.error.clone().unwrap_or_default();
    [view.guide.clone(), state].into_iter().chain(numbers).chain(times).chain([last]).collect()
}
