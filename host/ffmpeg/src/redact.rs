//! Lines that FFmpeg writes, without credentials. FFmpeg knows nothing of secrets: its messages carry whole URLs.
//!
//! Two nets: what the command line carried is known and taken out wherever it stands; of anything else that looks like a URL
//! scheme and host remain.

use std::fmt;

/// Shorter texts are not hidden by themselves: they would punch holes into every line.
const SHORTEST: usize = 4;

/// Takes credentials out of text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redactor {
    /// What to look for, and what to write instead; longest first.
    known: Vec<(String, String)>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} texts)", self.known.len())
    }
}

impl Redactor {
    /// Hides a text wherever it stands.
    pub fn hide(&mut self, text: &str) {
        self.replace(text, "…".to_owned());
    }

    /// Hides a URL, its user and password, and its path with the query.
    pub fn hide_url(&mut self, url: &str) {
        let Some((scheme, rest)) = url.split_once("://") else { return self.hide(url) };
        self.replace(url, format!("{scheme}://{}", host(rest)));
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        self.hide(path);
        if let Some((account, _)) = authority.rsplit_once('@') {
            self.hide(account);
            account.split(':').for_each(|part| self.hide(part));
        }
    }

    fn replace(&mut self, text: &str, by: String) {
        if text.chars().count() >= SHORTEST {
            self.known.push((text.to_owned(), by));
            self.known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        }
    }

    /// The text without what is hidden and without credentials of any URL.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, by) in &self.known {
            if text.contains(known.as_str()) {
                text = text.replace(known.as_str(), by);
            }
        }
        without_credentials(&text)
    }
}

/// Of every URL in a text, scheme and host remain.
fn without_credentials(text: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "'\"<>|\\".contains(c)).unwrap_or(after.len());
        let (url, after) = after.split_at(end);
        clean.push_str(&host(url));
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// `host[:port]` of what follows `scheme://`, and a mark if there was more. A password may contain any character: what is not plainly
/// a host is left out.
fn host(url: &str) -> String {
    let (authority, path) = url.split_at(url.find(['/', '?', '#']).unwrap_or(url.len()));
    let (account, host) = authority.rsplit_once('@').map_or((None, authority), |(account, host)| (Some(account), host));
    // FFmpeg ends a URL with a colon before what it has to say of it.
    let (host, colon) = host.strip_suffix(':').filter(|_| path.is_empty()).map_or((host, ""), |host| (host, ":"));
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    let is_host = host.contains(|c: char| c.is_ascii_alphanumeric()) && host.chars().all(plain) && !path.contains('@');
    let colon = if path.ends_with(':') { ":" } else { colon };
    match (is_host, path.trim_end_matches(':').is_empty() && account.is_none()) {
        (true, true) => format!("{host}{colon}"),
        (true, false) => format!("{host}/…{colon}"),
        (false, _) => format!("…{colon}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_keep_scheme_and_host() {
        let check = |text: &str, expected: &str| assert_eq!(Redactor::default().clean(text), expected);
        check("nothing to hide", "nothing to hide");
        check("[error] http://h.example/live/joe/pw/1.ts?t=1: Not Found", "[error] http://h.example/…: Not Found");
        check("http://joe:pw@h.example:80/a: x", "http://h.example:80/…: x");
        check(
            "'rtsp://joe:pw@h.example' and \"udp://239.0.0.1:1234\"",
            "'rtsp://h.example/…' and \"udp://239.0.0.1:1234\"",
        );
        check("tcp://127.0.0.1:1 failed: refused", "tcp://127.0.0.1:1 failed: refused");
        check("tcp://127.0.0.1:1: refused", "tcp://127.0.0.1:1: refused");
        check("http://joe:p/w@h.example/1.ts", "http://…");
        check("http://joe:p@w@h.example/1.ts", "http://h.example/…");
        check("http://[::1]:80/x", "http://[::1]:80/…");
        check("http://?token=1", "http://…");
        check("a://b/c d://e/f", "a://b/… d://e/…");
        check("://", "://…");
    }

    #[test]
    fn what_the_command_line_carried_is_hidden_anywhere() {
        let mut redactor = Redactor::default();
        redactor.hide_url("rtsp://joe:hush1@h.example/live/my channel?key=5");
        redactor.hide("Bearer abc");
        redactor.hide("ab");
        let check = |text: &str, expected: &str| assert_eq!(redactor.clean(text), expected);
        check("rtsp://joe:hush1@h.example/live/my channel?key=5: 404", "rtsp://h.example/…: 404");
        check("DESCRIBE /live/my channel?key=5 failed", "DESCRIBE … failed");
        check("hush1 is wrong, abba is not", "… is wrong, abba is not");
        check("sent Bearer abc", "sent …");
        assert_eq!(format!("{redactor:?}"), "Redactor(5 texts)");
    }

    proptest! {
        /// Whatever stands in a path or password does not come out.
        #[test]
        fn nothing_slips_through(before in ".{0,20}", account in "[a-zA-Z0-9:%!]{0,8}", path in "[a-zA-Z0-9/?=&%.]{0,16}") {
            let url = format!("http://{account}SECRET@h.example/{path}SECRET");
            let clean = Redactor::default().clean(&format!("{before} {url}: failed"));
            prop_assert!(!clean.contains("SECRET"), "{clean}");
            let mut redactor = Redactor::default();
            redactor.hide_url(&url);
            prop_assert!(!redactor.clean(&url).contains("SECRET"));
        }
    }
}
