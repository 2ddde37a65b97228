//! Who may send which request. One table says what each needs; a route that is not in it is answered to nobody.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mast_model::Scope;

use super::{AdminError, Context, events};
use crate::operators::{Client, Identity, Via};

/// Holds the session.
pub(super) const COOKIE: &str = "mast_session";
/// Holds the token that other sites do not know.
pub(super) const CSRF: &str = "x-csrf-token";

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing.
    Public,
    /// To be known; what it does concerns whoever asks alone.
    Known,
    /// To be an operator; what it does concerns that operator alone.
    Operator,
    /// This scope. Resellers have none.
    Needs(Scope),
    /// This scope, or to be a reseller: the room lets it reach its own tree only.
    Shared(Scope),
}

use Access::{Known, Needs, Operator, Public, Shared};
use Scope::{
    AuditRead, BackupsWrite, CatalogRead, CatalogWrite, CreditsWrite, LinesRead, LinesWrite, OperatorsRead,
    OperatorsWrite, ResellersRead, ResellersWrite, StatusRead,
};

/// Every route.
pub(super) const TABLE: &[(&str, &str, Access)] = &[
    ("GET", "/api/openapi.json", Public),
    ("GET", "/api/v1/login", Public),
    ("POST", "/api/v1/login", Public),
    ("GET", "/api/v1/login/oidc", Public),
    ("GET", "/api/v1/login/oidc/callback", Public),
    ("POST", "/api/v1/resellers/login", Public),
    ("POST", "/api/v1/logout", Known),
    ("GET", "/api/v1/whoami", Known),
    ("POST", "/api/v1/whoami/password", Known),
    ("POST", "/api/v1/whoami/totp", Known),
    ("POST", "/api/v1/whoami/totp/confirm", Known),
    ("POST", "/api/v1/whoami/totp/remove", Known),
    ("GET", "/api/v1/operators", Needs(OperatorsRead)),
    ("POST", "/api/v1/operators", Needs(OperatorsWrite)),
    ("GET", "/api/v1/operators/{id}", Needs(OperatorsRead)),
    ("PATCH", "/api/v1/operators/{id}", Needs(OperatorsWrite)),
    ("DELETE", "/api/v1/operators/{id}/totp", Needs(OperatorsWrite)),
    ("GET", "/api/v1/api-keys", Operator),
    ("POST", "/api/v1/api-keys", Operator),
    ("DELETE", "/api/v1/api-keys/{id}", Operator),
    ("GET", "/api/v1/audit", Needs(AuditRead)),
    ("GET", "/api/v1/status", Needs(StatusRead)),
    ("GET", "/api/v1/lines", Shared(LinesRead)),
    ("POST", "/api/v1/lines", Needs(LinesWrite)),
    ("GET", "/api/v1/lines/{id}", Shared(LinesRead)),
    ("PATCH", "/api/v1/lines/{id}", Shared(LinesWrite)),
    ("DELETE", "/api/v1/lines/{id}", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/{id}/token", Shared(LinesWrite)),
    ("POST", "/api/v1/lines/{id}/extensions", Shared(CreditsWrite)),
    ("POST", "/api/v1/lines/{id}/erase", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/bulk", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/bulk/extend", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/bulk/enable", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/bulk/disable", Needs(LinesWrite)),
    ("GET", "/api/v1/lines/{id}/devices", Shared(LinesRead)),
    ("GET", "/api/v1/lines/{id}/device-events", Shared(LinesRead)),
    ("POST", "/api/v1/lines/{id}/device-events", Shared(LinesWrite)),
    ("DELETE", "/api/v1/lines/{id}/device-events/{event}", Shared(LinesWrite)),
    ("POST", "/api/v1/device-events", Needs(LinesWrite)),
    ("GET", "/api/v1/lines/export", Needs(LinesWrite)),
    ("POST", "/api/v1/lines/import", Needs(LinesWrite)),
    ("GET", "/api/v1/resellers", Shared(ResellersRead)),
    ("POST", "/api/v1/resellers", Shared(ResellersWrite)),
    ("GET", "/api/v1/resellers/{id}", Shared(ResellersRead)),
    ("PATCH", "/api/v1/resellers/{id}", Shared(ResellersWrite)),
    ("DELETE", "/api/v1/resellers/{id}", Shared(ResellersWrite)),
    ("DELETE", "/api/v1/resellers/{id}/totp", Shared(ResellersWrite)),
    ("GET", "/api/v1/resellers/{id}/balance", Shared(ResellersRead)),
    ("GET", "/api/v1/resellers/{id}/statement", Shared(ResellersRead)),
    ("POST", "/api/v1/resellers/{id}/issue", Needs(CreditsWrite)),
    ("POST", "/api/v1/resellers/{id}/transfer", Shared(CreditsWrite)),
    ("POST", "/api/v1/resellers/{id}/claw-back", Shared(CreditsWrite)),
    ("GET", "/api/v1/balances", Shared(ResellersRead)),
    ("GET", "/api/v1/house/{name}/statement", Needs(ResellersRead)),
    ("GET", "/api/v1/plans", Shared(ResellersRead)),
    ("POST", "/api/v1/plans", Needs(ResellersWrite)),
    ("GET", "/api/v1/plans/{id}", Shared(ResellersRead)),
    ("PATCH", "/api/v1/plans/{id}", Needs(ResellersWrite)),
    ("DELETE", "/api/v1/plans/{id}", Needs(ResellersWrite)),
    ("POST", "/api/v1/sales", Shared(CreditsWrite)),
    ("POST", "/api/v1/sales/{id}/refund", Shared(CreditsWrite)),
    ("GET", "/api/v1/sessions", Needs(LinesRead)),
    ("DELETE", "/api/v1/sessions/{id}", Needs(LinesWrite)),
    ("GET", "/api/v1/bans", Needs(LinesRead)),
    ("POST", "/api/v1/bans", Needs(LinesWrite)),
    ("DELETE", "/api/v1/bans/{id}", Needs(LinesWrite)),
    ("GET", "/api/v1/channels", Needs(CatalogRead)),
    ("GET", "/api/v1/channels/{id}", Needs(CatalogRead)),
    ("PATCH", "/api/v1/channels/{id}", Needs(CatalogWrite)),
    ("DELETE", "/api/v1/channels/{id}/edit", Needs(CatalogWrite)),
    ("GET", "/api/v1/categories", Needs(CatalogRead)),
    ("GET", "/api/v1/categories/{id}", Needs(CatalogRead)),
    ("PATCH", "/api/v1/categories/{id}", Needs(CatalogWrite)),
    ("GET", "/api/v1/bouquets", Needs(CatalogRead)),
    ("POST", "/api/v1/bouquets", Needs(CatalogWrite)),
    ("GET", "/api/v1/bouquets/{name}", Needs(CatalogRead)),
    ("PATCH", "/api/v1/bouquets/{name}", Needs(CatalogWrite)),
    ("DELETE", "/api/v1/bouquets/{name}", Needs(CatalogWrite)),
    ("GET", "/api/v1/rules", Needs(CatalogRead)),
    ("PUT", "/api/v1/rules", Needs(CatalogWrite)),
    ("POST", "/api/v1/rules/preview", Needs(CatalogRead)),
    ("GET", "/api/v1/sources", Needs(CatalogRead)),
    ("GET", "/api/v1/sources/{name}", Needs(CatalogRead)),
    ("POST", "/api/v1/sources/{name}/refresh", Needs(CatalogWrite)),
    ("POST", "/api/v1/sources/{name}/accept", Needs(CatalogWrite)),
    ("GET", "/api/v1/guides", Needs(CatalogRead)),
    ("GET", "/api/v1/guides/{name}", Needs(CatalogRead)),
    ("POST", "/api/v1/guides/{name}/refresh", Needs(CatalogWrite)),
    ("POST", "/api/v1/guides/{name}/cancel", Needs(CatalogWrite)),
    ("POST", "/api/v1/guides/{name}/accept", Needs(CatalogWrite)),
    ("GET", "/api/v1/guide/now", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/grid", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/channels/{id}", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/search", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/upcoming", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/report", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/unused", Needs(CatalogRead)),
    ("GET", "/api/v1/guide/links", Needs(CatalogRead)),
    ("PATCH", "/api/v1/guide/links", Needs(CatalogWrite)),
    ("GET", "/api/v1/guide/links/export", Needs(CatalogRead)),
    ("POST", "/api/v1/guide/links/import", Needs(CatalogWrite)),
    ("GET", "/api/v1/guide/links/{channel}", Needs(CatalogRead)),
    ("PUT", "/api/v1/guide/links/{channel}", Needs(CatalogWrite)),
    ("DELETE", "/api/v1/guide/links/{channel}", Needs(CatalogWrite)),
    ("GET", "/api/v1/plugins", Needs(CatalogRead)),
    ("GET", "/api/v1/plugins/{name}", Needs(CatalogRead)),
    ("GET", "/api/v1/health", Needs(StatusRead)),
    ("GET", "/api/v1/events", Needs(StatusRead)),
    ("GET", "/api/v1/backups", Needs(BackupsWrite)),
    ("POST", "/api/v1/backups", Needs(BackupsWrite)),
    ("DELETE", "/api/v1/backups/{name}", Needs(BackupsWrite)),
    ("GET", "/api/v1/export", Needs(BackupsWrite)),
    ("GET", "/api/v1/channels/on-air", Needs(StatusRead)),
    ("GET", "/api/v1/channels/{id}/on-air", Needs(StatusRead)),
];

/// What a route needs; none for a route that does not exist.
pub(super) fn needed(method: &Method, path: &str) -> Option<Access> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    TABLE.iter().find(|row| row.0 == method.as_str() && row.1 == path).map(|row| row.2)
}

