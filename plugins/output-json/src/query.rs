//! Parameters, read and checked. One that is empty counts as not given, of one that repeats the first counts.

use mast_sdk::output::Request;
use mast_sdk::time::{self, Zones};

use crate::problem::Problem;

const DAY: u64 = 86_400;

/// The parameter, where it says anything.
pub(crate) fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request.query.iter().filter(|(field, _)| field == name).map(|(_, value)| value.trim());
    values.find(|value| !value.is_empty())
}

fn number(request: &Request, name: &'static str, detail: &'static str) -> Result<Option<u32>, Problem> {
    field(request, name).map(|value| value.parse().map_err(|_| Problem::parameter(name, detail))).transpose()
}

/// The `{id}` of the path.
pub(crate) fn id(request: &Request) -> Result<u32, Problem> {
    let id = request.param("id").unwrap_or_default();
    id.parse().map_err(|_| Problem::parameter("id", "It is a number, as the lists have it."))
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) category: Option<u32>,
    /// In lower case.
    pub(crate) q: Option<String>,
    pub(crate) limit: usize,
    /// The id of the record before it.
    pub(crate) after: Option<u32>,
}

impl Page {
    const DEFAULT: usize = 100;
    const MOST: usize = 5_000;

    pub(crate) fn parse(request: &Request) -> Result<Self, Problem> {
        const LIMIT: &str = "It is a number from 1 to 5000.";
        let limit = match number(request, "limit", LIMIT)? {
            None => Self::DEFAULT,
            Some(limit) if (1..=Self::MOST).contains(&(limit as usize)) => limit as usize,
            Some(_) => return Err(Problem::parameter("limit", LIMIT)),
        };
        Ok(Self {
            category: number(request, "category", "It is the id of a category; /app/v1/categories lists them.")?,
            q: field(request, "q").map(str::to_lowercase),
            limit,
            after: number(request, "after", "Send what next said, or nothing to begin at the start.")?,
        })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.q.as_ref().is_none_or(|q| name.to_lowercase().contains(q))
    }
}

/// `from` and `to`, in seconds since 1970; a day from `now` on where neither is given.
pub(crate) fn window(request: &Request, now: u64) -> Result<(u64, u64), Problem> {
    let from = moment(request, "from")?.unwrap_or(now);
    let to = moment(request, "to")?.unwrap_or(from.saturating_add(DAY));
    if to <= from {
        return Err(Problem::parameter("to", "It has to be later than from."));
    }
    if to - from > 31 * DAY {
        return Err(Problem::parameter("to", "It is at most 31 days after from; ask again for the rest."));
    }
    Ok((from, to))
}

fn moment(request: &Request, name: &'static str) -> Result<Option<u64>, Problem> {
    const DETAIL: &str = "It is a time of RFC 3339 like 2026-01-31T20:15:00Z; a + has to be sent as %2B.";
    let Some(value) = field(request, name) else { return Ok(None) };
    let bytes = value.as_bytes();
    // The reader of guides takes more than this promises.
    let zone = bytes.get(19..).unwrap_or_default();
    let is_whole = bytes.len() >= 20
        && bytes[4] == b'-'
        && matches!(bytes[10], b'T' | b't')
        && (zone.ends_with(b"Z") || zone.ends_with(b"z") || zone.len() >= 6 && zone[zone.len() - 3] == b':');
    match time::parse(bytes, Zones::default()) {
        Ok((seconds, false)) if is_whole => Ok(Some(seconds)),
        _ => Err(Problem::parameter(name, DETAIL)),
    }
}

/// Ids with commas between them, where there are any.
pub(crate) fn ids(request: &Request, name: &'static str) -> Result<Option<Vec<u32>>, Problem> {
    const MOST: usize = 500;
    const DETAIL: &str = "It is a list of at most 500 channel ids with commas between them.";
    let Some(value) = field(request, name) else { return Ok(None) };
    let ids: Result<Vec<u32>, _> = value.split(',').take(MOST + 1).map(|id| id.trim().parse()).collect();
    match ids {
        Ok(ids) if ids.len() <= MOST => Ok(Some(ids)),
        _ => Err(Problem::parameter(name, DETAIL)),
    }
}

