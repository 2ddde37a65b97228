//! The elements of the DTD, by name, and where each belongs.

/// What an element is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Title,
    SubTitle,
    Description,
    Credits,
    /// A person; the role is the element's name.
    Person,
    Date,
    Category,
    Keyword,
    Language,
    OriginalLanguage,
    Length,
    Icon,
    Url,
    Country,
    EpisodeNumber,
    Video,
    Present,
    Colour,
    Aspect,
    Quality,
    Audio,
    Stereo,
    PreviouslyShown,
    Premiere,
    LastChance,
    New,
    Subtitles,
    Rating,
    StarRating,
    /// Of a rating.
    Value,
    Review,
    Image,
    /// What a programme cannot contain: the one before it was not closed.
    Outside,
}

/// How much text an element may have, in bytes; the rest is cut off. Keep the README in step.
const SHORT: usize = 1024;
const LONG: usize = 16 * 1024;

impl Element {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "title" => Self::Title,
            "sub-title" => Self::SubTitle,
            "desc" => Self::Description,
            "credits" => Self::Credits,
            "director" | "actor" | "writer" | "adapter" | "producer" | "composer" | "editor" | "presenter"
            | "commentator" | "guest" => Self::Person,
            "date" => Self::Date,
            "category" => Self::Category,
            "keyword" => Self::Keyword,
            "language" => Self::Language,
            "orig-language" => Self::OriginalLanguage,
            "length" => Self::Length,
            "icon" => Self::Icon,
            "url" => Self::Url,
            "country" => Self::Country,
            "episode-num" => Self::EpisodeNumber,
            "video" => Self::Video,
            "present" => Self::Present,
            "colour" => Self::Colour,
            "aspect" => Self::Aspect,
            "quality" => Self::Quality,
            "audio" => Self::Audio,
            "stereo" => Self::Stereo,
            "previously-shown" => Self::PreviouslyShown,
            "premiere" => Self::Premiere,
            "last-chance" => Self::LastChance,
            "new" => Self::New,
            "subtitles" => Self::Subtitles,
            "rating" => Self::Rating,
            "star-rating" => Self::StarRating,
            "value" => Self::Value,
            "review" => Self::Review,
            "image" => Self::Image,
            "channel" | "programme" | "tv" => Self::Outside,
            _ => return None,
        })
    }

    /// It has children and no text of its own.
    pub(crate) fn is_container(self) -> bool {
        matches!(self, Self::Credits | Self::Video | Self::Audio | Self::Subtitles | Self::Rating | Self::StarRating)
    }

    /// All that it says is in its attributes.
    pub(crate) fn is_mark(self) -> bool {
        matches!(self, Self::Icon | Self::PreviouslyShown | Self::New)
    }

    /// It never stands inside a container, so one that is open was not closed.
    pub(crate) fn is_outer(self) -> bool {
        !matches!(
            self,
            Self::Person
                | Self::Language
                | Self::Icon
                | Self::Url
                | Self::Image
                | Self::Present
                | Self::Colour
                | Self::Aspect
                | Self::Quality
                | Self::Stereo
                | Self::Value
        )
    }

    /// Its line ends mean something.
    pub(crate) fn has_lines(self) -> bool {
        matches!(self, Self::Description | Self::Review)
    }

    /// How much text it may have.
    pub(crate) fn longest(self) -> usize {
        if self.has_lines() { LONG } else { SHORT }
    }
}
