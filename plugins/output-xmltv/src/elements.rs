//! The elements, in the order of the DTD.

use mast_sdk::output::{Channel, Programme};
use mast_sdk::pair;

use crate::text::{Times, attribute, escape};

/// Appends a `<channel>`.
pub(crate) fn channel(out: &mut Vec<u8>, id: &str, channel: &Channel) {
    out.extend_from_slice(b"<channel");
    attribute(out, "id", id);
    out.extend_from_slice(b">");
    element(out, "display-name", "", None, &channel.name);
    if !channel.logo.is_empty() {
        out.extend_from_slice(b"<icon");
        attribute(out, "src", &channel.logo);
        out.extend_from_slice(b"/>");
    }
    out.extend_from_slice(b"</channel>\n");
}

/// Appends `<NAME KEY="..." >value</NAME>`.
fn element(out: &mut Vec<u8>, name: &str, key: &str, of_key: Option<&str>, value: &str) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    if let Some(of_key) = of_key {
        attribute(out, key, of_key);
    }
    out.push(b'>');
    escape(out, value);
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Roles in the order of the DTD. What is none of them is an actor.
const ROLES: [&str; 10] =
    ["director", "actor", "writer", "adapter", "producer", "composer", "editor", "presenter", "commentator", "guest"];

/// Where a key of `attrs` stands in the document. Ranks below ten are roles; those of one container follow each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u8);

impl Rank {
    const CREDITS_END: Self = Self(10);
    const VIDEO: Self = Self(30);
    const VIDEO_END: Self = Self(34);
    const AUDIO: Self = Self(34);
    const AUDIO_END: Self = Self(35);

    /// The rank of a key, the part of it before the colon, and whether the element stands once only.
    fn of(key: &str) -> Option<(Self, bool)> {
        let (name, rest) = key.split_once(':').unwrap_or((key, ""));
        let (rank, once) = match name {
            "credit" => (ROLES.iter().position(|role| *role == rest).unwrap_or(1) as u8, false),
            "date" => (20, true),
            "category" => (21, false),
            "keyword" => (22, false),
            "language" => (23, true),
            "original-language" => (24, true),
            "length" => (25, true),
            "icon" => (26, false),
            "url" => (27, false),
            "country" => (28, false),
            "episode-number" => (29, false),
            "video" => (30, true),
            "video-colour" => (31, true),
            "aspect" => (32, true),
            "video-quality" => (33, true),
            "audio" => (34, true),
            "previously-shown" => (35, true),
            "premiere" => (36, true),
            "last-chance" => (37, true),
            "new" => (38, true),
            "subtitles" => (39, false),
            "rating" => (40, false),
            "star-rating" => (41, false),
            "review" => (42, false),
            "image" => (43, false),
            _ => return None,
        };
        Some((Self(rank), once))
    }

    /// The element around it.
    fn container(self) -> &'static str {
        match self {
            rank if rank < Self::CREDITS_END => "credits",
            rank if (Self::VIDEO..Self::VIDEO_END).contains(&rank) => "video",
            rank if (Self::AUDIO..Self::AUDIO_END).contains(&rank) => "audio",
            _ => "",
        }
    }
}

/// Writes programmes.
pub(crate) struct Programmes {
    times: Times,
    catch_up_id: bool,
    /// Rank and place of the attrs of the programme at hand.
    order: Vec<(Rank, usize)>,
}

impl Programmes {
    pub(crate) fn new(catch_up_id: bool) -> Self {
        Self { times: Times::default(), catch_up_id, order: Vec::new() }
    }

