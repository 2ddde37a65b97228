//! `/enigma2.php`: what plugins of a box browse, page by page. Titles and descriptions are base64, addresses CDATA.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mast_sdk::output::{Channel, Filter, Request, Response};
use mast_sdk::{Result, pair};

use crate::escape::{cdata, url, xml};
use crate::{Asked, Enigma2, XML, bouquets};

/// Types of pages: categories, what is in one, and the content.
const PAGES: [(&str, &str, &str); 3] = [
    ("get_live_categories", "get_live_streams", "live"),
    ("get_vod_categories", "get_vod_streams", "movie"),
    ("get_series_categories", "get_series", "series"),
];
const TITLES: [&str; 3] = ["Live", "Movies", "Series"];

/// An entry of a page.
#[derive(Default)]
struct Item<'a> {
    title: &'a str,
    description: &'a str,
    image: &'a str,
    category: u32,
    /// Another page, or what is played.
    page: Option<String>,
    playback: &'a str,
}

pub(crate) fn answer(
    request: &Request,
    asked: &Asked<'_>,
    settings: &Enigma2,
    response: &mut Response<'_>,
) -> Result<()> {
    let field = |name: &str| request.query(name).filter(|value| !value.is_empty());
    let number = |name: &str| field(name).map(str::parse::<u32>).transpose();
    let (Ok(category), Ok(series), Ok(season)) = (number("cat_id"), number("series_id"), number("season")) else {
        return response.text(400, "cat_id, series_id and season have to be numbers.\n");
    };
    let kind = field("type").unwrap_or_default();
    let categories = PAGES.iter().find(|page| page.0 == kind);
    let contents = PAGES.iter().find(|page| page.1 == kind);
    if !matches!(kind, "" | "get_seasons" | "get_series_streams") && categories.is_none() && contents.is_none() {
        return response.text(400, "Unknown type; the known ones are get_live_categories, get_vod_categories, \
            get_series_categories, get_live_streams, get_vod_streams, get_series, get_seasons and get_series_streams.\n");
    }
    start(settings, response)?;
    match (kind, categories, contents) {
        ("get_seasons", ..) => seasons(asked, series.unwrap_or_default(), response)?,
        ("get_series_streams", ..) => episodes(asked, series.unwrap_or_default(), season, response)?,
        (_, Some((_, list, content)), _) => {
            for category in bouquets::categories(asked.line, content, settings) {
                let page = Some(asked.links.page(&format!("&type={list}&cat_id={}", category.id)));
                Item { title: &category.name, category: category.id, page, ..Item::default() }.write(response)?;
            }
        }
        (_, None, Some((_, _, content))) => channels(asked, content, category, response)?,
        (_, None, None) => {
            for ((list, _, _), title) in PAGES.iter().zip(TITLES) {
                let page = Some(asked.links.page(&format!("&type={list}")));
                Item { title, page, ..Item::default() }.write(response)?;
            }
        }
    }
    response.write(b"</items>\n")
}

fn start(settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
    response.start(200, &[("content-type", XML)])?;
    let name = xml(&settings.name);
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<items>\n<playlist_name>{name}</playlist_name>\n\
         <category><category_id>1</category_id><category_title>{name}</category_title></category>\n"
    );
    response.write(head.as_bytes())
}

fn channels(asked: &Asked<'_>, content: &str, category: Option<u32>, response: &mut Response<'_>) -> Result<()> {
    let filter = match content {
        "live" => Filter::playable(content, asked.playback.format()),
        "movie" => Filter::playable(content, "movie"),
        _ => Filter::of(content),
    };
    for batch in asked.line.lineup(&filter.category(category)) {
        for channel in &batch {
            let mut item = Item::of(channel);
            if content == "series" {
                item.page = Some(asked.links.page(&format!("&type=get_seasons&series_id={}", channel.id)));
            }
            item.write(response)?;
        }
    }
    Ok(())
}

fn seasons(asked: &Asked<'_>, series: u32, response: &mut Response<'_>) -> Result<()> {
    let Some(of) = asked.line.find(series, &Filter::of("series")) else { return Ok(()) };
    let mut last = None;
    for batch in asked.line.episodes(series) {
        for season in batch.iter().map(|episode| episode.season) {
            // Episodes come by season.
            if last.replace(season) == Some(season) {
                continue;
            }
            let title = format!("Season {season}");
            let query = format!("&type=get_series_streams&series_id={series}&season={}", url(&season.to_string()));
            Item { title: &title, page: Some(asked.links.page(&query)), ..Item::of(&of) }.write(response)?;
        }
    }
    Ok(())
}

fn episodes(asked: &Asked<'_>, series: u32, season: Option<u32>, response: &mut Response<'_>) -> Result<()> {
    let Some(of) = asked.line.find(series, &Filter::of("series")) else { return Ok(()) };
    for batch in asked.line.episodes(series) {
        for episode in batch.iter().filter(|episode| season.is_none_or(|season| season == episode.season)) {
            let title = format!("S{:02}E{:02} {}", episode.season, episode.number, episode.name);
            let description = pair(&episode.attrs, "plot").unwrap_or_default();
            let item = Item { title: &title, description, playback: &episode.playback, ..Item::of(&of) };
            item.write(response)?;
        }
    }
    Ok(())
}

impl<'a> Item<'a> {
    fn of(channel: &'a Channel) -> Self {
        Self {
            title: &channel.name,
            description: pair(&channel.attrs, "plot").unwrap_or_default(),
            image: &channel.logo,
            category: channel.category,
            page: None,
            playback: &channel.playback,
        }
    }

    fn write(&self, response: &mut Response<'_>) -> Result<()> {
        let (title, description) = (STANDARD.encode(self.title), STANDARD.encode(self.description));
        let (image, category) = (cdata(self.image), self.category);
        let address = match &self.page {
            Some(page) => format!("<playlist_url><![CDATA[{}]]></playlist_url>", cdata(page)),
            None => format!("<stream_url><![CDATA[{}]]></stream_url>", cdata(self.playback)),
        };
        let text = format!(
            "<channel><title>{title}</title><description>{description}</description>\
             <desc_image><![CDATA[{image}]]></desc_image><category_id>{category}</category_id>{address}</channel>\n"
        );
        response.write(text.as_bytes())
    }
}
