//! The instance's settings, checked once.

use mast_sdk::{Error, Result};

use crate::entries::CONTENTS;
use crate::escape::text;
use crate::template::{Template, Written};
use crate::{asked, devices};

/// The `[config]` table.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Settings {
    /// What lists have where a request names no `key`.
    #[serde(default = "all_contents")]
    pub(crate) contents: Vec<String>,
    /// Every attribute in `m3u_plus`, too.
    #[serde(default)]
    pub(crate) full: bool,
    /// Empty for this host's guide, `none`, or a URL.
    #[serde(default)]
    pub(crate) guide_url: String,
    #[serde(default)]
    kodi_properties: Vec<String>,
    #[serde(default)]
    vlc_options: Vec<String>,
    #[serde(default)]
    pub(crate) extgrp: bool,
    #[serde(default)]
    pub(crate) template: Vec<Written<'static>>,
}

fn all_contents() -> Vec<String> {
    CONTENTS.iter().map(|&content| content.to_owned()).collect()
}

impl Settings {
    pub(crate) fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        for (at, template) in own.template.iter().enumerate() {
            Template::parse(template)?;
            let name = &template.name;
            let is_taken = asked::PLAYLISTS.contains(&&**name)
                || devices::names().any(|known| known == name)
                || own.template[..at].iter().any(|known| known.name == *name);
            if is_taken {
                return Err(Error::config(format!("template {name:?}: there is a list of this name; choose another")));
            }
        }
        Ok(own)
    }

    /// The lines before each URL that the operator wants.
    pub(crate) fn options(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (directive, lines) in [("#KODIPROP:", &self.kodi_properties), ("#EXTVLCOPT:", &self.vlc_options)] {
            for line in lines {
                out.extend_from_slice(directive.as_bytes());
                text(&mut out, line, b',');
                out.extend_from_slice(b"\r\n");
            }
        }
        out
    }

    /// The names of all lists, for a viewer who asked for another one.
    pub(crate) fn known(&self) -> String {
        let mut names: Vec<&str> = devices::names().collect();
        names.extend(self.template.iter().map(|template| template.name.as_ref()));
        format!("{}, {}", names.join(", "), asked::PLAYLISTS.join(" and "))
    }
}
