//! Which qualities a line may watch.

use std::sync::Arc;

/// Names of profiles that may be watched; every one where none is listed. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles(Option<Arc<[String]>>);

impl Profiles {
    /// All of them.
    pub const ALL: Self = Self(None);

    /// These; all where there are none.
    pub fn new(names: &[String]) -> Self {
        Self((!names.is_empty()).then(|| names.into()))
    }

    /// Whether nothing is left out.
    pub fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether what is shown under this name may be watched. What has none (a slate) is for everybody.
    pub fn allow(&self, name: Option<&str>) -> bool {
        match (&self.0, name) {
            (Some(names), Some(name)) => names.iter().any(|one| one == name),
            (None, _) | (_, None) => true,
        }
    }

    /// The names, separated by commas; empty for all.
    pub fn listed(&self) -> String {
        self.0.as_ref().map_or_else(String::new, |names| names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_listed_means_all() {
        let (all, two) = (Profiles::new(&[]), Profiles::new(&["low".to_owned(), "copy".to_owned()]));
        assert!(all.are_all() && all == Profiles::default() && all.listed().is_empty());
        assert!(!two.are_all() && two.listed() == "low, copy");
        for (name, expected) in
            [(Some("low"), true), (Some("copy"), true), (Some("lo"), false), (Some(""), false), (None, true)]
        {
            assert_eq!(two.allow(name), expected, "{name:?}");
            assert!(all.allow(name));
        }
    }
}
