//! EXT-X-KEY (RFC 8216, 4.3.2.4): which segments are encrypted, and how. Only AES-128 with a key that the provider hands out in
//! the clear is played. Everything that is meant to keep hosts like this one out is named and refused.

use std::fmt;
use std::sync::Arc;

use super::Uri;
use super::attributes::{self, Attributes};

/// Keys that hold at the same time; a playlist with more systems than this is not honest.
const MAX_KEYS: usize = 8;

/// Whether and how a segment is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Protection {
    /// In the clear.
    #[default]
    None,
    /// AES-128-CBC with PKCS #7 padding over the whole segment.
    Aes128(Arc<Key>),
    /// In a way that this host does not take off.
    Refused(Refused),
}

/// A key of AES-128.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Where its 16 bytes are.
    pub uri: Uri,
    /// The initialisation vector, where the playlist gives one.
    pub iv: Option<[u8; 16]>,
}

/// What a segment is protected with that this host does not take off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// METHOD=SAMPLE-AES or SAMPLE-AES-CTR without a system's key format.
    SampleAes,
    /// A FairPlay key format.
    FairPlay,
    /// A Widevine key format.
    Widevine,
    /// A PlayReady key format.
    PlayReady,
    /// A method or key format that is not known, or a key without a URI.
    Unknown,
}

impl Refused {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SampleAes => "SAMPLE-AES",
            Self::FairPlay => "FairPlay",
            Self::Widevine => "Widevine",
            Self::PlayReady => "PlayReady",
            Self::Unknown => "an unknown method",
        }
    }

    /// The system that a key format belongs to.
    fn of_format(format: &str) -> Self {
        let format = format.to_ascii_lowercase();
        if format.contains("com.apple.streamingkeydelivery") {
            Self::FairPlay
        } else if format.contains("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed") || format.contains("widevine") {
            Self::Widevine
        } else if format.contains("9a04f079-9840-4286-ab92-e65be0885f95") || format.contains("playready") {
            Self::PlayReady
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys that hold for the next segment: each holds until one of the same format follows, and a reader takes the one that it
/// can use.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: Vec<(String, Protection)>,
    usable: Protection,
}

impl Keys {
    /// What the next segment is protected with.
    pub(super) fn protection(&self) -> Protection {
        self.usable.clone()
    }

    /// Takes the attributes of an EXT-X-KEY.
    pub(super) fn tag(&mut self, list: &str) {
        let list = Attributes::new(list);
        let format = list.get("KEYFORMAT").unwrap_or("identity").to_ascii_lowercase();
        let method = list.get("METHOD").unwrap_or_default().to_ascii_uppercase();
        if method == "NONE" {
            self.held.clear();
        } else {
            self.held.retain(|(held, _)| *held != format);
            if self.held.len() < MAX_KEYS {
                let protection = protection(&method, &format, &list);
                self.held.push((format, protection));
            }
        }
        let keys = || self.held.iter().map(|(_, protection)| protection);
        let usable = keys().find(|key| matches!(key, Protection::Aes128(_))).or_else(|| keys().next());
        self.usable = usable.cloned().unwrap_or_default();
    }
}

fn protection(method: &str, format: &str, list: &Attributes<'_>) -> Protection {
    if format != "identity" {
        return Protection::Refused(Refused::of_format(format));
    }
    match (method, list.get("URI")) {
        ("AES-128", Some(uri)) if !uri.starts_with("skd:") => {
            let iv = list.get("IV").and_then(attributes::iv);
            Protection::Aes128(Arc::new(Key { uri: uri.into(), iv }))
        }
        ("AES-128", Some(_)) => Protection::Refused(Refused::FairPlay),
        (method, _) if method.starts_with("SAMPLE-AES") => Protection::Refused(Refused::SampleAes),
        _ => Protection::Refused(Refused::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tags: &[&str]) -> String {
        let mut keys = Keys::default();
        tags.iter().for_each(|tag| keys.tag(tag));
        match keys.protection() {
            Protection::None => "none".to_owned(),
            Protection::Aes128(key) => format!("{} {:?}", key.uri.expose(), key.iv.map(|iv| iv[15])),
            Protection::Refused(refused) => refused.to_string(),
        }
    }

    #[test]
    fn the_key_that_can_be_used_is_used_and_the_rest_is_refused_by_name() {
        const WIDEVINE: &str =
            "METHOD=SAMPLE-AES,URI=\"data:x\",KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"";
        const FAIRPLAY: &str = "METHOD=SAMPLE-AES,URI=\"skd://x\",KEYFORMAT=\"com.apple.streamingkeydelivery\"";
        const PLAYREADY: &str = "KEYFORMAT=\"com.microsoft.playready\",METHOD=AES-128,URI=\"data:x\"";
        const CLEAR: &str = "METHOD=AES-128,URI=\"key?a=1\",IV=0x0000000000000000000000000000002A";
        for (tags, expected) in [
            (&[][..], "none"),
            (&[CLEAR], "key?a=1 Some(42)"),
            (&["METHOD=AES-128,URI=key.bin"], "key.bin None"),
            (&["METHOD=aes-128,uri=\"k\",KEYFORMAT=\"identity\",KEYFORMATVERSIONS=\"1\""], "k None"),
            (&["METHOD=AES-128,URI=\"k\",IV=nonsense"], "k None"),
            (&[CLEAR, "METHOD=NONE"], "none"),
            (&[CLEAR, "METHOD=AES-128,URI=\"next\""], "next None"),
            (&[WIDEVINE], "Widevine"),
            (&[FAIRPLAY], "FairPlay"),
            (&[PLAYREADY], "PlayReady"),
            (&[WIDEVINE, CLEAR, PLAYREADY], "key?a=1 Some(42)"),
            (&[WIDEVINE, "METHOD=NONE"], "none"),
            (&["METHOD=SAMPLE-AES,URI=\"k\""], "SAMPLE-AES"),
            (&["METHOD=SAMPLE-AES-CTR,URI=\"k\""], "SAMPLE-AES"),
            (&["METHOD=AES-128,URI=\"skd://x\""], "FairPlay"),
            (&["METHOD=AES-128"], "an unknown method"),
            (&["METHOD=AES-256,URI=\"k\""], "an unknown method"),
            (&["METHOD=AES-128,URI=\"k\",KEYFORMAT=\"org.example\""], "an unknown method"),
            (&[""], "an unknown method"),
        ] {
            assert_eq!(after(tags), expected, "{tags:?}");
        }
        let many: Vec<String> = (0..100).map(|n| format!("METHOD=AES-128,URI=k,KEYFORMAT=\"{n}\"")).collect();
        let mut keys = Keys::default();
        many.iter().for_each(|tag| keys.tag(tag));
        assert_eq!(keys.held.len(), MAX_KEYS);
    }
}
