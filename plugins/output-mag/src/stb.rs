//! How a box gets in: handshake, profile, login. And its texts and modules.

use mast_sdk::output::{self, LineInfo, Request, Response};
use mast_sdk::{Code, Result, clock, log, random};
use serde_json::{Value, json};

use crate::boxes::{self, Tokens};
use crate::{Mag, account, answer, mac};

/// The texts of the user interface, in English.
const TEXTS: &str = include_str!("texts.json");

/// What the profile says of whether the box may go on.
#[derive(Clone, Copy)]
enum Status {
    Good = 0,
    Blocked = 1,
    LogIn = 2,
}

/// A token for the MAC address. Strangers get one too, which is kept nowhere and opens nothing: who asks learns nothing of which boxes there
/// are, and cannot fill the storage.
pub(crate) fn handshake(mag: &Mag, request: &Request, response: &mut Response<'_>) -> Result<()> {
    let Some(mac) = mac::of(request) else { return answer::refuse(response) };
    let token = match output::by_device(&mac) {
        Ok(_) => Tokens::handshake(&mac, mag.is_locked(&mac)?)?,
        Err(_) => random::token(),
    };
    answer::js(response, &json!({ "token": token, "random": random::token(), "not_valid": 0 }))
}

/// The profile, whose status says whether the box may go on, is blocked, or has to log in.
pub(crate) fn profile(mag: &Mag, request: &Request, response: &mut Response<'_>) -> Result<()> {
    let (Some(mac), Some(token)) = (mac::of(request), mac::token(request)) else { return answer::refuse(response) };
    let line = match output::by_device(&mac) {
        Ok(line) => line,
        Err(why) => {
            let (status, text) = match why.as_str() {
                "credentials" if mag.register => {
                    (Status::LogIn, "Enter the username and password of your subscription.")
                }
                why => (Status::Blocked, account::refusal(why)),
            };
            return answer::js(response, &profile_of(mag, &mac, status, text, None));
        }
    };
    if !Tokens::of(&mac)?.may_ask(token) {
        return answer::refuse(response);
    }
    if mag.lock == "device" && !boxes::lock(&mac, request, mag.is_unlocked(&mac))? {
        log::write(log::Level::Info, &format!("another device asks with the MAC address {mac}; see unlock"));
        let text = "This MAC address belongs to another device. Ask your provider to unlock it.";
        return answer::js(response, &profile_of(mag, &mac, Status::Blocked, text, None));
    }
    Tokens::open(&mac, token)?;
    let info = line.info();
    // It reads the channels next.
    if let Some(lineup) = mast_sdk::pair(&info.attrs, "lineup") {
        boxes::set_note("lineup", &mac, lineup)?;
    }
    answer::js(response, &profile_of(mag, &mac, Status::Good, "", Some(&info)))
}

/// Username and password of a box that is bound to no line, or that is to be bound to another device's line. The token at hand becomes the box's.
pub(crate) fn log_in(mag: &Mag, request: &Request, response: &mut Response<'_>) -> Result<()> {
    let (Some(mac), Some(token)) = (mac::of(request), mac::token(request)) else { return answer::refuse(response) };
    let field = |name: &str| request.query(name).unwrap_or_default();
    if !mag.register {
        return answer::js(response, &json!(false));
    }
    let Ok(line) = output::authenticate(field("login"), field("password")) else {
        return answer::js(response, &json!(false));
    };
    match line.bind_device(&mac) {
        Ok(()) => {
            Tokens::adopt(&mac, token)?;
            answer::done(response)
        }
        Err(error) => {
            // Somebody else's device, or one too many, is the viewer's business; a missing grant is the operator's.
            let level =
                if matches!(error.code, Code::Conflict | Code::Limit) { log::Level::Info } else { log::Level::Error };
            log::write(level, &format!("the box {mac} cannot be bound to its line: {error}"));
            answer::js(response, &json!(false))
        }
    }
}

pub(crate) fn localization(response: &mut Response<'_>) -> Result<()> {
    answer::written(response, ("", ""), |response| response.write(TEXTS.trim().as_bytes()))
}

pub(crate) fn answer(action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_modules" => answer::js(response, &modules()),
        "get_locales" => answer::js(response, &json!([{ "label": "English", "value": "en_GB.utf8", "selected": 1 }])),
        "get_countries" | "get_timezones" | "get_cities" | "get_tv_aspects" | "get_storages" => {
            answer::nothing(response)
        }
        // The password of parents would only seem to be changed.
        "set_parent_password" => answer::js(response, &json!(false)),
        action if action == "log" || action.starts_with("set_") => answer::done(response),
        _ => answer::nothing(response),
    }
}

fn modules() -> Value {
    json!({
        "all_modules": ["tv", "vclub", "sclub", "radio", "epg", "epg.simple", "account", "settings", "settings.localization", "internet"],
        "switchable_modules": [],
        "disabled_modules": ["tv_archive", "time_shift", "remotepvr", "pvr_local", "apps", "audioclub", "karaoke", "game", "infoportal"],
        "restricted_modules": [],
        "template": "default",
        "launcher_url": "",
        "launcher_profile_url": "",
    })
}

