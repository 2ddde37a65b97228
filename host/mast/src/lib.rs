//! Mast, the host: rooms behind one `app`. `host/ARCHITECTURE.md` has the picture and the walkthroughs.

pub mod accounts;
pub mod admin;
pub mod app;
pub mod backups;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod events;
pub mod extensions;
/// The guide, as far as it needs nothing but what it is given: links, schedules merged of several guides, and schedules made up.
pub mod guide {
    pub mod dummy;
    pub mod linking;
    pub mod merge;
}
pub mod metrics;
pub mod operators;
pub mod outbound;
pub mod resellers;
pub mod sessions;
pub mod tuner;