/// Whether requests under this path move credits, and therefore need an `Idempotency-Key`.
pub(super) fn moves_credits(path: &str) -> bool {
    ["/issue", "/transfer", "/claw-back", "/extensions", "/refund", "/v1/sales"].iter().any(|end| path.ends_with(end))
}

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Who asks must say who they are.
    Http,
    /// The control socket, or a command with the store open.
    Machine,
}

/// What stands before the handlers.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) context: Arc<Context>,
    pub(super) door: Door,
}

/// Runs around everything else.
pub(super) async fn layer(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let mut response = match guard.admit(&request) {
        Ok(identity) => {
            if let Some(identity) = identity {
                request.extensions_mut().insert(identity);
            }
            let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
            let response = next.run(request).await;
            if changes && response.status().is_success() {
                events::tell(&guard.context).await;
            }
            response
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Guard {
    /// Who it is, if it may; none where nobody needs to be known.
    fn admit(&self, request: &Request) -> Result<Option<Identity>, AdminError> {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        let needed = needed(request.method(), path);
        let identity = self.identify(request);
        match needed {
            Some(Public) => return Ok(identity),
            // Whoever is not known may not know either what there is.
            _ if identity.is_none() => return Err(AdminError::NotLoggedIn),
            // The handler says whether it is the path or the method.
            None => return Ok(identity),
            Some(needed) => allowed(needed, identity.as_ref())?,
        }
        if let Some(Identity { via: Via::Session { csrf, .. }, .. }) = &identity {
            let safe = matches!(*request.method(), Method::GET | Method::HEAD);
            if !safe && !request.headers().get(CSRF).is_some_and(|sent| same(sent.as_bytes(), csrf.as_bytes())) {
                return Err(AdminError::Csrf);
            }
        }
        Ok(identity)
    }

    fn identify(&self, request: &Request) -> Option<Identity> {
        if self.door == Door::Machine {
            return Some(Identity::machine());
        }
        let client = request.extensions().get::<Client>()?.address;
        let operators = &self.context.deps.operators;
        // A key that is wrong is not made good by a cookie.
        match bearer(request.headers()) {
            Some(key) => operators.by_key(key, client),
            None => {
                let cookie = cookie(request.headers(), COOKIE)?;
                let resellers = &self.context.deps.resellers;
                operators.by_cookie(cookie, client).or_else(|| resellers.by_cookie(cookie, client))
            }
        }
    }
}

/// Whether somebody who is known may.
fn allowed(needed: Access, identity: Option<&Identity>) -> Result<(), AdminError> {
    let is_reseller = identity.is_some_and(|identity| identity.reseller.is_some());
    let has = |scope| match identity.is_some_and(|identity| identity.scopes.has(scope)) {
        true => Ok(()),
        false => Err(AdminError::MissingScope(scope.name())),
    };
    match needed {
        Public | Known => Ok(()),
        Shared(_) if is_reseller => Ok(()),
        Operator | Needs(_) if is_reseller => Err(AdminError::OperatorsOnly),
        Operator => Ok(()),
        Needs(scope) | Shared(scope) => has(scope),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let field = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    match field.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
        _ => Some(""),
    }
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Takes the same time wherever they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A route without a row would be answered to nobody, a row without a route would be a mistake.
    #[test]
    fn the_table_has_every_route_and_no_other() {
        let (_, document) = super::super::routes().split_for_parts();
        let document = serde_json::to_value(document).unwrap();
        let mut routes = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
        let rows: BTreeSet<(String, String)> =
            TABLE.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(rows.len(), TABLE.len(), "a row twice");
        assert_eq!(routes, rows);
    }

    #[test]
    fn credentials_are_found_in_their_fields() {
        let mut headers = HeaderMap::new();
        assert_eq!((bearer(&headers), cookie(&headers, COOKIE)), (None, None));
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; mast_session=xyz ; c=d"));
        assert_eq!(cookie(&headers, COOKIE), Some("xyz"));
        for (field, expected) in
            [("Bearer k", "k"), ("bearer  k ", "k"), ("Basic a", ""), ("Bearer", ""), ("Bearer ", "")]
        {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(field).unwrap());
            assert_eq!(bearer(&headers), Some(expected), "{field}");
        }
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc"));
    }
}
