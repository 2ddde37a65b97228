//! Every element of the DTD, one by one.

use super::{import, programme, texts};

/// Everything of a programme but its title.
fn shown(content: &str) -> String {
    let (found, remarks) = programme(&format!("<title>T</title>{content}"));
    assert_eq!(texts(&found.titles), "-:T", "{content}");
    assert!(remarks.is_empty(), "{content}: {remarks:?}");
    let mut parts = Vec::new();
    for (name, list) in [("sub", &found.sub_titles), ("desc", &found.descriptions), ("category", &found.categories)] {
        if !list.is_empty() {
            parts.push(format!("{name} {}", texts(list)));
        }
    }
    parts.extend(found.credits.iter().map(|credit| match &credit.part {
        Some(part) => format!("{} {} as {part}", credit.role, credit.name),
        None => format!("{} {}", credit.role, credit.name),
    }));
    parts.extend(found.episode_numbers.iter().map(|number| format!("{} {}", number.system, number.value)));
    parts.extend(found.icons.iter().map(|icon| format!("icon {icon}")));
    parts.extend(found.attrs.iter().map(|(key, value)| format!("{key}={value}")));
    parts.join("; ")
}

#[test]
fn each_element() {
    for (content, expected) in [
        ("", ""),
        ("<sub-title lang=\"de\">S &amp; T</sub-title><sub-title>U</sub-title>", "sub de:S & T -:U"),
        ("<desc lang=\"en\">One\n    two.</desc><desc>Three</desc>", "desc en:One\ntwo. -:Three"),
        ("<credits/>", ""),
        (
            "<credits><director>A</director><actor role=\"R &lt;1&gt;\">B</actor><actor guest=\"yes\" role=\"S\">C</actor>\
             <writer>D</writer><adapter>E</adapter><producer>F</producer><composer>G</composer><editor>H</editor>\
             <presenter>I</presenter><commentator>J</commentator><guest>K</guest></credits>",
            "director A; actor B as R <1>; guest C as S; writer D; adapter E; producer F; composer G; editor H; presenter I; \
             commentator J; guest K",
        ),
        (
            "<credits><actor>A<image type=\"person\">http://p.example/1</image><url>http://p.example</url></actor>\
             <actor>B <url/></actor></credits>",
            "actor A; actor B",
        ),
        ("<date>2024</date>", "date=2024"),
        ("<category lang=\"en\">Film</category><category>Krimi</category>", "category en:Film -:Krimi"),
        ("<keyword lang=\"en\">a</keyword><keyword>b</keyword>", "keyword=a; keyword=b"),
        (
            "<language>German</language><orig-language lang=\"en\">French</orig-language>",
            "language=German; original-language=French",
        ),
        ("<length units=\"minutes\">60</length>", "length=3600"),
        ("<length units=\"hours\">2</length><length units=\"seconds\">5</length>", "length=7200; length=5"),
        (
            "<icon src=\"http://p.example/a?b=1&amp;c=2\" width=\"1\" height=\"2\"/><icon src='x'></icon>",
            "icon http://p.example/a?b=1&c=2; icon x",
        ),
        (
            "<url>http://a.example</url><url system=\"imdb\">http://b.example</url>",
            "url=http://a.example; url=http://b.example",
        ),
        ("<country>DE</country><country lang=\"en\">France</country>", "country=DE; country=France"),
        (
            "<episode-num system=\"xmltv_ns\">1 . 2 . 0/1</episode-num><episode-num>S2E3</episode-num>\
             <episode-num system=\"dd_progid\">EP1.2</episode-num>",
            "xmltv_ns 1 . 2 . 0/1; onscreen S2E3; dd_progid EP1.2",
        ),
        (
            "<video><present>yes</present><colour>no</colour><aspect>16:9</aspect><quality>HDTV</quality></video>",
            "video-colour=no; aspect=16:9; video-quality=HDTV",
        ),
        ("<video><present>no</present></video><audio><present>no</present></audio>", "video=no; audio=no"),
        ("<audio><present>yes</present><stereo>dolby digital</stereo></audio>", "audio=dolby digital"),
        ("<previously-shown/>", "previously-shown=true"),
        (
            "<previously-shown start=\"20200101\" channel=\"x.example\"/>",
            "previously-shown=20200101; previously-shown-channel=x.example",
        ),
        ("<premiere/><last-chance/><new/>", "premiere=true; last-chance=true; new=true"),
        ("<premiere lang=\"en\">First</premiere><last-chance>Last</last-chance>", "premiere=First; last-chance=Last"),
        (
            "<subtitles type=\"teletext\"><language>German</language></subtitles><subtitles type=\"onscreen\"/><subtitles/>",
            "subtitles=teletext:German; subtitles=onscreen; subtitles=onscreen",
        ),
        (
            "<rating system=\"FSK\"><value>12</value><icon src=\"x\"/></rating><rating><value>PG</value></rating>",
            "rating:FSK=12; rating=PG",
        ),
        (
            "<star-rating system=\"Stars\"><value>3 / 5</value></star-rating><star-rating><value>7/10</value></star-rating>",
            "star-rating:Stars=3 / 5; star-rating=7/10",
        ),
        ("<review type=\"text\" source=\"s\">Good</review>", "review=Good"),
        (
            "<image type=\"poster\" size=\"2\">http://p.example/1</image><image>http://p.example/2</image>",
            "image:poster=http://p.example/1; image=http://p.example/2",
        ),
        ("<my:own>text</my:own><unknown><deeper>x</deeper></unknown>", ""),
        ("<desc><![CDATA[a <b> & c]]> d<!-- not this --></desc>", "desc -:a <b> & c d"),
        ("<desc>a<br/>b <i>c</i></desc>", "desc -:a\nb c"),
    ] {
        assert_eq!(shown(content), expected, "{content}");
    }
}

