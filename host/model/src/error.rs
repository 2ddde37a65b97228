//! How errors are sorted. Leaf crates answer these three questions; only `delivery/error.rs` and `admin/error.rs` turn the
//! answers into a status and a public sentence.

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The caller asked for something malformed.
    Invalid,
    /// The caller is not who it claims to be.
    Unauthenticated,
    /// The caller is known and may not.
    Denied,
    /// It does not exist, or the caller may not know that it does.
    NotFound,
    /// It clashes with what is there (a username that is taken, a version that moved on).
    Conflict,
    /// A limit was reached.
    Limit,
    /// Something is not ready, or broken for now.
    Unavailable,
    /// A deadline passed.
    Timeout,
    /// A defect or a broken disk.
    Internal,
}

/// On whose side the cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The viewer or whoever sent the request.
    Viewer,
    /// This host, its configuration or its operator.
    Host,
    /// A provider.
    Upstream,
    /// A plugin.
    Plugin,
}

/// An error that can be sorted.
pub trait Classified: std::error::Error {
    /// What kind of failure it is.
    fn class(&self) -> ErrorClass;
    /// On whose side the cause lies.
    fn side(&self) -> Side;
    /// Whether the same call may succeed later without anybody changing anything.
    fn retryable(&self) -> bool {
        matches!(self.class(), ErrorClass::Unavailable | ErrorClass::Timeout | ErrorClass::Limit)
    }
}
