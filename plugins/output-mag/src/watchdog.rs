//! The question that a box asks every two minutes: is there anything new? It keeps the box known as being there.

use mast_sdk::output::{DeviceEvent, Filter, Response};
use mast_sdk::{Result, pair};
use serde_json::{Value, json};

use crate::{Call, answer, boxes};

/// The id of the event that the portal makes by itself: no event of the host's has it, and scripts can count so far.
const OWN: u64 = (1 << 53) - 1;
/// Events that mean nothing to a box are passed over, so many at once.
const PASSED: usize = 16;

pub(crate) fn answer(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_events" => answer::js(response, &json!({ "data": events(call)? })),
        "confirm_event" => {
            if let Some(id) = call.number::<u64>("event_active_id").filter(|id| *id != OWN) {
                call.line.confirm_event(&call.mac, id);
            }
            answer::js(response, &json!({ "data": "ok" }))
        }
        _ => answer::nothing(response),
    }
}

fn events(call: &Call<'_>) -> Result<Value> {
    let shown = call.number::<u64>("event_active_id").unwrap_or_default();
    for _ in 0..PASSED {
        let Some(event) = call.line.next_event(&call.mac) else { break };
        let to_confirm = pair(&event.attrs, "confirm") == Some("true");
        if to_confirm && event.id == shown {
            // It is on the screen and waits for a key.
            return Ok(none());
        }
        // What nobody has to acknowledge has come once it was sent: boxes confirm nothing else.
        if !to_confirm {
            call.line.confirm_event(&call.mac, event.id);
        }
        if let Some(known) = of_box(call, &event) {
            return Ok(sent(&event, known, to_confirm));
        }
        call.line.confirm_event(&call.mac, event.id);
    }
    changed(call)
}

fn none() -> Value {
    json!({ "msgs": 0, "additional_services_on": "1" })
}

/// The box's name of an event, its text and its parameter.
fn of_box(call: &Call<'_>, event: &DeviceEvent) -> Option<(&'static str, String, String)> {
    let plain = |name| Some((name, event.text.clone(), String::new()));
    match event.code.as_str() {
        "message" => plain("send_msg"),
        "reboot" => plain("reboot"),
        "reload-portal" => plain("reload_portal"),
        "update-channels" => plain("update_channels"),
        "update-guide" => plain("update_epg"),
        "update-subscription" => plain("update_subscription"),
        "stop" => plain("cut_off"),
        "play-channel" => {
            let id = pair(&event.attrs, "channel")?.parse().ok()?;
            let channel = call.line.find(id, &Filter::of("live"))?;
            Some(("play_channel", channel.number.to_string(), channel.id.to_string()))
        }
        _ => None,
    }
}

fn sent(event: &DeviceEvent, (name, text, parameter): (&str, String, String), to_confirm: bool) -> Value {
    json!({
        "msgs": 1,
        "id": event.id.to_string(),
        "event": name,
        "need_confirm": u8::from(to_confirm).to_string(),
        "msg": text,
        "reboot_after_ok": "0",
        "auto_hide_timeout": "0",
        "param1": parameter,
        "additional_services_on": "1",
    })
}

/// The lineup is not the one that the box has seen: it is to read it anew.
fn changed(call: &Call<'_>) -> Result<Value> {
    let info = call.line.info();
    let Some(lineup) = pair(&info.attrs, "lineup") else { return Ok(none()) };
    let seen = boxes::note("lineup", &call.mac)?;
    boxes::set_note("lineup", &call.mac, lineup)?;
    if seen.is_none_or(|seen| seen == lineup) {
        return Ok(none());
    }
    let event = DeviceEvent { id: OWN, code: "update-channels".to_owned(), text: String::new(), attrs: Vec::new() };
    Ok(sent(&event, ("update_channels", String::new(), String::new()), false))
}