#[test]
fn titles_in_several_languages_and_any_order_of_children() {
    let (found, _) = programme(
        "<category>C</category><desc>D</desc><title lang=\"de\">A</title><sub-title>S</sub-title><title>B</title>",
    );
    assert_eq!(texts(&found.titles), "de:A -:B");
    assert_eq!((texts(&found.sub_titles), texts(&found.descriptions)), ("-:S".to_owned(), "-:D".to_owned()));
}

#[test]
fn attributes_of_a_programme() {
    let imported = import(
        "<tv><programme start=\"19700101000100 +0000\" stop=\"19700101000200 +0000\" channel=\"a&amp;b\" pdc-start=\"1\" vps-start=\"2\" \
         showview=\"3\" videoplus=\"4\" clumpidx=\"1/2\" catchup-id=\"x&amp;y\"><title>T</title></programme>\
         <programme clumpidx=\"0/1\" channel=\"c\" start=\"19700101\" stop=\"19700102\"><title>T</title></programme></tv>",
    );
    let found = &imported.programmes[0];
    assert_eq!((found.channel.as_str(), found.start, found.stop), ("a&b", 60, Some(120)));
    let attrs: Vec<_> = found.attrs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(attrs, ["catch-up-id=x&y", "pdc-start=1", "vps-start=2", "showview=3", "videoplus=4", "clump=1/2"]);
    assert!(imported.programmes[1].attrs.is_empty());
}

#[test]
fn channels() {
    let imported = import(
        "<tv><channel id=\" a \"><display-name lang=\"en\">One &amp; Only</display-name><display-name>1</display-name>\
         <icon src=\"http://p.example/1\"/><url>http://a.example</url></channel><channel id='b'/><channel id=\"c\"></channel></tv>",
    );
    let [a, b, c] = &imported.channels[..] else { panic!("{:?}", imported.channels) };
    assert_eq!((a.id.as_str(), texts(&a.names).as_str()), ("a", "en:One & Only -:1"));
    assert_eq!(
        (&a.icons[..], &a.attrs[..]),
        (&["http://p.example/1".to_owned()][..], &[("url".to_owned(), "http://a.example".to_owned())][..])
    );
    assert_eq!((texts(&b.names), texts(&c.names)), ("-:b".to_owned(), "-:c".to_owned()));
}
