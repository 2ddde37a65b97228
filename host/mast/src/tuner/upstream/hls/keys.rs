//! Keys of AES-128, each fetched once.

use std::time::Duration;

use quick_cache::sync::Cache;
use url::Url;

use super::super::Fetcher;
use super::playlist::body;
use crate::tuner::fault::{Failure, UpstreamFault};

/// Keys kept; an upstream that changes them with every segment needs a few at a time.
const KEPT: usize = 16;

/// Longer answers are no keys.
const MAX_BYTES: usize = 64;

/// A key.
pub(super) type KeyBytes = [u8; 16];

/// The keys of one upstream, by their URL.
pub(super) struct Keys(Cache<Url, KeyBytes>);

impl Default for Keys {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl Keys {
    /// The key at this URL.
    pub(super) async fn get(&self, fetcher: &Fetcher, url: &Url, patience: Duration) -> Result<KeyBytes, Failure> {
        self.0.get_or_insert_async(url, fetch(fetcher, url, patience)).await
    }

    /// Fetches the key anew the next time: what it decrypted made no sense.
    pub(super) fn forget(&self, url: &Url) {
        self.0.remove(url);
    }
}

async fn fetch(fetcher: &Fetcher, url: &Url, patience: Duration) -> Result<KeyBytes, Failure> {
    let named = |failure: Failure| Failure { detail: format!("its key: {failure}"), ..failure };
    let response = fetcher.get(url, None).await.map_err(named)?;
    let bytes = body(response, &[], MAX_BYTES, patience).await.map_err(named)?;
    let detail = || format!("it has {} bytes instead of 16", bytes.len());
    bytes[..].try_into().map_err(|_| Failure { fault: UpstreamFault::Key, detail: detail() })
}
