//! Scripts that a box runs. Names and URLs stand in them as single words between single quotes, whatever is in them.

use mast_sdk::Result;
use mast_sdk::output::Response;

use crate::escape::shell;
use crate::{Asked, Enigma2, bouquets};

const INSTALL: &str = include_str!("script/install.sh");
const OCTAGON: &str = include_str!("script/octagon.sh");

/// The script that installs and removes the line's bouquets.
pub(crate) fn install(asked: &Asked<'_>, settings: &Enigma2, response: &mut Response<'_>) -> Result<()> {
    start("iptv.sh", response)?;
    let links = &asked.links;
    let mut list = String::new();
    for bouquet in bouquets::all(asked.line, settings) {
        let words = [&bouquet.file, &links.file(&bouquet.file), &bouquet.name].map(|word| shell(word));
        list.push_str(&format!("    add {}\n", words.join(" ")));
    }
    let words = [
        ("@PREFIX@", shell(&settings.prefix)),
        ("@SOURCES@", shell(&links.file("epgimport.sources.xml"))),
        ("@CHANNELS@", shell(&links.file("channels.xml"))),
        ("@PICONS@", shell(&links.file("picons.txt"))),
    ];
    // The list comes last, a line of its own: what stands in a name is never taken for one of the others.
    let (before, behind) = INSTALL.split_once("    @BOUQUETS@\n").unwrap_or((INSTALL, ""));
    response.write(words.iter().fold(before.to_owned(), |text, (name, word)| text.replace(name, word)).as_bytes())?;
    response.write(list.as_bytes())?;
    response.write(behind.as_bytes())
}

/// The script of Octagon boxes, which have a list in one file.
pub(crate) fn octagon(asked: &Asked<'_>, response: &mut Response<'_>) -> Result<()> {
    start("iptv", response)?;
    response.write(OCTAGON.replace("@LIST@", &shell(&asked.links.list("octagon", ""))).as_bytes())
}

fn start(file_name: &str, response: &mut Response<'_>) -> Result<()> {
    let disposition = format!("attachment; filename=\"{file_name}\"");
    response.start(200, &[("content-type", "text/x-shellscript; charset=utf-8"), ("content-disposition", &disposition)])
}
