//! `/api/v1/sessions` and `/api/v1/bans`: who watches, and who may not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ipnet::IpNet;
use jiff::Timestamp;
use mast_model::{ChannelId, LineId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Me, Sent};
use super::page::{Page, Paging, unknown_cursor};
use super::{AdminError, Context, Shared};
use crate::accounts::AccountsError;
use crate::sessions::{Ban, Banned, NewBan, SessionView};

/// The longest ban: ten years.
const LONGEST: u64 = 10 * 366 * 86_400;
/// Characters of a reason.
const REASON: usize = 500;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(kick)).routes(routes!(bans, ban)).routes(routes!(lift))
}

/// A viewer's session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WatchView {
    /// Sixteen hexadecimal digits.
    pub id: String,
    /// Whose it is.
    pub line: u64,
    /// The line's username.
    pub username: String,
    /// What is watched; 0 for a file.
    pub channel: u32,
    /// The movie or episode that is watched, where it is one.
    pub title: Option<u32>,
    /// The name of the channel, movie or episode.
    pub channel_name: String,
    /// Where it was opened from.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// Two letters, where a trusted proxy names the country of the address; else null.
    pub country: Option<String>,
    /// What the player called itself.
    pub user_agent: String,
    /// When it was opened, or came back after the host was restarted.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Bytes handed to it so far.
    pub bytes: u64,
    /// `hls`, `mpegts` or `file`.
    pub output: String,
}

impl WatchView {
    fn of(context: &Context, view: SessionView) -> Self {
        let line = context.deps.accounts.find(view.line);
        let (channel, title) = (context.deps.catalog.channel(view.channel), view.channel.as_file());
        let name = match title {
            Some(title) => context.deps.catalog.title_name(title),
            None => channel.map(|channel| channel.name.clone()),
        };
        Self {
            id: view.id,
            line: view.line.0,
            username: line.map(|line| line.username.to_string()).unwrap_or_default(),
            channel: if title.is_some() { 0 } else { view.channel.0 },
            title: title.map(|title| title.0),
            channel_name: name.unwrap_or_default(),
            address: view.address,
            country: view.country,
            user_agent: view.user_agent,
            since: view.since,
            bytes: view.bytes,
            output: view.output.to_owned(),
        }
    }
}

/// Which sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this line.
    line: Option<u64>,
    /// Only those on this channel.
    channel: Option<u32>,
    /// Only those from this address or network.
    #[param(value_type = Option<String>)]
    address: Option<String>,
    /// Only `hls`, only `mpegts`, or only `file`.
    output: Option<String>,
}

/// Behind which session a page begins: nanoseconds since 1970, a dash, the session's id.
fn place(cursor: &str) -> Option<(Timestamp, &str)> {
    let (since, id) = cursor.split_once('-')?;
    Some((Timestamp::from_nanosecond(since.parse().ok()?).ok()?, id))
}

/// Viewers' sessions, oldest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(SessionQuery),
    responses((status = 200, body = Page<WatchView>)))]
async fn list(State(context): Shared, Asked(query): Asked<SessionQuery>) -> Result<Json<Page<WatchView>>, AdminError> {
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let after = query.cursor.as_deref().map(|cursor| place(cursor).ok_or_else(unknown_cursor)).transpose()?;
    let network = query.address.as_deref().map(network).transpose()?;
    let mut found = context.deps.sessions.list(after, |view| {
        query.line.is_none_or(|line| view.line == LineId(line))
            && query.channel.is_none_or(|channel| view.channel == ChannelId(channel))
            && network.is_none_or(|network| network.contains(&view.address))
            && query.output.as_ref().is_none_or(|output| view.output == output)
    });
    found.truncate(limit + 1);
    let views = found.into_iter().map(|view| WatchView::of(&context, view)).collect();
    Ok(Json(Page::of(views, limit, |view| format!("{}-{}", view.since.as_nanosecond(), view.id))))
}

/// Ends a session: its connection is closed or its next request refused. The viewer may open the channel anew; a ban keeps it away.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 204)))]
async fn kick(
    State(context): Shared,
    At(id): At<String>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.sessions.kick(id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom to keep away. One of `line` and `address` is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// A line, from wherever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// An address or a network, with whichever line, for example `192.0.2.7` or `2001:db8::/64`. It is refused the API too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// For how long; at most ten years.
    #[schema(minimum = 1, maximum = 316_224_000)]
    pub seconds: u64,
    /// For other operators; at most 500 characters.
    #[serde(default)]
    pub reason: String,
}

/// A ban.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BanView {
    /// Its id.
    pub id: u64,
    /// The line; null where it is a network.
    pub line: Option<u64>,
    /// The line's username, while the line exists.
    pub username: Option<String>,
    /// The network; null where it is a line.
    pub address: Option<String>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// For other operators.
    pub reason: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// The username of the operator who made it.
    pub by: String,
}

/// A ban that was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeBan {
    /// The ban.
    #[serde(flatten)]
    pub ban: BanView,
    /// Sessions that it ended.
    pub ended: usize,
}

