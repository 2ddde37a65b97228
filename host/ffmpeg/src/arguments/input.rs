//! Inputs: what FFmpeg may open, and how.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ArgumentError, Line};
use crate::redact::Redactor;
use crate::version::Release;
use crate::worker::StandardInput;

/// Microseconds without a byte from a network after which FFmpeg gives up, with status 0.
const SILENCE: &str = "10000000";
/// No real URL is longer.
const LONGEST_URL: usize = 8192;

/// Where media come from. `Debug` shows no path, query or password.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// The host reads the upstream and writes to the worker: destination rules, proxies and headers hold.
    Pipe(Container),
    /// `rtsp` or `rtsps`.
    Rtsp {
        /// The URL.
        url: String,
        /// How packets come.
        transport: Transport,
    },
    /// `rtmp` or `rtmps`.
    Rtmp {
        /// The URL.
        url: String,
    },
    /// `srt`, calling; one that listens is refused, because it opens a port.
    Srt {
        /// The URL.
        url: String,
    },
    /// A DASH manifest over `http` or `https`.
    Dash {
        /// The URL.
        url: String,
        /// What is sent with every request.
        request: HttpRequest,
    },
    /// Anything else over `http` or `https` that FFmpeg recognises, and that the host cannot read itself.
    Http {
        /// The URL.
        url: String,
        /// What is sent with every request.
        request: HttpRequest,
    },
    /// A file of the operator's, at the pace it plays at.
    File {
        /// Absolute.
        path: PathBuf,
        /// From the start again at its end.
        is_looped: bool,
    },
    /// A test pattern with a tone.
    Pattern(Pattern),
}

/// What comes through the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MPEG-TS.
    MpegTs,
    /// Fragmented MP4.
    Mp4,
    /// FFmpeg looks.
    Auto,
}

/// How RTP packets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// In the RTSP connection.
    #[default]
    Tcp,
    /// Beside it: no way through most firewalls.
    Udp,
}

/// A synthetic channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// Pixels.
    pub width: u16,
    /// Lines.
    pub height: u16,
    /// Pictures per second.
    pub rate: u8,
    /// Seconds until it ends; `None` for ever.
    pub seconds: Option<u32>,
    /// At the pace it plays at, rather than as fast as the machine can.
    pub is_live: bool,
}

/// What is sent with every HTTP request. `Debug` shows no value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpRequest {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Names and values of further headers, such as `Referer` and `Cookie`. They go to every host that a manifest or a redirect
    /// names.
    pub headers: Vec<(String, String)>,
    /// The URL of an HTTP proxy. It is the only place where the destinations of redirects and manifests can be checked.
    pub proxy: Option<String>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let proxy = self.proxy.as_deref().map(redacted);
        f.debug_struct("HttpRequest").field("headers", &names).field("proxy", &proxy).finish_non_exhaustive()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe(container) => f.debug_tuple("Pipe").field(container).finish(),
            Self::Rtsp { url, .. } | Self::Rtmp { url } | Self::Srt { url } => f.write_str(&redacted(url)),
            Self::Dash { url, request } | Self::Http { url, request } => write!(f, "{} {request:?}", redacted(url)),
            Self::File { path, is_looped } => write!(f, "File {} looped: {is_looped}", path.display()),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

impl Input {
    pub(super) fn standard_input(&self) -> StandardInput {
        if matches!(self, Self::Pipe(_)) { StandardInput::Pipe } else { StandardInput::Null }
    }

    /// Adds everything from the input's own options to the value of `-i`.
    pub(super) fn add(&self, line: &mut Line, release: Option<Release>) -> Result<(), ArgumentError> {
        match self {
            Self::Pipe(container) => {
                match container {
                    Container::MpegTs => line.add(["-f", "mpegts"]),
                    Container::Mp4 => line.add(["-f", "mp4"]),
                    Container::Auto => {}
                }
                open(line, "pipe", "pipe:0");
            }
            Self::Rtsp { url, transport } => {
                let url = check_url(line, url, &["rtsp", "rtsps"])?;
                let is_old = release.is_some_and(|release| release.major < 5);
                // Before 5.0, `-timeout` made FFmpeg listen.
                let timeout = if is_old { "-stimeout" } else { "-timeout" };
                let transport = if *transport == Transport::Tcp { "tcp" } else { "udp" };
                line.add(["-rtsp_transport", transport, timeout, SILENCE]);
                open(line, "rtsp,rtsps,rtp,srtp,udp,tcp,tls", url);
            }
            Self::Rtmp { url } => {
                let url = check_url(line, url, &["rtmp", "rtmps"])?;
                line.add(["-rw_timeout", SILENCE]);
                open(line, "rtmp,rtmps,tcp,tls", url);
            }
            Self::Srt { url } => {
                let url = check_srt(check_url(line, url, &["srt"])?)?;
                line.add(["-rw_timeout", SILENCE]);
                open(line, "srt", url);
            }
            Self::Dash { url, request } => {
                line.add(["-f", "dash"]);
                add_http(line, url, request)?;
            }
            Self::Http { url, request } => add_http(line, url, request)?,
            Self::File { path, is_looped } => add_file(line, path, *is_looped)?,
            Self::Pattern(pattern) => {
                if pattern.is_live {
                    line.add(["-re"]);
                }
                line.add(["-f", "lavfi", "-i", &pattern.graph()]);
            }
        }
        Ok(())
    }
}

