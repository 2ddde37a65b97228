//! What sources say of a record beside its fields, as the API writes it. Sources are upstreams' word: what is no number counts as none.

use crate::json::{self, Object};

/// The attributes of a channel, movie, series or episode.
#[derive(Clone, Copy)]
pub(crate) struct Details<'a>(pub(crate) &'a [(String, String)]);

impl<'a> Details<'a> {
    /// The first value of a key, or nothing.
    pub(crate) fn text(self, key: &str) -> &'a str {
        mast_sdk::pair(self.0, key).unwrap_or_default()
    }

    /// A whole number, 0 where there is none.
    pub(crate) fn number(self, key: &str) -> u64 {
        self.text(key).trim().parse().unwrap_or_default()
    }

    pub(crate) fn is_adult(self) -> bool {
        self.text("adult") == "true"
    }

    /// The file name extension; never empty.
    pub(crate) fn container(self) -> &'a str {
        match self.text("container") {
            "" => "mp4",
            container => container,
        }
    }

    pub(crate) fn year(self) -> &'a str {
        match self.text("year") {
            "" => self.text("release-date").get(..4).unwrap_or_default(),
            year => year,
        }
    }

    pub(crate) fn minutes(self) -> u64 {
        self.number("duration-seconds") / 60
    }

    /// `rating`, of ten, as a text, and `rating_5based`, of five with one decimal, as a number.
    pub(crate) fn rating(self, object: &mut Object<'_>) {
        let hundredths = self.hundredths();
        let out = object.key("rating");
        out.push(b'"');
        json::hundredths(out, hundredths);
        out.push(b'"');
        json::hundredths(object.key("rating_5based"), (hundredths + 10) / 20 * 10);
    }

    /// The rating in hundredths, from 0 to 1,000.
    fn hundredths(self) -> u64 {
        let rating: f64 = self.text("rating").trim().parse().unwrap_or_default();
        // A NaN becomes 0.
        (rating.clamp(0.0, 10.0) * 100.0).round() as u64
    }

    /// `backdrop_path`: an array, empty where there is none.
    pub(crate) fn backdrops(self, object: &mut Object<'_>) {
        let out = object.key("backdrop_path");
        out.push(b'[');
        let urls = self.0.iter().filter(|(key, value)| key == "backdrop" && !value.is_empty());
        for (place, (_, url)) in urls.enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::text(out, url);
        }
        out.push(b']');
    }

    /// `duration_secs` and `duration` (`01:32:05`), and what a probe would say of the file: nothing is known of it.
    pub(crate) fn file(self, object: &mut Object<'_>) {
        let seconds = self.number("duration-seconds");
        object.number("duration_secs", seconds);
        let out = object.key("duration");
        out.push(b'"');
        for (place, value) in [seconds / 3600, seconds / 60 % 60, seconds % 60].into_iter().enumerate() {
            if place > 0 {
                out.push(b':');
            }
            if value < 10 {
                out.push(b'0');
            }
            json::number(out, value);
        }
        out.push(b'"');
        object.number("bitrate", 0).raw("video", "{}").raw("audio", "{}");
    }
}

#[cfg(test)]
mod tests {
    use super::Details;
    use crate::json::Object;

    fn written(attrs: &[(&str, &str)], write: fn(Details<'_>, &mut Object<'_>)) -> String {
        let attrs: Vec<_> = attrs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        write(Details(&attrs), &mut object);
        object.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ratings_are_of_ten_and_of_five() {
        for (rating, ten, five) in [
            ("7.5", "7.5", "3.8"),
            ("10", "10", "5"),
            ("7", "7", "3.5"),
            (" 6.25 ", "6.25", "3.1"),
            ("", "0", "0"),
            ("NaN", "0", "0"),
            ("inf", "10", "5"),
            ("-3", "0", "0"),
            ("good", "0", "0"),
            ("1e9", "10", "5"),
        ] {
            let expected = format!(r#"{{"rating":"{ten}","rating_5based":{five}}}"#);
            assert_eq!(written(&[("rating", rating)], |details, object| details.rating(object)), expected, "{rating}");
        }
    }

    #[test]
    fn durations() {
        for (seconds, number, text) in [
            ("5525", "5525", "01:32:05"),
            ("", "0", "00:00:00"),
            ("x", "0", "00:00:00"),
            ("360000", "360000", "100:00:00"),
        ] {
            let expected =
                format!(r#"{{"duration_secs":{number},"duration":"{text}","bitrate":0,"video":{{}},"audio":{{}}}}"#);
            assert_eq!(
                written(&[("duration-seconds", seconds)], |details, object| details.file(object)),
                expected,
                "{seconds}"
            );
        }
    }

    #[test]
    fn backdrops_are_a_list() {
        assert_eq!(written(&[], |details, object| details.backdrops(object)), r#"{"backdrop_path":[]}"#);
        let attrs = [("backdrop", "http://a.example/1"), ("backdrop", ""), ("x", "y"), ("backdrop", "\"")];
        assert_eq!(
            written(&attrs, |details, object| details.backdrops(object)),
            r#"{"backdrop_path":["http://a.example/1","\""]}"#
        );
    }
}
