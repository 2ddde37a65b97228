//! Programmes as the admin API shows them.

use jiff::Timestamp;
use mast_model::{ChannelId, GuideText, Programme};
use serde::Serialize;
use utoipa::ToSchema;

use super::links::LinkView;
use crate::guide::{NowNext, pick};

/// A programme.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProgrammeView {
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    stop: Timestamp,
    title: String,
    sub_title: Option<String>,
    description: Option<String>,
    categories: Vec<String>,
    /// In order.
    credits: Vec<CreditView>,
    episode_numbers: Vec<EpisodeNumberView>,
    /// URLs.
    icons: Vec<String>,
    /// What else the importer says: `date`, `new`, `rating:SYSTEM` and others.
    #[schema(value_type = Vec<Vec<String>>)]
    attrs: Vec<(String, String)>,
}

/// Somebody who took part.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreditView {
    /// `actor`, `director` and others.
    role: String,
    name: String,
    /// Whom an actor plays.
    part: Option<String>,
}

/// A number of an episode.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EpisodeNumberView {
    /// `xmltv_ns`, `onscreen` and others.
    system: String,
    value: String,
}

/// A programme in a grid.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CellView {
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    stop: Timestamp,
    title: String,
    sub_title: Option<String>,
}

/// A channel in a grid.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowView {
    /// The channel.
    pub(super) channel: u32,
    /// By start.
    programmes: Vec<CellView>,
}

/// What is on a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NowView {
    /// The channel.
    pub(super) channel: u32,
    /// What is on; null in a gap, and where there is no guide.
    now: Option<ProgrammeView>,
    /// Up to four that come then.
    next: Vec<ProgrammeView>,
}

/// The guide of a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelGuideView {
    /// The channel.
    pub(super) channel: u32,
    /// Where its programmes come from, the guide that counts most first; empty where none knows it.
    pub(super) links: Vec<LinkView>,
    /// By start.
    pub(super) programmes: Vec<ProgrammeView>,
}

/// The text in the first of these languages that is there, or else the guide's preferred one.
fn text(texts: &[GuideText], languages: &[String]) -> Option<String> {
    pick(texts, languages).map(|text| text.value.clone())
}

impl ProgrammeView {
    pub(super) fn of(programme: &Programme, languages: &[String]) -> Self {
        let details = &programme.details;
        let credit = |one: &mast_model::GuideCredit| CreditView {
            role: one.role.clone(),
            name: one.name.clone(),
            part: one.part.clone(),
        };
        let number = |one: &mast_model::EpisodeNumber| EpisodeNumberView {
            system: one.system.clone(),
            value: one.value.clone(),
        };
        Self {
            start: programme.start,
            stop: programme.stop,
            title: text(&details.titles, languages).unwrap_or_default(),
            sub_title: text(&details.sub_titles, languages),
            description: text(&details.descriptions, languages),
            categories: details.categories.iter().map(|category| category.value.clone()).collect(),
            credits: details.credits.iter().map(credit).collect(),
            episode_numbers: details.episode_numbers.iter().map(number).collect(),
            icons: details.icons.clone(),
            attrs: details.attrs.clone(),
        }
    }
}

/// A programme that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HitView {
    /// The channel.
    pub(super) channel: u32,
    /// The programme.
    pub(super) programme: ProgrammeView,
}

impl RowView {
    pub(super) fn of(channel: ChannelId, programmes: &[Programme], languages: &[String]) -> Self {
        let cell = |programme: &Programme| CellView {
            start: programme.start,
            stop: programme.stop,
            title: text(&programme.details.titles, languages).unwrap_or_default(),
            sub_title: text(&programme.details.sub_titles, languages),
        };
        Self { channel: channel.0, programmes: programmes.iter().map(cell).collect() }
    }
}

impl NowView {
    pub(super) fn of(channel: ChannelId, found: Option<&NowNext>, at: Timestamp, languages: &[String]) -> Self {
        let view = |programme| ProgrammeView::of(programme, languages);
        Self {
            channel: channel.0,
            now: found.and_then(|found| found.now(at)).map(view),
            next: found.map(|found| found.next(at).map(view).collect()).unwrap_or_default(),
        }
    }
}
