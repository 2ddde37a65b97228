//! `/api/v1/rules`: rules over the whole catalogue, looked at before they apply.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Changing, Expected, Known, Sent, Tagged};
use super::super::{AdminError, Context, Shared};
use crate::catalog::{Effect, Rule, Rules};

/// Channels that a preview names.
const MOST: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(show, replace)).routes(routes!(preview))
}

/// All rules, in the order in which they apply.
#[derive(Debug, Serialize, ToSchema)]
struct RulesView {
    rules: Vec<Rule>,
    /// Grows with each change; the ETag.
    revision: u64,
}

/// All rules, in the order in which they apply.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RulesRequest {
    /// At most 100.
    rules: Vec<Rule>,
}

/// A channel as viewers see it.
#[derive(Debug, Serialize, ToSchema)]
struct Seen {
    name: String,
    /// Its category's name.
    category: Option<String>,
}

/// What rules would change about a channel.
#[derive(Debug, Serialize, ToSchema)]
struct EffectView {
    channel: u32,
    /// Null where it is hidden.
    before: Option<Seen>,
    /// Null where it would be hidden.
    after: Option<Seen>,
}

/// What rules would change.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// Channels that would look different.
    changed: usize,
    /// Channels that would be hidden.
    hidden: usize,
    /// The first thousand of both.
    effects: Vec<EffectView>,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        let seen = |side: Option<(String, Option<String>)>| side.map(|(name, category)| Seen { name, category });
        Self { channel: effect.channel.0, before: seen(effect.before), after: seen(effect.after) }
    }
}

fn tagged(Rules { rules, revision }: Rules) -> Tagged<RulesView> {
    Tagged::new(revision, RulesView { rules, revision })
}

/// The rules.
#[utoipa::path(get, path = "/api/v1/rules", tag = "catalogue", responses((status = 200, body = RulesView)))]
async fn show(State(context): Shared, known: Known) -> Response {
    tagged(context.deps.catalog.rules()).unless(&known)
}

/// Replaces all rules; preview them first.
#[utoipa::path(put, path = "/api/v1/rules", tag = "catalogue", request_body = RulesRequest,
    responses((status = 200, body = RulesView)))]
async fn replace(
    State(context): Shared,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(request): Sent<RulesRequest>,
) -> Result<Response, AdminError> {
    let rules = Rules { rules: request.rules, revision: 0 };
    let rules = context.deps.catalog.set_rules(rules, expected, change).await?;
    tracing::info!(rules = rules.rules.len(), "rules of the catalogue replaced");
    Ok(tagged(rules).into_response())
}

/// What rules would change, instead of those that apply now. Changes nothing.
#[utoipa::path(post, path = "/api/v1/rules/preview", tag = "catalogue", request_body = RulesRequest,
    responses((status = 200, body = Preview)))]
async fn preview(State(context): Shared, Sent(request): Sent<RulesRequest>) -> Result<Json<Preview>, AdminError> {
    let effects = context.deps.catalog.preview(Rules { rules: request.rules, revision: 0 }).await?;
    let hidden = effects.iter().filter(|effect| effect.after.is_none()).count();
    Ok(Json(Preview {
        changed: effects.len() - hidden,
        hidden,
        effects: effects.into_iter().take(MOST).map(EffectView::from).collect(),
    }))
}
