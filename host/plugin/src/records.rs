//! The records of `wit/` as plain Rust. Field meanings are documented there.

use mast_model::guide::details;
use mast_model::guide::packed::PackedProgrammes;

/// `mast:base/types.attrs` and `headers`.
pub type Pairs = Vec<(String, String)>;

/// What an import of a guide came back with.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Nothing changed; what was pushed is to be dropped.
    pub unchanged: bool,
    /// For the operator.
    pub attrs: Pairs,
}

/// What a refresh came back with.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// Nothing changed; what was pushed is to be dropped.
    pub unchanged: bool,
    /// For the operator.
    pub attrs: Pairs,
    /// Validators of everything this refresh read, to be kept with its result.
    pub validators: Vec<crate::services::Validator>,
}

/// `mast:source/types.category`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Category {
    pub key: String,
    pub name: String,
    pub content: String,
    pub order: Option<u32>,
    pub attrs: Pairs,
}

/// `mast:source/types.upstream`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Upstream {
    pub url: String,
    pub kind: String,
    pub headers: Pairs,
    pub expires: Option<u64>,
    pub attrs: Pairs,
}

/// `mast:source/types.catch-up`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct CatchUp {
    pub mode: String,
    pub days: u32,
    pub template: Option<String>,
    pub attrs: Pairs,
}

/// `mast:source/types.channel`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Channel {
    pub key: String,
    pub name: String,
    pub number: Option<u32>,
    pub category: Option<String>,
    pub logo: Option<String>,
    pub epg_id: Option<String>,
    pub upstreams: Vec<Upstream>,
    pub catch_up: Option<CatchUp>,
    pub attrs: Pairs,
}

/// `mast:source/types.movie`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Movie {
    pub key: String,
    pub name: String,
    pub category: Option<String>,
    pub poster: Option<String>,
    pub container: String,
    pub upstreams: Vec<Upstream>,
    pub attrs: Pairs,
}

/// `mast:source/types.series`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Series {
    pub key: String,
    pub name: String,
    pub category: Option<String>,
    pub poster: Option<String>,
    pub attrs: Pairs,
}

/// `mast:source/types.episode`.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/source")]
pub struct Episode {
    pub key: String,
    pub series: String,
    pub season: u32,
    pub number: u32,
    pub name: String,
    pub container: String,
    pub upstreams: Vec<Upstream>,
    pub attrs: Pairs,
}

/// `mast:output/types.route`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct Route {
    pub id: String,
    pub method: String,
    pub path: String,
    pub line: String,
    pub refused: String,
    pub depends: Vec<String>,
    pub attrs: Pairs,
}

/// `mast:output/types.request`.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct Request {
    pub route: String,
    pub method: String,
    pub path: String,
    pub params: Pairs,
    pub query: Pairs,
    pub headers: Pairs,
    pub body: Vec<u8>,
    pub base_url: String,
    pub attrs: Pairs,
}

/// `mast:output/types.line-info`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct LineInfo {
    pub username: String,
    pub expires: Option<u64>,
    pub max_connections: u32,
    pub active_connections: u32,
    pub created: u64,
    pub attrs: Pairs,
}

/// `mast:output/types.filter`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct Filter {
    pub content: String,
    pub category: Option<u32>,
    pub playback: Option<String>,
    pub attrs: Pairs,
}

/// `mast:output/types.channel`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct LineupChannel {
    pub id: u32,
    pub number: u32,
    pub name: String,
    pub category: u32,
    pub category_name: String,
    pub logo: String,
    pub epg_id: String,
    pub catch_up_days: u32,
    pub playback: String,
    pub attrs: Pairs,
}

/// `mast:output/types.category`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct LineupCategory {
    pub id: u32,
    pub name: String,
    pub content: String,
}

/// `mast:output/types.episode`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct LineupEpisode {
    pub id: u32,
    pub season: u32,
    pub number: u32,
    pub name: String,
    pub container: String,
    pub playback: String,
    pub attrs: Pairs,
}

/// `mast:output/types.device-event`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct DeviceEvent {
    pub id: u64,
    pub code: String,
    pub text: String,
    pub attrs: Pairs,
}

