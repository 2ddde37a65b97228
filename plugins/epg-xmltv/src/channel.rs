//! One `<channel>` as the host's record.

use mast_sdk::epg::{GuideChannel, Text};

use crate::markup::{Token, Tokens, text_attribute};
use crate::remarks::Remarks;
use crate::text::{resolve, tidy, value};

/// The longest id, in bytes. Keep the README in step.
pub(crate) const ID: usize = 256;
/// The longest name and URL.
const LONGEST: usize = 2048;
/// Names, icons and URLs of one channel; more are left out.
const MOST: usize = 64;

/// Reads the content; the number says how much of it is the channel's.
pub(crate) fn read(id: String, content: &str, remarks: &mut Remarks) -> (GuideChannel, usize) {
    let mut channel = GuideChannel { id, names: Vec::new(), icons: Vec::new(), attrs: Vec::new() };
    // The open element, and its language.
    let mut open: Option<(&str, Option<String>)> = None;
    let mut text = String::new();
    let mut used = content.len();
    for token in Tokens::new(content) {
        match token {
            Token::Text(more) if open.is_some() => resolve(more, &mut text, remarks),
            Token::Literal(more) if open.is_some() => text.push_str(more),
            Token::Text(_) | Token::Literal(_) => {}
            Token::Open { name: "channel" | "programme" | "tv", at, .. } => {
                used = at;
                break;
            }
            Token::Open { name, attributes, closed, .. } => {
                finish(&mut channel, open.take(), &mut text);
                let mut own = |name| text_attribute(attributes, name).map(|raw| value(raw, remarks).into_owned());
                match name {
                    "icon" => channel.icons.extend(own("src").filter(|_| channel.icons.len() < MOST)),
                    _ if closed => {}
                    _ => open = Some((name, own("lang").filter(|lang| !lang.is_empty()))),
                }
            }
            Token::Close(_) => finish(&mut channel, open.take(), &mut text),
        }
    }
    finish(&mut channel, open.take(), &mut text);
    channel.icons.retain(|icon| !icon.is_empty() && icon.len() <= LONGEST);
    if channel.names.is_empty() {
        channel.names.push(Text::new(channel.id.as_str()));
    }
    (channel, used)
}

fn finish(channel: &mut GuideChannel, open: Option<(&str, Option<String>)>, text: &mut String) {
    let own = tidy(text, false, LONGEST).into_owned();
    text.clear();
    let Some((name, lang)) = open.filter(|_| !own.is_empty()) else { return };
    match name {
        "display-name" if channel.names.len() < MOST => channel.names.push(Text { lang, value: own }),
        "url" if channel.attrs.len() < MOST => channel.attrs.push(("url".to_owned(), own)),
        _ => {}
    }
}
