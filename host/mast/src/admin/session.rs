//! `/api/v1/login`, `resellers/login`, `logout`, `whoami`: one's own session, password and second factor.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use mast_model::{Role, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::COOKIE;
use super::extract::{Changing, Me, Sent};
use super::once::Confidential;
use super::{AdminError, Context, Shared};
use crate::operators::{Client, Credentials, Identity, LoginRefusal, OperatorPatch, Started, Via};
use crate::resellers::{Principal, ResellerPatch};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(login_reseller))
        .routes(routes!(logout))
        .routes(routes!(whoami))
        .routes(routes!(change_password))
        .routes(routes!(begin_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(remove_totp))
}

/// What an operator or a reseller logs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    username: String,
    #[schema(value_type = String)]
    password: Secret,
    /// Six digits, where there is a second factor.
    code: Option<String>,
}

/// Who sends this request.
#[derive(Serialize, ToSchema)]
pub(super) struct WhoAmI {
    /// The operator's or the reseller's id; null for whoever has the machine.
    id: Option<u64>,
    username: String,
    /// An operator's role, or `reseller`.
    role: String,
    /// What may be done, here and now.
    scopes: Vec<String>,
    /// `session`, `key` or `machine`.
    via: String,
    /// To be sent as `X-CSRF-Token` with every request of this session that changes something.
    csrf_token: Option<String>,
    /// When the session that was just begun ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

impl WhoAmI {
    fn of(identity: &Identity, expires: Option<Timestamp>) -> Self {
        let (via, csrf_token) = match &identity.via {
            Via::Session { csrf, .. } => ("session", Some(csrf.clone())),
            Via::Key(_) => ("key", None),
            Via::Machine => ("machine", None),
        };
        Self {
            id: identity.operator.map(|id| id.0).or(identity.reseller.map(|id| id.0)),
            username: identity.username.clone(),
            role: identity.role.map_or("reseller", Role::name).to_owned(),
            scopes: identity.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            via: via.to_owned(),
            csrf_token,
            expires,
        }
    }
}

/// Begins a session: a cookie, and the token to send beside it.
#[utoipa::path(post, path = "/api/v1/login", tag = "session", request_body = LoginRequest,
    responses((status = 200, body = WhoAmI)))]
async fn login(
    State(context): Shared,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    Sent(request): Sent<LoginRequest>,
) -> Result<Response, AdminError> {
    let Extension(client) = client.ok_or(AdminError::NoOperator)?;
    let started = context.deps.operators.login(credentials(request, client, &headers)).await;
    begun("an operator", started, client)
}

/// Begins a reseller's session, as `/api/v1/login` begins an operator's.
#[utoipa::path(post, path = "/api/v1/resellers/login", tag = "session", request_body = LoginRequest,
    responses((status = 200, body = WhoAmI)))]
async fn login_reseller(
    State(context): Shared,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    Sent(request): Sent<LoginRequest>,
) -> Result<Response, AdminError> {
    let Extension(client) = client.ok_or(AdminError::NoOperator)?;
    let started = context.deps.resellers.login(credentials(request, client, &headers)).await;
    begun("a reseller", started, client)
}

fn credentials(request: LoginRequest, client: Client, headers: &HeaderMap) -> Credentials {
    Credentials {
        username: request.username,
        password: request.password,
        code: request.code,
        client: client.address,
        user_agent: agent(headers),
    }
}

/// The browser, as it calls itself.
pub(super) fn agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|field| field.to_str().ok()).unwrap_or_default().to_owned()
}

pub(super) fn begun(who: &str, started: Result<Started, LoginRefusal>, client: Client) -> Result<Response, AdminError> {
    let started = match started {
        Ok(started) => started,
        Err(refusal) => {
            if matches!(refusal, LoginRefusal::BadCredentials | LoginRefusal::Throttled) {
                tracing::warn!(client = %client.address, %refusal, "{who} was not logged in");
            }
            return Err(refusal.into());
        }
    };
    tracing::info!(username = started.identity.username, client = %client.address, "{who} logged in");
    let cookie = cookie(started.cookie.expose(), client.https, None);
    let body = Json(WhoAmI::of(&started.identity, Some(started.expires)));
    Ok(([(header::SET_COOKIE, cookie)], Extension(Confidential), body).into_response())
}

