//! mpv without a window and without a loudspeaker: it decodes and keeps time all the same. It says its position, which also passes through
//! a short gap in the media.

use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;

use super::meter::Meter;
use super::{Player, Shown, start};
use crate::eventually;

const OBSERVE: &[u8] = b"{\"command\":[\"observe_property\",1,\"time-pos\"]}\n";

/// Plays a URL.
pub async fn mpv(url: &str) -> Player {
    let folder = TempDir::with_prefix("mast-mpv-").unwrap();
    let socket = folder.path().join("control");
    let mut command = Command::new("mpv");
    command.args(["--no-config", "--vo=null", "--ao=null", "--input-terminal=no", "--really-quiet"]);
    command.arg(format!("--input-ipc-server={}", socket.display())).arg(url);
    let child = start(&mut command);
    let connection = eventually("mpv listens", async || UnixStream::connect(&socket).await.ok()).await;
    let (reading, mut writing) = connection.into_split();
    writing.write_all(OBSERVE).await.unwrap();
    let mut meter = Meter::default();
    let controls = (BufReader::new(reading), writing, &b"{\"command\":[\"quit\"]}\n"[..]);
    Player::new("mpv", child, controls, move |line, shown| {
        // Kept until the last line was read.
        let _ = &folder;
        take(&serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")), &mut meter, shown);
    })
}

fn take(event: &Value, meter: &mut Meter, shown: &mut Shown) {
    match event["event"].as_str() {
        Some("property-change") => {
            if let Some(position) = event["data"].as_f64() {
                meter.moved(position, Instant::now(), shown);
            }
        }
        // It ends with "quit" when it is told to.
        Some("end-file") if event["reason"] != "quit" => shown.broken = Some(event.to_string()),
        _ => {}
    }
}
