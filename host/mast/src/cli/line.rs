//! `mast line add|list|disable|enable|notify|forget`.

mod notify;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use mast_model::{LineToken, Secret};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::urls::{self, PlaylistUrls};
use super::{ConfigArg, Failure, load, on_a_thread, password_from_stdin, timestamp};
use crate::accounts::{LineRequest, LineTerms};
use crate::admin::{Created, LineView};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum LineCommand {
    /// Add a line and print its playlist URLs
    Add(AddArgs),
    /// List every line
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"lines": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Switch a line off; whoever watches with it is cut off
    Disable(SwitchArgs),
    /// Switch a line on again
    Enable(SwitchArgs),
    /// Tell the set-top boxes of a line something, the next time that they ask
    Notify(notify::NotifyArgs),
    /// Remove a line and forget whoever had it: in the audit log too
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The line
    #[arg(long, conflicts_with = "id", required_unless_present = "id")]
    username: Option<String>,
    /// The line's id, where it was removed before
    #[arg(long)]
    id: Option<u64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// 1 to 64 characters without white space and slashes
    #[arg(long)]
    username: String,
    /// 1 to 128 characters without slashes; others on this machine may see it while the command runs
    #[arg(long, required_unless_present = "password_stdin", conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Connections allowed at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_connections: u32,
    /// When it ends, for example 2030-01-31T00:00:00Z; never, where missing
    #[arg(long, value_name = "RFC3339", value_parser = timestamp)]
    expires: Option<Timestamp>,
    /// A bouquet it has, may be repeated; every channel, where missing
    #[arg(long = "bouquet", value_name = "NAME")]
    bouquets: Vec<String>,
    /// A device bound to it, for example 00:1a:79:12:34:56, may be repeated
    #[arg(long = "mac", value_name = "MAC")]
    macs: Vec<String>,
    /// The token to give it, 64 hexadecimal digits; random, where missing
    #[arg(long)]
    token: Option<String>,
    /// Print one JSON document: the line with its "urls"
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SwitchArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The line
    #[arg(long)]
    username: String,
    /// Print one JSON document: the line
    #[arg(long)]
    json: bool,
}

impl LineCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.json,
            Self::List { json, .. } => *json,
            Self::Disable(args) | Self::Enable(args) => args.json,
            Self::Notify(args) => args.json,
            Self::Forget(args) => args.json,
        }
    }
}

pub(super) fn run(command: LineCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            LineCommand::Add(args) => add(args).await,
            LineCommand::List { config, json } => list(&load(&config)?, json).await,
            LineCommand::Disable(args) => switch(&args, false).await,
            LineCommand::Enable(args) => switch(&args, true).await,
            LineCommand::Notify(args) => notify::notify(&args).await,
            LineCommand::Forget(args) => forget(&args).await,
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let token = args.token.as_deref().map(|token| LineToken::parse(&token.to_ascii_lowercase())).transpose();
    let password = Secret::new(match args.password {
        Some(password) => password,
        None => password_from_stdin()?,
    });
    let terms = LineTerms {
        max_connections: Some(args.max_connections),
        expires: Some(args.expires),
        bouquets: Some(args.bouquets),
        macs: Some(args.macs),
        ..LineTerms::default()
    };
    let token = token.map_err(|error| Failure::new("invalid_line", format!("--token: {error}")))?;
    let request =
        LineRequest { username: args.username, password: Some(password.clone()), password_hash: None, token, terms };
    let backend = Backend::open(&config).await?;
    let created: Created = backend.0.post("/api/v1/lines", Some(&request)).await?;
    let line = created.line;
    let base = urls::base(&config, backend.listening().await);
    let urls = base.map(|base| PlaylistUrls::new(&base, &line, password.expose()));
    if args.json {
        let mut answer = json!(line);
        answer["urls"] = json!(urls);
        say_json(&answer);
        return Ok(());
    }
    say(format!("line \"{}\" added", line.username));
    let mut rows = vec![
        ("id", line.id.to_string()),
        ("token", line.token.clone().unwrap_or_default()),
        ("connections", line.max_connections.to_string()),
        ("expires", expiry(&line)),
        ("bouquets", bouquets_of(&line)),
    ];
    rows.extend(urls.iter().flat_map(PlaylistUrls::rows).map(|(what, url)| (what, url.to_owned())));
    let indented: Vec<Vec<String>> = rows.into_iter().map(|(what, value)| vec![format!("  {what}"), value]).collect();
    table(&indented);
    Ok(())
}

async fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let all = Backend::open(config).await?.0.lines().await?;
    if json {
        say_json(&json!({ "lines": all }));
        return Ok(());
    }
    if all.is_empty() {
        say("no lines yet; add one with mast line add");
        return Ok(());
    }
    let head = ["ID", "USERNAME", "STATE", "CONNECTIONS", "EXPIRES", "BOUQUETS"].map(str::to_owned).to_vec();
    let row = |line: &LineView| {
        let cells =
            [line.id.to_string(), line.username.clone(), state(line).to_owned(), line.max_connections.to_string()];
        cells.into_iter().chain([expiry(line), bouquets_of(line)]).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.iter().map(row)).collect();
    table(&rows);
    Ok(())
}

async fn switch(args: &SwitchArgs, active: bool) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let backend = Backend::open(&config).await?;
    let id = backend.line(&args.username).await?.id;
    let line: LineView = backend.0.patch(&format!("/api/v1/lines/{id}"), &json!({ "active": active })).await?;
    if args.json {
        say_json(&line);
    } else {
        say(format!("line \"{}\" is {}", line.username, if active { "enabled" } else { "disabled" }));
    }
    Ok(())
}

async fn forget(args: &ForgetArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = match (args.id, &args.username) {
        (Some(id), _) => id,
        (None, username) => backend.line(username.as_deref().unwrap_or_default()).await?.id,
    };
    let erased: serde_json::Value = backend.0.post(&format!("/api/v1/lines/{id}/erase"), None::<&()>).await?;
    if args.json {
        say_json(&erased);
    } else {
        say(format!("whoever had line {id} is forgotten; backups and exports are files of yours"));
    }
    Ok(())
}

fn state(line: &LineView) -> &'static str {
    match (line.active, line.expires) {
        (false, _) => "disabled",
        (true, Some(expires)) if expires <= Timestamp::now() => "expired",
        (true, _) => "active",
    }
}

fn expiry(line: &LineView) -> String {
    line.expires.map_or_else(|| "never".to_owned(), |expires| expires.to_string())
}

fn bouquets_of(line: &LineView) -> String {
    if line.bouquets.is_empty() { "every channel".to_owned() } else { line.bouquets.join(", ") }
}