/// Ends this session.
#[utoipa::path(post, path = "/api/v1/logout", tag = "session", responses((status = 204)))]
async fn logout(State(context): Shared, client: Option<Extension<Client>>, Me(me): Me) -> Result<Response, AdminError> {
    let Via::Session { hash, .. } = &me.via else {
        return Err(AdminError::Invalid("only a session can be ended; revoke an API key instead".to_owned()));
    };
    match me.reseller {
        Some(_) => context.deps.resellers.logout(hash.clone(), me.actor()).await?,
        None => context.deps.operators.logout(hash.clone(), me.actor()).await?,
    }
    let gone = cookie("", client.is_some_and(|client| client.https), Some(0));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

fn cookie(value: &str, https: bool, max_age: Option<u32>) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let age = max_age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
    let text = format!("{COOKIE}={value}; Path=/api; HttpOnly; SameSite=Strict{secure}{age}");
    HeaderValue::try_from(text).expect("base64url and constants")
}

/// Who sends this request, and what may be done.
#[utoipa::path(get, path = "/api/v1/whoami", tag = "session", responses((status = 200, body = WhoAmI)))]
async fn whoami(Me(me): Me) -> Json<WhoAmI> {
    Json(WhoAmI::of(&me, None))
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password so far.
    #[schema(value_type = String)]
    current: Secret,
    /// 8 to 128 characters.
    #[schema(value_type = String)]
    new: Secret,
}

/// Changes one's own password, which ends one's sessions.
#[utoipa::path(post, path = "/api/v1/whoami/password", tag = "session", request_body = PasswordChange,
    responses((status = 204)))]
async fn change_password(
    State(context): Shared,
    me: Me,
    client: Option<Extension<Client>>,
    Changing(change): Changing,
    Sent(request): Sent<PasswordChange>,
) -> Result<StatusCode, AdminError> {
    let Extension(client) = client.ok_or(AdminError::NoOperator)?;
    if let Principal::Reseller(id) = me.principal() {
        let resellers = &context.deps.resellers;
        resellers.confirm_password(id, request.current, client.address).await?;
        let patch = ResellerPatch { password: Some(request.new), ..ResellerPatch::default() };
        resellers.change(me.principal(), id, None, patch, change).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let id = me.operator()?;
    context.deps.operators.confirm_password(id, request.current, client.address).await?;
    let patch = OperatorPatch { password: Some(request.new), ..OperatorPatch::default() };
    context.deps.operators.change(id, None, patch, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an authenticator app needs.
#[derive(Serialize, ToSchema)]
struct TotpSecret {
    /// Base32, to type in.
    secret: String,
    /// To show as a QR code.
    url: String,
}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TotpCode {
    /// Six digits.
    code: String,
}

/// Makes a secret for the second factor; it counts once a code of it was confirmed.
#[utoipa::path(post, path = "/api/v1/whoami/totp", tag = "session", responses((status = 200, body = TotpSecret)))]
async fn begin_totp(State(context): Shared, me: Me, Changing(change): Changing) -> Result<Response, AdminError> {
    let deps = &context.deps;
    let made = match me.principal() {
        Principal::Reseller(id) => deps.resellers.begin_totp(id, change).await?,
        Principal::House => deps.operators.begin_totp(me.operator()?, change).await?,
    };
    let body = TotpSecret { secret: made.secret.expose().to_owned(), url: made.url.expose().to_owned() };
    Ok((Extension(Confidential), Json(body)).into_response())
}

/// From here on, logging in takes a code.
#[utoipa::path(post, path = "/api/v1/whoami/totp/confirm", tag = "session", request_body = TotpCode,
    responses((status = 204)))]
async fn confirm_totp(
    State(context): Shared,
    me: Me,
    Changing(change): Changing,
    Sent(request): Sent<TotpCode>,
) -> Result<StatusCode, AdminError> {
    let deps = &context.deps;
    match me.principal() {
        Principal::Reseller(id) => deps.resellers.confirm_totp(id, request.code, change).await?,
        Principal::House => deps.operators.confirm_totp(me.operator()?, request.code, change).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Takes one's second factor away; that takes a code.
#[utoipa::path(post, path = "/api/v1/whoami/totp/remove", tag = "session", request_body = TotpCode,
    responses((status = 204)))]
async fn remove_totp(
    State(context): Shared,
    me: Me,
    Changing(change): Changing,
    Sent(request): Sent<TotpCode>,
) -> Result<StatusCode, AdminError> {
    let deps = &context.deps;
    match me.principal() {
        Principal::Reseller(id) => deps.resellers.remove_totp(id, request.code, change).await?,
        Principal::House => deps.operators.remove_totp(me.operator()?, Some(request.code), change).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