/// `mast:output/types.programme`.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "documented in wit/output")]
pub struct Programme {
    pub channel: u32,
    pub start: u64,
    pub stop: u64,
    pub title: String,
    pub sub_title: String,
    pub description: String,
    pub attrs: Pairs,
}

/// A field of [`AuthRequest`] that decisions may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "documented in wit/auth")]
pub enum KeyField {
    Username,
    Bouquets,
    Action,
    Channel,
    Ip,
    UserAgent,
    Device,
    Attrs,
}

/// `mast:auth/types.request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "documented in wit/auth")]
pub struct AuthRequest {
    pub username: String,
    pub bouquets: Vec<String>,
    pub action: String,
    pub channel: u32,
    pub ip: String,
    pub user_agent: String,
    pub device: String,
    pub attrs: Pairs,
}

impl AuthRequest {
    /// A copy with every field blank that `fields` does not name.
    pub fn keep(&self, fields: &[KeyField]) -> Self {
        let has = |field| fields.contains(&field);
        let text = |field, value: &String| if has(field) { value.clone() } else { String::new() };
        Self {
            username: text(KeyField::Username, &self.username),
            bouquets: if has(KeyField::Bouquets) { self.bouquets.clone() } else { Vec::new() },
            action: text(KeyField::Action, &self.action),
            channel: if has(KeyField::Channel) { self.channel } else { 0 },
            ip: text(KeyField::Ip, &self.ip),
            user_agent: text(KeyField::UserAgent, &self.user_agent),
            device: text(KeyField::Device, &self.device),
            attrs: if has(KeyField::Attrs) { self.attrs.clone() } else { Vec::new() },
        }
    }
}

/// `mast:auth/types.decision`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/auth")]
pub enum Decision {
    Allow { max_connections: Option<u32>, expires: Option<u64>, cache_seconds: u32, attrs: Pairs },
    Deny { code: String, message: String, cache_seconds: u32 },
}

/// `mast:epg/types.text`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/epg")]
pub struct GuideText {
    pub lang: Option<String>,
    pub value: String,
}

/// `mast:epg/types.guide-channel`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/epg")]
pub struct GuideChannel {
    pub id: String,
    pub names: Vec<GuideText>,
    pub icons: Vec<String>,
    pub attrs: Pairs,
}

/// `mast:epg/types.credit`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/epg")]
pub struct GuideCredit {
    pub role: String,
    pub name: String,
    pub part: Option<String>,
}

/// `mast:epg/types.programme`. `episode_numbers` holds (system, value).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in wit/epg")]
pub struct GuideProgramme {
    pub channel: String,
    pub start: u64,
    pub stop: Option<u64>,
    pub titles: Vec<GuideText>,
    pub sub_titles: Vec<GuideText>,
    pub descriptions: Vec<GuideText>,
    pub categories: Vec<GuideText>,
    pub credits: Vec<GuideCredit>,
    pub episode_numbers: Pairs,
    pub icons: Vec<String>,
    pub attrs: Pairs,
}

impl GuideProgramme {
    /// All programmes of a batch.
    pub fn unpack(batch: &PackedProgrammes) -> Vec<Self> {
        let texts = |texts: Vec<mast_model::GuideText>| {
            texts.into_iter().map(|text| GuideText { lang: text.lang, value: text.value }).collect()
        };
        let credit =
            |credit: mast_model::GuideCredit| GuideCredit { role: credit.role, name: credit.name, part: credit.part };
        let one = |packed: mast_model::guide::packed::PackedProgramme<'_>| {
            let details = details::get(packed.details).expect("a batch was checked when it came");
            Self {
                channel: packed.channel.to_owned(),
                start: packed.start,
                stop: packed.stop,
                titles: texts(details.titles),
                sub_titles: texts(details.sub_titles),
                descriptions: texts(details.descriptions),
                categories: texts(details.categories),
                credits: details.credits.into_iter().map(credit).collect(),
                episode_numbers: details.episode_numbers.into_iter().map(|one| (one.system, one.value)).collect(),
                icons: details.icons,
                attrs: details.attrs,
            }
        };
        batch.iter().map(one).collect()
    }
}
