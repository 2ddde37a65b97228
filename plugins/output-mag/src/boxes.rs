//! What is kept of each box between requests: its token, its device lock, its favourites, and what it has seen of the lineup.
//!
//! Nothing is kept of a box that is not bound to a line, so what strangers send cannot fill the storage: a MAC address has a handful of
//! short records, and those of boxes that stay away are forgotten, but for their lock.
//!
//! | key | value |
//! |---|---|
//! | `token/MAC` | when the last handshake was, the token in use, the token that waits for its profile; a dash where there is none |
//! | `lock/MAC` | serial number and device ids, a line each |
//! | `live/MAC`, `vod/MAC` | favourites, their ids separated by commas |
//! | `last/MAC` | the id of the channel watched last |
//! | `lineup/MAC` | the version of the lineup that the box has seen |

use mast_sdk::output::Request;
use mast_sdk::{Result, clock, kv, random};

/// A box that made no handshake for this long, in seconds, is forgotten.
const FORGET: u64 = 90 * 86_400;
/// Records looked at in each handshake to find those that can be forgotten.
const SWEEP: u32 = 4;
/// More favourites than this are cut off.
pub(crate) const FAVOURITES: usize = 2_000;
/// Longer ids of devices are cut off.
const ID: usize = 128;
/// What a box is known by. Its `signature` is not: boxes make it from the token, anew for each.
const IDS: [&str; 3] = ["sn", "device_id", "device_id2"];

/// The tokens of one MAC address.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// The one in use.
    open: String,
    /// The one of the last handshake, until a profile was asked for with it.
    fresh: String,
}

impl Tokens {
    pub(crate) fn of(mac: &str) -> Result<Self> {
        let kept = kv::get_text(&format!("token/{mac}"))?.unwrap_or_default();
        let mut words = kept.split(' ').skip(1).map(|word| if word == "-" { "" } else { word }.to_owned());
        Ok(Self { open: words.next().unwrap_or_default(), fresh: words.next().unwrap_or_default() })
    }

    fn keep(&self, mac: &str) -> Result<()> {
        let word = |token: &str| if token.is_empty() { "-".to_owned() } else { token.to_owned() };
        let kept = format!("{} {} {}", clock::now(), word(&self.open), word(&self.fresh));
        kv::set(&format!("token/{mac}"), kept.as_bytes())
    }

    /// A new token. Where the MAC address is locked to a box, the box's own token stays good until the new one's profile was asked for
    /// from the same box: nobody else can put it out.
    pub(crate) fn handshake(mac: &str, locked: bool) -> Result<String> {
        sweep(mac)?;
        let open = if locked { Self::of(mac)?.open } else { String::new() };
        let own = Self { open, fresh: random::token() };
        own.keep(mac)?;
        Ok(own.fresh)
    }

    /// The box has logged in with a token that it got while it was bound to no line.
    pub(crate) fn adopt(mac: &str, token: &str) -> Result<()> {
        Self { open: String::new(), fresh: token.to_owned() }.keep(mac)
    }

    /// It may ask for its profile.
    pub(crate) fn may_ask(&self, token: &str) -> bool {
        same(&self.open, token) || same(&self.fresh, token)
    }

    /// It may do everything. A token that has not had its profile is no proof that the box is the one that the MAC address is locked to.
    pub(crate) fn may_use(&self, token: &str, locked: bool) -> bool {
        same(&self.open, token) || (!locked && same(&self.fresh, token))
    }

    /// The profile was asked for with this token, by the right box: it is the one in use from now on.
    pub(crate) fn open(mac: &str, token: &str) -> Result<()> {
        let known = Self::of(mac)?;
        if same(&known.open, token) {
            return Ok(());
        }
        Self { open: token.to_owned(), fresh: String::new() }.keep(mac)
    }
}

/// Compares in the same time wherever the difference is; nothing is the same as an empty token.
fn same(kept: &str, given: &str) -> bool {
    let difference = kept.bytes().zip(given.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b));
    !kept.is_empty() && kept.len() == given.len() && difference == 0
}

