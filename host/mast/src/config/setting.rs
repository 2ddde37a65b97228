//! Types that a setting can have, and how each is written.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use mast_model::{ByteSize, ChannelId, Destination, InstanceId, Span};

use super::value::Value;

/// A type that can stand in a configuration file.
pub(crate) trait Setting: Sized {
    /// Completes "expected ...".
    const EXPECTED: &'static str;

    /// From a value; none where it does not fit.
    fn from_value(value: &Value) -> Option<Self>;
}

/// The text of a string or of an environment variable.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Override(text) => Some(text),
        _ => None,
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "a text that is not empty";

    fn from_value(value: &Value) -> Option<Self> {
        text_of(value).filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Flag(flag) => Some(*flag),
            Value::Override(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl Setting for i128 {
    const EXPECTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            Value::Override(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

impl Setting for ChannelId {
    const EXPECTED: &'static str = "a channel id, a whole number from 1";

    fn from_value(value: &Value) -> Option<Self> {
        let number = u32::try_from(i128::from_value(value)?).ok()?;
        (number > 0).then_some(Self(number))
    }
}

impl Setting for IpNet {
    const EXPECTED: &'static str = "a network or an address, for example 10.0.0.0/8 or ::1";

    fn from_value(value: &Value) -> Option<Self> {
        let text = text_of(value)?.trim();
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(Self::from))
    }
}

macro_rules! parsed_settings {
    ($($kind:ty: $expected:literal, $parse:expr;)*) => {
        $(impl Setting for $kind {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                text_of(value).and_then(|text| parse(text.trim()))
            }
        })*
    };
}

parsed_settings! {
    IpAddr: "an IP address", |text| text.parse().ok();
    SocketAddr: "an address and a port, for example 127.0.0.1:8080 or [::]:8080", |text| text.parse().ok();
    Duration: "a span of time, for example \"500ms\", \"30s\", \"5m\" or \"6h\"",
        |text| text.parse().ok().map(|span: Span| span.0);
    ByteSize: "a size, for example \"512KiB\", \"64MiB\" or \"2GiB\"", |text| text.parse().ok();
    Destination: "a destination without a path, for example https://provider.example:443; * may stand for the leftmost label",
        |text| text.parse().ok();
    jiff::civil::Time: "a time of day, for example \"20:15\" or \"20:15:30\"", time_of_day;
    InstanceId: "the name of a plugin instance: 1 to 64 lower-case letters, digits and dashes",
        |text| InstanceId::new(text).ok();
}

/// Hours and minutes, and seconds where they matter; nothing finer.
fn time_of_day(text: &str) -> Option<jiff::civil::Time> {
    let time: jiff::civil::Time = text.parse().ok()?;
    (text.contains(':') && time.subsec_nanosecond() == 0).then_some(time)
}
