//! What a discovery is asked to do: the parameters of a `discover` job.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::category::{Category, UnknownCategory};
use crate::location::{Location, UnknownLocation, merged};
use crate::query_generation::{GeneratedKeyword, generate_keywords};
use crate::text::quoted;

/// How many prospects a discovery saves when the request does not say.
pub const DEFAULT_MAX_RESULTS: u32 = 100;
/// How many prospects a discovery may be asked to save.
pub const MAX_RESULTS: RangeInclusive<u32> = 1..=1000;
/// The longest text that DataForSEO searches for, in characters.
pub const MAX_KEYWORD_CHARS: usize = 700;

/// A valid request for a discovery.
///
/// As JSON it has the shape in which `jobs.params` stores it:
///
/// ```
/// # use outreach_domain::DiscoveryRequest;
/// let stored = r#"{"keywords":"a, b","locations":["usa"],"max_results":100,"categories":["home_decor"]}"#;
/// let request: DiscoveryRequest = serde_json::from_str(stored)?;
/// assert_eq!(request.keywords(), ["a", "b"]);
/// assert_eq!(serde_json::to_string(&request)?, stored);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Reading JSON checks all that [`new`](Self::new) checks. Missing and null
/// fields have their defaults (no keywords, no categories,
/// [`DEFAULT_MAX_RESULTS`]), other keys are ignored, and locations are
/// required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredRequest", into = "StoredRequest")]
pub struct DiscoveryRequest {
    keywords: Vec<String>,
    locations: Vec<Location>,
    categories: Vec<Category>,
    max_results: u32,
}

/// One search that a discovery will make.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlannedQuery {
    /// The text to search for.
    pub keyword: String,
    /// The kind of web site it looks for, as far as its words tell.
    pub category: Option<Category>,
    /// Where to search from.
    pub location: Location,
}

/// Why a discovery cannot be done as asked. Quoted text is escaped and at most
/// 100 characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDiscoveryRequest {
    /// No location is given.
    #[error("a discovery needs at least one location, such as `usa`")]
    NoLocations,
    /// A name in the stored list is not one of a location.
    #[error(transparent)]
    Location(#[from] UnknownLocation),
    /// A name in the stored list is not one of a category.
    #[error(transparent)]
    Category(#[from] UnknownCategory),
    /// The number of prospects to save is out of range.
    #[error(
        "max_results is {value}; it must be from {} to {}",
        MAX_RESULTS.start(),
        MAX_RESULTS.end()
    )]
    MaxResults {
        /// The number.
        value: i64,
    },
    /// A keyword contains NUL, a line break or another control character.
    #[error("keyword `{keyword}` contains a control character; separate keywords with commas")]
    ControlCharacter {
        /// The keyword.
        keyword: String,
    },
    /// A keyword, alone or with the phrase of a category, is longer than the
    /// search accepts.
    #[error(
        "the search for `{keyword}` has {chars} characters; at most {MAX_KEYWORD_CHARS} are possible"
    )]
    KeywordTooLong {
        /// The beginning of the text.
        keyword: String,
        /// Its length in characters.
        chars: usize,
    },
}

impl DiscoveryRequest {
    /// Makes a request.
    ///
    /// `keywords` are separated by commas; space around them and empty ones are
    /// dropped, and none at all is allowed. `locations` must not be empty.
    /// Locations and categories given twice count once. `max_results` counts
    /// saved prospects and must lie in [`MAX_RESULTS`].
    pub fn new(
        keywords: &str,
        locations: Vec<Location>,
        categories: Vec<Category>,
        max_results: u32,
    ) -> Result<Self, InvalidDiscoveryRequest> {
        if locations.is_empty() {
            return Err(InvalidDiscoveryRequest::NoLocations);
        }
        if !MAX_RESULTS.contains(&max_results) {
            return Err(InvalidDiscoveryRequest::MaxResults {
                value: max_results.into(),
            });
        }
        let request = Self {
            keywords: split_keywords(keywords)?,
            locations: merged(locations),
            categories: merged(categories),
            max_results,
        };
        // A keyword may fit while keyword and phrase together do not.
        request
            .generated()
            .iter()
            .try_for_each(|one| check_length(&one.keyword))?;
        Ok(request)
    }

    /// The keywords, none of them empty; possibly no keyword at all.
    #[must_use]
    pub fn keywords(&self) -> &[String] {
        &self.keywords
    }

