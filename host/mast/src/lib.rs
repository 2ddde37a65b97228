//! Mast, the host: rooms behind one `app`. `host/ARCHITECTURE.md` has the picture and the walkthroughs.

pub mod accounts;
pub mod admin;
pub mod app;
pub mod backups;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod devices;
pub mod discovery;
pub mod events;
pub mod extensions;
pub mod guide;
pub mod metrics;
pub mod operators;
pub mod outbound;
pub mod resellers;
pub mod sessions;
pub mod tuner;
