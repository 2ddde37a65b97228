//! Episodes: a request for each series that is new or has changed, and storage for the rest.
//!
//! Of a series, storage holds when it was changed and its episodes in a compact form; the same form is what is pushed, so that an episode is
//! the same in the refresh that asked for it and in those that remember it. Where storage is full or not granted, series that do not fit are
//! asked for again.

mod asked;
mod stored;

use std::collections::HashSet;

use mast_sdk::source::{Catalog, Episode};
use mast_sdk::{Code, Error, Result, clock, json, kv};

use crate::account::Account;
use crate::counts::Counts;
use crate::series::Listed;
use crate::settings::Settings;
use stored::{Part, Stored};

/// The longest answer about one series.
const MOST_ANSWER: usize = 16 * 1024 * 1024;
/// Series whose answers may be unreadable before the refresh is given up.
const UNREADABLE: u64 = 20;
/// Where the upstream does not say when a series changed, it is asked for again after this many seconds.
const FORGET: u64 = 7 * 86_400;

/// Pushes the episodes of all listed series, as far as they can be known now.
pub(crate) fn read(
    settings: &Settings,
    account: &Account,
    mut listed: Vec<Listed>,
    counts: &mut Counts,
    out: &mut Catalog<'_>,
) -> Result<()> {
    let stores = stored::is_granted()?;
    if stores {
        forget_others(&listed)?;
    }
    listed.sort_by_key(|one| std::cmp::Reverse(one.modified));
    let mut asking = Asking { account, stores, left: settings.most_series, unreadable: 0 };
    for one in &listed {
        let stored = if stores { Stored::get(&one.id)? } else { None };
        let parts = match stored {
            Some(stored) if stored.is_current(one.modified, clock::now()) => {
                counts.remembered += 1;
                stored.parts
            }
            older => asking.one(one, older, counts, out)?,
        };
        for part in parts {
            counts.episodes += 1;
            out.episode(episode(account, &one.id, part))?;
        }
    }
    if counts.waiting > 0 {
        let why = if stores {
            "series wait for a later refresh, with the episodes that are known of them; raise most_series to ask for more at once"
        } else {
            "series have no episodes: raise most_series, or grant storage (kv) so that each refresh goes on where the last one ended"
        };
        out.warn("the episodes", &format!("{} {why}", counts.waiting));
    }
    Ok(())
}

fn episode(account: &Account, series: &str, part: Part) -> Episode {
    let mut attrs = Vec::new();
    let mut add = |key: &str, value: String| attrs.push((key.to_owned(), value));
    for (key, number) in [("added", part.added), ("duration-seconds", part.seconds)] {
        if number > 0 {
            add(key, number.to_string());
        }
    }
    if !part.released.is_empty() {
        add("release-date", part.released);
    }
    Episode {
        key: format!("episode:{}", part.id),
        series: format!("series:{series}"),
        season: part.season,
        number: part.number,
        upstreams: vec![account.upstream("series", &part.id, &part.container, "file")],
        name: part.name,
        container: part.container,
        attrs,
    }
}

/// Removes what is stored of series that are gone.
fn forget_others(listed: &[Listed]) -> Result<()> {
    let ids: HashSet<&str> = listed.iter().map(|one| &*one.id).collect();
    let mut after = None;
    loop {
        let keys = kv::keys(stored::PREFIX, after.as_deref(), 1000)?;
        for key in &keys {
            if key.strip_prefix(stored::PREFIX).is_some_and(|id| !ids.contains(id)) {
                kv::delete(key)?;
            }
        }
        match keys.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}

/// Asks the upstream, as often as it may.
struct Asking<'a> {
    account: &'a Account,
    stores: bool,
    left: usize,
    unreadable: u64,
}

impl Asking<'_> {
    /// The episodes of one series: as the upstream says them now, or as they were known.
    fn one(
        &mut self,
        one: &Listed,
        older: Option<Stored>,
        counts: &mut Counts,
        out: &mut Catalog<'_>,
    ) -> Result<Vec<Part>> {
        let known = |older: Option<Stored>| older.map(|older| older.parts).unwrap_or_default();
        if self.left == 0 {
            counts.waiting += 1;
            return Ok(known(older));
        }
        self.left -= 1;
        counts.asked += 1;
        let item = format!("series:{}", one.id);
        let parts = match self.ask(&one.id) {
            Ok(parts) => parts,
            Err(error) => {
                self.failed(&item, error, counts, out)?;
                return Ok(known(older));
            }
        };
        if parts.is_empty() {
            // Not stored: the upstream may know some tomorrow without saying that it changed.
            counts.mend(out, &item, "the upstream knows no episodes of it");
            return Ok(known(older));
        }
        if self.stores {
            let stored = Stored { modified: one.modified, asked: clock::now(), parts };
            match stored.set(&one.id) {
                Ok(()) => {}
                Err(error) if error.code == Code::Limit => {
                    self.stores = false;
                    let why = "storage is full, so these series are asked for in every refresh; grant more kv";
                    out.warn("the episodes", why);
                }
                Err(error) => return Err(error),
            }
            return Ok(stored.parts);
        }
        Ok(parts)
    }

    fn ask(&self, id: &str) -> Result<Vec<Part>> {
        const WHAT: &str = "the episodes of a series";
        let action = format!("&action=get_series_info&series_id={id}");
        Ok(asked::parts(json::document(self.account.ask(&action, WHAT)?, WHAT, MOST_ANSWER)?))
    }

    /// One bad answer costs one series. An upstream that wants fewer requests, or is gone, is not asked again in this refresh where what is
    /// stored lets the next one go on; without storage the refresh fails, and what the host has stays.
    fn failed(&mut self, item: &str, error: Error, counts: &mut Counts, out: &mut Catalog<'_>) -> Result<()> {
        match error.code {
            Code::NotFound => counts.mend(out, item, "the upstream knows no episodes of it"),
            Code::Malformed | Code::Limit => {
                self.unreadable += 1;
                if self.unreadable > UNREADABLE {
                    return Err(error.context("of many series"));
                }
                counts.mend(out, item, &error.message);
            }
            Code::Unavailable if self.stores => {
                self.left = 0;
                counts.waiting += 1;
                out.warn(item, &format!("no more is asked for in this refresh: {}", error.message));
            }
            _ => return Err(error),
        }
        Ok(())
    }
}
