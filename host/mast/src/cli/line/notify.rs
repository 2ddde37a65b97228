//! `mast line notify`: what set-top boxes are told.

use clap::Args;
use serde_json::json;

use super::super::backend::Backend;
use super::super::output::{say, say_json};
use super::super::{ConfigArg, Failure, load};
use crate::admin::{DeviceEventView, ToldView};

#[derive(Debug, Args)]
pub(in crate::cli) struct NotifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The line
    #[arg(long, conflicts_with = "all", required_unless_present = "all")]
    username: Option<String>,
    /// Every line that has a device
    #[arg(long)]
    all: bool,
    /// message, reboot, reload-portal, update-channels, update-guide, update-subscription, play-channel or stop
    #[arg(long, default_value = "message")]
    code: String,
    /// What people read; a message needs it
    #[arg(long, default_value = "")]
    text: String,
    /// The channel's id, for play-channel
    #[arg(long, value_name = "ID")]
    channel: Option<u32>,
    /// One device of the line, for example 00:1a:79:12:34:56; all of them, where missing
    #[arg(long, value_name = "MAC", conflicts_with = "all")]
    mac: Option<String>,
    /// Whoever reads it has to say so
    #[arg(long)]
    confirm: bool,
    /// Print one JSON document: the event
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(super) async fn notify(args: &NotifyArgs) -> Result<(), Failure> {
    let backend = Backend::open(&load(&args.config)?).await?;
    let mut body = json!({ "code": args.code, "text": args.text, "confirm": args.confirm });
    if let Some(channel) = args.channel {
        body["channel"] = json!(channel);
    }
    if let Some(mac) = &args.mac {
        body["device"] = json!(mac);
    }
    let Some(username) = &args.username else {
        let told: ToldView = backend.0.post("/api/v1/device-events", Some(&body)).await?;
        if args.json {
            say_json(&told);
        } else {
            say(format!(
                "event {} waits for the devices of {} lines; {} have no room",
                told.event.id, told.lines, told.full
            ));
        }
        return Ok(());
    };
    let id = backend.line(username).await?.id;
    let event: DeviceEventView = backend.0.post(&format!("/api/v1/lines/{id}/device-events"), Some(&body)).await?;
    if args.json {
        say_json(&event);
    } else {
        say(format!("event {} waits for the devices of line \"{username}\"", event.id));
    }
    Ok(())
}
