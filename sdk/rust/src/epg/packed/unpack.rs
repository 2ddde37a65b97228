//! The packed form back to records, for the mock host: what it cannot read is a mistake of this crate, and panics.

use super::super::{Credit, EpisodeNumber, Programme, Text};
use super::{PackedProgramme, VERSION};

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().expect("a batch ends with a programme");
        self.0 = rest;
        *byte
    }

    fn number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::try_from(self.number()).expect("a length");
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("texts are UTF-8")
    }

    fn optional(&mut self) -> Option<String> {
        (self.byte() == 1).then(|| self.text())
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.number()).map(|_| item(self)).collect()
    }

    fn programme(&mut self) -> Programme {
        let mut record = Self(self.bytes());
        let text = |reader: &mut Self| Text { lang: reader.optional(), value: reader.text() };
        let programme = Programme {
            channel: record.text(),
            start: record.number(),
            stop: Some(record.number()).filter(|stop| *stop > 0),
            titles: record.list(text),
            sub_titles: record.list(text),
            descriptions: record.list(text),
            categories: record.list(text),
            credits: record.list(|reader| Credit { role: reader.text(), name: reader.text(), part: reader.optional() }),
            episode_numbers: record.list(|reader| EpisodeNumber { system: reader.text(), value: reader.text() }),
            icons: record.list(Self::text),
            attrs: record.list(|reader| (reader.text(), reader.text())),
        };
        assert!(record.0.is_empty(), "a programme is as long as it says");
        programme
    }
}

/// All programmes of a batch.
pub(crate) fn unpack(batch: &[u8]) -> Vec<Programme> {
    let mut reader = Reader(batch);
    assert_eq!(reader.byte(), VERSION);
    let mut all = Vec::new();
    while !reader.0.is_empty() {
        all.push(reader.programme());
    }
    all
}

impl From<&PackedProgramme> for Programme {
    /// The record, for tests.
    fn from(packed: &PackedProgramme) -> Self {
        let mut batch = super::Batch::default();
        batch.push(packed);
        Reader(&batch.bytes[1..]).programme()
    }
}