    /// The keywords as they are stored: separated by a comma and a space.
    #[must_use]
    pub fn keywords_text(&self) -> String {
        self.keywords.join(", ")
    }

    /// Where to search from, each place once; at least one.
    #[must_use]
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The chosen categories, each once; possibly none.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// How many prospects to save at most.
    #[must_use]
    pub fn max_results(&self) -> u32 {
        self.max_results
    }

    /// The searches to make, in order: for each location the same list, see
    /// [`generate_keywords`]. The same request always gives the same searches.
    #[must_use]
    pub fn planned_queries(&self) -> Vec<PlannedQuery> {
        let generated = self.generated();
        let at = |location: Location| {
            generated
                .iter()
                .cloned()
                .map(move |GeneratedKeyword { keyword, category }| PlannedQuery {
                    keyword,
                    category,
                    location,
                })
        };
        self.locations.iter().copied().flat_map(at).collect()
    }

    fn generated(&self) -> Vec<GeneratedKeyword> {
        generate_keywords(&self.keywords, &self.categories)
    }
}

fn split_keywords(text: &str) -> Result<Vec<String>, InvalidDiscoveryRequest> {
    let keywords = text
        .split(',')
        .map(str::trim)
        .filter(|keyword| !keyword.is_empty());
    keywords.map(checked_keyword).collect()
}

fn checked_keyword(keyword: &str) -> Result<String, InvalidDiscoveryRequest> {
    if keyword.contains(char::is_control) {
        return Err(InvalidDiscoveryRequest::ControlCharacter {
            keyword: quoted(keyword),
        });
    }
    check_length(keyword)?;
    Ok(keyword.to_owned())
}

fn check_length(keyword: &str) -> Result<(), InvalidDiscoveryRequest> {
    let chars = keyword.chars().count();
    if chars > MAX_KEYWORD_CHARS {
        return Err(InvalidDiscoveryRequest::KeywordTooLong {
            keyword: quoted(keyword),
            chars,
        });
    }
    Ok(())
}

/// The shape of `jobs.params`, before it is checked.
#[derive(Serialize, Deserialize)]
struct StoredRequest {
    keywords: Option<String>,
    locations: Option<Vec<String>>,
    // Wider than the value it becomes, so that -1 is reported as out of range.
    max_results: Option<i64>,
    categories: Option<Vec<String>>,
}

impl TryFrom<StoredRequest> for DiscoveryRequest {
    type Error = InvalidDiscoveryRequest;

    fn try_from(stored: StoredRequest) -> Result<Self, InvalidDiscoveryRequest> {
        let value = stored.max_results.unwrap_or(DEFAULT_MAX_RESULTS.into());
        let max_results =
            u32::try_from(value).map_err(|_| InvalidDiscoveryRequest::MaxResults { value })?;
        let locations = Location::parse_list(stored.locations.unwrap_or_default())?;
        let categories = stored.categories.unwrap_or_default();
        let categories: Result<Vec<Category>, _> = categories
            .iter()
            .map(|name| Category::parse(name))
            .collect();
        Self::new(
            &stored.keywords.unwrap_or_default(),
            locations,
            categories?,
            max_results,
        )
    }
}

