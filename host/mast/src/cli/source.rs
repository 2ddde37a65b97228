//! `mast source`: how the sources are doing, and refreshing one at once.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::backend::{Backend, encoded};
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};

#[derive(Debug, Subcommand)]
pub(super) enum SourceCommand {
    /// List the sources and how they are doing
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"sources": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Refresh a source now, before it is due
    Refresh(OneSource),
    /// Refresh a source now, and take it over even if it has lost most of its channels
    Accept(OneSource),
}

#[derive(Debug, Args)]
pub(super) struct OneSource {
    #[command(flatten)]
    config: ConfigArg,
    /// The source, as list shows it
    #[arg(long)]
    name: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl SourceCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List { json, .. } => *json,
            Self::Refresh(args) | Self::Accept(args) => args.json,
        }
    }
}

pub(super) fn run(command: SourceCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            SourceCommand::List { config, json } => list(&config, json).await,
            SourceCommand::Refresh(args) => ask(args, "refresh", "is refreshed").await,
            SourceCommand::Accept(args) => {
                ask(args, "accept", "is refreshed, and taken over whatever it has lost").await
            }
        }
    })
}

async fn ask(args: OneSource, what: &str, done: &str) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let path = format!("/api/v1/sources/{}/{what}", encoded(&args.name));
    backend.0.post::<Value>(&path, None::<&()>).await?;
    if args.json {
        say_json(&json!({ "source": args.name, "asked": what }));
    } else {
        say(format!("source {} {done}; mast source list shows how it goes", args.name));
    }
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let backend = Backend::open(&load(config)?).await?;
    let all: Vec<Value> = backend.every("/api/v1/sources", "").await?;
    if json {
        say_json(&json!({ "sources": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("there are no sources; an instance file of kind \"source\" makes one, while a server runs");
        return Ok(());
    }
    let head = ["NAME", "CHANNELS", "REFRESHED", "NEXT", "CHANGED", "ACCOUNT ENDS", "ERROR"].map(str::to_owned);
    let rows = std::iter::once(head.to_vec()).chain(all.iter().map(row));
    table(&rows.collect::<Vec<_>>());
    Ok(())
}

fn row(source: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| {
        let at = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        at.and_then(|at| at.round(jiff::Unit::Second).ok()).map(|at| at.to_string()).unwrap_or_default()
    };
    let changes = &source["last_changes"];
    let changed = match changes {
        Value::Null => String::new(),
        changes => {
            let sum = |kind: &str| -> u64 {
                let of_all = [&changes[kind], &changes["movies"][kind], &changes["series"][kind]];
                of_all.iter().filter_map(|names| names["count"].as_u64()).sum()
            };
            format!("+{} -{}", sum("added"), sum("removed"))
        }
    };
    vec![
        text(&source["source"]),
        source["channels"].to_string(),
        time(&source["last_success"]),
        time(&source["next_attempt"]),
        changed,
        time(&source["provider"]["expires"]),
        text(&source["error"]),
    ]
}
