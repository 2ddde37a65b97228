//! A plugin for tests: does what the key says and answers what came of it in the URL. No model for plugins.

use std::hint::black_box;
use std::io::Read;

use mast_sdk::source::{Catalog, Resolver, Source, Upstream};
use mast_sdk::{Error, Result, Summary, clock, files, http, kv, secrets};

struct Probe;

impl Source for Probe {
    fn load() -> Result<Self> {
        Ok(Self)
    }

    fn refresh(&self, _: &mut Catalog<'_>) -> Result<Summary> {
        Ok(Summary::unchanged())
    }
}

impl Resolver for Probe {
    fn resolve(&self, key: &str, attempt: u32) -> Result<Upstream> {
        let (what, argument) = key.split_once(' ').unwrap_or((key, ""));
        let mut text = String::new();
        match what {
            "echo" => text = format!("{argument} {attempt}"),
            "error" => return Err(Error::unavailable("as asked").retry_after(7)),
            "panic" => panic!("as asked: {argument}"),
            "recurse" => text = recurse(u64::from(attempt)).to_string(),
            "clock" => text = format!("{} {}", clock::now() > 1_600_000_000, clock::monotonic() <= clock::monotonic()),
            "secret" => text = secrets::get(argument)?,
            "kv" => {
                kv::set(argument, b"value")?;
                text = format!("{:?} {:?}", kv::get_text(argument)?, kv::keys("", None, 10)?);
                kv::delete(argument)?;
                text.push_str(&format!(" {:?}", kv::get(argument)?));
            }
            "http" => drop(http::get(argument)?.body()?.read_to_string(&mut text)?),
            "file" => drop(files::open(argument)?.read_to_string(&mut text)?),
            _ => return Err(Error::not_found(format!("the probe knows no {what:?}"))),
        }
        Ok(Upstream::new(text))
    }
}

/// Needs more stack than any plugin has, and cannot be turned into a loop.
fn recurse(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    if depth == u64::MAX { here[0] } else { recurse(depth + 1) + black_box(here[63]) }
}

mast_sdk::export_plugin!(Probe: source, resolver);
