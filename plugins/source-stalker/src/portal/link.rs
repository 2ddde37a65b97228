//! From what a portal calls `cmd` to an upstream.

use mast_sdk::json::Fields;
use mast_sdk::location::percent_encode;
use mast_sdk::source::Upstream;
use mast_sdk::{Error, Result};

use super::Portal;

impl Portal<'_> {
    /// Asks the portal for a link. `content` is `live` or `movie`.
    pub(crate) fn create_link(&mut self, content: &str, cmd: &str) -> Result<String> {
        let kind = if content == "live" { "itv" } else { "vod" };
        let query = format!(
            "type={kind}&action=create_link&cmd={}&series=&forced_storage=0&disable_ad=0&download=0",
            percent_encode(cmd)
        );
        let first = Fields::of(self.js(&query, "the link")?);
        let answer = if first.0.is_empty() {
            // Some say nothing where the session has ended.
            self.connect()?;
            Fields::of(self.js(&query, "the link")?)
        } else {
            first
        };
        match answer.text("error").as_deref() {
            None => {}
            Some("limit") => {
                return Err(Error::unavailable("the portal says that all connections of the account are in use")
                    .retry_after(10));
            }
            Some("nothing_to_play") => return Err(Error::not_found("the portal says that there is nothing to play")),
            Some("link_fault") => {
                return Err(Error::unavailable("the portal says that this channel does not work now"));
            }
            Some(_) => return Err(Error::unavailable("the portal gives no link and a reason that is not known")),
        }
        answer.first(&["cmd", "url"]).ok_or_else(|| Error::unavailable("the portal gives no link"))
    }

    /// Where a `cmd` with an address in it is fetched from.
    pub(crate) fn upstream(&self, cmd: &str, content: &str) -> Result<Upstream> {
        let origin = origin(if self.session.api.is_empty() { &self.settings.portal } else { &self.session.api });
        let url = address(cmd, origin)
            .ok_or_else(|| Error::malformed("the portal's link is no address that could be fetched"))?;
        let kind = kind(&url, content).to_owned();
        let headers = vec![("user-agent".to_owned(), self.settings.user_agent.clone())];
        Ok(Upstream { kind, headers, ..Upstream::new(url) })
    }
}

/// `http://host:port` of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The address in a `cmd`: what is behind the first blank, where there is one (`ffmpeg URL`, `ffrt URL`, `auto URL`). A portal's own host is written as
/// `localhost` by some, and left out by others.
fn address(cmd: &str, origin: &str) -> Option<String> {
    let cmd = cmd.trim();
    let url = cmd.split_once(char::is_whitespace).map_or(cmd, |(_, url)| url);
    let url = url.split_whitespace().next()?;
    if url.chars().any(char::is_control) {
        return None;
    }
    if url.starts_with('/') && !url.starts_with("//") {
        return Some(format!("{origin}{url}"));
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https", "rtsp", "rtmp", "udp", "rtp"].contains(&scheme.as_str()) || rest.is_empty() {
        return None;
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.split(':').next().unwrap_or_default();
    if !scheme.starts_with("http") || !(host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1") {
        return Some(format!("{scheme}://{rest}"));
    }
    if authority == host {
        return Some(format!("{origin}{path}"));
    }
    let (own_scheme, own) = origin.split_once("://")?;
    let own_host = if own.ends_with(']') { own } else { own.rsplit_once(':').map_or(own, |(host, _)| host) };
    Some(format!("{own_scheme}://{own_host}{}{path}", &authority[host.len()..]))
}

fn kind(url: &str, content: &str) -> &'static str {
    match url.split("://").next() {
        Some("rtsp") => return "rtsp",
        Some("rtmp") => return "rtmp",
        Some("udp") => return "udp",
        Some("rtp") => return "rtp",
        _ => {}
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let field = query.split('&').find_map(|field| field.strip_prefix("extension="));
    let file = path.rsplit('/').next().unwrap_or_default();
    match field.or_else(|| file.rsplit_once('.').map(|(_, extension)| extension)) {
        Some("m3u8") => "hls",
        _ if content == "movie" => "file",
        Some("ts") => "mpegts",
        _ => "auto",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_of_every_portal() {
        for (cmd, expected) in [
            ("ffmpeg http://cdn.example/1?token=x", Some("http://cdn.example/1?token=x")),
            ("ffrt http://cdn.example/1", Some("http://cdn.example/1")),
            ("auto http://cdn.example/1", Some("http://cdn.example/1")),
            ("http://cdn.example/1", Some("http://cdn.example/1")),
            ("ffmpeg  HTTP://cdn.example/1 ", Some("http://cdn.example/1")),
            ("ffmpeg http://localhost/ch/1", Some("http://p.example:8080/ch/1")),
            ("ffmpeg http://localhost:88/ch/1", Some("http://p.example:88/ch/1")),
            ("ffmpeg /play/1", Some("http://p.example:8080/play/1")),
            ("ffmpeg udp://239.0.0.1:5000", Some("udp://239.0.0.1:5000")),
            ("ffmpeg file:///etc/passwd", None),
            ("concat:a|b", None),
            ("ffmpeg", None),
            ("", None),
        ] {
            assert_eq!(address(cmd, "http://p.example:8080").as_deref(), expected, "{cmd}");
        }
    }

    #[test]
    fn kinds() {
        for (url, content, expected) in [
            ("http://x.example/a.m3u8?t=1", "live", "hls"),
            ("http://x.example/play/live.php?stream=1&extension=ts", "live", "mpegts"),
            ("http://x.example/play/live.php?extension=m3u8", "live", "hls"),
            ("http://x.example/a.mkv", "movie", "file"),
            ("http://x.example/a", "live", "auto"),
            ("udp://239.0.0.1:5000", "live", "udp"),
        ] {
            assert_eq!(kind(url, content), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn an_address_has_a_known_scheme(cmd in "(ffmpeg |auto )?.{0,40}") {
            if let Some(url) = address(&cmd, "http://p.example") {
                let known = ["http://", "https://", "rtsp://", "rtmp://", "udp://", "rtp://"];
                prop_assert!(known.iter().any(|scheme| url.starts_with(scheme)), "{}", url);
                prop_assert!(!url.contains(char::is_whitespace));
            }
        }
    }
}
