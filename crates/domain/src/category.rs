//! Kinds of web site, with the phrases that find them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::{listed, quoted};

/// A kind of web site to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Category {
    /// Home decoration, interior design, furniture.
    HomeDecor,
    /// Holidays and seasons.
    Holiday,
    /// Parents and families.
    Parenting,
    /// Sound and video.
    AudioVisuals,
    /// Ideas for gifts.
    GiftGuides,
    /// Technology and start-ups.
    TechInnovation,
}

/// A name that is not one of a category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a known category; known are {}", listed(Category::ALL.map(Category::as_str)))]
pub struct UnknownCategory {
    /// The name, escaped and cut to 100 characters.
    pub name: String,
}

impl Category {
    /// Every category, in the order in which they are tried by
    /// [`tagging`](Self::tagging).
    pub const ALL: [Self; 6] = [
        Self::HomeDecor,
        Self::Holiday,
        Self::Parenting,
        Self::AudioVisuals,
        Self::GiftGuides,
        Self::TechInnovation,
    ];

    /// The name, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HomeDecor => "home_decor",
            Self::Holiday => "holiday",
            Self::Parenting => "parenting",
            Self::AudioVisuals => "audio_visuals",
            Self::GiftGuides => "gift_guides",
            Self::TechInnovation => "tech_innovation",
        }
    }

    /// What to search for to find web sites of this category.
    #[must_use]
    pub const fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::HomeDecor => &[
                "home decor blog",
                "interior design website",
                "furniture store online",
            ],
            Self::Holiday => &[
                "holiday gift guide",
                "seasonal decor shop",
                "christmas crafts blog",
            ],
            Self::Parenting => &[
                "parenting blog",
                "mom influencer",
                "family lifestyle website",
            ],
            Self::AudioVisuals => &[
                "audio visual production",
                "sound engineering blog",
                "video editing services",
            ],
            Self::GiftGuides => &["unique gift ideas", "present inspiration", "curated gifts"],
            Self::TechInnovation => &["tech startup blog", "innovation news", "gadget review site"],
        }
    }

    /// The words that mark a search as one for this category, in lower case.
    #[must_use]
    pub const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::HomeDecor => &["home decor", "interior design", "furniture"],
            Self::Holiday => &["holiday", "seasonal", "christmas"],
            Self::Parenting => &["parenting", "mom", "family"],
            Self::AudioVisuals => &["audio visual", "sound engineering", "video editing"],
            Self::GiftGuides => &["gift", "present"],
            Self::TechInnovation => &["tech", "startup", "innovation", "gadget"],
        }
    }

    /// The first category, in the order of [`ALL`](Self::ALL), one of whose
    /// [`tags`](Self::tags) occurs anywhere in the text, whatever its case.
    ///
    /// So `holiday gift guide` is `Holiday`, and `gifts` is `GiftGuides`. Parts
    /// of longer words count too, as they always did: `moments` is `Parenting`.
    #[must_use]
    pub fn tagging(keyword: &str) -> Option<Self> {
        let keyword = keyword.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|category| category.tags().iter().any(|tag| keyword.contains(tag)))
    }

    /// Reads a stored name; letter case and white space around it are ignored.
    pub fn parse(name: &str) -> Result<Self, UnknownCategory> {
        let wanted = name.trim();
        Self::ALL
            .into_iter()
            .find(|category| category.as_str().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| UnknownCategory {
                name: quoted(wanted),
            })
    }
}

impl fmt::Display for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(name: &str) -> Result<Self, UnknownCategory> {
        Self::parse(name)
    }
}

impl TryFrom<String> for Category {
    type Error = UnknownCategory;

    fn try_from(name: String) -> Result<Self, UnknownCategory> {
        Self::parse(&name)
    }
}

impl From<Category> for String {
    fn from(category: Category) -> Self {
        category.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_shown_alike() {
        let names = Category::ALL.map(Category::as_str);
        assert_eq!(
            names,
            [
                "home_decor",
                "holiday",
                "parenting",
                "audio_visuals",
                "gift_guides",
                "tech_innovation"
            ]
        );
        for (category, name) in Category::ALL.into_iter().zip(names) {
            assert_eq!(Category::parse(name), Ok(category));
            assert_eq!(format!(" {}", name.to_uppercase()).parse(), Ok(category));
            assert_eq!(category.to_string(), name);
            assert_eq!(serde_json::to_value(category).unwrap(), name);
            assert_eq!(
                serde_json::from_value::<Category>(name.into()).unwrap(),
                category
            );
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let message = Category::parse("cars").unwrap_err().to_string();
        assert!(message.contains("`cars`"), "{message}");
        for category in Category::ALL {
            assert!(message.contains(category.as_str()), "{message}");
        }
    }

    #[test]
    fn the_first_category_in_the_table_with_a_matching_word_tags() {
        for (keyword, category) in [
            ("Interior Design studio", Some(Category::HomeDecor)),
            ("holiday gift guide", Some(Category::Holiday)),
            ("Christmas furniture", Some(Category::HomeDecor)),
            ("MOM influencer", Some(Category::Parenting)),
            ("video editing services", Some(Category::AudioVisuals)),
            ("curated gifts", Some(Category::GiftGuides)),
            ("gadget review site", Some(Category::TechInnovation)),
            ("art blog", None),
            ("", None),
        ] {
            assert_eq!(Category::tagging(keyword), category, "{keyword}");
        }
    }

    #[test]
    fn the_phrases_of_a_category_carry_its_own_words() {
        for category in Category::ALL {
            assert_eq!(category.phrases().len(), 3);
            for phrase in category.phrases() {
                assert_eq!(Category::tagging(phrase), Some(category), "{phrase}");
            }
        }
    }
}
