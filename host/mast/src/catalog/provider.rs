//! What a source's provider says of the operator's account with it: how long it runs, and how many connections it allows.

use jiff::{SignedDuration, Timestamp};
use mast_model::InstanceId;
use mast_plugin::records::Pairs;
use mast_store::{Change, Document, Kind, StateStore, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account that ends within this is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// More than a provider allows anybody.
const MOST_CONNECTIONS: usize = 100_000;
/// Characters of a status.
const MOST_STATUS: usize = 64;

/// The account with a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceProvider {
    /// As the provider says it, for example `Active`.
    pub status: Option<String>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// Connections that it allows at once. The host keeps to it where the instance has no `max_connections`.
    pub max_connections: Option<usize>,
    /// Connections that it counted at the last refresh.
    pub active_connections: Option<usize>,
}

impl SourceProvider {
    /// From what a plugin says of a refresh; none where it says nothing of it. What makes no sense is left out.
    pub(super) fn read(attrs: &Pairs) -> Option<Self> {
        let find = |name: &str| {
            let found = attrs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let number = |name| find(name).and_then(|value| value.parse::<usize>().ok());
        let provider = Self {
            status: find("provider-status").map(|status| status.chars().take(MOST_STATUS).collect()),
            expires: find("provider-expires")
                .and_then(|value| value.parse().ok())
                .filter(|seconds| *seconds > 0)
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
            // Providers write 0 for no limit.
            max_connections: number("provider-connections").filter(|count| (1..=MOST_CONNECTIONS).contains(count)),
            active_connections: number("provider-active"),
        };
        (provider != Self::default()).then_some(provider)
    }

    /// Says in the log that it ends soon, or has ended.
    pub(super) fn warn(&self, source: &InstanceId, now: Timestamp) {
        let Some(expires) = self.expires else { return };
        if expires <= now {
            tracing::warn!(%source, %expires, "the account with the provider has ended");
        } else if expires.duration_since(now) < SOON {
            tracing::warn!(%source, %expires, "the account with the provider ends within a week");
        }
    }
}

/// As it is kept, so that a restart does not open more connections than the provider allows before it is asked again.
#[derive(Serialize, Deserialize)]
struct Row {
    source: InstanceId,
    provider: SourceProvider,
}

impl Document for Row {
    const KIND: Kind = Kind::SourceProviders;

    fn key(&self) -> Vec<u8> {
        self.source.as_str().as_bytes().to_vec()
    }
}

/// What is known of each.
pub(super) fn load(store: &dyn StateStore) -> Result<Vec<(InstanceId, SourceProvider)>, StoreError> {
    Ok(store.all::<Row>()?.into_iter().map(|row| (row.source, row.provider)).collect())
}

/// Blocks.
pub(super) fn save(store: &dyn StateStore, source: &InstanceId, provider: SourceProvider) -> Result<(), StoreError> {
    let change = Change::by(mast_store::Actor::machine("refresh"));
    let row = Row { source: source.clone(), provider };
    change.commit(store, "note what a provider allows", |transaction| transaction.put(&row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_sense_is_read() {
        let pairs = |pairs: &[(&str, &str)]| -> Pairs {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(SourceProvider::read(&pairs(&[("skipped", "12")])), None);
        let full = pairs(&[
            ("provider-status", " Active "),
            ("provider-expires", "1893456000"),
            ("provider-connections", "3"),
            ("provider-active", "1"),
        ]);
        let expected = SourceProvider {
            status: Some("Active".into()),
            expires: Timestamp::from_second(1_893_456_000).ok(),
            max_connections: Some(3),
            active_connections: Some(1),
        };
        assert_eq!(SourceProvider::read(&full), Some(expected));
        for value in ["", "0", "-1", "x", "99999999999999999999"] {
            let odd = pairs(&[("provider-connections", value), ("provider-expires", value)]);
            assert_eq!(SourceProvider::read(&odd), None, "{value}");
        }
    }

    #[test]
    fn it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = mast_store::open_state(folder.path()).unwrap();
        let provider = SourceProvider { max_connections: Some(2), ..SourceProvider::default() };
        let source = InstanceId::new("s").unwrap();
        save(&*store, &source, SourceProvider::default()).unwrap();
        save(&*store, &source, provider.clone()).unwrap();
        assert_eq!(load(&*store).unwrap(), [(source, provider)]);
    }
}