impl BanView {
    fn of(context: &Context, ban: Ban) -> Self {
        let (line, network) = match ban.banned {
            Banned::Line(line) => (Some(line), None),
            Banned::Network(network) => (None, Some(network)),
        };
        let found = line.and_then(|line| context.deps.accounts.find(line));
        Self {
            id: ban.id,
            line: line.map(|line| line.0),
            username: found.map(|line| line.username.to_string()),
            address: network.map(short),
            until: ban.until,
            reason: ban.reason,
            created: ban.created,
            by: ban.by,
        }
    }
}

/// A single address without the length of its network.
fn short(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

/// An address or a network in its shortest form, IPv4 written as IPv4.
fn network(text: &str) -> Result<IpNet, AdminError> {
    let text = text.trim();
    let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let wrong = || AdminError::field("address", format!("{text:?} is neither an address nor a network"));
    let network = text.parse::<IpNet>().ok().or_else(single).ok_or_else(wrong)?;
    // Addresses of viewers are never written as IPv4 in IPv6.
    let as_ipv4 = match network {
        IpNet::V6(mapped) => mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    let as_ipv4 = as_ipv4.and_then(|(address, length)| IpNet::new(address.into(), length).ok());
    Ok(as_ipv4.unwrap_or(network).trunc())
}

/// Which bans.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BanQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only that of this line.
    line: Option<u64>,
    /// Only those that keep this address away.
    #[param(value_type = Option<String>)]
    address: Option<String>,
}

/// The bans that hold, in the order in which they were made.
#[utoipa::path(get, path = "/api/v1/bans", tag = "sessions", params(BanQuery),
    responses((status = 200, body = Page<BanView>)))]
async fn bans(State(context): Shared, Asked(query): Asked<BanQuery>) -> Result<Json<Page<BanView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let wanted = query.address.as_deref().map(network).transpose()?;
    let found = context.deps.sessions.bans().into_iter().filter(|ban| {
        after.is_none_or(|after| ban.id > after)
            && query.line.is_none_or(|line| ban.banned == Banned::Line(LineId(line)))
            && wanted.is_none_or(|one| matches!(&ban.banned, Banned::Network(all) if all.contains(&one)))
    });
    let views = found.take(limit + 1).map(|ban| BanView::of(&context, ban)).collect();
    Ok(Json(Page::of(views, limit, |view| view.id.to_string())))
}

/// Keeps a line, an address or a network away for a time, and ends its sessions. A ban of the same gives way to this one.
#[utoipa::path(post, path = "/api/v1/bans", tag = "sessions", request_body = BanRequest,
    responses((status = 201, body = MadeBan)))]
async fn ban(
    State(context): Shared,
    Me(me): Me,
    Changing(change): Changing,
    Sent(request): Sent<BanRequest>,
) -> Result<(StatusCode, Json<MadeBan>), AdminError> {
    let BanRequest { line, address, seconds, reason } = request;
    if !(1..=LONGEST).contains(&seconds) {
        return Err(AdminError::field("seconds", format!("seconds is {seconds}: use 1 to {LONGEST}")));
    }
    if reason.chars().count() > REASON || reason.chars().any(|c| c.is_control()) {
        let text = format!("reason has at most {REASON} characters, none of them control characters");
        return Err(AdminError::field("reason", text));
    }
    let banned = match (line.map(LineId), address) {
        (Some(line), None) => {
            context.deps.accounts.find(line).ok_or(AccountsError::NoSuchLine(line))?;
            Banned::Line(line)
        }
        (None, Some(text)) => Banned::Network(network(&text)?),
        _ => return Err(AdminError::Invalid("give line or address, one of them".to_owned())),
    };
    if let (Banned::Network(network), Some(own)) = (banned, me.address)
        && network.contains(&own)
    {
        return Err(AdminError::field("address", format!("this would keep you away, who come from {own}")));
    }
    let until = Timestamp::now() + Duration::from_secs(seconds);
    let (ban, ended) = context.deps.sessions.ban(NewBan { banned, until, reason }, change).await?;
    tracing::info!(ban = ban.id, %until, ended, "banned");
    Ok((StatusCode::CREATED, Json(MadeBan { ban: BanView::of(&context, ban), ended })))
}

/// Lifts a ban.
#[utoipa::path(delete, path = "/api/v1/bans/{id}", tag = "sessions", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn lift(State(context): Shared, At(id): At<u64>, Changing(change): Changing) -> Result<StatusCode, AdminError> {
    context.deps.sessions.lift(id, change).await?;
    tracing::info!(ban = id, "a ban was lifted");
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks() {
        for (text, expected) in [
            ("192.0.2.7", Some("192.0.2.7")),
            (" 192.0.2.7/24 ", Some("192.0.2.0/24")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7/120", Some("192.0.2.0/24")),
            ("2001:db8::1/64", Some("2001:db8::/64")),
            ("192.0.2.7/33", None),
            ("host.example", None),
            ("", None),
        ] {
            assert_eq!(network(text).ok().map(short).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn cursors() {
        let since: Timestamp = "2030-01-01T00:00:00.000000001Z".parse().expect("a time");
        let cursor = format!("{}-00000000000000ff", since.as_nanosecond());
        assert_eq!(place(&cursor), Some((since, "00000000000000ff")));
        for wrong in ["", "1", "x-1", "99999999999999999999999999-1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
