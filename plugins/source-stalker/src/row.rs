//! What rows of channels and movies have in common.

use mast_sdk::json::Fields;

use crate::links::Link;

const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 512;
const LONGEST_URL: usize = 4096;

/// An id that can be part of a key.
pub(crate) fn id(row: &Fields, field: &str) -> Option<String> {
    let id = row.text(field).filter(|id| id.len() <= LONGEST_ID)?;
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)).then_some(id)
}

/// A name without line ends and other control characters; an empty one is none.
pub(crate) fn name(row: &Fields, fields: &[&str]) -> Option<String> {
    fields.iter().filter_map(|field| row.text(field)).find_map(|text| {
        let mut name: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// The URL of a picture; portals also write names of files, which say nothing about where they are.
pub(crate) fn picture(row: &Fields, fields: &[&str]) -> Option<String> {
    fields.iter().filter_map(|field| row.text(field)).find(|url| {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        is_http && url.len() <= LONGEST_URL && !url.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// What to ask for: `cmd`, or the first of `cmds`. An address needs no asking where the portal says so for this row and it is no placeholder.
pub(crate) fn link(row: &Fields) -> Option<Link> {
    let first = || row.0.get("cmds")?.as_array()?.iter().find_map(|one| Fields::of(one.clone()).first(&["url", "cmd"]));
    let cmd = row.text("cmd").or_else(first)?;
    let says = row.0.contains_key("use_http_tmp_link") || row.0.contains_key("use_load_balancing");
    let asks = row.flag("use_http_tmp_link") || row.flag("use_load_balancing");
    let is_address = cmd.contains("://") && !cmd.contains("://localhost") && !cmd.contains("://127.");
    Some(Link { direct: says && !asks && is_address, cmd })
}
