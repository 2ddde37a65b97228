//! `mast session list|kick`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::WatchView;

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List who watches
    List(ListArgs),
    /// End a session; the viewer may open the channel anew
    Kick {
        #[command(flatten)]
        config: ConfigArg,
        /// The session, as list shows it
        #[arg(long)]
        id: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only those of this line
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Only those on this channel
    #[arg(long, value_name = "ID")]
    channel: Option<u32>,
    /// Print one JSON document: {"sessions": [...]}
    #[arg(long)]
    json: bool,
}

impl SessionCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List(args) => args.json,
            Self::Kick { json, .. } => *json,
        }
    }
}

pub(super) fn run(command: SessionCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            SessionCommand::List(args) => list(args).await,
            SessionCommand::Kick { config, id, json } => {
                let path = format!("/api/v1/sessions/{}", super::backend::encoded(&id));
                Backend::open(&load(&config)?).await?.0.delete(&path).await?;
                if json {
                    say_json(&json!({ "ended": id }));
                } else {
                    say(format!("session {id} is ended"));
                }
                Ok(())
            }
        }
    })
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let mut query = String::new();
    if let Some(username) = &args.username {
        query = format!("&line={}", backend.line(username).await?.id);
    }
    if let Some(channel) = args.channel {
        query = format!("{query}&channel={channel}");
    }
    let all: Vec<WatchView> = backend.every("/api/v1/sessions", &query).await?;
    if args.json {
        say_json(&json!({ "sessions": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("nobody watches");
        return Ok(());
    }
    let head = ["ID", "LINE", "CHANNEL", "ADDRESS", "COUNTRY", "OUTPUT", "SINCE", "BYTES", "USER AGENT"];
    let row = |view: &WatchView| {
        let channel = format!("{} {}", view.channel, view.channel_name);
        let country = view.country.clone().unwrap_or_default();
        let cells = [view.id.clone(), view.username.clone(), channel, view.address.to_string(), country];
        let more = [view.output.clone(), view.since.to_string(), view.bytes.to_string(), view.user_agent.clone()];
        cells.into_iter().chain(more).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head.map(str::to_owned).to_vec()).chain(all.iter().map(row)).collect();
    table(&rows);
    Ok(())
}
