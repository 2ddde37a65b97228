//! Which variant of a multivariant playlist a channel plays.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use super::{Multivariant, Variant};

/// Which variant to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum VariantPolicy {
    /// The one with the highest bandwidth.
    #[default]
    Best,
    /// The one with the lowest bandwidth.
    Worst,
    /// The best one of at most this height in pixels; the lowest one where all are higher.
    MaxHeight(u32),
    /// The best one of at most this many bits per second; the lowest one where all need more.
    MaxBandwidth(u64),
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPolicy;

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected \"best\", \"worst\", a height like \"720p\", or a bandwidth like \"3000k\" or \"3M\"")
    }
}

impl std::error::Error for UnknownPolicy {}

impl FromStr for VariantPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|number| *number > 0).ok_or(UnknownPolicy);
        let bits = |digits: &str, unit: u64| number(digits)?.checked_mul(unit).ok_or(UnknownPolicy);
        match text {
            "best" => Ok(Self::Best),
            "worst" => Ok(Self::Worst),
            _ => match (text.strip_suffix('p'), text.strip_suffix('k'), text.strip_suffix('M')) {
                (Some(height), ..) => Ok(Self::MaxHeight(number(height)?.try_into().map_err(|_| UnknownPolicy)?)),
                (_, Some(kilobits), _) => Ok(Self::MaxBandwidth(bits(kilobits, 1000)?)),
                (.., Some(megabits)) => Ok(Self::MaxBandwidth(bits(megabits, 1_000_000)?)),
                _ => Err(UnknownPolicy),
            },
        }
    }
}

impl fmt::Display for VariantPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::Worst => f.write_str("worst"),
            Self::MaxHeight(height) => write!(f, "{height}p"),
            Self::MaxBandwidth(bits) => write!(f, "{}k", bits.div_ceil(1000)),
        }
    }
}

impl VariantPolicy {
    fn allows(self, variant: &Variant) -> bool {
        match self {
            Self::Best | Self::Worst => true,
            // What does not tell its height is not known to be too high.
            Self::MaxHeight(most) => variant.resolution.is_none_or(|(_, height)| height <= most),
            Self::MaxBandwidth(most) => variant.bandwidth <= most,
        }
    }
}

impl Multivariant {
    /// The variants, the one to take first, then what to fall back to. Those with a picture come before those without, those
    /// with their own sound before those without, those within the limit before those beyond; of equal ones (a
    /// provider's redundant servers) the first in the playlist.
    pub fn ranked(&self, policy: VariantPolicy) -> Vec<&Variant> {
        let mut ranked: Vec<&Variant> = self.variants.iter().collect();
        let size = |variant: &Variant| (variant.bandwidth, variant.resolution.map(|(_, height)| height));
        ranked.sort_by_key(|variant| {
            let fits = policy.allows(variant) && policy != VariantPolicy::Worst;
            let (largest, smallest) = (fits.then(|| Reverse(size(variant))), (!fits).then(|| size(variant)));
            (variant.audio_only(), variant.separate_audio.is_some(), !fits, largest, smallest)
        });
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str, bandwidth: u64, height: Option<u32>) -> Variant {
        let resolution = height.map(|height| (height * 16 / 9, height));
        Variant { uri: name.into(), bandwidth, resolution, codecs: Vec::new(), separate_audio: None }
    }

    fn ranked(policy: &str) -> String {
        let variants = vec![
            Variant { separate_audio: Some("sound".into()), ..variant("silent", 9_000_000, Some(2160)) },
            variant("low", 800_000, Some(360)),
            Variant { codecs: vec!["mp4a.40.2".to_owned()], ..variant("radio", 64_000, None) },
            variant("high", 5_000_000, Some(1080)),
            variant("high-backup", 5_000_000, Some(1080)),
            variant("mid", 2_500_000, Some(720)),
        ];
        let multivariant = Multivariant { variants };
        let names = multivariant.ranked(policy.parse().unwrap());
        names.iter().map(|variant| variant.uri.expose()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ranking() {
        for (policy, expected) in [
            ("best", "high high-backup mid low silent radio"),
            ("worst", "low mid high high-backup silent radio"),
            ("720p", "mid low high high-backup silent radio"),
            ("719p", "low mid high high-backup silent radio"),
            ("240p", "low mid high high-backup silent radio"),
            ("4000k", "mid low high high-backup silent radio"),
            ("5M", "high high-backup mid low silent radio"),
            ("100k", "low mid high high-backup silent radio"),
        ] {
            assert_eq!(ranked(policy), expected, "{policy}");
        }
    }

    #[test]
    fn policies_are_written_as_they_are_read() {
        for text in ["best", "worst", "720p", "3000k"] {
            assert_eq!(text.parse::<VariantPolicy>().unwrap().to_string(), text);
        }
        assert_eq!("3M".parse(), Ok(VariantPolicy::MaxBandwidth(3_000_000)));
        for bad in [
            "",
            "p",
            "0p",
            "-1p",
            "720",
            "720P",
            "k",
            "best ",
            "99999999999999999999k",
            "99999999999999999M",
            "5000000000p",
        ] {
            assert_eq!(bad.parse::<VariantPolicy>(), Err(UnknownPolicy), "{bad}");
        }
    }
}