/// The profile. Boxes read the first lines; the rest is there because portals' scripts look at it without asking whether it is.
fn profile_of(mag: &Mag, mac: &str, status: Status, text: &str, info: Option<&LineInfo>) -> Value {
    let blocked = matches!(status, Status::Blocked);
    let mut profile = json!({
        "id": mac.replace(':', ""),
        "status": status as u8,
        "msg": text,
        "block_msg": if blocked { text } else { "" },
        "blocked": u8::from(blocked).to_string(),
        "mac": mac.to_uppercase(),
        "name": mac.to_uppercase(),
        "watchdog_timeout": mag.watchdog,
        "timeslot": mag.watchdog,
        "timeslot_ratio": 1,
        "playback_limit": 0,
        "last_itv_id": "0",
        "updated": { "id": "1", "anec": "0", "vclub": "0" },
        "login": "",
        "password": "",
        "expire_billing_date": "",
        "tariff_expired_date": null,
    });
    let more = [interface(), playback()];
    if let Some(fields) = profile.as_object_mut() {
        more.into_iter().filter_map(|part| part.as_object().cloned()).for_each(|part| fields.extend(part));
        if let Some(info) = info {
            fields.insert("fname".to_owned(), json!(info.username));
            fields.insert("phone".to_owned(), json!(account::expiry(info, mag.offset())));
            fields.insert("expire_billing_date".to_owned(), json!(account::end(info, mag.offset())));
            fields.insert("created".to_owned(), json!(crate::times::date_and_time(info.created)));
            fields.insert("last_active".to_owned(), json!(clock::now()));
            if let Ok(Some(last)) = boxes::note("last", mac) {
                fields.insert("last_itv_id".to_owned(), json!(last));
            }
        }
    }
    profile
}

/// What the profile says of the user interface.
fn interface() -> Value {
    json!({
        "sname": "", "pass": "", "fname": "", "phone": "", "ls": "", "ip": "", "version": "", "lang": "en", "stb_lang": "en",
        "locale": "en_GB.utf8", "default_locale": "en_GB.utf8", "default_timezone": "UTC", "city_id": "0", "country": "",
        "parent_password": "0000", "settings_password": "0000", "hd": "1", "main_notify": "1", "fav_itv_on": "0",
        "now_playing_start": "", "now_playing_type": "0", "now_playing_content": "", "now_playing_link_id": null,
        "additional_services_on": "1", "operator_id": "0", "storage_name": "", "hd_content": "0", "image_version": "218",
        "last_change_status": "", "last_start": "", "keep_alive": "", "screensaver_delay": "10", "tv_quality": "high",
        "stb_type": "", "num_banks": "2", "tariff_plan_id": "0", "comment": "", "theme": "", "template": "default",
        "display_menu_after_loading": "0", "show_after_loading": "main_menu", "play_in_preview_by_ok": null,
        "play_in_preview_only_by_ok": "", "hide_channel_logo": "", "show_tv_channel_logo": "1",
        "show_channel_logo_in_preview": "1", "show_version_in_main_menu": "1", "show_purchased": "", "show_tv_only_hd_filter_option": "",
        "is_moderator": false, "kinopoisk_rating": "", "enable_tariff_plans": "", "strict_stb_type_check": "",
        "allowed_stb_types": ["aurahd", "mag200", "mag245", "mag250", "mag254", "mag256", "mag270", "mag275", "mag322", "mag324", "mag349", "mag351", "mag420", "mag424", "mag520", "mag524"],
        "allowed_stb_types_for_local_recording": [], "storages": [], "test_download_url": "", "units": "metric",
        "use_embedded_settings": "", "logarithm_volume_control": "1", "subtitle_size": "20", "subtitle_color": "16777215",
        "enable_buffering_indication": "1", "enable_connection_problem_indication": "1", "closed_captions": "",
        "web_proxy_host": "", "web_proxy_port": "", "web_proxy_user": "", "web_proxy_pass": "", "web_proxy_exclude_list": "",
        "cas_type": 0, "cas_params": null, "cas_web_params": null, "cas_additional_params": [], "cas_hw_descrambling": 0,
        "cas_ini_file": "", "account_page_by_password": "", "force_ch_link_check": "", "plasma_saving": "0",
        "plasma_saving_timeout": "600", "ts_enabled": "0", "ts_enable_icon": "0", "store_auth_data_on_stb": "1",
    })
}

/// What the profile says of sound and picture.
fn playback() -> Value {
    json!({
        "bright": "200", "contrast": "127", "saturation": "127", "video_out": "rca", "volume": "70",
        "playback_buffer_bytes": "0", "playback_buffer_size": "0", "audio_out": "1", "aspect": "16", "rtsp_type": "4", "rtsp_flags": "0",
        "record_max_length": "180", "demo_video_mode": null, "tv_quality_filter": "", "tv_channel_default_aspect": "fit",
        "tv_playback_retry_limit": "0", "timezone_diff": 0, "time_last_play_tv": "", "time_last_play_video": "",
        "hls_fast_start": "1", "preload_images": "1", "max_local_recordings": "0", "check_ssl_certificate": "0",
        "pri_audio_lang": "", "sec_audio_lang": "", "pri_subtitle_lang": "", "sec_subtitle_lang": "",
    })
}
