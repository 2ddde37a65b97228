//! Secrets that the operator granted by name.

use crate::{Result, raw};

/// The secret's current value; `not-granted` or `not-found` where there is none. Ask each time: it can be changed while the host
/// runs, and it must not be kept or logged.
pub fn get(name: &str) -> Result<String> {
    Ok(raw::secrets::get(name)?)
}
