//! The page at `/c/`: an account seen with a browser. It holds nothing of anybody; it asks the API, and puts what it is told in as text.

use mast_sdk::output::Response;
use mast_sdk::{Result, random};

const PAGE: &str = include_str!("page.html");
/// Stands in the page where the nonce belongs.
const NONCE: &str = "NONCE";

pub(crate) fn page(response: &mut Response<'_>) -> Result<()> {
    let nonce = random::token();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    response.start(200, &headers)?;
    response.write(PAGE.replace(NONCE, &nonce).as_bytes())
}

/// What imitators look for to see which portal this is.
pub(crate) fn version(response: &mut Response<'_>) -> Result<()> {
    response
        .start(200, &[("content-type", "text/javascript; charset=utf-8"), ("x-content-type-options", "nosniff")])?;
    response.write(b"var ver = '5.6.0';\n")
}
