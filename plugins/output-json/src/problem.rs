//! What goes wrong, as the caller is told: problem details (RFC 9457) with a code that stays the same, the field at fault and the next
//! step. Nothing of what was sent is repeated.

use mast_sdk::Error;
use mast_sdk::output::Response;
use serde::Serialize;

/// An answer that is not 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// For programs: one of those in the description.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) title: &'static str,
    /// What to do about it.
    pub(crate) detail: &'static str,
    /// The parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<&'static str>,
}

/// Why a call ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The caller's to mend.
    Problem(Problem),
    /// The host's or this plugin's.
    Error(Error),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Problem {
    /// A parameter that cannot be read; `detail` says what it has to be.
    pub(crate) const fn parameter(field: &'static str, detail: &'static str) -> Self {
        Self {
            status: 400,
            code: "invalid_parameter",
            title: "A parameter cannot be understood.",
            detail,
            field: Some(field),
        }
    }

    /// An id that nothing in the lineup has.
    pub(crate) const fn not_found(detail: &'static str) -> Self {
        Self { status: 404, code: "not_found", title: "It is not in this line's lineup.", detail, field: Some("id") }
    }

    /// No line, by the host's word for it.
    pub(crate) fn refused(code: &str) -> Self {
        let (status, code, title, detail) = match code {
            "credentials" => (
                401,
                "token_invalid",
                "No line has this token.",
                "Ask the operator for the line's token and send it again.",
            ),
            "expired" => (403, "expired", "The line has expired.", "Ask the operator to renew it."),
            "disabled" => (403, "disabled", "The line is disabled.", "Ask the operator to enable it."),
            "banned" => (403, "banned", "The line is banned.", "Ask the operator for the reason."),
            "throttled" => (429, "throttled", "Too many attempts.", "Wait a few minutes, then send the right token."),
            _ => (403, "denied", "The line may not be used from here.", "Ask the operator where it may be used."),
        };
        Self { status, code, title, detail, field: None }
    }

    pub(crate) const NO_TOKEN: Self = Self {
        status: 401,
        code: "token_missing",
        title: "A line's token is needed.",
        detail: "Send the header field Authorization: Bearer TOKEN, or the parameter token.",
        field: None,
    };

    pub(crate) fn write(&self, response: &mut Response<'_>) -> mast_sdk::Result<()> {
        let mut headers = vec![("content-type", "application/problem+json")];
        match self.code {
            "token_missing" => headers.push(("www-authenticate", "Bearer realm=\"Mast\"")),
            "token_invalid" => headers.push(("www-authenticate", "Bearer realm=\"Mast\", error=\"invalid_token\"")),
            "throttled" => headers.push(("retry-after", "60")),
            _ => {}
        }
        response.start(self.status, &headers)?;
        crate::json(response.buffer(), self)?;
        response.flush_full()
    }
}
