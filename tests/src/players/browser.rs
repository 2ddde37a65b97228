//! Headless Chromium: hls.js in it (`tests/clients/play_hls.js` runs both, `play_hls.html` is the page), and pages with a form
//! (`tests/clients/open_page.js`).

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Player, Shown, pipes, start};
use crate::clients::{installed, scripts};

/// Plays an HLS URL in a page of another origin.
pub fn hls_js(url: &str) -> Player {
    let profile = TempDir::with_prefix("mast-chromium-").unwrap();
    let mut command = Command::new("node");
    command.arg(scripts().join("play_hls.js")).arg(installed()).arg(profile.path()).arg(url);
    let mut child = start(&mut command);
    // It ends when its standard input closes.
    let pipes = pipes(&mut child, b"");
    Player::new("hls.js", child, pipes, move |line, shown| {
        // Kept until the last line was read.
        let _ = &profile;
        *shown = read(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    })
}

/// What a page shows after its form was filled in and sent: texts by the id of their elements, and `problems`.
pub async fn fill_in(url: &str, fields: &Value) -> Value {
    let profile = TempDir::with_prefix("mast-chromium-").unwrap();
    let mut command = Command::new("node");
    command.arg(scripts().join("open_page.js")).arg(profile.path()).arg(url).arg(fields.to_string());
    let output = command.kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn read(account: Value) -> Shown {
    let seconds = |name: &str| Duration::try_from_secs_f64(account[name].as_f64().unwrap()).unwrap();
    let broken = Some(&account["fatal"]).filter(|fatal| !fatal.is_null()).map(Value::to_string);
    Shown {
        played: seconds("played"),
        longest_stall: seconds("longest_stall"),
        discontinuities: account["discontinuities"].as_u64().unwrap(),
        broken,
        account,
    }
}
