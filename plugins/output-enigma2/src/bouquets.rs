//! Bouquets and their index.

use mast_sdk::Result;
use mast_sdk::output::{Category, Filter, Line, Response};

use crate::{Asked, Enigma2, Split, escape, reference};

/// A bouquet of a box: what it holds, and the file that it is in there.
pub(crate) struct Bouquet {
    /// Letters, digits, `_` and dots only: it stands in index lines, scripts and paths.
    pub(crate) file: String,
    pub(crate) name: String,
    parts: Parts,
}

enum Parts {
    /// A category of a content; 0 has what is in none.
    Category(&'static str, u32),
    /// All of it, with a marker before each category.
    All,
}

/// The line's bouquets, in order.
pub(crate) fn all(line: &Line<'_>, settings: &Enigma2) -> Vec<Bouquet> {
    if settings.bouquets == Split::Single {
        return vec![Bouquet::whole(settings)];
    }
    let prefix = &settings.prefix;
    let mut found = Vec::new();
    for (content, infix) in contents(settings) {
        found.extend(categories(line, content, settings).into_iter().map(|Category { id, name, .. }| Bouquet {
            file: format!("userbouquet.{prefix}_{infix}{id}.tv"),
            name,
            parts: Parts::Category(content, id),
        }));
    }
    found
}

/// Contents with what their files have in their names.
fn contents(settings: &Enigma2) -> impl Iterator<Item = (&'static str, &'static str)> {
    [("live", ""), ("movie", "movie_")].into_iter().take(if settings.movies { 2 } else { 1 })
}

/// Categories of a content, and 0 where something is in none.
pub(crate) fn categories(line: &Line<'_>, content: &str, settings: &Enigma2) -> Vec<Category> {
    let mut found = line.categories(content);
    if line.lineup(&Filter::of(content).category(Some(0))).next().is_some() {
        found.push(Category { id: 0, name: settings.name.clone(), content: content.to_owned() });
    }
    found
}

/// `bouquets.tv`.
pub(crate) fn index(line: &Line<'_>, settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
    response.write(b"#NAME Bouquets (TV)\n")?;
    for bouquet in all(line, settings) {
        let file = &bouquet.file;
        response
            .write(format!("#SERVICE 1:7:1:0:0:0:0:0:0:0:FROM BOUQUET \"{file}\" ORDER BY bouquet\n").as_bytes())?;
    }
    Ok(())
}

impl Bouquet {
    /// All of a line in one bouquet.
    pub(crate) fn whole(settings: &Enigma2) -> Self {
        let file = format!("userbouquet.{}.tv", settings.prefix);
        Self { file, name: settings.name.clone(), parts: Parts::All }
    }

    pub(crate) fn write(&self, asked: &Asked<'_>, settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
        let out = response.buffer();
        out.extend_from_slice(b"#NAME ");
        escape::line(out, &self.name);
        out.push(b'\n');
        match self.parts {
            Parts::Category(content, category) => services(asked, content, category, None, response),
            Parts::All => {
                let mut number = 0;
                for (content, _) in contents(settings) {
                    for category in categories(asked.line, content, settings) {
                        number += 1;
                        let marker = Some((number, category.name.as_str()));
                        services(asked, content, category.id, marker, response)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// The services of a category, behind a marker if there are any.
fn services(
    asked: &Asked<'_>,
    content: &'static str,
    category: u32,
    marker: Option<(u32, &str)>,
    response: &mut Response<'_>,
) -> Result<()> {
    let (format, service_type) =
        if content == "live" { (asked.playback.format(), asked.service_type) } else { (content, 4097) };
    let mut marker = marker;
    for batch in asked.line.lineup(&Filter::playable(content, format).category(Some(category))) {
        for channel in batch.iter().filter(|channel| !channel.playback.is_empty()) {
            if let Some((number, name)) = marker.take() {
                reference::marker(response.buffer(), number, name);
            }
            reference::service(response.buffer(), service_type, channel, content);
            response.flush_full()?;
        }
    }
    Ok(())
}
