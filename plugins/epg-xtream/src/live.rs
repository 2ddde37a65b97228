//! The list of live channels, read as it arrives: tens of thousands take a few bytes each.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The longest guide id and name, in bytes.
const LONGEST: usize = 256;

/// A live channel that has a guide id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LiveChannel {
    pub(crate) id: u64,
    /// The upstream's id for its guide.
    pub(crate) guide: String,
    pub(crate) name: String,
    pub(crate) icon: Option<String>,
}

/// As it is written: panels do not agree on types.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    stream_id: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    epg_channel_id: Value,
    #[serde(default)]
    stream_icon: Value,
}

fn text(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

impl Row {
    fn channel(self) -> Option<LiveChannel> {
        let id = self.stream_id.as_u64().or_else(|| self.stream_id.as_str()?.trim().parse().ok())?;
        let guide = text(self.epg_channel_id).filter(|guide| guide.len() <= LONGEST)?;
        let mut name = text(self.name).unwrap_or_else(|| guide.clone());
        name.truncate(name.floor_char_boundary(LONGEST));
        let icon = text(self.stream_icon).filter(|icon| icon.starts_with("http"));
        Some(LiveChannel { id, guide, name, icon })
    }
}

/// Hands out the channels of a list, or of an object whose values they are. An object that is no list of channels (an error, a login) has
/// none.
pub(crate) fn read(input: impl Read, each: impl FnMut(LiveChannel)) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_reader(input);
    reader.deserialize_any(Rows(each))?;
    reader.end()
}

struct Rows<F>(F);

/// A row, or something else that is passed over.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Row(Row),
    Other(IgnoredAny),
}

impl<'de, F: FnMut(LiveChannel)> Visitor<'de> for Rows<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of channels")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<Item>()? {
            if let Item::Row(row) = item {
                row.channel().into_iter().for_each(&mut self.0);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            if let Item::Row(row) = map.next_value::<Item>()? {
                row.channel().into_iter().for_each(&mut self.0);
            }
        }
        Ok(())
    }
}
