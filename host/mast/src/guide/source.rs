//! What the guide needs of an importer. The extensions room offers loaded instances through this; tests offer fakes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::{ByteSize, DestinationRules, InstanceId, Secret, UpstreamUrl};
use mast_plugin::records::Imported;
use mast_plugin::services::{BoxFuture, ByteStream, GuideSink};
use mast_plugin::{CallError, Standing};

use super::config::InstanceGuideConfig;
use crate::outbound::Route;

/// The calls of a loaded importer.
pub trait GuideCalls: Send + Sync + 'static {
    /// See [`mast_plugin::Epg::run`]. Dropping the future ends the call.
    fn run(&self, input: Box<dyn ByteStream>, sink: Box<dyn GuideSink>) -> BoxFuture<'_, Result<Imported, CallError>>;
    /// How the plugin is doing; none where it is no plugin.
    fn standing(&self) -> Option<Standing> {
        None
    }
}

impl GuideCalls for mast_plugin::Epg {
    fn run(&self, input: Box<dyn ByteStream>, sink: Box<dyn GuideSink>) -> BoxFuture<'_, Result<Imported, CallError>> {
        Box::pin(self.run(input, sink))
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.standing())
    }
}

/// Where an importer's input comes from.
#[derive(Clone)]
pub enum GuideInput {
    /// From nowhere: the plugin makes its own requests.
    Own,
    /// The host downloads it.
    Url {
        /// Not yet checked.
        url: UpstreamUrl,
        /// `[grant] http` with `net_allow_private`.
        rules: DestinationRules,
        /// `[upstream]`: proxy and the like.
        route: Route,
        /// `[upstream]`: header fields.
        headers: Vec<(String, Secret)>,
    },
    /// Files of this machine.
    Files {
        /// Absolute; `*` and `?` in the last part.
        paths: Vec<PathBuf>,
        /// `[grant] files`.
        granted: Vec<PathBuf>,
    },
}

/// An instance of kind `epg` whose file is there.
#[derive(Clone)]
pub struct GuideEntry {
    /// Its name.
    pub id: InstanceId,
    /// Another one means that it was loaded anew.
    pub generation: u64,
    /// None where it is switched off or could not be loaded.
    pub calls: Option<Arc<dyn GuideCalls>>,
    /// Its guide is to be read. A guide that is switched off is kept, and not shown.
    pub enabled: bool,
    /// Time between imports.
    pub refresh: Duration,
    /// When its file or its component last changed; what was imported before is not trusted to be up to date.
    pub changed_at: Option<Timestamp>,
    /// Where it reads from.
    pub input: GuideInput,
    /// `[limits] input`: most bytes after unpacking.
    pub cap: ByteSize,
    /// `[guide]`
    pub settings: InstanceGuideConfig,
}

/// All guide instances, by name.
pub type GuideSet = Vec<GuideEntry>;
