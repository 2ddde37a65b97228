//! `/api/v1/export`: one JSON document with everything that operators made, written a page at a time, so that a million lines take no more
//! memory than a thousand. Each record is as it is when it is read; a backup is one moment.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use mast_model::LineId;
use mast_store::{Change, Kind, StoreError};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, Me};
use super::super::{AdminError, Context, Shared};
use crate::accounts::AccountsError;

/// Lines read at once.
const PIECE: usize = 500;
/// Credentials, and what they could be made of.
const SECRETS: [&str; 6] = ["password_hash", "password", "token", "hash", "totp_secret", "totp_pending"];
/// Sessions and repeated requests are nobody's work.
const LEFT_OUT: [Kind; 2] = [Kind::LoginSessions, Kind::Done];

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(export))
}

/// How much.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// With hashes of passwords and keys, tokens and secrets of second factors; without them where missing.
    #[serde(default)]
    #[param(required = false)]
    secrets: bool,
}

/// Everything that operators made, in one JSON document: operators, API keys, bouquets, edits, rules, bans, resellers, plans and lines. The ledger is
/// in statements and backups.
#[utoipa::path(get, path = "/api/v1/export", tag = "backups", params(ExportQuery),
    responses((status = 200, body = Value)))]
async fn export(State(context): Shared, Me(me): Me, Asked(query): Asked<ExportQuery>) -> Result<Response, AdminError> {
    let (store, change) = (Arc::clone(&context.deps.store), Change::by(me.actor()));
    let head = tokio::task::spawn_blocking(move || {
        let asked = json!({ "secrets": query.secrets });
        change.commit(&*store, "note an export", |transaction| {
            transaction.audit(&change.actor, "export", "host".to_owned(), (None, Some(&asked)))?;
            Ok::<_, StoreError>(())
        })?;
        let mut head = Map::new();
        head.insert("mast".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        head.insert("exported".to_owned(), json!(Timestamp::now()));
        for kind in Kind::ALL.into_iter().filter(|kind| !LEFT_OUT.contains(kind)) {
            let rows = store.rows(kind)?;
            let rows = rows.iter().filter_map(|row| serde_json::from_slice(row).ok());
            let rows: Vec<Value> = rows.map(|row| redacted(row, query.secrets)).collect();
            head.insert(kind.name().replace('-', "_"), Value::Array(rows));
        }
        Ok::<_, StoreError>(Value::Object(head).to_string())
    });
    let mut head = head.await.map_err(|error| AccountsError::Interrupted(error.to_string()))??;
    // The document stays open for the lines.
    head.truncate(head.len() - 1);
    head.push_str(",\"lines\":[");
    let lines = Lines { context, secrets: query.secrets, after: None, first: true };
    // A read that fails ends the connection in the middle: half a document is not taken for a whole one.
    let parts = stream::unfold(Part::Head(head, lines), |part: Part| async move {
        let (text, next) = part.write().await?;
        Some((text.map(Bytes::from), next))
    });
    let body = Body::from_stream(parts);
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

enum Part {
    Head(String, Lines),
    Lines(Lines),
    End,
}

struct Lines {
    context: Arc<Context>,
    secrets: bool,
    after: Option<LineId>,
    first: bool,
}

fn redacted(mut row: Value, secrets: bool) -> Value {
    if let (Value::Object(fields), false) = (&mut row, secrets) {
        fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
    }
    row
}

impl Part {
    /// The next piece of the document, and what comes behind it.
    async fn write(self) -> Option<(Result<String, AccountsError>, Self)> {
        match self {
            Self::Head(head, lines) => Some((Ok(head), Self::Lines(lines))),
            Self::Lines(lines) => Some(lines.write().await),
            Self::End => None,
        }
    }
}

impl Lines {
    async fn write(mut self) -> (Result<String, AccountsError>, Part) {
        let accounts = &self.context.deps.accounts;
        let records = async {
            let found = accounts.select(self.after, PIECE, |_| true).await?;
            let ids: Vec<LineId> = found.iter().map(|line| line.id).collect();
            let last = ids.last().copied();
            Ok::<_, AccountsError>((accounts.records(ids).await?, last))
        };
        let (records, last) = match records.await {
            Ok(found) => found,
            Err(error) => return (Err(error), Part::End),
        };
        let Some(last) = last else { return (Ok("]}\n".to_owned()), Part::End) };
        let mut text = String::new();
        for record in records {
            let row = serde_json::to_value(record).map(|row| redacted(row, self.secrets)).unwrap_or_default();
            text.push_str(if std::mem::take(&mut self.first) { "\n" } else { ",\n" });
            text.push_str(&row.to_string());
        }
        self.after = Some(last);
        (Ok(text), Part::Lines(self))
    }
}
