//! Session tokens: what stands in the path of media playlists and segments. Signed, checked locally, nothing looked up.
//!
//! Layout before base64url: session id (8 bytes), line id (8), channel id (4), connections allowed (4), end in seconds since 1970
//! (8), then the first 16 bytes of a keyed BLAKE3 over all of that. Numbers are big-endian.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mast_model::{ChannelId, LineId};

const BODY: usize = 32;
const MAC: usize = 16;

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) line: LineId,
    pub(super) channel: ChannelId,
    /// Connections that the policies left the line when the session began.
    pub(super) limit: u32,
    /// Seconds since 1970.
    pub(super) ends: u64,
}

/// Signs and checks tokens with the installation's key.
#[derive(Clone)]
pub(super) struct Signer {
    key: [u8; 32],
}

impl Signer {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The token of a session.
    pub(super) fn sign(&self, session: &Session) -> String {
        let mut bytes = [0; BODY + MAC];
        bytes[..8].copy_from_slice(&session.id.to_be_bytes());
        bytes[8..16].copy_from_slice(&session.line.0.to_be_bytes());
        bytes[16..20].copy_from_slice(&session.channel.0.to_be_bytes());
        bytes[20..24].copy_from_slice(&session.limit.to_be_bytes());
        bytes[24..BODY].copy_from_slice(&session.ends.to_be_bytes());
        let mac = self.mac(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The session of a token, if this host signed it and it has not ended at `now` (seconds since 1970).
    pub(super) fn check(&self, token: &str, now: u64) -> Option<Session> {
        let mut bytes = [0; BODY + MAC];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let expected = self.mac(&bytes[..BODY]);
        // Every byte is looked at, so that the time taken tells nothing.
        let difference = expected.iter().zip(&bytes[BODY..]).fold(0, |seen, (a, b)| seen | (a ^ b));
        let session = Session {
            id: u64::from_be_bytes(*bytes[..8].as_array()?),
            line: LineId(u64::from_be_bytes(*bytes[8..16].as_array()?)),
            channel: ChannelId(u32::from_be_bytes(*bytes[16..20].as_array()?)),
            limit: u32::from_be_bytes(*bytes[20..24].as_array()?),
            ends: u64::from_be_bytes(*bytes[24..BODY].as_array()?),
        };
        (difference == 0 && now < session.ends).then_some(session)
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC] {
        let mut mac = [0; MAC];
        mac.copy_from_slice(&blake3::keyed_hash(&self.key, body).as_bytes()[..MAC]);
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: Session = Session { id: 7, line: LineId(8), channel: ChannelId(9), limit: 2, ends: 1_000 };

    #[test]
    fn a_token_says_what_was_signed() {
        let signer = Signer::new([1; 32]);
        let token = signer.sign(&SESSION);
        assert_eq!(signer.check(&token, 999), Some(SESSION));
        assert_eq!(signer.check(&token, 1_000), None, "over");
        assert_eq!(Signer::new([2; 32]).check(&token, 0), None, "another installation");
    }

    proptest! {
        #[test]
        fn no_changed_byte_passes(at in 0..BODY + MAC, bit in 0_u8..8) {
            let signer = Signer::new([1; 32]);
            let mut bytes = URL_SAFE_NO_PAD.decode(signer.sign(&SESSION)).expect("base64");
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(signer.check(&URL_SAFE_NO_PAD.encode(bytes), 0), None);
        }

        #[test]
        fn arbitrary_text_never_passes(text in ".{0,80}") {
            prop_assert_eq!(Signer::new([1; 32]).check(&text, 0), None);
        }
    }
}
