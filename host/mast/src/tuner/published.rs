//! What viewers see of a channel: immutable, replaced as a whole after each segment.

use std::io::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use mast_media::{Codecs, Segment, Window};

/// What a rung shows and showed: the names of profiles, and from which segment on it was each. Those without a name are for everybody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Vec<(u64, Option<Arc<str>>)>);

impl Shown {
    /// Segments from this number on are of this profile; what is only about segments before `oldest` is forgotten.
    pub(crate) fn push(&mut self, sequence: u64, name: Option<Arc<str>>, oldest: u64) {
        if self.0.last().is_none_or(|(_, last)| *last != name) {
            self.0.push((sequence, name));
        }
        let over = self.0.partition_point(|(from, _)| *from <= oldest).saturating_sub(1);
        self.0.drain(..over);
    }

    fn at(&self, sequence: u64) -> Option<&str> {
        let place = self.0.partition_point(|(from, _)| *from <= sequence).checked_sub(1)?;
        self.0[place].1.as_deref()
    }

    fn now(&self) -> Option<&str> {
        self.0.last()?.1.as_deref()
    }
}

/// One version of a channel's window.
#[derive(Debug, Default)]
pub struct Published {
    /// The media playlist, while there is a segment.
    pub playlist: Option<PlaylistBytes>,
    /// EXT-X-TARGETDURATION, seconds; 0 without a playlist.
    pub target_duration: u32,
    /// What is in the channel.
    pub codecs: Codecs,
    /// Peak of the listed segments, bits per second.
    pub bandwidth: u64,
    /// Mean of the listed segments, bits per second.
    pub average_bandwidth: u64,
    /// Every listed segment starts at a random access point.
    pub independent: bool,
    segments: Vec<Arc<Segment>>,
    shown: Shown,
    /// The other qualities of a ladder.
    rungs: Vec<Arc<Published>>,
}

/// A media playlist, rendered once for all viewers.
#[derive(Debug)]
pub struct PlaylistBytes {
    /// As text.
    pub plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Published {
    /// The window as it is now.
    pub(crate) fn of(window: &Window, codecs: &Codecs, shown: &Shown) -> Self {
        let playlist = window.playlist();
        let (bandwidth, average_bandwidth) = bandwidth(window.listed());
        Self {
            target_duration: playlist.target_duration,
            independent: playlist.independent_segments,
            codecs: codecs.clone(),
            bandwidth,
            average_bandwidth,
            segments: window.downloadable().to_vec(),
            shown: shown.clone(),
            rungs: Vec::new(),
            playlist: window.playable().then(|| PlaylistBytes::of(playlist.to_string())),
        }
    }

    /// Mean duration of the downloadable segments.
    pub(crate) fn mean_duration(&self) -> Duration {
        let all: Duration = self.segments.iter().map(|segment| segment.duration).sum();
        all.checked_div(u32::try_from(self.segments.len()).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    /// The leading rung with the others.
    pub(crate) fn with_rungs(self, rungs: Vec<Arc<Self>>) -> Self {
        Self { rungs, ..self }
    }

    /// A rung by its place, from 0, which is this one.
    pub fn rung(&self, place: usize) -> Option<&Self> {
        match place.checked_sub(1) {
            None => Some(self),
            Some(place) => self.rungs.get(place).map(Arc::as_ref),
        }
    }

    /// Every rung, the leading one first.
    pub fn rungs(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.rungs.iter().map(Arc::as_ref))
    }

    /// The profile of the newest segment; none where it is for everybody.
    pub fn profile(&self) -> Option<&str> {
        self.shown.now()
    }

    /// The profile of a segment, by its media sequence number; none where it is for everybody.
    pub fn profile_of(&self, sequence: u64) -> Option<&str> {
        self.shown.at(sequence)
    }

    /// A segment by its media sequence number, listed or lately listed.
    pub fn segment(&self, sequence: u64) -> Option<&Arc<Segment>> {
        // Numbers in a window have no gaps.
        let first = self.segments.first()?.sequence;
        let at = usize::try_from(sequence.checked_sub(first)?).ok()?;
        self.segments.get(at).filter(|segment| segment.sequence == sequence)
    }

    /// The downloadable segments, oldest first.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }
}

impl PlaylistBytes {
    fn of(text: String) -> Self {
        Self { plain: text.into(), gzip: OnceLock::new() }
    }

    /// In gzip. Compressed once for all viewers, when the first one takes it: most versions of most channels are seen by nobody,
    /// and a compressor takes hundreds of kilobytes for less than one of text.
    pub fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::with_capacity(self.plain.len() / 3), Compression::default());
            match encoder.write_all(&self.plain).and_then(|()| encoder.finish()) {
                Ok(gzip) => gzip.into(),
                Err(_) => unreachable!("writing to a Vec does not fail"),
            }
        })
    }
}

fn bandwidth(segments: &[Arc<Segment>]) -> (u64, u64) {
    let rate = |bytes: usize, millis: u128| {
        let bits = u128::try_from(bytes).unwrap_or(u128::MAX).saturating_mul(8_000);
        u64::try_from(bits / millis.max(1)).unwrap_or(u64::MAX)
    };
    let peak = segments.iter().map(|segment| rate(segment.payload.len(), segment.duration.as_millis())).max();
    let bytes = segments.iter().map(|segment| segment.payload.len()).sum();
    let millis = segments.iter().map(|segment| segment.duration.as_millis()).sum();
    (peak.unwrap_or(0), rate(bytes, millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_keeps_the_profile_that_it_was_made_by() {
        let mut shown = Shown::default();
        assert_eq!((shown.at(7), shown.now()), (None, None));
        let rows = [(7, Some("low")), (8, Some("low")), (9, None), (10, Some("copy")), (11, Some("copy"))];
        for (sequence, name) in rows {
            shown.push(sequence, name.map(Arc::from), 7);
        }
        for (sequence, name) in rows {
            assert_eq!(shown.at(sequence), name, "{sequence}");
        }
        assert_eq!((shown.now(), shown.0.len()), (Some("copy"), 3));
        shown.push(12, Some("copy".into()), 9);
        assert_eq!((shown.at(9), shown.at(12), shown.0.len()), (None, Some("copy"), 2));
        shown.push(13, Some("copy".into()), 12);
        assert_eq!((shown.at(12), shown.0.len()), (Some("copy"), 1));
    }
}
