//! The lists that old boxes ask `/get.php` for, by `type`. All of them are downloads.

use std::borrow::Cow;

use crate::escape::Escape;
use crate::template::Written;

/// What all of them are sent as.
const DOWNLOAD: &str = "application/octet-stream";

/// Type, file name, header, entry, footer, escape.
type Shape = (&'static str, &'static str, &'static str, &'static str, &'static str, Escape);

const BRACES: &str = "IPTV: { {name} } { {url} }\r\n";

const SHAPES: [Shape; 12] = [
    ("simple", "simple_{username}.txt", "", "{url} #Name: {name}\r\n", "", Escape::None),
    (
        "webtvlist",
        "webtv list.txt",
        "",
        "Channel name:{name}\r\nURL:{url}\r\n",
        "[Webtv channel END]\r\n",
        Escape::None,
    ),
    ("starlivev3", "iptvlist.txt", "", "{name},{url}\r\n", "", Escape::M3u),
    (
        "starlivev5",
        // The box asks for it in this spelling.
        "channel.jason",
        "{\"iptvstreams_list\":{\"@version\":1,\"group\":{\"name\":\"IPTV\",\"channel\":[",
        "{\"name\":\"{name}\",\"icon\":\"{logo}\",\"stream_url\":\"{url}\",\"stream_type\":0}",
        "]}}}",
        Escape::Json,
    ),
    ("mediastar", "tvlist.txt", "", "{name} {url}\r\n", "", Escape::None),
    ("ariva", "ariva_{username}.txt", "", "{name},{url}\r\n", "", Escape::M3u),
    (
        "spark",
        "webtv_usr.xml",
        "<?xml version=\"1.0\"?>\r\n<webtvs>\r\n",
        "<webtv title=\"{name}\" urlkey=\"0\" url=\"{url}\" description=\"\" iconsrc=\"{logo}\" iconsrc_b=\"\" group=\"0\" \
         type=\"0\" />\r\n",
        "</webtvs>\r\n",
        Escape::Xml,
    ),
    ("gst", "{username}_list.txt", "", "I: {url} {name}\r\n", "", Escape::None),
    ("fps", "Royal.cfg", "", BRACES, "", Escape::Braces),
    ("revosun", "network_iptv.cfg", "", BRACES, "", Escape::Braces),
    ("zorro", "iptv.cfg", "<NETDBS_TXT_VER_1>\r\n", "IPTV: { {name} } { {url} } -HIDE_URL\r\n", "", Escape::Braces),
    (
        "octagon",
        "internettv.feed",
        "",
        "[TITLE]\r\n{name}\r\n[URL]\r\n{url}\r\n[DESCRIPTION]\r\nIPTV\r\n[TYPE]\r\nLive\r\n",
        "",
        Escape::None,
    ),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.0)
}

/// The shape of this type.
pub(crate) fn find(kind: &str) -> Option<Written<'static>> {
    let (name, file_name, header, entry, footer, escape) = SHAPES.iter().find(|shape| shape.0 == kind)?;
    Some(Written {
        name: Cow::Borrowed(*name),
        content_type: Cow::Borrowed(DOWNLOAD),
        file_name: Cow::Borrowed(*file_name),
        header: Cow::Borrowed(*header),
        entry: Cow::Borrowed(*entry),
        between: Cow::Borrowed(if *name == "starlivev5" { "," } else { "" }),
        footer: Cow::Borrowed(*footer),
        escape: *escape,
    })
}
