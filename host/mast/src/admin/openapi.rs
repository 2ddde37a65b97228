//! The OpenAPI document: made from the handlers, completed with what all of them have in common, served as it is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{self, Access};
use super::error::{Problem, RowProblem};
use super::{Context, Shared};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What the routers add to.
pub(super) fn document() -> OpenApi {
    let title = InfoBuilder::new().title("Mast admin API").version(env!("CARGO_PKG_VERSION"));
    let title =
        title.description(Some("Everything that operators do. See API.md for the rules that all requests share."));
    OpenApiBuilder::new().info(title.build()).build()
}

/// The document as it is sent: with how to be known, what each operation needs, and how all of them fail.
pub(super) fn finish(document: OpenApi) -> String {
    let mut document = serde_json::to_value(document).expect("the document is JSON");
    let schema = |name: &str, schema| (name.to_owned(), serde_json::to_value(schema).expect("a schema is JSON"));
    let problems = [
        schema("Problem", <Problem as utoipa::PartialSchema>::schema()),
        schema("RowProblem", <RowProblem as utoipa::PartialSchema>::schema()),
    ];
    for (name, schema) in problems {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["securitySchemes"] = json!({
        "key": { "type": "http", "scheme": "bearer", "description": "An API key." },
        "session": { "type": "apiKey", "in": "cookie", "name": access::COOKIE,
            "description": "A session; requests that change something send its token in X-CSRF-Token." },
    });
    let Some(paths) = document["paths"].as_object_mut() else { return document.to_string() };
    for (path, operations) in paths {
        let Some(operations) = operations.as_object_mut() else { continue };
        for (method, operation) in operations {
            complete(operation, method, path);
        }
    }
    document.to_string()
}

fn complete(operation: &mut Value, method: &str, path: &str) {
    let Ok(method) = method.to_uppercase().parse() else { return };
    let needs = access::needed(&method, path);
    let problem = json!({
        "description": "A problem document.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    operation["responses"]["default"] = problem;
    operation["security"] = match needs {
        Some(Access::Public) | None => json!([]),
        Some(_) => json!([{ "key": [] }, { "session": [] }]),
    };
    let sentence = match needs {
        Some(Access::Needs(scope)) => Some(format!("Needs the scope `{}`.", scope.name())),
        Some(Access::Shared(scope)) => {
            Some(format!("Needs the scope `{}`. A reseller may do it in its own tree.", scope.name()))
        }
        Some(Access::Operator) => Some("For operators.".to_owned()),
        _ => None,
    };
    if let Some(sentence) = sentence {
        let text = operation["description"].as_str().map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation["description"] = json!(text + &sentence);
    }
    if !matches!(method.as_str(), "GET" | "HEAD") && !matches!(needs, Some(Access::Public) | None) {
        let needed = access::moves_credits(path);
        let field = json!({
            "name": "Idempotency-Key", "in": "header", "required": needed,
            "description": "The same key with the same request is done once within a day.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(field),
            None => operation["parameters"] = json!([field]),
        }
    }
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "document", responses((status = 200, body = Value)))]
async fn show(State(context): Shared) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], context.document.clone()).into_response()
}
