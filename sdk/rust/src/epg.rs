//! Guides: where programme listings come from.

mod packed;

use std::collections::HashMap;

pub use crate::bindings::host::mast::epg::types::{Credit, EpisodeNumber, GuideChannel, Programme, Text};
pub use packed::PackedProgramme;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use packed::unpack;

use crate::{BATCH, ByteSource, Error, Result, Summary, raw};

/// A guide importer. Export it with `export_plugin!(MyGuide: epg)`.
pub trait Epg: Sized + 'static {
    /// Reads and checks the settings; no requests. Runs when the operator's file is checked and once on every fresh instance.
    fn load() -> Result<Self>;

    /// Reads a guide from `input`, which the host opened from the `url` or `path` setting (empty where there is neither), into
    /// `out`. What ends too early must be an error.
    fn run(&self, input: &mut ByteSource<'_>, out: &mut Guide<'_>) -> Result<Summary>;
}

/// Collects one import, and hands it to the host in batches.
pub struct Guide<'a> {
    raw: &'a raw::GuideSink,
    channels: Vec<GuideChannel>,
    programmes: packed::Batch,
    scratch: PackedProgramme,
    /// What the host said of channels, until they are pushed again.
    wanted: HashMap<String, bool>,
}

/// Bytes of programmes that cross to the host at once, roughly, and how many programmes at most.
const BATCH_BYTES: usize = 64 * 1024;
const BATCH_PROGRAMMES: usize = 2_048;
/// Bytes of one programme; the host keeps less of it than this.
const LARGEST: usize = 1 << 20;

/// Answers that [`Guide::wanted`] remembers; with more channels than this it forgets them all and asks again.
const ANSWERS: usize = 65_536;

impl<'a> Guide<'a> {
    pub(crate) fn new(raw: &'a raw::GuideSink) -> Self {
        Self {
            raw,
            channels: Vec::new(),
            programmes: packed::Batch::default(),
            scratch: PackedProgramme::default(),
            wanted: HashMap::new(),
        }
    }

    /// Adds a channel of the guide.
    pub fn channel(&mut self, channel: GuideChannel) -> Result<()> {
        self.wanted.remove(&channel.id);
        self.channels.push(channel);
        if self.channels.len() < BATCH { Ok(()) } else { self.flush() }
    }

    /// Adds a programme; any order will do.
    pub fn programme(&mut self, programme: Programme) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.take(&programme);
        let pushed = self.packed(&scratch);
        self.scratch = scratch;
        pushed
    }

    /// Adds a programme that is packed already.
    pub fn packed(&mut self, programme: &PackedProgramme) -> Result<()> {
        if programme.size() > LARGEST {
            // The host takes no batch with it in, and all others would be lost with it.
            let item = format!("the programme of {} at {}", programme.channel(), programme.start());
            self.warn(&item, "it is larger than 1 MiB and left out");
            return Ok(());
        }
        self.programmes.push(programme);
        let full = self.programmes.bytes.len() >= BATCH_BYTES || self.programmes.count >= BATCH_PROGRAMMES;
        if full { self.flush() } else { Ok(()) }
    }

    /// Whether the host keeps programmes of this channel; where it does not, they need not be read at all. Push the channel first:
    /// the host goes by its names too, and a channel that it has not seen counts as wanted. Answers are remembered until the channel
    /// is pushed again.
    pub fn wanted(&mut self, channel: &str) -> Result<bool> {
        if let Some(&known) = self.wanted.get(channel) {
            return Ok(known);
        }
        self.flush_channels()?;
        let answers = self.raw.wanted(&[channel.to_owned()]);
        let wanted = answers.first().copied().unwrap_or(true);
        if self.wanted.len() >= ANSWERS {
            self.wanted.clear();
        }
        self.wanted.insert(channel.to_owned(), wanted);
        Ok(wanted)
    }

    /// Reports an item that was left out or mended. The host shows the first hundred.
    pub fn warn(&mut self, item: &str, message: &str) {
        self.raw.warn(item, message);
    }

    fn flush_channels(&mut self) -> Result<()> {
        if !self.channels.is_empty() {
            self.raw.channels(&self.channels)?;
            self.channels.clear();
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.flush_channels()?;
        if self.programmes.count > 0 {
            self.raw.packed(&self.programmes.bytes)?;
            self.programmes.clear();
        }
        Ok(())
    }
}

pub(crate) fn run<P: Epg>(plugin: &P, input: &mut ByteSource<'_>, sink: &raw::GuideSink) -> Result<Summary, Error> {
    let mut out = Guide::new(sink);
    let summary = plugin.run(input, &mut out)?;
    if !summary.unchanged {
        out.flush()?;
    }
    Ok(summary)
}

impl Text {
    /// A text in a language that the guide does not name.
    pub fn new(value: impl Into<String>) -> Self {
        Self { lang: None, value: value.into() }
    }
}

impl Programme {
    /// A programme with nothing but what every programme has; fill in the rest.
    pub fn new(channel: impl Into<String>, start: u64, title: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            start,
            stop: None,
            titles: vec![Text::new(title)],
            sub_titles: Vec::new(),
            descriptions: Vec::new(),
            categories: Vec::new(),
            credits: Vec::new(),
            episode_numbers: Vec::new(),
            icons: Vec::new(),
            attrs: Vec::new(),
        }
    }
}
