//! Where the rest is, for what this request found its line by.

use mast_sdk::output::Request;
use mast_sdk::{Error, Result};

use crate::Playback;
use crate::escape::url;

/// Addresses on this host. They hold the viewer's own credentials or token.
pub(crate) struct Links<'a> {
    base: &'a str,
    by: By<'a>,
    output: Playback,
}

enum By<'a> {
    Token(&'a str),
    Credentials {
        username: &'a str,
        password: &'a str,
        /// The type of lists to name in `/get.php`.
        list: &'static str,
    },
}

impl<'a> Links<'a> {
    /// Of a request with `type` in lower case.
    pub(crate) fn of(request: &'a Request, box_type: &str, output: Playback) -> Result<Self> {
        let by = match (request.param("token"), request.query("username"), request.query("password")) {
            (Some(token), _, _) => By::Token(token),
            (None, Some(username), Some(password)) => {
                let list =
                    if box_type.starts_with("enigma22") || box_type == "dreambox" { "dreambox" } else { "enigma16" };
                By::Credentials { username, password, list }
            }
            _ => return Err(Error::internal("the host called this output without credentials and without a token")),
        };
        Ok(Self { base: &request.base_url, by, output })
    }

    /// A file of this output.
    pub(crate) fn file(&self, name: &str) -> String {
        let (base, output, name) = (self.base, self.output.name(), url(name));
        match &self.by {
            By::Token(token) => format!("{base}/enigma2/{}/{name}?output={output}", url(token)),
            By::Credentials { list, .. } => self.list(list, &format!("&file={name}")),
        }
    }

    /// A list of `/get.php`.
    pub(crate) fn list(&self, kind: &str, more: &str) -> String {
        self.with_credentials("get.php", &format!("&type={kind}&output={}{more}", self.output.name()))
    }

    /// A page of `/enigma2.php`.
    pub(crate) fn page(&self, query: &str) -> String {
        self.with_credentials("enigma2.php", query)
    }

    /// The guide.
    pub(crate) fn guide(&self) -> String {
        match &self.by {
            By::Token(token) => format!("{}/epg/{}.xml.gz", self.base, url(token)),
            By::Credentials { .. } => self.with_credentials("xmltv.php", ""),
        }
    }

    fn with_credentials(&self, page: &str, more: &str) -> String {
        let base = self.base;
        match &self.by {
            By::Credentials { username, password, .. } => {
                format!("{base}/{page}?username={}&password={}{more}", url(username), url(password))
            }
            By::Token(token) => format!("{base}/{page}?token={}{more}", url(token)),
        }
    }
}
