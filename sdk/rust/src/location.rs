//! The settings that most sources share: a URL or a file, and how to ask for it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{ByteSource, Error, Result, files, http, secrets};

/// `url` or `path`, `user_agent` and `headers` of an instance's `[config]`; flatten it into the plugin's own settings.
///
/// `${NAME}` in `url` and in header values stands for the granted secret of that name, percent-encoded in `url`, so that the
/// instance's file needs no credentials.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Location {
    /// An http or https URL.
    pub url: Option<String>,
    /// A granted file.
    pub path: Option<String>,
    /// What the request says it comes from.
    pub user_agent: Option<String>,
    /// More header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl Location {
    /// Checks what a schema cannot say in good words. To be called from `load`.
    pub fn check(&self) -> Result<()> {
        match (&self.url, &self.path) {
            (None, None) => Err(Error::config("set url or path: there is nothing to read")),
            (Some(_), Some(_)) => Err(Error::config("set either url or path, not both")),
            (None, Some(path)) if path.is_empty() => Err(Error::config("path is empty")),
            (Some(url), None) if !is_http(url) => {
                Err(Error::config("url must begin with http:// or https://; for a file use path"))
            }
            _ => self.texts().try_for_each(|text| expand(text, |_| Ok(String::new())).map(drop)),
        }
    }

    /// Opens it, whether or not it has changed: for plugins that make several requests in an import.
    pub fn open(&self) -> Result<ByteSource<'static>> {
        match &self.path {
            Some(path) => files::open(path),
            None => self.request()?.send()?.ok()?.body(),
        }
    }

    /// Opens it; none where it has not changed since this instance's last accepted import.
    pub fn open_if_changed(&self) -> Result<Option<ByteSource<'static>>> {
        if let Some(path) = &self.path {
            return files::open_if_changed(path);
        }
        self.request()?.send_if_changed()?.map(http::Response::body).transpose()
    }

    fn request(&self) -> Result<http::Request> {
        let url = self.url.as_deref().ok_or_else(|| Error::config("set url or path: there is nothing to read"))?;
        let mut request =
            http::Request::get(&expand(url, |name| secrets::get(name).map(|secret| percent_encode(&secret)))?);
        if let Some(user_agent) = &self.user_agent {
            request = request.header("user-agent", user_agent);
        }
        for (name, value) in &self.headers {
            request = request.header(name, &expand(value, secrets::get)?);
        }
        Ok(request)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.url.iter().chain(self.headers.values()).map(String::as_str)
    }
}

fn is_http(url: &str) -> bool {
    let starts = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("http://") || starts("https://")
}

/// Puts the granted secret of that name where `text` says `${NAME}`.
pub fn with_secrets(text: &str) -> Result<String> {
    expand(text, secrets::get)
}

/// Whether each `${NAME}` in `text` is written as it has to be; for `load`, which asks for no secrets.
pub fn check_secrets(text: &str) -> Result<()> {
    expand(text, |_| Ok(String::new())).map(drop)
}

/// Replaces each `${NAME}` by `value(NAME)`.
fn expand(text: &str, value: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after
            .split_once('}')
            .ok_or_else(|| Error::config("a ${ without its }: write ${NAME} for the secret NAME"))?;
        if name.is_empty() {
            return Err(Error::config("${} names no secret: write ${NAME}"));
        }
        expanded.push_str(before);
        expanded.push_str(&value(name)?);
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Everything but RFC 3986's unreserved characters becomes `%XX`.
pub fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::Location;
    use crate::mock::{Answer, Host};
    use crate::{Code, Error};

    fn location(config: serde_json::Value) -> Location {
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn secrets_are_put_in_where_they_are_named() {
        let host = Host::new()
            .secret("PASSWORD", "a&b c")
            .secret("KEY", "k e y")
            .http("https://tv.example/get?p=a%26b%20c&x=1", Answer::ok("list"))
            .install();
        let location = location(json!({
            "url": "https://tv.example/get?p=${PASSWORD}&x=1", "user_agent": "mast", "headers": { "x-key": "Bearer ${KEY}" }
        }));
        location.check().unwrap();
        let mut body = String::new();
        location.open_if_changed().unwrap().unwrap().read_to_string(&mut body).unwrap();
        assert_eq!(body, "list");
        let request = host.requests().remove(0);
        assert!(request.only_if_changed);
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.headers, [own("user-agent", "mast"), own("x-key", "Bearer k e y")]);
    }

    #[test]
    fn what_did_not_change_is_not_read() {
        let _host = Host::new().http("https://tv.example/", Answer::status(304)).unchanged_file("/list.m3u").install();
        assert!(location(json!({ "url": "https://tv.example/" })).open_if_changed().unwrap().is_none());
        assert!(location(json!({ "path": "/list.m3u" })).open_if_changed().unwrap().is_none());
    }

    #[test]
    fn refusals_say_what_the_upstream_said() {
        let check = |answer: Answer, code: Code| {
            let _host = Host::new().http("https://tv.example/", answer).install();
            let error = location(json!({ "url": "https://tv.example/" })).open_if_changed().err().unwrap();
            assert_eq!(error.code, code);
            error
        };
        check(Answer::status(403), Code::Unauthorized);
        check(Answer::status(404), Code::NotFound);
        check(Answer::error(Error::unavailable("refused")), Code::Unavailable);
        let error = check(Answer::status(503).header("retry-after", "120"), Code::Unavailable);
        assert_eq!(error.retry_after, Some(120));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (config, part) in [
            (json!({}), "url or path"),
            (json!({ "url": "https://tv.example/", "path": "/x" }), "not both"),
            (json!({ "url": "/etc/list.m3u" }), "use path"),
            (json!({ "url": "https://tv.example/${PASSWORD" }), "without its }"),
            (json!({ "url": "https://tv.example/", "headers": { "x": "${}" } }), "names no secret"),
            (json!({ "path": "" }), "empty"),
        ] {
            let error = location(config).check().unwrap_err();
            assert_eq!(error.code, Code::Config);
            assert!(error.message.contains(part), "{error} lacks {part}");
        }
    }
}
