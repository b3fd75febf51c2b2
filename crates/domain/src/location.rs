//! The places that can be searched from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::quoted;

/// Names that mean a region of many countries, for which there is no code.
const REGIONS: [&str; 3] = ["europe", "european union", "eu"];

/// A country to search from.
///
/// # Examples
///
/// ```
/// # use outreach_domain::Location;
/// assert_eq!(Location::parse(" United Kingdom ")?, Location::Uk);
/// assert_eq!(Location::Uk.code(), 2826);
/// assert!(Location::parse("europe").is_err());
/// # Ok::<(), outreach_domain::UnknownLocation>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Location {
    /// The United States of America.
    Usa,
    /// Canada.
    Canada,
    /// The United Kingdom; London is searched as the country.
    Uk,
    /// Germany.
    Germany,
    /// France.
    France,
}

/// A name that is not one of a place to search from. The name is quoted
/// escaped and in at most 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownLocation {
    /// The name means a region, and places are searched country by country.
    #[error(
        "there is no place code for `{name}`; name countries instead: {}",
        known()
    )]
    Region {
        /// The name.
        name: String,
    },
    /// Nobody knows the name.
    #[error("`{name}` is not a known location; known are {}", known())]
    Name {
        /// The name.
        name: String,
    },
}

fn known() -> String {
    crate::text::listed(
        Location::ALL
            .iter()
            .flat_map(|location| location.aliases())
            .copied(),
    )
}

impl Location {
    /// Every location.
    pub const ALL: [Self; 5] = [
        Self::Usa,
        Self::Canada,
        Self::Uk,
        Self::Germany,
        Self::France,
    ];

    /// The canonical name, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usa => "usa",
            Self::Canada => "canada",
            Self::Uk => "uk",
            Self::Germany => "germany",
            Self::France => "france",
        }
    }

    /// DataForSEO's `location_code`: 2000 + the ISO 3166-1 numeric code.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Usa => 2840,
            Self::Canada => 2124,
            Self::Uk => 2826,
            Self::Germany => 2276,
            Self::France => 2250,
        }
    }

    /// The location with this DataForSEO code.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|location| location.code() == code)
    }

    /// Every name that is read as this location, the canonical one first.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Usa => &["usa", "us", "united states"],
            Self::Canada => &["canada"],
            Self::Uk => &["uk", "uk_london", "united kingdom", "london"],
            Self::Germany => &["germany", "deutschland"],
            Self::France => &["france"],
        }
    }

    /// Reads a name or one of its aliases; letter case and white space around
    /// it are ignored. An unknown name is an error and never a default: a
    /// search of the wrong country costs as much as one of the right.
    pub fn parse(name: &str) -> Result<Self, UnknownLocation> {
        let wanted = name.trim();
        let means = |alias: &&str| alias.eq_ignore_ascii_case(wanted);
        if let Some(location) = Self::ALL
            .into_iter()
            .find(|known| known.aliases().iter().any(means))
        {
            return Ok(location);
        }
        let name = quoted(wanted);
        if REGIONS.iter().any(means) {
            return Err(UnknownLocation::Region { name });
        }
        Err(UnknownLocation::Name { name })
    }

    /// Reads several names. Names of one place are merged, so that it is paid
    /// for once; the order is that of first mention.
    pub fn parse_list<I>(names: I) -> Result<Vec<Self>, UnknownLocation>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let locations: Result<Vec<Self>, _> = names
            .into_iter()
            .map(|name| Self::parse(name.as_ref()))
            .collect();
        locations.map(merged)
    }
}

/// The values without repetitions, in order of first mention.
pub(crate) fn merged<T: Copy + PartialEq>(values: Vec<T>) -> Vec<T> {
    values.into_iter().fold(Vec::new(), |mut kept, value| {
        if !kept.contains(&value) {
            kept.push(value);
        }
        kept
    })
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Location {
    type Err = UnknownLocation;

    fn from_str(name: &str) -> Result<Self, UnknownLocation> {
        Self::parse(name)
    }
}

impl TryFrom<String> for Location {
    type Error = UnknownLocation;

    fn try_from(name: String) -> Result<Self, UnknownLocation> {
        Self::parse(&name)
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_location_has_its_name_and_code() {
        let table = Location::ALL.map(|location| (location.as_str(), location.code()));
        assert_eq!(
            table,
            [
                ("usa", 2840),
                ("canada", 2124),
                ("uk", 2826),
                ("germany", 2276),
                ("france", 2250)
            ]
        );
        for location in Location::ALL {
            assert_eq!(location.aliases()[0], location.as_str());
            assert_eq!(Location::from_code(location.code()), Some(location));
        }
        assert_eq!(Location::from_code(2036), None);
    }

    #[test]
    fn every_alias_is_read_in_any_case_and_with_space_around() {
        for (name, location) in [
            ("usa", Location::Usa),
            ("us", Location::Usa),
            ("united states", Location::Usa),
            ("canada", Location::Canada),
            ("uk", Location::Uk),
            ("uk_london", Location::Uk),
            ("united kingdom", Location::Uk),
            ("london", Location::Uk),
            ("germany", Location::Germany),
            ("deutschland", Location::Germany),
            ("france", Location::France),
        ] {
            assert_eq!(Location::parse(name), Ok(location));
            assert_eq!(format!(" {}\n", name.to_uppercase()).parse(), Ok(location));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let message = Location::parse("atlantis").unwrap_err().to_string();
        assert!(message.contains("`atlantis`"), "{message}");
        for location in Location::ALL {
            assert!(message.contains(&format!("`{location}`")), "{message}");
        }
        assert!(Location::parse("").is_err());
    }

    #[test]
    fn europe_is_refused_as_a_region() {
        let error = Location::parse("Europe").unwrap_err();
        assert_eq!(
            error,
            UnknownLocation::Region {
                name: "Europe".to_owned()
            }
        );
        let message = error.to_string();
        assert!(
            message.contains("no place code") && message.contains("countries"),
            "{message}"
        );
    }

    #[test]
    fn names_of_one_place_are_merged_in_order_of_first_mention() {
        assert_eq!(
            Location::parse_list(["london", "usa", "UK", "us", "canada"]),
            Ok(vec![Location::Uk, Location::Usa, Location::Canada])
        );
        assert_eq!(Location::parse_list(Vec::<String>::new()), Ok(vec![]));
        assert!(Location::parse_list(["usa", "mars"]).is_err());
    }

    #[test]
    fn json_holds_the_canonical_name_and_aliases_are_read() {
        let location: Location = serde_json::from_str("\"Deutschland\"").unwrap();
        assert_eq!(serde_json::to_string(&location).unwrap(), "\"germany\"");
        let error = serde_json::from_str::<Location>("\"fr\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`fr`") && error.contains("`france`"),
            "{error}"
        );
    }
}
