//! `mast line add|list|disable|enable`.

use std::io::BufRead;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use mast_model::{LineToken, Secret};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::urls::{self, PlaylistUrls};
use super::{ConfigArg, Failure, load};
use crate::accounts::{AccountsError, LineRequest};
use crate::admin::LineView;
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
        }
    }
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write it as 2030-01-31T00:00:00Z or 2030-01-31T00:00:00+01:00".to_owned())
}

pub(super) fn run(command: LineCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("internal", format!("no thread to run on: {error}")))?;
    runtime.block_on(async {
        match command {
            LineCommand::Add(args) => add(args).await,
            LineCommand::List { config, json } => list(&load(&config)?, json).await,
            LineCommand::Disable(args) => switch(&args, false).await,
            LineCommand::Enable(args) => switch(&args, true).await,
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let token = args.token.as_deref().map(|token| LineToken::parse(&token.to_ascii_lowercase())).transpose();
    let request = LineRequest {
        username: args.username,
        password: Secret::new(match args.password {
            Some(password) => password,
            None => password_from_stdin()?,
        }),
        max_connections: args.max_connections,
        expires: args.expires,
        bouquets: args.bouquets,
        macs: args.macs,
        token: token.map_err(|error| Failure::new("invalid_line", format!("--token: {error}")))?,
    };
    let bouquets = config.bouquets.iter().map(|bouquet| bouquet.name.as_str());
    request.check_bouquets(bouquets).map_err(AccountsError::from)?;

    let backend = Backend::open(&config).await?;
    let line = backend.add(request.clone()).await?;
    let base = urls::base(&config, backend.listening().await);
    let urls = base.map(|base| PlaylistUrls::new(&base, &line, request.password.expose()));
    if args.json {
        let mut answer = json!(line);
        answer["urls"] = json!(urls);
        say_json(&answer);
        return Ok(());
    }
    say(format!("line \"{}\" added", line.username));
    let mut rows = vec![
        ("id", line.id.to_string()),
        ("token", line.token.clone()),
        ("connections", line.max_connections.to_string()),
        ("expires", expiry(&line)),
        ("bouquets", bouquets_of(&line)),
    ];
    rows.extend(urls.iter().flat_map(PlaylistUrls::rows).map(|(what, url)| (what, url.to_owned())));
    let indented: Vec<Vec<String>> = rows.into_iter().map(|(what, value)| vec![format!("  {what}"), value]).collect();
    table(&indented);
    Ok(())
}

/// The first line, without its end.
fn password_from_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new("invalid_line", format!("the password could not be read: {error}")))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

async fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let all = Backend::open(config).await?.list().await?;
    if json {
        say_json(&all);
        return Ok(());
    }
    if all.lines.is_empty() {
        say("no lines yet; add one with mast line add");
        return Ok(());
    }
    let head = ["ID", "USERNAME", "STATE", "CONNECTIONS", "EXPIRES", "BOUQUETS"].map(str::to_owned).to_vec();
    let row = |line: &LineView| {
        let cells =
            [line.id.to_string(), line.username.clone(), state(line).to_owned(), line.max_connections.to_string()];
        cells.into_iter().chain([expiry(line), bouquets_of(line)]).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(all.lines.iter().map(row)).collect();
    table(&rows);
    Ok(())
}

async fn switch(args: &SwitchArgs, active: bool) -> Result<(), Failure> {
    let config = load(&args.config)?;
    let line = Backend::open(&config).await?.set_active(&args.username, active).await?;
    if args.json {
        say_json(&line);
    } else {
        say(format!("line \"{}\" is {}", line.username, if active { "enabled" } else { "disabled" }));
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
