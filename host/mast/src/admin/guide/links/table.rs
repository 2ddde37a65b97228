//! Links as CSV, to be edited in a spreadsheet and sent back. The column `link` says what an operator says: `auto`, `guide` or `none`;
//! with `auto` the columns `guide` and `guide_channel` only show what was found.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::error::RowProblem;
use super::super::super::extract::Changing;
use super::super::super::spreadsheet::{self, guarded};
use super::super::super::{AdminError, Context, Shared};
use super::super::{reading, running};
use super::view::ChannelLinksView;
use super::{Changed, LinkRequest, set};

const HEAD: [&str; 10] =
    ["channel", "name", "epg_id", "state", "link", "guide", "guide_channel", "candidates", "shift_seconds", "zone"];

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import))
}

/// The links of all channels, as CSV: `channel,name,epg_id,state,link,guide,guide_channel,candidates,shift_seconds,zone`.
#[utoipa::path(get, path = "/api/v1/guide/links/export", tag = "guide",
    responses((status = 200, description = "The file.", content((String = "text/csv")))))]
async fn export(State(context): Shared) -> Result<Response, AdminError> {
    let (guide, catalog) = (running(&context)?, context.deps.catalog.clone());
    let text = reading(move || {
        let links = guide.links();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        // Writing to memory cannot fail.
        let _ = writer.write_record(HEAD);
        for channel in catalog.channel_ids().into_iter().filter_map(|id| catalog.channel(id)) {
            let _ = writer.write_record(cells(ChannelLinksView::of(&channel, &links)).map(guarded));
        }
        Ok(writer.into_inner().unwrap_or_default())
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"guide-links.csv\"")),
    ];
    Ok((headers, text.await?).into_response())
}

fn cells(view: ChannelLinksView) -> [String; HEAD.len()] {
    let own = view.by_hand.unwrap_or_default();
    let link = match (&own.guide, own.none) {
        (Some(_), _) => "guide",
        (None, true) => "none",
        (None, false) => "auto",
    };
    let first = view.links.into_iter().next().map(|link| (link.guide, link.guide_channel));
    let (guide, guide_channel) = own.guide.zip(own.guide_channel).or(first).unwrap_or_default();
    let candidates: Vec<String> =
        view.candidates.iter().map(|one| format!("{}/{} {:.2}", one.guide, one.guide_channel, one.score)).collect();
    [
        view.channel.to_string(),
        view.name,
        view.epg_id.unwrap_or_default(),
        view.state.name().to_owned(),
        link.to_owned(),
        guide,
        guide_channel,
        candidates.join(" | "),
        if own.shift_seconds == 0 { String::new() } else { own.shift_seconds.to_string() },
        own.zone.unwrap_or_default(),
    ]
}

/// Says what the channels of a CSV have for a guide, all or none; of others nothing changes. Columns as in the export: `channel` is needed,
/// and `link` (`auto`, `guide` or `none`); `guide` and `guide_channel` count with `link` `guide`.
#[utoipa::path(post, path = "/api/v1/guide/links/import", tag = "guide",
    request_body(content((String = "text/csv"))), responses((status = 200, body = Changed)))]
async fn import(
    State(context): Shared,
    Changing(change): Changing,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Changed>, AdminError> {
    let body = body.map_err(|_| AdminError::TooLarge)?;
    let rows = read(&body).map_err(AdminError::Rows)?;
    set(&context, change, rows).await?.map(Json).map_err(AdminError::Rows)
}

fn read(text: &[u8]) -> Result<Vec<(usize, u32, LinkRequest)>, Vec<RowProblem>> {
    let rows = spreadsheet::read(text, &HEAD, &["channel", "link"], |cell| {
        row(|name| cell(name).map(str::trim).filter(|cell| !cell.is_empty()))
    })?;
    Ok(rows.into_iter().map(|(number, (channel, request))| (number, channel, request)).collect())
}

fn row<'a>(cell: impl Fn(&str) -> Option<&'a str>) -> Result<(u32, LinkRequest), String> {
    let channel = cell("channel").and_then(|id| id.parse().ok()).ok_or("channel is the number of a channel")?;
    let shift_seconds = cell("shift_seconds").map_or(Ok(0), str::parse);
    let mut request = LinkRequest {
        shift_seconds: shift_seconds.map_err(|_| "shift_seconds is a whole number")?,
        zone: cell("zone").map(str::to_owned),
        ..LinkRequest::default()
    };
    match cell("link") {
        Some("auto") => {}
        Some("none") => request.none = true,
        Some("guide") => {
            let (Some(guide), Some(id)) = (cell("guide"), cell("guide_channel")) else {
                return Err("link is guide, so that guide and guide_channel have to be given".to_owned());
            };
            (request.guide, request.guide_channel) = (Some(guide.to_owned()), Some(id.to_owned()));
        }
        _ => return Err("link is auto, guide or none".to_owned()),
    }
    Ok((channel, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_or_refused_by_name() {
        let read = |text: &str| read(text.as_bytes());
        let rows = read("\u{feff}channel,link,guide,guide_channel,shift_seconds,zone\r\n1,guide,main,'=one.example,,\r\n2,none,,,,\r\n3,auto,main,shown,-3600,Europe/Berlin\r\n").unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|(row, id, one)| {
                (
                    *row,
                    *id,
                    one.guide.as_deref(),
                    one.guide_channel.as_deref(),
                    one.none,
                    one.shift_seconds,
                    one.zone.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, 1, Some("main"), Some("=one.example"), false, 0, None),
                (2, 2, None, None, true, 0, None),
                (3, 3, None, None, false, -3600, Some("Europe/Berlin")),
            ]
        );
        for (text, expected) in [
            ("", "the column channel is missing"),
            ("channel\n1\n", "the column link is missing"),
            ("channel,link,colour\n", "there is no column \"colour\""),
            ("channel,link\nx,auto\n", "channel is the number"),
            ("channel,link\n1,\n", "link is auto, guide or none"),
            ("channel,link\n1,guide\n", "guide and guide_channel have to be given"),
            ("channel,link,shift_seconds\n1,auto,1h\n", "shift_seconds is a whole number"),
            ("channel,link\n1\n", "record"),
        ] {
            let problems = read(text).unwrap_err();
            assert!(problems[0].message.contains(expected), "{text:?}: {}", problems[0].message);
        }
    }
}
