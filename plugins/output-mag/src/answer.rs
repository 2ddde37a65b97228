//! The envelope around every answer: `{"js": ..., "text": ""}`, always with 200, because boxes take anything else for a broken connection.

use mast_sdk::output::Response;
use mast_sdk::{Error, Result, log};
use serde::Serialize;
use serde_json::{Value, json};

fn start(response: &mut Response<'_>) -> Result<()> {
    let headers = [("content-type", "application/json; charset=utf-8"), ("x-content-type-options", "nosniff")];
    response.start(200, &headers)
}

/// A value in its envelope.
pub(crate) fn js(response: &mut Response<'_>, value: &Value) -> Result<()> {
    start(response)?;
    response.write(format!("{{\"js\":{value},\"text\":\"\"}}").as_bytes())
}

/// Lists in their envelope that are written while they are read: `before` and `after` are what stands around the records in `js`.
pub(crate) fn written(
    response: &mut Response<'_>,
    (before, after): (&str, &str),
    write: impl FnOnce(&mut Response<'_>) -> Result<()>,
) -> Result<()> {
    start(response)?;
    response.write(format!("{{\"js\":{before}").as_bytes())?;
    write(response)?;
    response.write(format!("{after},\"text\":\"\"}}").as_bytes())
}

/// Appends a record to what is being written.
pub(crate) fn record(out: &mut Vec<u8>, record: &impl Serialize) -> Result<()> {
    serde_json::to_writer(out, record)
        .map_err(|error| Error::internal(format!("a record could not be written: {error}")))
}

/// The box has not shown who it is. It makes a new handshake then.
pub(crate) fn refuse(response: &mut Response<'_>) -> Result<()> {
    response.text(200, "Authorization failed.")
}

/// What is asked for without a need to do anything. Unknown calls are answered like this too: boxes ask for much that came and went with
/// versions of the portal, and an error stops them.
pub(crate) fn nothing(response: &mut Response<'_>) -> Result<()> {
    js(response, &json!([]))
}

/// Something was done.
pub(crate) fn done(response: &mut Response<'_>) -> Result<()> {
    js(response, &json!(true))
}

/// Something was kept, or could not be: then the operator reads why, and the viewer that it was not.
pub(crate) fn kept(response: &mut Response<'_>, result: Result<()>) -> Result<()> {
    if let Err(error) = &result {
        log::write(log::Level::Warn, &format!("a box's settings cannot be kept: {error}"));
    }
    js(response, &json!(result.is_ok()))
}

/// A URL to play, as boxes want it.
pub(crate) fn link(response: &mut Response<'_>, id: u32, url: &str) -> Result<()> {
    let link = json!({
        "id": id.to_string(),
        "cmd": format!("ffmpeg {url}"),
        "streamer_id": 0,
        "link_id": 0,
        "load": 0,
        "error": "",
    });
    js(response, &link)
}

/// There is nothing to play; boxes know `nothing_to_play`, `link_fault` and `limit`.
pub(crate) fn no_link(response: &mut Response<'_>, error: &str) -> Result<()> {
    js(response, &json!({ "id": "", "cmd": "", "streamer_id": 0, "link_id": 0, "load": 0, "error": error }))
}
