//! `/api/v1/export`: one JSON document with everything that operators made, written a page at a time, so that a million lines take no more
//! memory than a thousand. Each record is as it is when it is read; a backup is one moment.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use mast_model::{EntryId, LineId};
use mast_store::{Change, Kind, StoreError};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, Me};
use super::super::{AdminError, Context, Shared};
use crate::accounts::AccountsError;

/// Lines, and entries of the ledger, read at once.
const PIECE: usize = 500;
/// Credentials, and what they could be made of.
const SECRETS: [&str; 6] = ["password_hash", "password", "token", "hash", "totp_secret", "totp_pending"];
/// Sessions, repeated requests and what providers say are nobody's work; what waits for devices is over in a week.
const LEFT_OUT: [Kind; 5] =
    [Kind::LoginSessions, Kind::ResellerSessions, Kind::Done, Kind::DeviceEvents, Kind::SourceProviders];

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

/// Everything that operators made, in one JSON document: operators, API keys, bouquets, edits, rules, bans, resellers, plans, lines, and the
/// ledger: every entry, oldest first.
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
    let rest = Rest { context, secrets: query.secrets, line: None, entry: EntryId(0), first: true };
    // A read that fails ends the connection in the middle: half a document is not taken for a whole one.
    let parts = stream::unfold(Part::Head(head, rest), |part: Part| async move {
        let (text, next) = part.write().await?;
        Some((text.map(Bytes::from), next))
    });
    let body = Body::from_stream(parts);
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

enum Part {
    Head(String, Rest),
    Lines(Rest),
    Ledger(Rest),
    End,
}

/// What comes behind the head, and how far it is written.
struct Rest {
    context: Arc<Context>,
    secrets: bool,
    line: Option<LineId>,
    entry: EntryId,
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
            Self::Head(head, rest) => Some((Ok(head), Self::Lines(rest))),
            Self::Lines(rest) => Some(written(rest.lines().await)),
            Self::Ledger(rest) => Some(written(rest.ledger().await)),
            Self::End => None,
        }
    }
}

fn written(piece: Result<(String, Part), AccountsError>) -> (Result<String, AccountsError>, Part) {
    match piece {
        Ok((text, next)) => (Ok(text), next),
        Err(error) => (Err(error), Part::End),
    }
}

impl Rest {
    async fn lines(mut self) -> Result<(String, Part), AccountsError> {
        let accounts = &self.context.deps.accounts;
        let found = accounts.select(self.line, PIECE, |_| true).await?;
        let ids: Vec<LineId> = found.iter().map(|line| line.id).collect();
        let Some(last) = ids.last().copied() else {
            self.first = true;
            return Ok(("],\"ledger\":[".to_owned(), Part::Ledger(self)));
        };
        let mut text = String::new();
        for record in accounts.records(ids).await? {
            let row = serde_json::to_value(record).map(|row| redacted(row, self.secrets)).unwrap_or_default();
            self.item(&mut text, &row);
        }
        self.line = Some(last);
        Ok((text, Part::Lines(self)))
    }

    /// Entries have numbers without gaps, from 1.
    async fn ledger(mut self) -> Result<(String, Part), AccountsError> {
        let (store, after) = (Arc::clone(&self.context.deps.store), self.entry.0);
        let read = move || {
            let ids = (1..=PIECE as u64).map(|more| EntryId(after + more));
            let found: Result<Vec<_>, StoreError> = ids.map_while(|id| store.entry(id).transpose()).collect();
            found
        };
        let read = tokio::task::spawn_blocking(read).await;
        let entries = read.map_err(|error| AccountsError::Interrupted(error.to_string()))??;
        let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(("]}\n".to_owned(), Part::End)) };
        let mut text = String::new();
        for entry in &entries {
            self.item(&mut text, &serde_json::to_value(entry).unwrap_or_default());
        }
        self.entry = last;
        Ok((text, Part::Ledger(self)))
    }

    fn item(&mut self, text: &mut String, row: &Value) {
        text.push_str(if std::mem::take(&mut self.first) { "\n" } else { ",\n" });
        text.push_str(&row.to_string());
    }
}
