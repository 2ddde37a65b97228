//! `mast guide search`.

use clap::Args;
use serde_json::{Value, json};

use super::super::backend::{Backend, encoded};
use super::super::output::{say, say_json, table};
use super::super::{ConfigArg, Failure, load};
use crate::admin::Page;

#[derive(Debug, Args)]
pub(in super::super) struct SearchArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Words, in any order; the last one may be only begun
    words: Vec<String>,
    /// Exactly this category
    #[arg(long)]
    category: Option<String>,
    /// Exactly this title: what is to come of a series
    #[arg(long)]
    title: Option<String>,
    /// How many at most, 1 to 1,000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Print one JSON document: {"items": [...]}
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: SearchArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let mut path = format!("/api/v1/guide/search?limit={}", args.limit);
    for (key, value) in [("q", Some(args.words.join(" "))), ("category", args.category), ("title", args.title)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            path.push_str(&format!("&{key}={}", encoded(&value)));
        }
    }
    let found: Page<Value> = backend.0.get(&path).await?;
    if args.json {
        say_json(&json!({ "items": found.items }));
        return Ok(());
    }
    if found.items.is_empty() {
        say("nothing is found");
        return Ok(());
    }
    let row = |hit: &Value| {
        let text = |key: &str| hit["programme"][key].as_str().unwrap_or_default().to_owned();
        vec![text("start"), text("stop"), hit["channel"].to_string(), text("title"), text("sub_title")]
    };
    let head = ["START", "STOP", "CHANNEL", "TITLE", "SUBTITLE"].map(str::to_owned).to_vec();
    table(&std::iter::once(head).chain(found.items.iter().map(row)).collect::<Vec<_>>());
    Ok(())
}
