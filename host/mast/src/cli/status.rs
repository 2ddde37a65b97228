//! `mast status`: how a running server does.

use serde_json::{Value, json};

use super::backend::Backend;
use super::output::{say, say_json, table};
use super::{ConfigArg, Failure, load, on_a_thread};
use crate::admin::{ControlSocket, HealthView, OnAirView};

pub(super) fn run(config: &ConfigArg, json: bool) -> Result<(), Failure> {
    on_a_thread(async {
        let config = load(config)?;
        let backend = Backend::open(&config).await?;
        if !backend.0.is_server() {
            let socket = ControlSocket::path(&config.data_dir);
            return Err(Failure::new("no_server", format!("no server answers on {}", socket.display())));
        }
        let status: Value = backend.0.get("/api/v1/status").await?;
        let health: HealthView = backend.0.get("/api/v1/health").await?;
        let on_air: Vec<OnAirView> = backend.every("/api/v1/channels/on-air", "").await?;
        if json {
            say_json(&json!({ "health": health, "channels": on_air, "status": status }));
            return Ok(());
        }
        let number = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        say(format!(
            "Mast {} since {}: {}; {} lines, {} sessions",
            status["version"].as_str().unwrap_or_default(),
            status["started"].as_str().unwrap_or_default(),
            health.status,
            number("/lines"),
            number("/sessions/hls") + number("/sessions/continuous"),
        ));
        let checks = health.checks.into_iter().map(|check| vec![check.name, check.status, check.detail]);
        table(&checks.collect::<Vec<_>>());
        let active: Vec<&OnAirView> = on_air.iter().filter(|channel| channel.state != "idle").collect();
        if active.is_empty() {
            return Ok(());
        }
        let head = ["CHANNEL", "STATE", "VIEWERS", "KBIT/S", "UPSTREAM", "FAULT"].map(str::to_owned).to_vec();
        let row = |channel: &OnAirView| {
            let name = format!("{} {}", channel.id, channel.name);
            let rate = (channel.bitrate / 1_000).to_string();
            let upstream = channel.upstream_host.clone().unwrap_or_default();
            let fault = channel.fault.clone().unwrap_or_default();
            vec![name, channel.state.clone(), channel.viewers.to_string(), rate, upstream, fault]
        };
        table(&std::iter::once(head).chain(active.into_iter().map(row)).collect::<Vec<_>>());
        Ok(())
    })
}
