//! A thousand set-top boxes that come back after a power cut: handshake, profile, account and events, all at once.

use std::time::Instant;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::lists::wait_for;
use crate::figure::{Figure, Report};
use crate::host::Host;
use crate::process::cpu_seconds;

const BOXES: usize = 1_000;

fn mac(number: usize) -> String {
    format!("00:1a:79:00:{:02x}:{:02x}", number / 256, number % 256)
}

/// Lines, each with a box.
pub(super) async fn add(host: &Host, key: &str) -> anyhow::Result<()> {
    let line = |n: usize| json!({ "username": format!("box-{n}"), "token": format!("{n:064x}"), "macs": [mac(n)] });
    let lines: Vec<Value> = (0..BOXES).map(line).collect();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let request = http.post(host.at("/api/v1/lines/import?format=json")).bearer_auth(key);
    let answer = request.header("content-type", "application/json").body(Value::from(lines).to_string()).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "lines were not added: {status}: {}", text.chars().take(300).collect::<String>());
    Ok(())
}

/// What a box has after it has logged in.
pub(super) struct StbSession {
    mac: String,
    token: String,
}

impl StbSession {
    pub(super) fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let cookie = format!("mac={}; stb_lang=en; timezone=UTC", self.mac);
        let request = request.header("cookie", cookie);
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    async fn call(&self, http: &reqwest::Client, host: &Host, call: &str) -> anyhow::Result<Value> {
        let request = http.get(host.at(&format!("/portal.php?{call}&JsHttpRequest=1-xml")));
        let text = self.sign(request).send().await?.error_for_status()?.text().await?;
        let answer: Value = serde_json::from_str(&text).with_context(|| format!("{call}: {text}"))?;
        Ok(answer["js"].clone())
    }

    /// Handshake and profile.
    pub(super) async fn log_in(host: &Host, number: usize) -> anyhow::Result<Self> {
        wait_for(host, "/portal.php?type=stb&action=handshake").await?;
        Self::with(&reqwest::Client::builder().no_proxy().build()?, host, number).await
    }

    async fn with(http: &reqwest::Client, host: &Host, number: usize) -> anyhow::Result<Self> {
        let mut own = Self { mac: mac(number), token: String::new() };
        let shaken = own.call(http, host, "type=stb&action=handshake").await?;
        own.token = shaken["token"].as_str().context("no token")?.to_owned();
        let profile = own
            .call(http, host, &format!("type=stb&action=get_profile&sn=S{number}&stb_type=MAG254&device_id=D{number}"))
            .await?;
        ensure!(profile["status"].to_string().trim_matches('"') == "0", "box {number} was not let in: {profile}");
        Ok(own)
    }
}

pub(super) async fn run(host: &Host, report: &mut Report) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let before = cpu_seconds(host.pid()?)?;
    let start = Instant::now();
    let one = async |number: usize| {
        let own = StbSession::with(&http, host, number).await?;
        own.call(&http, host, "type=account_info&action=get_main_info").await?;
        own.call(&http, host, "type=watchdog&action=get_events&init=1&cur_play_type=0&event_active_id=0").await?;
        anyhow::Ok(start.elapsed().as_secs_f64())
    };
    let mut times = try_join_all((0..BOXES).map(one)).await?;
    times.sort_by(f64::total_cmp);
    let (all, seconds) = (start.elapsed().as_secs_f64(), cpu_seconds(host.pid()?)? - before);
    report.progress(&format!(
        "{BOXES} boxes in {all:.2} s, {seconds:.2} CPU seconds; the middle one after {:.2} s",
        times[BOXES / 2]
    ))?;
    let mut add =
        |figure, value, unit| report.add(&Figure { bench: "outputs", figure, value, unit, peer: None, goal: None });
    add("1,000 set-top boxes log in at once", all, "s")?;
    add("a set-top box's login", seconds * 1000.0 / BOXES as f64, "CPU ms")
}
