//! What can be wrong with an upstream.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;

use crate::hls::HlsFault;

/// A fault of one channel or text. It holds for running and new connections until it is cleared, except for
/// [`Fault::PtsJump`], which happens once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset, before an answer or in the middle of it.
    Reset,
    /// No answer at all. Running connections get nothing more.
    HangBeforeHead,
    /// A response head and then nothing. Running connections get nothing more.
    HangAfterHead,
    /// This status with a short text. Running connections end.
    Status(u16),
    /// A redirect to itself. Running connections end.
    RedirectLoop,
    /// A redirect to this URL. Running connections end.
    RedirectTo(String),
    /// An HTML page with status 200. Running connections end.
    Html,
    /// Status 200 and no bytes. Running connections end.
    Empty,
    /// Bytes that are nothing, for ever.
    Garbage,
    /// A channel ends in the middle of a packet, a text in the middle, both with a broken connection.
    Truncate,
    /// A new connection gets its first 64 KiB, then nothing; running connections get nothing more.
    Stall,
    /// A new connection gets its first 64 KiB, then a proper end; running connections end.
    Close,
    /// Only null packets.
    NullFlood,
    /// Every timestamp from here on is this much later. Happens once, on running connections and for new ones.
    PtsJump(Duration),
    /// Something that only HLS can have. Texts and continuous MPEG-TS do not notice.
    Hls(HlsFault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("reset"),
            Self::HangBeforeHead => f.write_str("hang-before-head"),
            Self::HangAfterHead => f.write_str("hang-after-head"),
            Self::Status(code) => write!(f, "{code}"),
            Self::RedirectLoop => f.write_str("redirect-loop"),
            Self::RedirectTo(_) => f.write_str("redirect"),
            Self::Html => f.write_str("html"),
            Self::Empty => f.write_str("empty"),
            Self::Garbage => f.write_str("garbage"),
            Self::Truncate => f.write_str("truncate"),
            Self::Stall => f.write_str("stall"),
            Self::Close => f.write_str("close"),
            Self::NullFlood => f.write_str("null-flood"),
            Self::PtsJump(_) => f.write_str("pts-jump"),
            Self::Hls(fault) => fault.fmt(f),
        }
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "reset" => Self::Reset,
            "hang-before-head" => Self::HangBeforeHead,
            "hang-after-head" => Self::HangAfterHead,
            "redirect-loop" => Self::RedirectLoop,
            "html" => Self::Html,
            "empty" => Self::Empty,
            "garbage" => Self::Garbage,
            "truncate" => Self::Truncate,
            "stall" => Self::Stall,
            "close" => Self::Close,
            "null-flood" => Self::NullFlood,
            "pts-jump" => Self::PtsJump(Duration::from_secs(3600)),
            hls if hls.starts_with("hls-") => Self::Hls(hls.parse()?),
            code => match code.parse() {
                Ok(status @ 400..=599) => Self::Status(status),
                _ => bail!(
                    "no fault \"{text}\": use a status (400 to 599) or one of reset, hang-before-head, hang-after-head, \
                     redirect-loop, html, empty, garbage, truncate, stall, close, null-flood, pts-jump, hls-frozen and others"
                ),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in [
            "reset",
            "hang-before-head",
            "hang-after-head",
            "403",
            "redirect-loop",
            "html",
            "empty",
            "garbage",
            "truncate",
            "stall",
            "close",
            "null-flood",
            "pts-jump",
            "hls-frozen",
        ] {
            assert_eq!(name.parse::<Fault>().unwrap().to_string(), name);
        }
        assert!("200".parse::<Fault>().is_err());
        assert!("nonsense".parse::<Fault>().is_err());
    }
}
