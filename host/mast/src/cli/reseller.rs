//! `mast reseller add|list|credit|disable|enable|password|totp-reset`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::who::{NameArgs, PasswordArgs};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::{BalanceView, EntryView, ResellerView};

#[derive(Debug, Subcommand)]
pub(super) enum ResellerCommand {
    /// Add a reseller
    Add(AddArgs),
    /// List every reseller with its credits
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"resellers": [...]}, each with its "balance"
        #[arg(long)]
        json: bool,
    },
    /// Make credits for a reseller, or take them back
    Credit(CreditArgs),
    /// Switch a reseller and everybody below it off; lines that were sold go on
    Disable(NameArgs),
    /// Switch a reseller on again
    Enable(NameArgs),
    /// Give a reseller another password and end its sessions
    Password(PasswordArgs),
    /// Take a reseller's second factor away
    TotpReset(NameArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    who: PasswordArgs,
    /// The reseller that it stands below; the house, where missing
    #[arg(long, value_name = "USERNAME")]
    parent: Option<String>,
    /// What it may do besides selling: sub_resellers, claw_back, trials or refunds; may be repeated
    #[arg(long = "right", value_name = "RIGHT", value_parser = ["sub_resellers", "claw_back", "trials", "refunds"])]
    rights: Vec<String>,
    /// A plan that it may sell, by id, may be repeated; all, where missing
    #[arg(long = "plan", value_name = "ID")]
    plans: Vec<u64>,
    /// Lines that it may have; any number, where missing
    #[arg(long, value_name = "N")]
    lines: Option<u32>,
    /// How far below zero selling may take its credits
    #[arg(long, value_name = "N", default_value_t = 0)]
    overdraft: i64,
}

#[derive(Debug, Args)]
pub(super) struct CreditArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The reseller
    #[arg(long)]
    username: String,
    /// How many, at least 1
    #[arg(long, value_name = "N")]
    amount: i64,
    /// Take them back instead
    #[arg(long)]
    take_back: bool,
    /// What for; it stays in the ledger for ever
    #[arg(long, default_value = "")]
    text: String,
    /// Print one JSON document: the entry of the ledger
    #[arg(long)]
    json: bool,
}

impl ResellerCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.who.name.json,
            Self::List { json, .. } => *json,
            Self::Credit(args) => args.json,
            Self::Disable(args) | Self::Enable(args) | Self::TotpReset(args) => args.json,
            Self::Password(args) => args.name.json,
        }
    }
}

pub(super) fn run(command: ResellerCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            ResellerCommand::Add(args) => add(args).await,
            ResellerCommand::List { config, json } => list(&config, json).await,
            ResellerCommand::Credit(args) => credit(&args).await,
            ResellerCommand::Disable(args) => change(&args, json!({ "active": false }), "is disabled").await,
            ResellerCommand::Enable(args) => change(&args, json!({ "active": true }), "is enabled").await,
            ResellerCommand::Password(args) => {
                let patch = json!({ "password": args.password()? });
                change(&args.name, patch, "has a new password").await
            }
            ResellerCommand::TotpReset(args) => reset(&args).await,
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let name = &args.who.name;
    let backend = Backend::open(&load(&name.config)?).await?;
    let parent = match &args.parent {
        Some(parent) => Some(backend.reseller(parent).await?.id),
        None => None,
    };
    let rights: serde_json::Map<_, _> = args.rights.iter().map(|right| (right.clone(), true.into())).collect();
    let body = json!({
        "username": name.username, "password": args.who.password()?, "parent": parent, "rights": rights,
        "limits": { "overdraft": args.overdraft, "lines": args.lines, "plans": args.plans },
    });
    let reseller: ResellerView = backend.0.post("/api/v1/resellers", Some(&body)).await?;
    told(name, &reseller, &format!("added with id {}", reseller.id));
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let client = Backend::open(&load(config)?).await?.0;
    let resellers: Vec<ResellerView> = client.all("/api/v1/resellers").await?;
    let balances: Vec<BalanceView> = client.all("/api/v1/balances").await?;
    let balance = |reseller: &ResellerView| {
        let account = format!("reseller/{}", reseller.id);
        balances.iter().find(|balance| balance.account == account).map_or(0, |balance| balance.balance)
    };
    if json {
        let with_balance = |reseller: &ResellerView| {
            let mut view = json!(reseller);
            view["balance"] = json!(balance(reseller));
            view
        };
        say_json(&json!({ "resellers": resellers.iter().map(with_balance).collect::<Vec<_>>() }));
        return Ok(());
    }
    if resellers.is_empty() {
        say("no resellers yet; add one with mast reseller add");
        return Ok(());
    }
    let head = ["ID", "USERNAME", "BELOW", "STATE", "CREDITS"].map(str::to_owned).to_vec();
    let row = |reseller: &ResellerView| {
        let state = if reseller.active { "active" } else { "disabled" };
        let above = reseller.parent.and_then(|parent| resellers.iter().find(|other| other.id == parent));
        let above = above.map_or_else(|| "-".to_owned(), |above| above.username.clone());
        vec![reseller.id.to_string(), reseller.username.clone(), above, state.into(), balance(reseller).to_string()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(resellers.iter().map(row)).collect();
    table(&rows);
    Ok(())
}

async fn credit(args: &CreditArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = backend.reseller(&args.username).await?.id;
    let (what, done) = if args.take_back { ("claw-back", "gave back") } else { ("issue", "got") };
    let body = json!({ "amount": args.amount, "text": args.text });
    let entry: EntryView = backend.0.pay(&format!("/api/v1/resellers/{id}/{what}"), &body).await?;
    if args.json {
        say_json(&entry);
        return Ok(());
    }
    let balance: BalanceView = backend.0.get(&format!("/api/v1/resellers/{id}/balance")).await?;
    say(format!("reseller \"{}\" {done} {} and has {} credits", args.username, entry.amount, balance.balance));
    Ok(())
}

async fn change(args: &NameArgs, patch: serde_json::Value, done: &str) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = backend.reseller(&args.username).await?.id;
    let reseller: ResellerView = backend.0.patch(&format!("/api/v1/resellers/{id}"), &patch).await?;
    told(args, &reseller, done);
    Ok(())
}

async fn reset(args: &NameArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let id = backend.reseller(&args.username).await?.id;
    backend.0.delete(&format!("/api/v1/resellers/{id}/totp")).await?;
    told(args, &backend.reseller(&args.username).await?, "has no second factor");
    Ok(())
}

fn told(args: &NameArgs, reseller: &ResellerView, done: &str) {
    if args.json {
        say_json(reseller);
    } else {
        say(format!("reseller \"{}\" {done}", reseller.username));
    }
}