    /// Appends a `<programme>`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, channel: &str, programme: &Programme) {
        let attrs = &programme.attrs;
        out.extend_from_slice(b"<programme start=\"");
        self.times.write(out, programme.start);
        out.extend_from_slice(b"\" stop=\"");
        self.times.write(out, programme.stop);
        out.push(b'"');
        attribute(out, "channel", channel);
        for (key, name) in [
            ("pdc-start", "pdc-start"),
            ("vps-start", "vps-start"),
            ("showview", "showview"),
            ("videoplus", "videoplus"),
            ("clump", "clumpidx"),
        ] {
            if let Some(value) = pair(attrs, key) {
                attribute(out, name, value);
            }
        }
        if let Some(id) = pair(attrs, "catch-up-id").filter(|_| self.catch_up_id) {
            attribute(out, "catchup-id", id);
        }
        out.push(b'>');
        let lang = pair(attrs, "lang");
        element(out, "title", "lang", lang, &programme.title);
        for (name, text) in [("sub-title", &programme.sub_title), ("desc", &programme.description)] {
            if !text.is_empty() {
                element(out, name, "lang", lang, text);
            }
        }
        self.rest(out, attrs);
        out.extend_from_slice(b"</programme>\n");
    }

    fn rest(&mut self, out: &mut Vec<u8>, attrs: &[(String, String)]) {
        self.order.clear();
        for (place, (key, _)) in attrs.iter().enumerate() {
            if let Some((rank, once)) = Rank::of(key)
                && !(once && self.order.iter().any(|(known, _)| *known == rank))
            {
                self.order.push((rank, place));
            }
        }
        // The same key keeps its order: places count too.
        self.order.sort_unstable();
        let mut open = "";
        for &(rank, place) in &self.order {
            let container = rank.container();
            if container != open {
                close(out, open);
                if !container.is_empty() {
                    out.push(b'<');
                    out.extend_from_slice(container.as_bytes());
                    out.push(b'>');
                }
                open = container;
            }
            let (key, value) = &attrs[place];
            one(out, key, value, attrs);
        }
        close(out, open);
    }
}

fn close(out: &mut Vec<u8>, container: &str) {
    if !container.is_empty() {
        out.extend_from_slice(b"</");
        out.extend_from_slice(container.as_bytes());
        out.push(b'>');
    }
}

/// One entry of `attrs` as an element.
fn one(out: &mut Vec<u8>, key: &str, value: &str, attrs: &[(String, String)]) {
    let (name, system) = key.split_once(':').map_or((key, None), |(name, system)| (name, Some(system)));
    match name {
        "credit" => person(out, system.unwrap_or_default(), value),
        "original-language" => element(out, "orig-language", "", None, value),
        "length" => element(out, "length", "units", Some("seconds"), value),
        "icon" => {
            out.extend_from_slice(b"<icon");
            attribute(out, "src", value);
            out.extend_from_slice(b"/>");
        }
        "episode-number" => element(out, "episode-num", "system", system, value),
        "video" => element(out, "present", "", None, value),
        "video-colour" => element(out, "colour", "", None, value),
        "video-quality" => element(out, "quality", "", None, value),
        "audio" if value == "no" => element(out, "present", "", None, value),
        "audio" => element(out, "stereo", "", None, value),
        "previously-shown" => {
            out.extend_from_slice(b"<previously-shown");
            if value != "true" {
                attribute(out, "start", value);
            }
            if let Some(channel) = pair(attrs, "previously-shown-channel") {
                attribute(out, "channel", channel);
            }
            out.extend_from_slice(b"/>");
        }
        "premiere" | "last-chance" => element(out, name, "", None, if value == "true" { "" } else { value }),
        "new" => out.extend_from_slice(b"<new/>"),
        "subtitles" => subtitles(out, value),
        "rating" | "star-rating" => {
            out.push(b'<');
            out.extend_from_slice(name.as_bytes());
            if let Some(system) = system {
                attribute(out, "system", system);
            }
            out.push(b'>');
            element(out, "value", "", None, value);
            close(out, name);
        }
        "review" => {
            let kind = if value.starts_with("http://") || value.starts_with("https://") { "url" } else { "text" };
            element(out, "review", "type", Some(kind), value);
        }
        "image" => {
            // The DTD knows these and no others.
            let known = |kind: &&str| ["poster", "backdrop", "still", "person", "character"].contains(kind);
            element(out, "image", "type", system.filter(known), value);
        }
        // date, category, keyword, language, url, country, aspect
        _ => element(out, name, "", None, value),
    }
}

fn person(out: &mut Vec<u8>, role: &str, value: &str) {
    let name = if ROLES.contains(&role) { role } else { "actor" };
    match value.split_once('|').filter(|_| name == "actor") {
        Some((person, part)) => element(out, name, "role", Some(part), person),
        None => element(out, name, "", None, value.split('|').next().unwrap_or_default()),
    }
}

fn subtitles(out: &mut Vec<u8>, value: &str) {
    let (kind, language) = value.split_once(':').map_or((value, None), |(kind, language)| (kind, Some(language)));
    out.extend_from_slice(b"<subtitles");
    // The DTD knows these and no others.
    if matches!(kind, "teletext" | "onscreen" | "deaf-signed") {
        attribute(out, "type", kind);
    }
    out.push(b'>');
    if let Some(language) = language {
        element(out, "language", "", None, language);
    }
    out.extend_from_slice(b"</subtitles>");
}