/// Looks at a few boxes, others each time, and forgets those that have stayed away.
fn sweep(mac: &str) -> Result<()> {
    // Boxes of one maker differ behind the third pair.
    let from = format!("token/{}{}", mac.get(..9).unwrap_or_default(), random::token().get(..2).unwrap_or_default());
    let oldest = clock::now().saturating_sub(FORGET);
    for key in kv::keys("token/", Some(&from), SWEEP)? {
        let kept = kv::get_text(&key)?.unwrap_or_default();
        let seen = kept.split(' ').next().and_then(|seen| seen.parse::<u64>().ok()).unwrap_or_default();
        if seen < oldest {
            let mac = key.trim_start_matches("token/");
            for kind in ["token", "live", "vod", "last", "lineup"] {
                kv::delete(&format!("{kind}/{mac}"))?;
            }
        }
    }
    Ok(())
}

/// What a request says of the device, in the order of `IDS`; empty where it says nothing.
fn ids(request: &Request) -> [String; 3] {
    IDS.map(|name| {
        let plain = request.query(name).unwrap_or_default().chars().filter(|c| !c.is_control());
        plain.take(ID).collect()
    })
}

/// The MAC address is locked to a box.
pub(crate) fn is_locked(mac: &str) -> Result<bool> {
    Ok(kv::get(&format!("lock/{mac}"))?.is_some())
}

/// Whether the request comes from the box that the MAC address is locked to, which is the first one that says what it is. What the box
/// said before has to be said again; what it did not say is added. `renew`: the lock is taken over, whatever it was.
pub(crate) fn lock(mac: &str, request: &Request, renew: bool) -> Result<bool> {
    let key = format!("lock/{mac}");
    let told = ids(request);
    let kept = if renew { None } else { kv::get_text(&key)? };
    let kept_ids: Vec<&str> = kept.as_deref().unwrap_or_default().split('\n').collect();
    let known = |at: usize| kept_ids.get(at).copied().unwrap_or_default();
    if (0..told.len()).any(|at| !known(at).is_empty() && known(at) != told[at]) {
        return Ok(false);
    }
    let text = told.join("\n");
    if told.iter().any(|id| !id.is_empty()) && kept.as_deref() != Some(&text) {
        kv::set(&key, text.as_bytes())?;
    }
    Ok(true)
}

/// Favourites of a box.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Favourites {
    Live,
    Vod,
}

impl Favourites {
    fn key(self, mac: &str) -> String {
        match self {
            Self::Live => format!("live/{mac}"),
            Self::Vod => format!("vod/{mac}"),
        }
    }

    /// In the order in which they were added.
    pub(crate) fn get(self, mac: &str) -> Result<Vec<u32>> {
        Ok(numbers(&kv::get_text(&self.key(mac))?.unwrap_or_default()))
    }

    /// These and no others, each once.
    pub(crate) fn set(self, mac: &str, ids: &[u32]) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        let texts = ids.iter().filter(|id| seen.insert(**id)).take(FAVOURITES).map(u32::to_string);
        let text = texts.collect::<Vec<_>>().join(",");
        let key = self.key(mac);
        if kv::get_text(&key)?.unwrap_or_default() == text { Ok(()) } else { kv::set(&key, text.as_bytes()) }
    }
}

/// The ids of a list such as `101,102`; what is no id is left out.
pub(crate) fn numbers(list: &str) -> Vec<u32> {
    list.split(',').filter_map(|id| id.trim().parse().ok()).take(FAVOURITES).collect()
}

/// A short text kept for a box: the channel watched last (`last`), the lineup that it has seen (`lineup`).
pub(crate) fn note(kind: &str, mac: &str) -> Result<Option<String>> {
    kv::get_text(&format!("{kind}/{mac}"))
}

/// Keeps a short text for a box, where it is another one.
pub(crate) fn set_note(kind: &str, mac: &str, text: &str) -> Result<()> {
    if note(kind, mac)?.as_deref() == Some(text) { Ok(()) } else { kv::set(&format!("{kind}/{mac}"), text.as_bytes()) }
}
