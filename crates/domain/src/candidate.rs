//! A search result that may become a prospect.
//!
//! Results are checked here, before any SQL: what the database would refuse in
//! the middle of a transaction is set aside alone, with its reason.

use std::fmt;

use crate::domain_name::{Domain, InvalidDomain};

/// How much of a page's title is kept, in characters.
pub const MAX_TITLE_CHARS: usize = 500;
/// How much of a page's description is kept, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 1000;

/// A search result that can be saved as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProspectCandidate {
    domain: Domain,
    page_url: String,
    page_title: Option<String>,
    description: Option<String>,
    title_was_cut: bool,
}

/// A text of a search result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResultField {
    /// The address of the page.
    Url,
    /// The title of the page.
    Title,
    /// The description of the page.
    Description,
}

impl fmt::Display for ResultField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Url => "url",
            Self::Title => "title",
            Self::Description => "description",
        })
    }
}

/// Why a search result is set aside.
///
/// The text is one line, complete without its sources: it is kept with the
/// query, so that each result that was not saved is accounted for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidResult {
    /// A text contains NUL, which PostgreSQL stores in no text column.
    #[error("the {field} contains a NUL character, which the database cannot store")]
    Nul {
        /// The first such text.
        field: ResultField,
    },
    /// The address names no domain.
    #[error(transparent)]
    Domain(#[from] InvalidDomain),
}

impl ProspectCandidate {
    /// Checks a search result and cuts its texts to what is kept:
    /// [`MAX_TITLE_CHARS`] and [`MAX_DESCRIPTION_CHARS`].
    pub fn new(
        url: &str,
        title: Option<&str>,
        description: Option<&str>,
    ) -> Result<Self, InvalidResult> {
        let texts = [
            (ResultField::Url, Some(url)),
            (ResultField::Title, title),
            (ResultField::Description, description),
        ];
        for (field, text) in texts {
            if text.is_some_and(|text| text.contains('\0')) {
                return Err(InvalidResult::Nul { field });
            }
        }
        let kept_title = title.map(|title| beginning(title, MAX_TITLE_CHARS));
        Ok(Self {
            domain: Domain::from_url(url)?,
            page_url: url.to_owned(),
            page_title: kept_title.map(str::to_owned),
            description: description.map(|text| beginning(text, MAX_DESCRIPTION_CHARS).to_owned()),
            title_was_cut: kept_title.map(str::len) != title.map(str::len),
        })
    }

    /// The domain of the web site.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The address of the page, as the search gave it.
    #[must_use]
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// The title of the page, at most [`MAX_TITLE_CHARS`] characters.
    #[must_use]
    pub fn page_title(&self) -> Option<&str> {
        self.page_title.as_deref()
    }

    /// The description of the page, at most [`MAX_DESCRIPTION_CHARS`]
    /// characters.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether the title was longer than what is kept of it.
    #[must_use]
    pub fn title_was_cut(&self) -> bool {
        self.title_was_cut
    }
}

fn beginning(text: &str, max_chars: usize) -> &str {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URL: &str = "https://www.Example.com:8080/Path?q=1";

    #[test]
    fn a_result_keeps_its_url_and_texts_and_gets_its_domain() {
        let candidate = ProspectCandidate::new(URL, Some("Title"), Some("Text")).unwrap();
        assert_eq!(candidate.domain().as_str(), "example.com");
        assert_eq!(candidate.page_url(), URL);
        assert_eq!(candidate.page_title(), Some("Title"));
        assert_eq!(candidate.description(), Some("Text"));
        assert!(!candidate.title_was_cut());
        let bare = ProspectCandidate::new(URL, None, None).unwrap();
        assert_eq!((bare.page_title(), bare.description()), (None, None));
        assert!(!bare.title_was_cut());
    }

    #[test]
    fn f24_a_nul_anywhere_is_refused_with_the_name_of_the_field() {
        for (url, title, description, field) in [
            ("https://example.com/\0", None, None, ResultField::Url),
            (URL, Some("a\0b"), None, ResultField::Title),
            (URL, Some("fine"), Some("\0"), ResultField::Description),
        ] {
            let error = ProspectCandidate::new(url, title, description).unwrap_err();
            assert_eq!(error, InvalidResult::Nul { field });
            let message = error.to_string();
            assert!(
                message.contains(&field.to_string()) && message.contains("NUL"),
                "{message}"
            );
        }
    }

    #[test]
    fn f24_a_nul_beyond_what_is_kept_is_refused_too() {
        let title = format!("{}\0", "x".repeat(MAX_TITLE_CHARS));
        let error = ProspectCandidate::new(URL, Some(&title), None).unwrap_err();
        assert_eq!(
            error,
            InvalidResult::Nul {
                field: ResultField::Title
            }
        );
    }

    #[test]
    fn f28_a_result_without_a_domain_says_why() {
        let error = ProspectCandidate::new("httpx://example.com/", None, None).unwrap_err();
        assert!(matches!(
            error,
            InvalidResult::Domain(InvalidDomain::UnsupportedScheme { .. })
        ));
        assert!(error.to_string().contains("`httpx`"), "{error}");
    }

    #[test]
    fn long_texts_are_cut_by_characters() {
        for (length, cut) in [(499, false), (500, false), (501, true)] {
            let title = "ü".repeat(length);
            let candidate = ProspectCandidate::new(URL, Some(&title), None).unwrap();
            assert_eq!(candidate.title_was_cut(), cut, "{length}");
            let kept = candidate.page_title().unwrap();
            assert_eq!(kept.chars().count(), length.min(MAX_TITLE_CHARS));
        }
        let candidate = ProspectCandidate::new(URL, None, Some(&"東".repeat(1001))).unwrap();
        assert_eq!(
            candidate.description().unwrap().chars().count(),
            MAX_DESCRIPTION_CHARS
        );
    }

    proptest! {
        #[test]
        fn f24_what_is_accepted_holds_no_nul_and_keeps_the_limits(
            path in any::<String>(), title in any::<Option<String>>(), text in any::<Option<String>>(),
        ) {
            let url = format!("https://example.com/{path}");
            if let Ok(candidate) = ProspectCandidate::new(&url, title.as_deref(), text.as_deref()) {
                let kept = [
                    Some(candidate.page_url()), candidate.page_title(), candidate.description(),
                ];
                prop_assert!(!kept.into_iter().flatten().any(|text| text.contains('\0')));
                prop_assert_eq!(candidate.domain().as_str(), "example.com");
            } else {
                prop_assert!([Some(&url), title.as_ref(), text.as_ref()]
                    .into_iter().flatten().any(|text| text.contains(char::is_control)));
            }
        }
    }
}
