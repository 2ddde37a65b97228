//! Identifiers. Each is its own type, so that a line can never be looked up by a channel's id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $repr:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number_id! {
    /// A channel, stable across refreshes, re-orders and restarts. From 1, below 2^31 (some clients hold it in an `i32`).
    ChannelId, u32
}
number_id! {
    /// A category, stable like a channel's id. From 1, below 2^31.
    CategoryId, u32
}
number_id! {
    /// A movie, a series or an episode, stable like a channel's id. From 1, below 2^31.
    TitleId, u32
}
number_id! {
    /// A line. From 1.
    LineId, u64
}

number_id! {
    /// An operator. From 1.
    OperatorId, u64
}
number_id! {
    /// An API key. From 1.
    ApiKeyId, u64
}
number_id! {
    /// A reseller. From 1.
    ResellerId, u64
}
number_id! {
    /// A plan. From 1.
    PlanId, u64
}
number_id! {
    /// An entry of the ledger. From 1, without gaps.
    EntryId, u64
}

/// Where ids of files begin among those of channels, which are all below.
const FILES: u32 = 1 << 31;

impl ChannelId {
    /// What stands for a file where a channel is expected: what a line's connection plays.
    pub fn of_file(title: TitleId) -> Self {
        Self(title.0 | FILES)
    }

    /// The file that it stands for.
    pub fn as_file(self) -> Option<TitleId> {
        (self.0 >= FILES).then_some(TitleId(self.0 & !FILES))
    }
}

/// The name of a plugin instance: the stem of its file in `plugins.d`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(Arc<str>);

/// Why a text is not an instance name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is not an instance name: use 1 to 64 lower-case letters, digits and dashes, starting with a letter or digit"
)]
pub struct InvalidInstanceId(String);

impl InstanceId {
    /// Checks and wraps a name.
    pub fn new(name: &str) -> Result<Self, InvalidInstanceId> {
        let valid = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with('-')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if valid { Ok(Self(name.into())) } else { Err(InvalidInstanceId(name.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_names() {
        for good in ["provider", "a", "my-source-2", "0"] {
            assert!(InstanceId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a b", "a/b", "..", "ü", &"x".repeat(65)] {
            assert!(InstanceId::new(bad).is_err(), "{bad}");
        }
    }
}
