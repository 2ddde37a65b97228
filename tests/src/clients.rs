//! Client libraries from PyPI and npm, installed by `cargo xtask setup --tests` in the versions of `tests/clients`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What the `m3u8` package (PyPI) makes of an HLS playlist; see `tests/clients/read_m3u8.py` for the shape.
pub fn python_m3u8(playlist: &str) -> Value {
    let mut python = Command::new(installed().join("python/bin/python"));
    read(python.arg(scripts().join("read_m3u8.py")), playlist)
}

/// What the `@iptv/xtream-api` package (npm) gets out of an Xtream API: `plain`, and `standardized` in its own words.
pub fn npm_xtream(url: &str, username: &str, password: &str) -> Value {
    let mut node = Command::new("node");
    let account = serde_json::json!({ "url": url, "username": username, "password": password });
    read(node.arg(scripts().join("read_xtream.js")).arg(installed()), &account.to_string())
}

/// A panel of the `xtreamcodeserver` package (PyPI), which ends with this; see `tests/clients/panel.py` for what it has.
pub struct Panel {
    child: Child,
    /// Scheme and authority.
    pub url: String,
}

impl Panel {
    /// One whose channel leads to `live`, and whose films are a hundred times `film`.
    pub fn start(live: &str, film: &str) -> Self {
        let mut python = Command::new(installed().join("python/bin/python"));
        python.arg(scripts().join("panel.py")).args([live, film]);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("xtreamcodeserver starts: run `cargo xtask setup --tests`");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the packages `iptv-playlist-parser` and `@iptv/playlist` (npm) make of an M3U playlist, the second under `channels`.
pub fn npm_playlist_parser(playlist: &str) -> Value {
    let mut node = Command::new("node");
    read(node.arg(scripts().join("read_m3u.js")).arg(installed()), playlist)
}

/// What the packages `@iptv/xmltv` and `epg-parser` (npm) make of a guide in XMLTV, each under its name without what is before the slash.
pub fn npm_guides(guide: &str) -> Value {
    let mut node = Command::new("node");
    read(node.arg(scripts().join("read_guide.js")).arg(installed()), guide)
}

/// What the `py-xmltv` package (PyPI) makes of a guide in XMLTV; see `tests/clients/read_guide.py` for the shape.
pub fn python_xmltv(guide: &str) -> Value {
    let mut python = Command::new(installed().join("python/bin/python"));
    read(python.arg(scripts().join("read_guide.py")), guide)
}

/// What xmllint and XMLTV's own validator have against a guide; nothing where both find it valid.
pub fn guide_complaints(guide: &str) -> String {
    const DTD: &str = "/usr/share/xmltv/xmltv.dtd";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guide.xml");
    std::fs::write(&file, guide).unwrap();
    let mut xmllint = Command::new("xmllint");
    let mut validator = Command::new("tv_validate_file");
    let commands = [
        xmllint.args(["--noout", "--nonet", "--dtdvalid", DTD]).arg(&file),
        validator.args(["--dtd-file", DTD]).arg(&file),
    ];
    let complaints = commands.map(|command| {
        let output = command.output().expect("run `cargo xtask setup --tests` first");
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() { String::new() } else { String::from_utf8_lossy(&said).into_owned() }
    });
    complaints.concat()
}

/// The command of the `schemathesis` package (PyPI).
pub fn schemathesis() -> PathBuf {
    installed().join("python/bin/schemathesis")
}

/// What the `mux.js` package (npm) makes of MPEG-TS segments in the order of playing; true for those that do not continue the one before.
/// See `tests/clients/read_ts.js` for the shape.
pub fn npm_mux_js<'a>(segments: impl IntoIterator<Item = (&'a [u8], bool)>) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let listed = |(at, (bytes, discontinuity)): (usize, (&[u8], bool))| {
        let file = folder.path().join(format!("{at}.ts"));
        std::fs::write(&file, bytes).unwrap();
        serde_json::json!({ "file": file, "discontinuity": discontinuity })
    };
    let list: Vec<Value> = segments.into_iter().enumerate().map(listed).collect();
    let mut node = Command::new("node");
    let read = read(node.arg(scripts().join("read_ts.js")).arg(installed()), &Value::from(list).to_string());
    serde_json::from_value(read).unwrap()
}

/// The identity provider of the `oidc-provider` package (npm), which ends with this.
pub struct IdentityProvider {
    child: Child,
    /// What it calls itself.
    pub issuer: String,
}

impl IdentityProvider {
    /// One that sends browsers back to this redirect URI; see `tests/clients/identity.mjs` for the people it knows.
    pub fn start(redirect_uri: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(scripts().join("identity.mjs")).arg(installed()).arg(redirect_uri);
        let mut child = node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("oidc-provider starts: run `cargo xtask setup --tests`");
        Self { child, issuer: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

pub(crate) fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients");
    assert!(folder.exists(), "run `cargo xtask setup --tests` first");
    folder
}

fn read(command: &mut Command, playlist: &str) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(playlist.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the client could not read this: {complaints}\n{playlist}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_are_there_and_refuse_nonsense() {
        let playlist = python_m3u8("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.ts\n");
        assert_eq!(playlist["segments"].as_array().unwrap().len(), 1);
        let playlist = npm_playlist_parser("#EXTM3U\n#EXTINF:-1 tvg-id=\"a\",A\nhttp://127.0.0.1/1.ts\n");
        assert_eq!(playlist["items"][0]["tvg"]["id"], "a");
        assert!(std::panic::catch_unwind(|| npm_playlist_parser("nonsense")).is_err());
        let guide = |rest: &str| {
            let channel = "<channel id=\"a.example\"><display-name>A</display-name></channel>";
            let programme =
                "<programme start=\"20260101000000 +0000\" stop=\"20260101010000 +0000\" channel=\"a.example\">";
            let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n";
            format!("{head}<tv>{channel}{programme}<title>T</title></programme>{rest}</tv>\n")
        };
        assert_eq!(npm_guides(&guide(""))["xmltv"]["channels"][0]["id"], "a.example");
        assert_eq!(python_xmltv(&guide(""))["channels"][0]["name"], "A");
        assert!(std::panic::catch_unwind(|| python_xmltv(&guide("<other/>"))).is_err());
        assert_eq!(guide_complaints(&guide("")), "");
        assert!(guide_complaints(&guide("<channel/>")).contains("channel"));
        let clip = mast_upstream::Clip::standard().unwrap();
        let mut bytes = clip.bytes().to_vec();
        let whole = &npm_mux_js([(&bytes[..], false)])[0];
        assert_eq!((&whole["continuity_errors"], &whole["video"]["units"]), (&0.into(), &300.into()), "{whole}");
        // A packet is missing, another is out of step.
        bytes.drain(188 * 1000..188 * 1001);
        bytes[188 * 2000] = 0;
        let torn = &npm_mux_js([(&bytes[..], false)])[0];
        assert!(torn["continuity_errors"] != 0 && torn["out_of_step"] == 1, "{torn}");
    }
}
