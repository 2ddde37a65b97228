//! `mast apikey create|list|revoke`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread, timestamp};
use crate::admin::{KeyView, MadeKeyView, Page};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key for an operator and print it, this once
    Create(CreateArgs),
    /// List every key, without the keys themselves
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"api_keys": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key
    Revoke {
        #[command(flatten)]
        config: ConfigArg,
        /// The key's id, as list shows it
        #[arg(long)]
        id: u64,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The operator whose key it is
    #[arg(long)]
    operator: String,
    /// What it is for
    #[arg(long, default_value = "command line")]
    name: String,
    /// What it may do, for example lines:read, may be repeated; all that the operator may, where missing
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// When it ends, for example 2030-01-31T00:00:00Z; never, where missing
    #[arg(long, value_name = "RFC3339", value_parser = timestamp)]
    expires: Option<Timestamp>,
    /// Print one JSON document: the key with what is kept of it
    #[arg(long)]
    json: bool,
}

impl KeyCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Create(args) => args.json,
            Self::List { json, .. } | Self::Revoke { json, .. } => *json,
        }
    }
}

pub(super) fn run(command: KeyCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            KeyCommand::Create(args) => create(args).await,
            KeyCommand::List { config, json } => list(&config, json).await,
            KeyCommand::Revoke { config, id, json } => {
                Backend::open(&load(&config)?).await?.0.delete(&format!("/api/v1/api-keys/{id}")).await?;
                if json {
                    say_json(&json!({ "revoked": id }));
                } else {
                    say(format!("API key {id} is revoked"));
                }
                Ok(())
            }
        }
    })
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let operator = backend.operator(&args.operator).await?.id;
    let body = json!({ "operator": operator, "name": args.name, "scopes": args.scopes, "expires": args.expires });
    let made: MadeKeyView = backend.0.post("/api/v1/api-keys", Some(&body)).await?;
    if args.json {
        say_json(&made);
    } else {
        // Alone on its line, for scripts.
        say(&made.key);
    }
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let page: Page<KeyView> = Backend::open(&load(config)?).await?.0.get("/api/v1/api-keys?limit=1000").await?;
    if json {
        say_json(&json!({ "api_keys": page.items }));
        return Ok(());
    }
    if page.items.is_empty() {
        say("no API keys yet; make one with mast apikey create");
        return Ok(());
    }
    let time = |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), |time| time.to_string());
    let head = ["ID", "OPERATOR", "NAME", "EXPIRES", "LAST USED", "SCOPES"].map(str::to_owned).to_vec();
    let row = |key: &KeyView| {
        let cells = [key.id.to_string(), key.operator.to_string(), key.name.clone(), time(key.expires)];
        cells.into_iter().chain([time(key.last_used), key.scopes.join(" ")]).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(page.items.iter().map(row)).collect();
    table(&rows);
    Ok(())
}
