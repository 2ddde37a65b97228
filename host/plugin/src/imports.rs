//! The host's side of every import: the functions a guest may call, and the resources it may hold.
//!
//! A function answers `plugin-error` for what can happen to a well-written plugin, and traps for what cannot (a handle
//! table that is full, where the contract has no error to give).

mod base;
mod byte_source;
mod epg;
mod files;
mod http;
mod output;
mod source;

pub use byte_source::ByteSource;
pub use epg::GuideOut;
pub use http::Response;
pub use output::{EpisodeCursor, LineView, LineupCursor, ProgrammeCursor, ResponseOut};
pub use source::CatalogOut;

use crate::bindings::base::mast::base::types::PluginError;
use crate::services::ServiceError;

/// Records in one call of a sink.
const BATCH_MAX: usize = 4_096;
/// Bytes kept of what a `warn` names and says.
const WARN_ITEM_MAX: usize = 256;
const WARN_MESSAGE_MAX: usize = 1_024;

fn plugin_error(code: &str, message: impl Into<String>) -> PluginError {
    PluginError { code: code.to_owned(), message: message.into(), retry_after: None }
}

impl From<ServiceError> for PluginError {
    fn from(error: ServiceError) -> Self {
        plugin_error(error.code, error.message)
    }
}

fn check_batch(length: usize) -> Result<(), PluginError> {
    if length <= BATCH_MAX {
        return Ok(());
    }
    Err(plugin_error("limit", format!("{length} records in one batch; push at most {BATCH_MAX} (64 to 512 are best)")))
}