impl From<DiscoveryRequest> for StoredRequest {
    fn from(request: DiscoveryRequest) -> Self {
        Self {
            keywords: Some(request.keywords_text()),
            locations: Some(request.locations.into_iter().map(String::from).collect()),
            max_results: Some(request.max_results.into()),
            categories: Some(request.categories.into_iter().map(String::from).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(keywords: &str) -> Result<DiscoveryRequest, InvalidDiscoveryRequest> {
        DiscoveryRequest::new(keywords, vec![Location::Usa], vec![], DEFAULT_MAX_RESULTS)
    }

    fn read(stored: Value) -> Result<DiscoveryRequest, String> {
        serde_json::from_value(stored).map_err(|error| error.to_string())
    }

    #[test]
    fn keywords_are_split_on_commas_and_trimmed() {
        let request = request(" art blog ,, craft,\n , b\u{fc}cher").unwrap();
        assert_eq!(request.keywords(), ["art blog", "craft", "bücher"]);
        assert_eq!(request.keywords_text(), "art blog, craft, bücher");
    }

    #[test]
    fn f24_keywords_with_control_characters_are_refused() {
        for text in ["a\0b", "ok, two\nlines", "esc\u{1b}[2J"] {
            let error = request(text).unwrap_err();
            assert!(
                matches!(error, InvalidDiscoveryRequest::ControlCharacter { .. }),
                "{text:?}"
            );
            assert!(!error.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn no_search_is_longer_than_the_provider_accepts() {
        assert!(request(&"ä".repeat(700)).is_ok());
        let error = request(&"ä".repeat(701)).unwrap_err();
        assert!(matches!(
            error,
            InvalidDiscoveryRequest::KeywordTooLong { chars: 701, .. }
        ));
        assert!(error.to_string().chars().count() < 250);
        let with_phrase = DiscoveryRequest::new(
            &"a".repeat(690),
            vec![Location::Usa],
            vec![Category::HomeDecor],
            DEFAULT_MAX_RESULTS,
        );
        assert!(matches!(
            with_phrase,
            Err(InvalidDiscoveryRequest::KeywordTooLong { .. })
        ));
    }

    #[test]
    fn locations_are_required_and_merged() {
        let none = DiscoveryRequest::new("a", vec![], vec![], 1);
        assert_eq!(none, Err(InvalidDiscoveryRequest::NoLocations));
        let twice = vec![Location::Uk, Location::Usa, Location::Uk];
        let request =
            DiscoveryRequest::new("a", twice, vec![Category::Holiday, Category::Holiday], 1)
                .unwrap();
        assert_eq!(request.locations(), [Location::Uk, Location::Usa]);
        assert_eq!(request.categories(), [Category::Holiday]);
    }

    #[test]
    fn max_results_is_from_one_to_a_thousand() {
        for (value, allowed) in [(0, false), (1, true), (1000, true), (1001, false)] {
            let result = DiscoveryRequest::new("", vec![Location::Usa], vec![], value);
            assert_eq!(result.is_ok(), allowed, "{value}");
        }
        for value in [-1, 0, 1001, i64::MAX] {
            let error = read(json!({"locations": ["usa"], "max_results": value})).unwrap_err();
            assert!(
                error.contains(&value.to_string()) && error.contains("1000"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_location_gets_the_same_searches_in_order() {
        let locations = vec![Location::France, Location::Usa];
        let request = DiscoveryRequest::new("a, tech b", locations, vec![], 10).unwrap();
        let planned = |keyword: &str, category, location| PlannedQuery {
            keyword: keyword.to_owned(),
            category,
            location,
        };
        let tech = Some(Category::TechInnovation);
        assert_eq!(
            request.planned_queries(),
            [
                planned("a", None, Location::France),
                planned("tech b", tech, Location::France),
                planned("a", None, Location::Usa),
                planned("tech b", tech, Location::Usa),
            ]
        );
    }

    #[test]
    fn the_stored_shape_survives_reading_and_writing() {
        let stored = json!({
            "keywords": "a, b",
            "locations": ["uk", "usa"],
            "max_results": 7,
            "categories": ["gift_guides", "home_decor"],
        });
        let request = read(stored.clone()).unwrap();
        assert_eq!(request.max_results(), 7);
        assert_eq!(serde_json::to_value(&request).unwrap(), stored);
    }

    #[test]
    fn f39_missing_and_null_fields_have_their_defaults() {
        for stored in [
            json!({"locations": ["london", "uk"]}),
            json!({"locations": ["uk"], "keywords": null, "max_results": null, "categories": null}),
            json!({"locations": ["uk"], "keywords": "", "categories": [], "unheard_of": {"x": 1}}),
        ] {
            let request = read(stored).unwrap();
            assert_eq!(request.keywords(), [""; 0]);
            assert_eq!(request.locations(), [Location::Uk]);
            assert_eq!(request.categories(), []);
            assert_eq!(request.max_results(), DEFAULT_MAX_RESULTS);
        }
    }

    #[test]
    fn stored_parameters_that_are_wrong_are_refused_with_the_reason() {
        for (stored, reason) in [
            (json!({}), "at least one location"),
            (json!({"locations": null}), "at least one location"),
            (json!({"locations": []}), "at least one location"),
            (
                json!({"locations": ["mars"]}),
                "`mars` is not a known location",
            ),
            (json!({"locations": ["europe"]}), "no place code"),
            (
                json!({"locations": ["usa"], "categories": ["cars"]}),
                "`cars`",
            ),
            (
                json!({"locations": ["usa"], "keywords": "a\u{0}b"}),
                "control character",
            ),
        ] {
            let error = read(stored).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
