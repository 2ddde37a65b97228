//! Conditional requests (RFC 9110, section 13) for answers with a key: `If-None-Match`, and where there is none, `If-Modified-Since`.
//!
//! An answer has one tag for its bytes as they are and another for the same in gzip; whoever has either of the version in force has what
//! he asks for.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use super::answer::Form;

const GZIP: &str = "-gzip\"";

/// The tag of an answer in a form.
pub(super) fn tag_of(tag: &str, form: Form) -> String {
    match form {
        Form::Only | Form::Identity => tag.to_owned(),
        Form::Gzip => format!("{}{GZIP}", tag.trim_end_matches('"')),
    }
}

/// The form that the client has already; none where it has to be sent. `tag` is that of the bytes as they are.
pub(super) fn known(headers: &HeaderMap, tag: &str, since: Option<Timestamp>) -> Option<Form> {
    let fields = headers.get_all(header::IF_NONE_MATCH);
    if fields.iter().next().is_some() {
        let fields = fields.iter().filter_map(|value| value.to_str().ok());
        let in_gzip = tag_of(tag, Form::Gzip);
        return fields.flat_map(|value| value.split(',')).find_map(|one| match one.trim().trim_start_matches("W/") {
            one if one == in_gzip => Some(Form::Gzip),
            one if one == tag || one == "*" => Some(Form::Only),
            _ => None,
        });
    }
    let asked = headers.get(header::IF_MODIFIED_SINCE)?.to_str().ok()?;
    let asked = DateTimeParser::new().parse_timestamp(asked).ok()?;
    // A date that is still to come is none.
    (since? <= asked && asked <= Timestamp::now()).then_some(Form::Only)
}

/// Tells tag and age.
pub(super) fn tell(headers: &mut HeaderMap, tag: &str, form: Form, since: Option<Timestamp>) {
    if let Ok(value) = HeaderValue::from_str(&tag_of(tag, form)) {
        headers.insert(header::ETAG, value);
    }
    let since = since.and_then(|since| DateTimePrinter::new().timestamp_to_rfc9110_string(&since).ok());
    if let Some(value) = since.and_then(|since| HeaderValue::from_str(&since).ok()) {
        headers.insert(header::LAST_MODIFIED, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// Tells that the form depends on what the client accepts.
pub(super) fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
}

/// The client has it.
pub(super) fn not_modified(tag: &str, form: Form, since: Option<Timestamp>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    tell(response.headers_mut(), tag, form, since);
    if form == Form::Gzip {
        vary(response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_sent() {
        let since = Timestamp::from_second(784_111_777).ok();
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (fields, since, expected) in [
            (vec![], since, None),
            (vec![("if-none-match", "\"a\"")], None, Some(Form::Only)),
            (vec![("if-none-match", "W/\"a\"")], None, Some(Form::Only)),
            (vec![("if-none-match", "\"b\", \"a-gzip\"")], None, Some(Form::Gzip)),
            (vec![("if-none-match", "\"b\""), ("if-none-match", "\"a\"")], None, Some(Form::Only)),
            (vec![("if-none-match", "*")], None, Some(Form::Only)),
            (vec![("if-none-match", "a")], None, None),
            (vec![("if-none-match", "\"b\""), ("if-modified-since", date)], since, None),
            (vec![("if-modified-since", date)], since, Some(Form::Only)),
            (vec![("if-modified-since", date)], None, None),
            (vec![("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], since, None),
            (vec![("if-modified-since", "Sun, 06 Nov 1994 08:49:38 GMT")], since, Some(Form::Only)),
            (vec![("if-modified-since", "Fri, 06 Nov 2199 08:49:38 GMT")], since, None),
            (vec![("if-modified-since", "yesterday")], since, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(known(&headers, "\"a\"", since), expected, "{fields:?}");
        }
    }

    #[test]
    fn what_is_told_is_known_next_time() {
        let since = Timestamp::from_second(784_111_777).ok();
        let response = not_modified("\"a\"", Form::Gzip, since);
        let headers = response.headers();
        assert_eq!(headers[header::ETAG], "\"a-gzip\"");
        assert_eq!(headers[header::LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(headers[header::VARY], "accept-encoding");
        for (told, asked) in [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)]
        {
            let again = HeaderMap::from_iter([(asked, headers[told].clone())]);
            assert!(known(&again, "\"a\"", since).is_some());
        }
    }
}
