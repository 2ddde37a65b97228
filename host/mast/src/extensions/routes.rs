//! The paths that outputs claim. A route is found by walking patterns from the most to the least specific: there are dozens at
//! most, and they are asked for playlists and portals, never for segments.

mod pattern;

use std::collections::BTreeMap;
use std::sync::Arc;

use mast_model::InstanceId;
use mast_plugin::records::{Pairs, Route};

use pattern::{Pattern, Shape};

/// First segments of paths that are the host's own.
const RESERVED: [&str; 8] = ["live", "hls", "healthz", "readyz", "metrics", "api", "movie", "series"];

/// How a route may find its line.
const LINE_CODES: [&str; 5] = ["query-credentials", "path-credentials", "query-token", "path-token", "public"];

/// Claimed routes, the most specific first. `T` is what answers.
pub(super) struct RouteTable<T> {
    claims: Vec<Claim<T>>,
}

struct Claim<T> {
    pattern: Pattern,
    when: Option<When>,
    instance: InstanceId,
    route: Arc<Route>,
    target: T,
}

/// A query field, and the values in lower case with which a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct When {
    field: String,
    values: Vec<String>,
}

impl When {
    /// `field=one|two`; none where the route answers always.
    fn of(route: &Route) -> Result<Option<Self>, String> {
        let Some((_, text)) = route.attrs.iter().find(|(key, _)| key == "when") else { return Ok(None) };
        let (field, values) = text.split_once('=').unwrap_or((text, ""));
        let values: Vec<String> = values.split('|').map(str::to_lowercase).filter(|value| !value.is_empty()).collect();
        if field.is_empty() || values.is_empty() {
            return Err("\"when\" is not field=value|value".to_owned());
        }
        Ok(Some(Self { field: field.to_owned(), values }))
    }

    fn holds(&self, query: &str) -> bool {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| *name == self.field);
        found.is_some_and(|(_, value)| self.values.contains(&value.to_lowercase()))
    }
}

/// What answers a path.
pub(super) struct Found<'a, T> {
    pub(super) instance: &'a InstanceId,
    pub(super) route: &'a Arc<Route>,
    pub(super) target: &'a T,
    /// Decoded values.
    pub(super) params: Pairs,
}

/// A route that an instance cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteProblem {
    pub(super) instance: InstanceId,
    pub(super) problem: String,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { claims: Vec::new() }
    }
}

impl<T: Clone> RouteTable<T> {
    /// Lets every instance claim its routes, in the order given (by name). The first to claim a pattern has it.
    pub(super) fn build<'a>(
        outputs: impl IntoIterator<Item = (&'a InstanceId, &'a [Route], T)>,
    ) -> (Self, Vec<RouteProblem>) {
        let mut claims: Vec<Claim<T>> = Vec::new();
        let mut taken: BTreeMap<(Shape, String, String), InstanceId> = BTreeMap::new();
        let mut problems = Vec::new();
        for (instance, routes, target) in outputs {
            for route in routes {
                let mut claim = || {
                    let (pattern, when) = (admissible(route)?, When::of(route)?);
                    // Each value is a claim of its own.
                    let values: Vec<String> = when.as_ref().map_or_else(
                        || vec![String::new()],
                        |when| when.values.iter().map(|value| format!("{}={value}", when.field)).collect(),
                    );
                    let keys: Vec<_> = values
                        .into_iter()
                        .map(|value| (pattern.shape(), claimed_method(&route.method), value))
                        .collect();
                    if let Some(owner) = keys.iter().find_map(|key| taken.get(key)) {
                        return Err(format!("{owner} has claimed it already"));
                    }
                    taken.extend(keys.into_iter().map(|key| (key, instance.clone())));
                    Ok((pattern, when))
                };
                match claim() {
                    Ok((pattern, when)) => claims.push(Claim {
                        pattern,
                        when,
                        instance: instance.clone(),
                        route: Arc::new(route.clone()),
                        target: target.clone(),
                    }),
                    Err(reason) => problems.push(RouteProblem {
                        instance: instance.clone(),
                        problem: format!(
                            "route \"{}\" ({} {}) is refused: {reason}",
                            route.id, route.method, route.path
                        ),
                    }),
                }
            }
        }
        claims.sort_by(|a, b| {
            a.pattern.cmp_specificity(&b.pattern).then_with(|| a.when.is_none().cmp(&b.when.is_none()))
        });
        (Self { claims }, problems)
    }

    /// The route of a path, which is not yet decoded, and of a query.
    pub(super) fn find(&self, method: &str, path: &str, query: &str) -> Option<Found<'_, T>> {
        let segments = pattern::decode(path)?;
        if segments.first().is_some_and(|first| RESERVED.contains(&first.as_str())) {
            return None;
        }
        let answers = |route: &Route| {
            route.method.eq_ignore_ascii_case(method) || (method == "HEAD" && route.method.eq_ignore_ascii_case("GET"))
        };
        self.claims.iter().filter(|claim| answers(&claim.route)).find_map(|claim| {
            let params = claim.pattern.matches(&segments)?;
            claim.when.as_ref().is_none_or(|when| when.holds(query)).then_some(())?;
            Some(Found { instance: &claim.instance, route: &claim.route, target: &claim.target, params })
        })
    }
}

/// GET and HEAD are one claim.
fn claimed_method(method: &str) -> String {
    let method = method.to_ascii_uppercase();
    if method == "HEAD" { "GET".to_owned() } else { method }
}

/// The parsed pattern of a route that is right in itself.
fn admissible(route: &Route) -> Result<Pattern, String> {
    let pattern = Pattern::parse(&route.path)?;
    if let Some(first) = pattern.first_literal().filter(|first| RESERVED.contains(first)) {
        return Err(format!("/{first} belongs to the host"));
    }
    if route.method.is_empty() || !route.method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err("the method is not a word".to_owned());
    }
    if route.method.eq_ignore_ascii_case("OPTIONS") {
        return Err("the host answers OPTIONS itself".to_owned());
    }
    if !LINE_CODES.contains(&route.line.as_str()) {
        return Err(format!(
            "unknown line code \"{}\", known are {}",
            route.line.escape_debug(),
            LINE_CODES.join(", ")
        ));
    }
    let needed: &[&str] = match route.line.as_str() {
        "path-credentials" => &["username", "password"],
        "path-token" => &["token"],
        _ => &[],
    };
    match needed.iter().find(|name| !pattern.has(name)) {
        Some(name) => Err(format!("line code \"{}\" needs {{{name}}} in the path", route.line)),
        None => Ok(pattern),
    }
}

#[cfg(test)]
mod tests;
