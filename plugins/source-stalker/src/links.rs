//! What the portal wants to be asked for when something is tuned: its `cmd` for each key, in storage.
//!
//! A `cmd` may hold credentials and is not stable, so it is no part of the key. It is kept with the id taken out of it, since most of a portal's differ in
//! nothing else: a hundred thousand channels are about a megabyte. They lie in [`BLOCKS`] values by a hash of the key, so that tuning reads one of them and a
//! refresh writes only those that changed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mast_sdk::{Code, Error, Result, kv};

const BLOCKS: usize = 64;
/// The longest `cmd`.
const LONGEST: usize = 4096;

/// What to ask for, or where to fetch from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// It is an address already.
    pub(crate) direct: bool,
    pub(crate) cmd: String,
}

/// Keys by the packed `cmd`.
type Block = BTreeMap<String, Vec<String>>;

/// The links of one refresh.
#[derive(Default)]
pub(crate) struct Links(BTreeMap<usize, Block>);

impl Links {
    /// Remembers a link; false where it is too long to be one.
    pub(crate) fn add(&mut self, key: &str, id: &str, link: &Link) -> bool {
        if link.cmd.len() > LONGEST {
            return false;
        }
        let packed = pack(id, link);
        self.0.entry(block(key)).or_default().entry(packed).or_default().push(key.to_owned());
        true
    }

    /// Writes what changed.
    pub(crate) fn store(&self) -> Result<()> {
        for number in 0..BLOCKS {
            let name = format!("links:{number:02}");
            let before = kv::get(&name)?;
            let Some(block) = self.0.get(&number) else {
                if before.is_some() {
                    kv::delete(&name)?;
                }
                continue;
            };
            let bytes = serde_json::to_vec(block).map_err(|error| Error::internal(error.to_string()))?;
            if before.as_deref() != Some(&bytes) {
                kv::set(&name, &bytes).map_err(|error| match error.code {
                    Code::Limit => Error::new(
                        Code::Limit,
                        "what to ask the portal for does not fit into the storage; grant more kv",
                    ),
                    _ => error,
                })?;
            }
        }
        Ok(())
    }
}

/// The link of a key, as the last refresh found it.
pub(crate) fn find(key: &str) -> Result<Option<Link>> {
    let Some(bytes) = kv::get(&format!("links:{:02}", block(key)))? else { return Ok(None) };
    let block: Block = serde_json::from_slice(&bytes).unwrap_or_default();
    let packed = block.iter().find(|(_, keys)| keys.iter().any(|known| known == key)).map(|(packed, _)| packed);
    let id = key.split_once(':').map_or(key, |(_, id)| id);
    Ok(packed.and_then(|packed| unpack(id, packed)))
}

/// FNV-1a: the same in every version.
fn block(key: &str) -> usize {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash % BLOCKS as u64) as usize
}

/// A letter for what it is, and the `cmd` with `{id}` for the id: `d` direct, `t` to be asked for, `b` the same in Base64; in capitals where nothing is put in.
fn pack(id: &str, link: &Link) -> String {
    if !link.direct
        && let Some(inside) = STANDARD.decode(&link.cmd).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        && inside.starts_with('{')
        && !inside.contains("{id}")
        && STANDARD.encode(&inside) == link.cmd
    {
        return format!("b{}", inside.replace(id, "{id}"));
    }
    match (link.cmd.contains("{id}"), link.direct) {
        (true, true) => format!("D{}", link.cmd),
        (true, false) => format!("T{}", link.cmd),
        (false, true) => format!("d{}", link.cmd.replace(id, "{id}")),
        (false, false) => format!("t{}", link.cmd.replace(id, "{id}")),
    }
}

fn unpack(id: &str, packed: &str) -> Option<Link> {
    let cmd = packed.get(1..)?;
    let (direct, cmd) = match packed.get(..1)? {
        "b" => (false, STANDARD.encode(cmd.replace("{id}", id))),
        "d" => (true, cmd.replace("{id}", id)),
        "t" => (false, cmd.replace("{id}", id)),
        "D" => (true, cmd.to_owned()),
        "T" => (false, cmd.to_owned()),
        _ => return None,
    };
    Some(Link { direct, cmd })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_link_comes_back(id in "[0-9a-z{}]{1,4}", cmd in "(ffrt http://localhost/ch/)?[0-9a-z{}i]{0,20}", direct: bool) {
            for cmd in [cmd.clone(), STANDARD.encode(format!("{{{cmd}"))] {
                let link = Link { direct, cmd };
                prop_assert_eq!(unpack(&id, &pack(&id, &link)), Some(link));
            }
        }
    }

    #[test]
    fn links_that_differ_in_the_id_are_one() {
        let link = |cmd: &str| Link { direct: false, cmd: cmd.to_owned() };
        assert_eq!(
            pack("12", &link("ffrt http://localhost/ch/12_")),
            pack("13", &link("ffrt http://localhost/ch/13_"))
        );
    }
}
