//! Which searches come of keywords and categories.

use std::collections::HashSet;

use crate::category::Category;

/// The most searches that one discovery makes for each location.
pub const MAX_QUERIES: usize = 20;

/// What is searched for when neither keywords nor categories are given.
pub const DEFAULT_KEYWORDS: [&str; 3] = ["art blog", "creative agency", "design studio"];

/// One search text, and what kind of web site it looks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GeneratedKeyword {
    /// The text to search for.
    pub keyword: String,
    /// The category that the words of the text tell, see [`Category::tagging`].
    pub category: Option<Category>,
}

/// The searches for these keywords and categories, at most [`MAX_QUERIES`].
///
/// With keywords: each keyword, then each keyword with each phrase of each
/// category. With categories alone: their phrases. With neither:
/// [`DEFAULT_KEYWORDS`]. Blank keywords count as not given. The order is kept,
/// and a text that differs from an earlier one only in letter case or spacing
/// is dropped: a search engine answers both alike and each costs money. The
/// same input always gives the same list, so a job can be resumed by it.
///
/// # Examples
///
/// ```
/// # use outreach_domain::{Category, generate_keywords};
/// let generated = generate_keywords(&["craft".to_owned()], &[Category::GiftGuides]);
/// let keywords: Vec<&str> = generated.iter().map(|one| one.keyword.as_str()).collect();
/// assert_eq!(keywords, [
///     "craft",
///     "craft unique gift ideas",
///     "craft present inspiration",
///     "craft curated gifts",
/// ]);
/// ```
#[must_use]
pub fn generate_keywords(keywords: &[String], categories: &[Category]) -> Vec<GeneratedKeyword> {
    let given = || {
        keywords
            .iter()
            .map(|keyword| keyword.trim())
            .filter(|word| !word.is_empty())
    };
    let phrases = || {
        categories
            .iter()
            .flat_map(|category| category.phrases())
            .copied()
    };
    if given().next().is_some() {
        let combined =
            given().flat_map(|word| phrases().map(move |phrase| format!("{word} {phrase}")));
        first_distinct(given().map(str::to_owned).chain(combined))
    } else if categories.is_empty() {
        first_distinct(DEFAULT_KEYWORDS.map(str::to_owned))
    } else {
        first_distinct(phrases().map(str::to_owned))
    }
}

fn first_distinct(keywords: impl IntoIterator<Item = String>) -> Vec<GeneratedKeyword> {
    let mut seen = HashSet::new();
    keywords
        .into_iter()
        .filter(|keyword| seen.insert(comparable(keyword)))
        .take(MAX_QUERIES)
        .map(|keyword| GeneratedKeyword {
            category: Category::tagging(&keyword),
            keyword,
        })
        .collect()
}

fn comparable(keyword: &str) -> String {
    let words: Vec<&str> = keyword.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn generate(keywords: &[&str], categories: &[Category]) -> Vec<String> {
        let keywords: Vec<String> = keywords.iter().copied().map(str::to_owned).collect();
        generate_keywords(&keywords, categories)
            .into_iter()
            .map(|one| one.keyword)
            .collect()
    }

    #[test]
    fn keywords_come_first_and_then_each_with_each_phrase() {
        assert_eq!(
            generate(&["a", "b"], &[Category::Parenting]),
            [
                "a",
                "b",
                "a parenting blog",
                "a mom influencer",
                "a family lifestyle website",
                "b parenting blog",
                "b mom influencer",
                "b family lifestyle website",
            ]
        );
    }

    #[test]
    fn categories_alone_give_their_phrases_in_the_order_chosen() {
        assert_eq!(
            generate(&[], &[Category::TechInnovation, Category::HomeDecor]),
            [
                "tech startup blog",
                "innovation news",
                "gadget review site",
                "home decor blog",
                "interior design website",
                "furniture store online",
            ]
        );
    }

    #[test]
    fn neither_keywords_nor_categories_give_the_defaults() {
        assert_eq!(generate(&[], &[]), DEFAULT_KEYWORDS);
        assert_eq!(generate(&["", "  "], &[]), DEFAULT_KEYWORDS);
    }

    #[test]
    fn a_text_is_searched_once_whatever_its_case_and_spacing() {
        assert_eq!(
            generate(&["Blog", "blog", "art  blog", "Art Blog", "BLOG"], &[]),
            ["Blog", "art  blog"]
        );
        assert_eq!(
            generate(&[], &[Category::Holiday, Category::Holiday]).len(),
            3
        );
        assert_eq!(
            generate(&["a", "a parenting blog"], &[Category::Parenting])[..4],
            [
                "a",
                "a parenting blog",
                "a mom influencer",
                "a family lifestyle website"
            ]
        );
    }

    #[test]
    fn the_first_twenty_distinct_texts_are_kept() {
        let keywords: Vec<String> = (0..30).map(|number| format!("k{}", number / 2)).collect();
        let generated = generate_keywords(&keywords, &[Category::Holiday]);
        assert_eq!(generated.len(), MAX_QUERIES);
        assert_eq!(generated[14].keyword, "k14");
        assert_eq!(generated[15].keyword, "k0 holiday gift guide");
    }

    #[test]
    fn the_category_follows_from_the_words_of_the_text() {
        let generated = generate_keywords(&["craft".to_owned()], &[Category::GiftGuides]);
        assert_eq!(generated[0].category, None);
        assert_eq!(generated[1].category, Some(Category::GiftGuides));
    }

    proptest! {
        #[test]
        fn there_are_always_between_one_and_twenty_distinct_texts(
            keywords in prop::collection::vec(any::<String>(), 0..30),
            picks in prop::collection::vec(0_usize..6, 0..8),
        ) {
            let categories: Vec<Category> = picks.iter().map(|pick| Category::ALL[*pick]).collect();
            let generated = generate_keywords(&keywords, &categories);
            prop_assert!((1..=MAX_QUERIES).contains(&generated.len()));
            let distinct: HashSet<String> =
                generated.iter().map(|one| comparable(&one.keyword)).collect();
            prop_assert_eq!(distinct.len(), generated.len());
            prop_assert_eq!(&generated, &generate_keywords(&keywords, &categories));
        }
    }
}
