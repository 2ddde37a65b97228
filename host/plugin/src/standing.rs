//! What operators may know of a loaded plugin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::state::InstanceContext;
use crate::{Epg, Output, Policy, Source};

/// What operators may know of a loaded plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The id in its manifest.
    pub plugin: Arc<str>,
    /// The version in its manifest.
    pub version: Arc<str>,
    /// Instances that trapped or were stopped since it was loaded, and were thrown away for it.
    pub poisoned: u64,
}

impl Standing {
    fn of(context: &InstanceContext) -> Self {
        Self {
            plugin: Arc::clone(&context.plugin),
            version: Arc::clone(&context.version),
            poisoned: context.poisoned.load(Ordering::Relaxed),
        }
    }
}

impl Source {
    /// How it is doing.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.guest.context)
    }
}

impl Epg {
    /// How it is doing.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.guest.context)
    }
}

impl Output {
    /// How it is doing.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.pool.context)
    }
}

impl Policy {
    /// How it is doing.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.pool.context)
    }
}