fn add_file(line: &mut Line, path: &Path, is_looped: bool) -> Result<(), ArgumentError> {
    if !path.is_absolute() {
        return Err(ArgumentError::Path(path.display().to_string()));
    }
    if is_looped {
        line.add(["-stream_loop", "-1"]);
    }
    line.add(["-re"]);
    // With the scheme, a colon in the path is no scheme.
    let mut url = OsString::from("file:");
    url.push(path);
    open(line, "file", url);
    Ok(())
}

fn open(line: &mut Line, protocols: &str, url: impl Into<OsString>) {
    line.add(["-protocol_whitelist", protocols, "-i"]);
    line.add([url]);
}

fn add_http(line: &mut Line, url: &str, request: &HttpRequest) -> Result<(), ArgumentError> {
    let url = check_url(line, url, &["http", "https"])?;
    line.add(["-rw_timeout", SILENCE]);
    if let Some(agent) = &request.user_agent {
        check_value("User-Agent", agent)?;
        line.add(["-user_agent", agent]);
    }
    if !request.headers.is_empty() {
        let mut headers = String::new();
        for (name, value) in &request.headers {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(is_name) {
                let name = name.escape_default().to_string();
                return Err(ArgumentError::Header { name, problem: "that is no name of a header" });
            }
            check_value(name, value)?;
            line.redactor.hide(value);
            headers.push_str(&format!("{name}: {value}\r\n"));
        }
        line.add(["-headers", &headers]);
    }
    if let Some(proxy) = &request.proxy {
        let proxy = check_url(line, proxy, &["http"])?;
        line.add(["-http_proxy", &proxy]);
    }
    open(line, "http,https,httpproxy,tcp,tls,crypto", url);
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), ArgumentError> {
    if value.chars().any(char::is_control) {
        return Err(ArgumentError::Header {
            name: name.to_owned(),
            problem: "its value has a line end or control character",
        });
    }
    Ok(())
}

/// The URL as FFmpeg may get it. From here on it is hidden in the log.
fn check_url(line: &mut Line, url: &str, schemes: &[&str]) -> Result<String, ArgumentError> {
    line.redactor.hide_url(url);
    let refused = |problem: String| ArgumentError::Url { url: redacted(url), problem };
    let Some((scheme, rest)) = url.split_once("://") else { return Err(refused("it has no scheme".to_owned())) };
    let scheme = scheme.to_ascii_lowercase();
    if !schemes.contains(&scheme.as_str()) {
        return Err(refused(format!("this kind of input takes {}", schemes.join(" or "))));
    }
    // Of a URL with a space, some protocols take the rest as options.
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("it has a space or control character; write %20".to_owned()));
    }
    if url.len() > LONGEST_URL {
        return Err(refused(format!("it is longer than {LONGEST_URL} bytes")));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Err(refused("it has no host".to_owned()));
    }
    Ok(format!("{scheme}://{rest}"))
}

fn check_srt(url: String) -> Result<String, ArgumentError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut modes = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| *name == "mode");
    if modes.any(|(_, mode)| mode != "caller") {
        let problem = "it would listen; only mode=caller is possible".to_owned();
        return Err(ArgumentError::Url { url: redacted(&url), problem });
    }
    Ok(url)
}

fn redacted(url: &str) -> String {
    let mut redactor = Redactor::default();
    redactor.hide_url(url);
    redactor.clean(url)
}

impl Pattern {
    /// A filter graph, of numbers only.
    fn graph(self) -> String {
        let Self { width, height, rate, seconds, .. } = self;
        let duration = seconds.map_or_else(String::new, |seconds| format!(":duration={seconds}"));
        format!(
            "testsrc2=size={width}x{height}:rate={rate}{duration}[out0];sine=frequency=440:sample_rate=48000{duration}[out1]"
        )
    }
}
