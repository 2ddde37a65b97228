//! Channels from a `channels.txt`: one channel per line, eight fields. It only reads what the file says; streaming, probing and
//! everything else about the channels is the host's.

mod record;

use std::collections::HashMap;

use mast_sdk::location::Location;
use mast_sdk::source::{Catalog, Category, Channel, Source, Upstream};
use mast_sdk::text::Lines;
use mast_sdk::{ByteSource, Error, Result, Summary};

use record::{Parsed, Record};

/// Longer lines are cut, reported and left out.
const LONGEST_LINE: usize = 16 * 1024;

#[derive(serde::Deserialize)]
struct ChannelsTxt {
    #[serde(flatten)]
    location: Location,
}

impl Source for ChannelsTxt {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        own.location.check()?;
        Ok(own)
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let Some(input) = self.location.open_if_changed()? else {
            return Ok(Summary::unchanged());
        };
        let (mut records, left_out) = read(input, out)?;
        if records.is_empty() {
            return Err(Error::malformed(format!(
                "no channel in it ({left_out} lines were left out); each line is \
                 id|name|source_url|logo_url|category|quality|order|category_order"
            )));
        }
        let categories = sort(&mut records);
        for (order, name) in (0..).zip(&categories) {
            out.category(Category { order: Some(order), ..Category::live(name.clone(), name.clone()) })?;
        }
        let channels = records.len();
        for record in records {
            out.channel(channel(record))?;
        }
        Ok(Summary::changed().with("channels", channels).with("skipped", left_out))
    }
}

/// The records in file order and how many lines were left out.
fn read(input: ByteSource<'_>, out: &mut Catalog<'_>) -> Result<(Vec<Record>, usize)> {
    let mut lines = Lines::new(input, LONGEST_LINE);
    let mut records: Vec<Record> = Vec::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut left_out = 0;
    while let Some(line) = lines.next_line()? {
        let item = format!("line {}", line.number);
        let parsed =
            if line.cut { Parsed::Bad("it is longer than 16 KiB".to_owned()) } else { record::parse(&line.text) };
        match parsed {
            Parsed::Nothing => {}
            Parsed::Bad(why) => {
                out.warn(&item, &why);
                left_out += 1;
            }
            Parsed::Record(record, remarks) => {
                if let Some(first) = seen.get(&record.id) {
                    out.warn(&item, &format!("id {:?} is taken by line {first}", record.id));
                    left_out += 1;
                    continue;
                }
                remarks.iter().for_each(|remark| out.warn(&item, remark));
                seen.insert(record.id.clone(), line.number);
                records.push(record);
            }
        }
    }
    Ok((records, left_out))
}

/// Sorts by category order, then by order within the category, ties in file order, and answers the categories in their order.
/// Where lines of one category disagree about its order, the smallest counts.
fn sort(records: &mut [Record]) -> Vec<String> {
    let mut orders: HashMap<String, (u64, usize)> = HashMap::new();
    for (position, record) in records.iter().enumerate() {
        let first = orders.entry(record.category.clone()).or_insert((record.category_order, position));
        first.0 = first.0.min(record.category_order);
    }
    records.sort_by_key(|record| (orders[&record.category], record.order));
    let mut categories: Vec<_> = orders.into_iter().filter(|(name, _)| !name.is_empty()).collect();
    categories.sort_by_key(|(_, order)| *order);
    categories.into_iter().map(|(name, _)| name).collect()
}

fn channel(record: Record) -> Channel {
    let present = |text: String| (!text.is_empty()).then_some(text);
    let quality: Vec<_> = present(record.quality).map(|quality| ("quality".to_owned(), quality)).into_iter().collect();
    Channel {
        category: present(record.category),
        logo: present(record.logo),
        upstreams: vec![Upstream { attrs: quality.clone(), ..Upstream::new(record.url) }],
        attrs: quality,
        ..Channel::new(record.id, record.name)
    }
}

mast_sdk::export_plugin!(ChannelsTxt: source);

#[cfg(test)]
mod tests;
