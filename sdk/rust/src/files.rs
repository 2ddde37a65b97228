//! Files that the operator granted one by one.

use crate::{ByteSource, Error, Result, raw};

/// Opens a granted file.
pub fn open(path: &str) -> Result<ByteSource<'static>> {
    let opened = raw::files::open(path, false)?;
    opened
        .map(ByteSource::owned)
        .ok_or_else(|| Error::internal("the host has no file to read although none was asked to differ"))
}

/// Opens a granted file; none where it has not changed since this instance's last accepted import.
pub fn open_if_changed(path: &str) -> Result<Option<ByteSource<'static>>> {
    Ok(raw::files::open(path, true)?.map(ByteSource::owned))
}
