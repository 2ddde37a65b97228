//! An HDHomeRun tuner for each line: `/hdhr/{token}/discover.json` and its like, and one tuner at the root for programs that only take an
//! address.
//!
//! It describes tuners and sends viewers on to the host's playback URLs; it serves no media, and it answers no discovery on the network:
//! that is the host's.

mod device;
mod lineup;

use mast_sdk::output::{self, Filter, Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result, log, secrets};

use device::Device;
use lineup::Form;

/// What is told where every connection of the line is in use, as a tuner tells it.
const ALL_IN_USE: &str = "805 All Tuners In Use";

/// The paths of a tuner, by their routes.
const PATHS: [(&str, &str); 8] = [
    ("discover", "/discover.json"),
    ("json", "/lineup.json"),
    ("xml", "/lineup.xml"),
    ("m3u", "/lineup.m3u"),
    ("status", "/lineup_status.json"),
    ("post", "/lineup.post"),
    ("device", "/device.xml"),
    ("auto", "/auto/{channel}"),
];

#[derive(serde::Deserialize)]
struct HdHomeRun {
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_model")]
    model: String,
    device_id: Option<String>,
    line_username: Option<String>,
    line_password: Option<String>,
}

fn default_name() -> String {
    "Mast".to_owned()
}

fn default_model() -> String {
    "HDHR5-4US".to_owned()
}

impl Output for HdHomeRun {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        if own.line_username.is_some() != own.line_password.is_some() {
            return Err(Error::config("set both line_username and line_password, or neither"));
        }
        for text in [&own.line_username, &own.line_password].into_iter().flatten() {
            expand(text, |_| Ok(String::new()))?;
        }
        if own.device_id.is_some() && own.line_username.is_none() {
            return Err(Error::config(
                "device_id is the id of the tuner at the root; set line_username and line_password too, or leave it out",
            ));
        }
        own.root_id()?;
        Ok(own)
    }

    fn routes(&self) -> Vec<Route> {
        let of_line = PATHS.iter().map(|(id, path)| route(id, &format!("/hdhr/{{token}}{path}"), "path-token"));
        let at_root = PATHS.iter().map(|(id, path)| route(id, path, "public"));
        of_line.chain(at_root.filter(|_| self.line_username.is_some())).collect()
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        if let Some(line) = line {
            let token = percent(request.param("token").unwrap_or_default());
            return self.answer(request, line, &format!("{}/hdhr/{token}", request.base_url), response);
        }
        match self.root_line()? {
            Ok(line) => self.answer(request, &line, &request.base_url, response),
            Err(why) => {
                let message = format!("the line of the tuner at the root cannot be used: {why}; see line_username");
                log::write(log::Level::Warn, &message);
                response.text(503, "This tuner cannot be used now.\n")
            }
        }
    }
}

fn route(id: &str, path: &str, line: &str) -> Route {
    let route = Route::get(id, path, line);
    if id == "post" { route.method("POST") } else { route }
}

impl HdHomeRun {
    /// The line of the tuner at the root, or why there is none.
    fn root_line(&self) -> Result<Result<Line<'static>, String>> {
        let (Some(username), Some(password)) = (&self.line_username, &self.line_password) else {
            return Err(Error::internal("the host called this output without a line"));
        };
        Ok(output::authenticate(&expand(username, secrets::get)?, &expand(password, secrets::get)?))
    }

    /// The id that the operator set for the tuner at the root.
    fn root_id(&self) -> Result<Option<u32>> {
        let Some(text) = &self.device_id else { return Ok(None) };
        let id =
            u32::from_str_radix(text, 16).map_err(|_| Error::config("device_id has to be 8 hexadecimal digits"))?;
        if !device::is_valid(id) {
            return Err(Error::config(
                "the check digit of device_id, its last one, is wrong: programs would refuse it",
            ));
        }
        Ok(Some(id))
    }

    fn answer(&self, request: &Request, line: &Line<'_>, base: &str, response: &mut Response<'_>) -> Result<()> {
        match request.route.as_str() {
            "json" => lineup::write(line, Form::Json, base, response),
            "xml" => lineup::write(line, Form::Xml, base, response),
            "m3u" => lineup::write(line, Form::M3u, base, response),
            "status" => json(
                response,
                // Programs ask for a scan and wait for its end; the lineup is always complete, so it has ended at once.
                &serde_json::json!({ "ScanInProgress": 0, "ScanPossible": 1, "Source": "Cable", "SourceList": ["Cable"] }),
            ),
            "post" => scan(request, response),
            "auto" => tune(request, line, response),
            _ => self.describe(request, line, base, response),
        }
    }

    fn describe(&self, request: &Request, line: &Line<'_>, base: &str, response: &mut Response<'_>) -> Result<()> {
        let known = line.info();
        let set = if request.param("token").is_none() { self.root_id()? } else { None };
        let device = Device {
            name: &self.name,
            model: &self.model,
            id: set.unwrap_or_else(|| device::id_of(&known.username)),
            tuners: device::tuners(&known),
            base,
        };
        if request.route == "device" {
            response.start(200, &[("content-type", "application/xml; charset=utf-8")])?;
            response.write(device.xml().as_bytes())
        } else {
            json(response, &device.discover())
        }
    }
}

fn json(response: &mut Response<'_>, value: &serde_json::Value) -> Result<()> {
    response.start(200, &[("content-type", "application/json; charset=utf-8")])?;
    response.write(value.to_string().as_bytes())
}

/// There is nothing to scan: starting and ending it are answered, and nothing happens.
fn scan(request: &Request, response: &mut Response<'_>) -> Result<()> {
    match request.query("scan") {
        Some("start" | "abort") => response.text(200, ""),
        _ => response.text(400, "This tuner takes scan=start and scan=abort.\n"),
    }
}

/// Sends the viewer on to the channel. `duration` and `transcode` are not looked at.
fn tune(request: &Request, line: &Line<'_>, response: &mut Response<'_>) -> Result<()> {
    let asked = request.param("channel").and_then(|channel| channel.strip_prefix('v'));
    let number = asked.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok());
    let Some(id) = number.and_then(|number| find(line, number)) else {
        return response.text(404, "There is no such channel.\n");
    };
    let known = line.info();
    if known.active_connections >= device::tuners(&known) {
        let headers = [("content-type", "text/plain; charset=utf-8"), ("x-hdhomerun-error", ALL_IN_USE)];
        response.start(503, &headers)?;
        return response.write(b"All tuners are in use.\n");
    }
    let url = line.playback(id, "mpegts")?;
    response.start(302, &[("location", &url)])
}

/// The id of the channel with this number.
fn find(line: &Line<'_>, number: u32) -> Option<u32> {
    line.lineup(&Filter::of("live"))
        .find_map(|batch| batch.iter().find(|channel| channel.number == number).map(|channel| channel.id))
}

/// Text for XML, in elements and in attributes. What XML cannot hold becomes a replacement character.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// One segment of a path.
fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Puts secrets in place of their `${NAME}`.
fn expand(text: &str, value: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let (name, after) = behind
            .split_once('}')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| Error::config("line_username or line_password has a ${ without a name and its }"))?;
        expanded.push_str(before);
        expanded.push_str(&value(name)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

mast_sdk::export_plugin!(HdHomeRun: output);

#[cfg(test)]
mod tests;
