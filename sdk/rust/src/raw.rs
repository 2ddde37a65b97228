//! What the idiomatic layer stands on: the generated functions in a component, the mock host everywhere else. Both have the same
//! names and signatures.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::host::mast::{
    base::{clock, config, files, http_client, kv, log, random, secrets, streams::ByteSource},
    epg::sink::GuideSink,
    output::{
        accounts, devices,
        response::ResponseSink,
        views::{Cursor, EpisodeCursor, Line, ProgrammeCursor},
    },
    source::sink::CatalogSink,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::mock::raw::{
    ByteSource, CatalogSink, Cursor, EpisodeCursor, GuideSink, Line, ProgrammeCursor, ResponseSink, accounts, clock,
    config, devices, files, http_client, kv, log, random, secrets,
};

/// A handle that the host lent for one call, or one that the plugin owns.
pub(crate) enum Handle<'a, T> {
    /// Lent.
    Lent(&'a T),
    /// Owned.
    Owned(T),
}

impl<T> std::ops::Deref for Handle<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Lent(handle) => handle,
            Self::Owned(handle) => handle,
        }
    }
}
