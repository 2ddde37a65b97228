//! `mast plan add|list`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::PlanView;

#[derive(Debug, Subcommand)]
pub(super) enum PlanCommand {
    /// Add a plan for resellers to sell
    Add(AddArgs),
    /// List every plan
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON document: {"plans": [...]}
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// What people read
    #[arg(long)]
    name: String,
    /// How long a line lasts, for example 1month, 3days, 12hours or 1year
    #[arg(long, value_parser = term)]
    term: (u32, &'static str),
    /// What a line costs, in credits
    #[arg(long, value_name = "N")]
    price: i64,
    /// Connections of a line at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_connections: u32,
    /// A bouquet of its lines, may be repeated; every channel, where missing
    #[arg(long = "bouquet", value_name = "NAME")]
    bouquets: Vec<String>,
    /// For trying the service out
    #[arg(long)]
    trial: bool,
    /// For how many hours a sale can be undone
    #[arg(long, value_name = "N", default_value_t = 0)]
    refund_hours: u32,
    /// Print one JSON document: the plan
    #[arg(long)]
    json: bool,
}

fn term(text: &str) -> Result<(u32, &'static str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "hour" | "hours" => Some("hours"),
        "day" | "days" => Some("days"),
        "month" | "months" => Some("months"),
        "year" | "years" => Some("years"),
        _ => None,
    };
    let parsed = count.parse().ok().zip(unit);
    parsed.ok_or_else(|| "write a number and hours, days, months or years, for example 1month".to_owned())
}

impl PlanCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::Add(args) => args.json,
            Self::List { json, .. } => *json,
        }
    }
}

pub(super) fn run(command: PlanCommand) -> Result<(), Failure> {
    on_a_thread(async {
        match command {
            PlanCommand::Add(args) => add(args).await,
            PlanCommand::List { config, json } => list(&config, json).await,
        }
    })
}

async fn add(args: AddArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let body = json!({
        "name": args.name, "term": { "count": args.term.0, "unit": args.term.1 }, "price": args.price,
        "max_connections": args.max_connections, "bouquets": args.bouquets, "trial": args.trial,
        "refund_hours": args.refund_hours,
    });
    let plan: PlanView = backend.0.post("/api/v1/plans", Some(&body)).await?;
    if args.json {
        say_json(&plan);
    } else {
        say(format!("plan \"{}\" added with id {}", plan.name, plan.id));
    }
    Ok(())
}

async fn list(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    let plans: Vec<PlanView> = Backend::open(&load(config)?).await?.0.all("/api/v1/plans").await?;
    if json {
        say_json(&json!({ "plans": plans }));
        return Ok(());
    }
    if plans.is_empty() {
        say("no plans yet; add one with mast plan add");
        return Ok(());
    }
    let head = ["ID", "NAME", "TERM", "PRICE", "CONNECTIONS", "BOUQUETS", "STATE"].map(str::to_owned).to_vec();
    let row = |plan: &PlanView| {
        let unit = json!(plan.term.unit);
        let term = format!("{} {}", plan.term.count, unit.as_str().unwrap_or_default());
        let bouquets = if plan.bouquets.is_empty() { "every channel".to_owned() } else { plan.bouquets.join(", ") };
        let state = match (plan.active, plan.trial) {
            (false, _) => "off",
            (true, true) => "trial",
            (true, false) => "sold",
        };
        let cells = [plan.id.to_string(), plan.name.clone(), term, plan.price.to_string()];
        cells.into_iter().chain([plan.max_connections.to_string(), bouquets, state.to_owned()]).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(plans.iter().map(row)).collect();
    table(&rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        for (text, expected) in [("1month", (1, "months")), ("12 hours", (12, "hours")), ("3days", (3, "days"))] {
            assert_eq!(term(text), Ok(expected), "{text}");
        }
        for bad in ["", "month", "1", "1fortnight", "-1day", "99999999999days"] {
            assert!(term(bad).is_err(), "{bad}");
        }
    }
}
