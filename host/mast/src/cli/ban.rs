//! `mast ban add|list|remove`.

use clap::{Args, Subcommand};
use mast_model::Span;
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::{BanRequest, BanView, MadeBan};

#[derive(Debug, Subcommand)]
pub(super) enum BanCommand {
    /// Keep a line, an address or a network away for a time, and end its sessions
    Add(AddArgs),
    /// List the bans that hold
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"bans": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Lift a ban
    Remove {
        #[command(flatten)]
        config: ConfigArg,
        /// The ban's id, as list shows it
        #[arg(long)]
        id: u64,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The line
    #[arg(long, value_name = "NAME", conflicts_with = "address", required_unless_present = "address")]
    username: Option<String>,
    /// The address or network, for example 192.0.2.7 or 2001:db8::/64
    #[arg(long)]
    address: Option<String>,
    /// How long, for example 30m, 6h or 7d
    #[arg(long = "for", value_name = "SPAN")]
    span: Span,
    /// Why, for other operators
    #[arg(long, default_value = "")]
    reason: String,
    /// Print one JSON document: the ban
    #[arg(long)]
    json: bool,
}

impl BanCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.json,
            Self::List { json, .. } | Self::Remove { json, .. } => *json,
        }
    }
}

pub(super) fn run(command: BanCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            BanCommand::Add(args) => add(args).await,
            BanCommand::List { config, json } => list(&config, json).await,
            BanCommand::Remove { config, id, json } => {
                Backend::open(&load(&config)?).await?.0.delete(&format!("/api/v1/bans/{id}")).await?;
                if json {
                    say_json(&json!({ "lifted": id }));
                } else {
                    say(format!("ban {id} is lifted"));
                }
                Ok(())
            }
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let line = match &args.username {
        Some(username) => Some(backend.line(username).await?.id),
        None => None,
    };
    let request = BanRequest { line, address: args.address, seconds: args.span.0.as_secs(), reason: args.reason };
    let made: MadeBan = backend.0.post("/api/v1/bans", Some(&request)).await?;
    if args.json {
        say_json(&made);
    } else {
        let MadeBan { ban, ended } = made;
        say(format!("{} is kept away until {} (ban {}); {ended} sessions ended", whom(&ban), ban.until, ban.id));
    }
    Ok(())
}

fn whom(ban: &BanView) -> String {
    let line = || ban.line.map(|line| format!("line {line}"));
    let named = ban.username.as_ref().map(|name| format!("line \"{name}\""));
    named.or_else(line).or_else(|| ban.address.clone()).unwrap_or_default()
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let all: Vec<BanView> = Backend::open(&load(config)?).await?.every("/api/v1/bans", "").await?;
    if json {
        say_json(&json!({ "bans": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("nobody is banned");
        return Ok(());
    }
    let head = ["ID", "WHO", "UNTIL", "BY", "REASON"].map(str::to_owned).to_vec();
    let row =
        |ban: &BanView| vec![ban.id.to_string(), whom(ban), ban.until.to_string(), ban.by.clone(), ban.reason.clone()];
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.iter().map(row)).collect();
    table(&rows);
    Ok(())
}
