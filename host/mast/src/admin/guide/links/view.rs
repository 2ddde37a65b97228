//! Links as the admin API shows them.

use mast_model::Channel;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::guide::{ByHand, Doubt, Link, Links, ManualLink, Why};

/// How a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It has the programmes of a guide.
    Linked,
    /// No guide knows it; guide channels with names that are nearly the same are listed for review.
    Doubtful,
    /// No guide knows it.
    Unlinked,
    /// No guide knows it, and its programmes are made up (`[[guide.dummy]]`).
    Dummy,
    /// An operator says that it has none.
    None,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Doubtful => "doubtful",
            Self::Unlinked => "unlinked",
            Self::Dummy => "dummy",
            Self::None => "none",
        }
    }
}

/// What a channel has for a guide.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelLinksView {
    pub(super) channel: u32,
    pub(super) name: String,
    /// The guide id that its source gives it.
    pub(super) epg_id: Option<String>,
    pub(super) state: State,
    /// The guide that counts most first; the others fill its gaps.
    pub(super) links: Vec<LinkView>,
    /// What it may be, the likeliest first.
    pub(super) candidates: Vec<CandidateView>,
    /// What an operator says of it.
    pub(super) by_hand: Option<ByHandView>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct LinkView {
    /// The guide.
    pub(in super::super) guide: String,
    /// The guide's id for the channel.
    pub(in super::super) guide_channel: String,
    /// `manual`, `id` (the guide id is the same), `folded-id` (apart from case), `name` (apart from case, script, quality and country) or
    /// `alike`.
    pub(in super::super) why: &'static str,
    /// How alike the names are, 0 to 1; null where they were not compared.
    pub(in super::super) score: Option<f64>,
    /// Hours that the channel is behind its guide: a +1 channel for which the guide has only the base.
    pub(in super::super) hours_behind: u8,
}

/// A guide channel that a channel may be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CandidateView {
    pub(super) guide: String,
    pub(super) guide_channel: String,
    /// How alike the names are, 0 to 1.
    pub(super) score: f64,
}

/// What an operator says of a channel.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct ByHandView {
    pub(super) guide: Option<String>,
    pub(super) guide_channel: Option<String>,
    pub(super) none: bool,
    pub(super) shift_seconds: i64,
    pub(super) zone: Option<String>,
}

impl LinkView {
    pub(in super::super) fn of(link: &Link) -> Self {
        Self {
            guide: link.to.guide.to_string(),
            guide_channel: link.to.channel.clone(),
            why: name(link.to.why),
            score: if let Why::Alike(score) = link.to.why { Some(score) } else { None },
            hours_behind: link.to.behind,
        }
    }
}

pub(super) fn name(why: Why) -> &'static str {
    match why {
        Why::Manual => "manual",
        Why::Id => "id",
        Why::FoldedId => "folded-id",
        Why::Name => "name",
        Why::Alike(_) => "alike",
    }
}

impl ByHandView {
    fn of(by_hand: &ByHand) -> Self {
        let (guide, guide_channel) = match &by_hand.link {
            Some(ManualLink::Guide { guide, channel }) => (Some(guide.to_string()), Some(channel.clone())),
            _ => (None, None),
        };
        Self {
            guide,
            guide_channel,
            none: by_hand.link == Some(ManualLink::NoGuide),
            shift_seconds: by_hand.shift,
            zone: by_hand.zone_name().map(str::to_owned),
        }
    }
}

impl ChannelLinksView {
    pub(super) fn of(channel: &Channel, links: &Links) -> Self {
        let (found, by_hand, doubts) = (links.find(channel.id), links.by_hand(channel.id), links.doubts(channel.id));
        let state = match found {
            Some(guide) if guide.dummy.is_some() => State::Dummy,
            Some(_) => State::Linked,
            None if by_hand.is_some_and(|own| own.link == Some(ManualLink::NoGuide)) => State::None,
            None if !doubts.is_empty() => State::Doubtful,
            None => State::Unlinked,
        };
        let candidate = |doubt: &Doubt| CandidateView {
            guide: doubt.guide.to_string(),
            guide_channel: doubt.guide_channel.clone(),
            score: doubt.score,
        };
        Self {
            channel: channel.id.0,
            name: channel.name.clone(),
            epg_id: channel.epg_id.clone(),
            state,
            links: found.map(|guide| guide.links.iter().map(LinkView::of).collect()).unwrap_or_default(),
            candidates: doubts.iter().map(candidate).collect(),
            by_hand: by_hand.map(ByHandView::of),
        }
    }
}
