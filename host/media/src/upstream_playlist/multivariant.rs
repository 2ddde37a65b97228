//! Reads multivariant playlists.

use super::attributes::Attributes;
use super::{Multivariant, PlaylistError, Uri, Variant, tag};

/// Variants and audio renditions kept; more than this is not honest.
const MAX_VARIANTS: usize = 1000;

/// Reads what follows #EXTM3U.
pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Multivariant, PlaylistError> {
    let mut variants: Vec<(Variant, Option<&str>)> = Vec::new();
    let mut audio: Vec<Rendition<'_>> = Vec::new();
    let mut next = None;
    for line in lines {
        match tag(line) {
            Some(("-X-STREAM-INF", list)) => next = Some(Attributes::new(list)),
            Some(("-X-MEDIA", list)) if audio.len() < MAX_VARIANTS => audio.extend(rendition(&Attributes::new(list))),
            Some(_) => {}
            None if line.starts_with('#') => {}
            None => {
                if let Some(list) = next.take().filter(|_| variants.len() < MAX_VARIANTS) {
                    variants.push((variant(&list, line.into()), list.get("AUDIO")));
                }
            }
        }
    }
    // Groups may stand behind the variants that name them.
    for (variant, group) in &mut variants {
        variant.separate_audio = group.and_then(|group| separate(&audio, group, &variant.uri));
    }
    let variants: Vec<_> = variants.into_iter().map(|(variant, _)| variant).collect();
    if variants.is_empty() { Err(PlaylistError::NoVariants) } else { Ok(Multivariant { variants }) }
}

/// An EXT-X-MEDIA of sound.
struct Rendition<'a> {
    group: &'a str,
    uri: Option<&'a str>,
    is_default: bool,
}

fn rendition<'a>(list: &Attributes<'a>) -> Option<Rendition<'a>> {
    let is_audio = list.get("TYPE").is_some_and(|kind| kind.eq_ignore_ascii_case("AUDIO"));
    let group = list.get("GROUP-ID").filter(|_| is_audio)?;
    let is_default = list.get("DEFAULT").is_some_and(|text| text.eq_ignore_ascii_case("YES"));
    Some(Rendition { group, uri: list.get("URI"), is_default })
}

/// A rendition without a URI is in the variants themselves (RFC 8216, 4.3.4.2.1); and a variant that only has sound may be a
/// rendition of its own group.
fn separate(audio: &[Rendition<'_>], group: &str, variant: &Uri) -> Option<Uri> {
    let members = || audio.iter().filter(|rendition| rendition.group == group);
    if !members().all(|rendition| rendition.uri.is_some_and(|uri| uri != variant.expose())) {
        return None;
    }
    let chosen = members().find(|rendition| rendition.is_default).or_else(|| members().next());
    chosen.and_then(|rendition| rendition.uri).map(Uri::from)
}

fn variant(list: &Attributes<'_>, uri: Uri) -> Variant {
    let resolution = list.get("RESOLUTION").and_then(|text| {
        let (width, height) = text.split_once(['x', 'X'])?;
        Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
    });
    let codecs = list.get("CODECS").unwrap_or_default().split(',').map(str::trim).filter(|codec| !codec.is_empty());
    Variant {
        uri,
        bandwidth: list.integer("BANDWIDTH").or_else(|| list.integer("AVERAGE-BANDWIDTH")).unwrap_or_default(),
        resolution,
        codecs: codecs.map(str::to_owned).collect(),
        separate_audio: None,
    }
}
