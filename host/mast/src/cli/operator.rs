//! `mast operator add|list|disable|enable|password|oidc|totp-reset`: the first operator, and the way back in for one who is locked out.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::who::{NameArgs, PasswordArgs};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::OperatorView;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator
    Add(AddArgs),
    /// List every operator
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"operators": [...]}
        #[arg(long)]
        json: bool,
    },
    /// Switch an operator off and end its sessions
    Disable(NameArgs),
    /// Switch an operator on again
    Enable(NameArgs),
    /// Give an operator another password and end its sessions
    Password(PasswordArgs),
    /// Say whom the identity provider lets in as an operator
    Oidc(OidcArgs),
    /// Take an operator's second factor away
    TotpReset(NameArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    who: PasswordArgs,
    /// owner, admin, support or read_only
    #[arg(long, default_value = "owner")]
    role: String,
    /// What the identity provider says of it, for example its mail address; see [oidc] claim
    #[arg(long, value_name = "ID")]
    oidc_id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct OidcArgs {
    #[command(flatten)]
    name: NameArgs,
    /// What the identity provider says of it, for example its mail address; see [oidc] claim
    #[arg(long, required_unless_present = "remove", conflicts_with = "remove")]
    id: Option<String>,
    /// Only the password lets it in from now on
    #[arg(long)]
    remove: bool,
}

impl OperatorCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.who.name.json,
            Self::List { json, .. } => *json,
            Self::Disable(args) | Self::Enable(args) | Self::TotpReset(args) => args.json,
            Self::Password(args) => args.name.json,
            Self::Oidc(args) => args.name.json,
        }
    }
}

pub(super) fn run(command: OperatorCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            OperatorCommand::Add(args) => add(args).await,
            OperatorCommand::List { config, json } => list(&config, json).await,
            OperatorCommand::Disable(args) => change(&args, json!({ "active": false }), "is disabled").await,
            OperatorCommand::Enable(args) => change(&args, json!({ "active": true }), "is enabled").await,
            OperatorCommand::Password(args) => {
                let patch = json!({ "password": args.password()? });
                change(&args.name, patch, "has a new password").await
            }
            OperatorCommand::Oidc(args) => {
                let done = if args.remove { "is not let in by the identity provider" } else { "is known by its login" };
                change(&args.name, json!({ "oidc_id": args.id }), done).await
            }
            OperatorCommand::TotpReset(args) => reset(&args).await,
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.who.name.config)?).await?;
    let body = json!({
        "username": args.who.name.username, "password": args.who.password()?, "role": args.role,
        "oidc_id": args.oidc_id,
    });
    let operator: OperatorView = backend.0.post("/api/v1/operators", Some(&body)).await?;
    told(&args.who.name, &operator, &format!("added as {}", operator.role));
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let operators = Backend::open(&load(config)?).await?.operators().await?;
    if json {
        say_json(&json!({ "operators": operators }));
        return Ok(());
    }
    if operators.is_empty() {
        say("no operators yet; add one with mast operator add");
        return Ok(());
    }
    let head = ["ID", "USERNAME", "ROLE", "STATE", "SECOND FACTOR"].map(str::to_owned).to_vec();
    let row = |operator: &OperatorView| {
        let state = if operator.active { "active" } else { "disabled" };
        let factor = if operator.second_factor { "yes" } else { "no" };
        vec![operator.id.to_string(), operator.username.clone(), operator.role.clone(), state.into(), factor.into()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(operators.iter().map(row)).collect();
    table(&rows);
    Ok(())
}

async fn change(args: &NameArgs, patch: serde_json::Value, done: &str) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = backend.operator(&args.username).await?.id;
    let operator: OperatorView = backend.0.patch(&format!("/api/v1/operators/{id}"), &patch).await?;
    told(args, &operator, done);
    Ok(())
}

async fn reset(args: &NameArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = backend.operator(&args.username).await?.id;
    backend.0.delete(&format!("/api/v1/operators/{id}/totp")).await?;
    told(args, &backend.operator(&args.username).await?, "has no second factor");
    Ok(())
}

fn told(args: &NameArgs, operator: &OperatorView, done: &str) {
    if args.json {
        say_json(operator);
    } else {
        say(format!("operator \"{}\" {done}", operator.username));
    }
}
