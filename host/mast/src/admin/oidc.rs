//! `GET /api/v1/login`, `login/oidc`, `login/oidc/callback`: logging in through the identity provider. What a browser brings back decides
//! nothing but whose login it is: where it goes afterwards is the configuration's to say.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access;
use super::extract::Asked;
use super::session::{self, WhoAmI};
use super::{AdminError, Context, Shared};
use crate::operators::{Client, Oidc, OidcRefusal, Returned};

/// Holds what binds a login to its browser. Sent along when the provider's page leads back here, which SameSite=Strict would not be.
const COOKIE: &str = "mast_login";
const BEGIN: &str = "/api/v1/login/oidc";
/// As long as the login may take.
const SECONDS: u32 = 600;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(ways)).routes(routes!(begin)).routes(routes!(finish))
}

/// How operators log in.
#[derive(Serialize, ToSchema)]
struct Ways {
    /// By `POST /api/v1/login`.
    password: bool,
    /// Through an identity provider; null where there is none.
    oidc: Option<OidcWay>,
}

/// An identity provider.
#[derive(Serialize, ToSchema)]
struct OidcWay {
    /// What people call it.
    name: String,
    /// Where a browser goes to begin.
    begin: String,
}

/// How operators log in here, for whoever draws the page.
#[utoipa::path(get, path = "/api/v1/login", tag = "session", responses((status = 200, body = Ways)))]
async fn ways(State(context): Shared) -> Json<Ways> {
    let way = |oidc: &Oidc| OidcWay { name: oidc.name().to_owned(), begin: BEGIN.to_owned() };
    Json(Ways { password: true, oidc: context.deps.oidc.as_ref().map(way) })
}

/// Sends a browser to the identity provider. It has ten minutes to come back.
#[utoipa::path(get, path = "/api/v1/login/oidc", tag = "session",
    responses((status = 303, description = "To the identity provider.")))]
async fn begin(State(context): Shared, client: Option<Extension<Client>>) -> Result<Response, AdminError> {
    let oidc = context.deps.oidc.as_ref().ok_or(AdminError::NoOidc)?;
    let Extension(client) = client.ok_or(AdminError::NoOperator)?;
    let begun = oidc.begin(client.address).await.map_err(|refusal| noted(refusal, client))?;
    let location = HeaderValue::try_from(begun.location).map_err(|_| AdminError::NoOidc)?;
    let cookie = cookie(begun.cookie.expose(), client.https, SECONDS);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::SET_COOKIE, cookie)]).into_response())
}

/// What the identity provider sends along.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Callback {
    /// Which login it is.
    #[serde(default)]
    #[param(required = false)]
    state: String,
    /// What the provider gives its word for; none where it did not log anybody in.
    code: Option<String>,
    /// Which provider it was.
    iss: Option<String>,
}

/// Where the identity provider sends the browser back to. Begins a session as `POST /api/v1/login` does, and sends the browser to
/// `[oidc] after_login`, where that is set.
#[utoipa::path(get, path = "/api/v1/login/oidc/callback", tag = "session", params(Callback),
    responses((status = 200, body = WhoAmI), (status = 303, description = "To `[oidc] after_login`.")))]
async fn finish(
    State(context): Shared,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    Asked(callback): Asked<Callback>,
) -> Result<Response, AdminError> {
    let oidc = context.deps.oidc.as_ref().ok_or(AdminError::NoOidc)?;
    let Extension(client) = client.ok_or(AdminError::NoOperator)?;
    let brought = access::cookie(&headers, COOKIE).unwrap_or_default().to_owned();
    let returned = Returned { state: callback.state, code: callback.code, issuer: callback.iss, cookie: brought };
    let started = oidc.finish(returned, client.address, session::agent(&headers)).await;
    let started = started.map_err(|refusal| noted(refusal, client))?;
    let mut response = session::begun("an operator", Ok(started), client)?;
    response.headers_mut().append(header::SET_COOKIE, cookie("", client.https, 0));
    if let Some(path) = oidc.after_login().and_then(|path| HeaderValue::try_from(path).ok()) {
        let cookies: Vec<HeaderValue> = response.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
        response = (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response();
        response.headers_mut().extend(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}

/// Says in the log what whoever tries need not know.
fn noted(refusal: OidcRefusal, client: Client) -> AdminError {
    let client = client.address;
    match &refusal {
        OidcRefusal::Away(cause) | OidcRefusal::Untrusted(cause) => {
            tracing::warn!(%client, %cause, "an operator was not logged in by the identity provider");
        }
        refusal => tracing::warn!(%client, %refusal, "an operator was not logged in by the identity provider"),
    }
    refusal.into()
}

fn cookie(value: &str, https: bool, seconds: u32) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/api; HttpOnly; SameSite=Lax{secure}; Max-Age={seconds}");
    HeaderValue::try_from(text).expect("base64url and constants")
}
