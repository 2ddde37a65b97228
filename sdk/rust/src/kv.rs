//! Small durable storage of this plugin instance, within the granted quota.

use crate::{Error, Result, raw};

/// The value, or none.
pub fn get(key: &str) -> Result<Option<Vec<u8>>> {
    Ok(raw::kv::get(key)?)
}

/// The value as text, or none; `malformed` where it is not UTF-8.
pub fn get_text(key: &str) -> Result<Option<String>> {
    let text = get(key)?.map(String::from_utf8).transpose();
    text.map_err(|_| Error::malformed(format!("the stored value of {key:?} is not text")))
}

/// Stores a value durably; `limit` where the quota would be exceeded.
pub fn set(key: &str, value: &[u8]) -> Result<()> {
    Ok(raw::kv::set(key, value)?)
}

/// Removes a value; removing what is not there is no error.
pub fn delete(key: &str) -> Result<()> {
    Ok(raw::kv::delete(key)?)
}

/// Keys that start with `prefix`, sorted, after `after`, at most `max` (the host's bound is 1,000).
pub fn keys(prefix: &str, after: Option<&str>, max: u32) -> Result<Vec<String>> {
    Ok(raw::kv::list_keys(prefix, after, max)?)
}
