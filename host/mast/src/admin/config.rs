//! `[retention]`.

use std::time::Duration;

use crate::config::reader::Section;

/// Less would hide what somebody did today.
const SHORTEST: Duration = Duration::from_secs(86_400);

/// `[retention]`
#[derive(Debug, Clone, Default)]
pub struct RetentionConfig {
    /// `audit`: how long entries of the audit log are kept, at least 1d; for ever by default.
    pub audit: Option<Duration>,
}

impl RetentionConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let audit: Option<Duration> = section.optional("audit");
        if audit.is_some_and(|span| span < SHORTEST) {
            section.problem("audit", "expected a span of time from 1d");
        }
        Self { audit }
    }
}