#[cfg(test)]
mod tests {
    use mast_sdk::output::Request;
    use proptest::prelude::*;

    use super::{Page, ids, window};

    const NOW: u64 = 1_767_225_600;

    fn request(query: &[(&str, &str)]) -> Request {
        Request::test("x", "/x", query)
    }

    #[test]
    fn windows() {
        for (query, expected) in [
            (&[][..], Ok((NOW, NOW + 86_400))),
            (&[("from", ""), ("to", " ")], Ok((NOW, NOW + 86_400))),
            (&[("from", "2026-01-01T00:00:00Z"), ("to", "2026-01-01T01:00:00Z")], Ok((NOW, NOW + 3600))),
            (&[("from", "2026-01-01T02:00:00+02:00")], Ok((NOW, NOW + 86_400))),
            (&[("from", "2026-01-01t00:00:00.25z")], Ok((NOW, NOW + 86_400))),
            (&[("to", "2026-01-01T00:30:00Z")], Ok((NOW, NOW + 1800))),
            (&[("to", "2026-01-01T00:00:00Z")], Err("to")),
            (&[("to", "2027-01-01T00:00:00Z")], Err("to")),
            (&[("from", "2026-01-01T02:00:00 02:00")], Err("from")),
            (&[("from", "2026-01-01T02:00:00")], Err("from")),
            (&[("from", "2026-02-30T02:00:00Z")], Err("from")),
            (&[("from", "2026-01-01")], Err("from")),
            (&[("from", "20260101000000 +0000")], Err("from")),
            (&[("from", "1767225600")], Err("from")),
            (&[("from", "now")], Err("from")),
            (&[("from", "2026-01-01T02:00:00 Nowhere")], Err("from")),
        ] {
            let found = window(&request(query), NOW).map_err(|problem| problem.field.unwrap());
            assert_eq!(found, expected, "{query:?}");
        }
    }

    #[test]
    fn pages() {
        let parse = |query: &[(&str, &str)]| {
            let request = request(query);
            let page = Page::parse(&request);
            page.map(|page| (page.category, page.limit, page.after)).map_err(|problem| problem.field.unwrap())
        };
        for (query, expected) in [
            (&[][..], Ok((None, 100, None))),
            (&[("limit", ""), ("limit", "7"), ("limit", "8")], Ok((None, 7, None))),
            (&[("category", "3"), ("after", "9"), ("limit", "5000")], Ok((Some(3), 5000, Some(9)))),
            (&[("limit", "0")], Err("limit")),
            (&[("limit", "5001")], Err("limit")),
            (&[("limit", "x")], Err("limit")),
            (&[("category", "-1")], Err("category")),
            (&[("after", "4294967296")], Err("after")),
        ] {
            assert_eq!(parse(query), expected, "{query:?}");
        }
    }

    #[test]
    fn lists_of_ids() {
        let parse = |value: &str| ids(&request(&[("channels", value)]), "channels").ok();
        assert_eq!(parse(""), Some(None));
        assert_eq!(parse("1, 2"), Some(Some(vec![1, 2])));
        assert_eq!(parse("1,,2"), None);
        assert_eq!(parse("1,x"), None);
        assert_eq!(parse(&["1"; 500].join(",")).unwrap().unwrap().len(), 500);
        assert_eq!(parse(&["1"; 501].join(",")), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(name in "from|to|limit|after|category|q|channels", value in "(?s).{0,30}|[0-9TZ:.+-]{0,30}") {
            let request = request(&[(&name, &value)]);
            let _ = (window(&request, NOW), Page::parse(&request), ids(&request, "channels"));
        }
    }
}
