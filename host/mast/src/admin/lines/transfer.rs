//! `/api/v1/lines/export` and `/import`: every line as CSV or JSON; and the old panel's records.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use mast_model::{LineId, LineRecord, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, Changing, Me};
use super::super::{AdminError, Context, IMPORT_LIMIT, Shared};
use super::{LineView, check_bouquets, csv, panel};
use crate::accounts::{Accounts, AccountsError, LineRequest};

/// Lines read from the store at a time.
const PIECE: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    let import = OpenApiRouter::new().routes(routes!(import)).layer(DefaultBodyLimit::max(IMPORT_LIMIT));
    OpenApiRouter::new().routes(routes!(export)).merge(import)
}

/// How lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Comma-separated values with a head.
    #[default]
    Csv,
    /// A list of lines.
    Json,
    /// The old panel's records; for import only.
    Panel,
}

/// What is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `csv` or `json`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// With the hashes of passwords, to move to another host; takes `operators:write`.
    #[serde(default)]
    password_hashes: bool,
}

/// A line with its password's hash, as `import` takes it.
#[derive(Serialize)]
struct Exported {
    #[serde(flatten)]
    line: LineView,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
}

/// Every line, as a file.
#[utoipa::path(get, path = "/api/v1/lines/export", tag = "lines", params(ExportQuery),
    responses((status = 200, description = "The file.", content((String = "text/csv"), (Vec<LineView> = "application/json")))))]
async fn export(State(context): Shared, Me(me): Me, Asked(query): Asked<ExportQuery>) -> Result<Response, AdminError> {
    if query.password_hashes && !me.scopes.has(Scope::OperatorsWrite) {
        return Err(AdminError::MissingScope(Scope::OperatorsWrite.name()));
    }
    let kind = match query.format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"lines.csv\""),
        Format::Json => ("application/json", "attachment; filename=\"lines.json\""),
        Format::Panel => return Err(AdminError::Invalid("format is csv or json".to_owned())),
    };
    tracing::info!(operator = me.username, hashes = query.password_hashes, "lines exported");
    let writing = Writing {
        accounts: context.deps.accounts.clone(),
        csv: query.format == Format::Csv,
        hashes: query.password_hashes,
        after: None,
        part: Part::Head,
    };
    let body = Body::from_stream(stream::try_unfold(writing, Writing::next));
    let headers = [(header::CONTENT_TYPE, kind.0), (header::CONTENT_DISPOSITION, kind.1)];
    Ok((headers.map(|(name, value)| (name, HeaderValue::from_static(value))), body).into_response())
}

/// An export that is under way: a piece at a time, so that a million lines need no more memory than a thousand.
struct Writing {
    accounts: Accounts,
    csv: bool,
    hashes: bool,
    after: Option<LineId>,
    part: Part,
}

#[derive(PartialEq, Eq)]
enum Part {
    Head,
    First,
    Later,
    End,
}

impl Writing {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, AccountsError> {
        if self.part == Part::End {
            return Ok(None);
        }
        if self.part == Part::Head {
            self.part = Part::First;
            return Ok(Some((if self.csv { csv::head().into() } else { Bytes::from_static(b"[") }, self)));
        }
        let found = self.accounts.select(self.after, PIECE, |_| true).await?;
        let ids: Vec<LineId> = found.iter().map(|line| line.id).collect();
        let Some(last) = ids.last().copied() else {
            self.part = Part::End;
            return Ok(if self.csv { None } else { Some((Bytes::from_static(b"]\n"), self)) });
        };
        let records = self.accounts.records(ids).await?;
        let mut text = Vec::new();
        for record in &records {
            self.write(record, &mut text);
        }
        self.after = Some(last);
        Ok(Some((text.into(), self)))
    }

    fn write(&mut self, record: &LineRecord, text: &mut Vec<u8>) {
        if self.csv {
            text.extend(csv::write(record, self.hashes));
            return;
        }
        text.extend_from_slice(if self.part == Part::First { b"\n" } else { b",\n" });
        self.part = Part::Later;
        let password_hash = self.hashes.then(|| record.password_hash.expose().to_owned());
        let line = Exported { line: LineView::new(record, true), password_hash };
        // Plain records are always JSON.
        text.extend(serde_json::to_vec(&line).unwrap_or_default());
    }
}

/// How an import is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// `csv`, `json` (a list of lines as in `POST /api/v1/lines`) or `panel`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Leaves out lines whose username is taken, instead of refusing all.
    #[serde(default)]
    skip_existing: bool,
    /// Only says what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
struct Imported {
    /// Lines that were added, or would be.
    added: usize,
    /// Lines whose username was taken.
    skipped: usize,
    /// Lines without a password: they have one that nobody knows until it is changed.
    without_password: usize,
}

/// Adds lines from a file, all or none.
#[utoipa::path(post, path = "/api/v1/lines/import", tag = "lines", params(ImportQuery),
    request_body(content((String = "text/csv"), (Vec<LineRequest> = "application/json"))),
    responses((status = 200, body = Imported)))]
async fn import(
    State(context): Shared,
    Changing(change): Changing,
    Asked(query): Asked<ImportQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Imported>, AdminError> {
    let body = body.map_err(|_| AdminError::TooLarge)?;
    let read = match query.format {
        Format::Csv => csv::read(&body),
        Format::Panel => panel::read(&body),
        Format::Json => Ok(read_json(&body)?),
    };
    let mut lines = read.map_err(AdminError::Rows)?;
    let all = lines.len();
    let accounts = &context.deps.accounts;
    if query.skip_existing {
        lines.retain(|line| accounts.by_username(&line.username).is_none());
    }
    let skipped = all - lines.len();
    lines.iter().try_for_each(|line| check_bouquets(&context, line.terms.bouquets.as_deref()))?;
    let without_password = lines.iter().filter(|line| line.password.is_none() && line.password_hash.is_none()).count();
    let added = lines.len();
    if query.dry_run {
        accounts.check(&lines)?;
    } else {
        accounts.add(lines, change).await?;
        tracing::info!(added, skipped, "lines imported");
    }
    Ok(Json(Imported { added, skipped, without_password }))
}

/// Lines as they are added, or as they were exported: what only the host sets is passed over.
fn read_json(body: &[u8]) -> Result<Vec<LineRequest>, AdminError> {
    let not_lines = |error: serde_json::Error| AdminError::Invalid(format!("not a list of lines: {error}"));
    let mut lines: Vec<Map<String, Value>> = serde_json::from_slice(body).map_err(not_lines)?;
    for line in &mut lines {
        for field in ["id", "created", "revision", "reseller", "plan", "held"] {
            line.remove(field);
        }
    }
    let lines = lines.into_iter().map(|line| serde_json::from_value(Value::Object(line)));
    lines.collect::<Result<_, _>>().map_err(not_lines)
}
