//! The words that the database stores for kinds and statuses, and how a status
//! may change.
//!
//! The old rows hold these words as free text. Here each set is an enum: a
//! value that nobody knows is an error that lists the known ones, and a status
//! changes only by a method named after the event, which refuses what the
//! status's life does not allow.

mod job;
mod kind;
mod outreach;
mod query;

pub use job::JobStatus;
pub use kind::{ApplicationKind, InvalidApplicationKind, JobKind, MAX_APPLICATION_KIND_BYTES};
pub use outreach::OutreachStatus;
pub use query::QueryStatus;

use std::fmt::{Debug, Display};

use crate::text::listed;

/// A stored value that is none of the known words of its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a known {vocabulary}; known are {known}")]
pub struct UnknownValue {
    /// What the value should have been: `job status`, `job type`, …
    pub vocabulary: &'static str,
    /// The value, escaped and cut to 100 characters.
    pub value: String,
    /// The known words, as a list to show.
    pub known: String,
}

/// A status that changes only along given steps.
///
/// The steps are said once, in [`Lifecycle::next`]; the methods named after
/// events and [`InvalidTransition`] both read them there.
pub trait Lifecycle: Copy + Debug + Display + PartialEq + 'static {
    /// What has the status: `job`, `prospect`, …
    const SUBJECT: &'static str;

    /// The statuses that can follow this one; none after a final status.
    fn next(self) -> &'static [Self];

    /// Goes to the status `to`, if it can follow this one.
    fn change(self, to: Self) -> Result<Self, InvalidTransition<Self>> {
        if self.next().contains(&to) {
            Ok(to)
        } else {
            Err(InvalidTransition { from: self, to })
        }
    }
}

/// A change of status that the status's life does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {} that is `{from}` cannot become `{to}`: {}", S::SUBJECT, remaining(*from))]
pub struct InvalidTransition<S: Lifecycle> {
    /// The status that stays.
    pub from: S,
    /// The status that was asked for.
    pub to: S,
}

fn remaining<S: Lifecycle>(from: S) -> String {
    if from.next().is_empty() {
        return format!("`{from}` is final");
    }
    let words: Vec<String> = from.next().iter().map(S::to_string).collect();
    format!(
        "only {} can follow",
        listed(words.iter().map(String::as_str))
    )
}

/// Writes an enum whose variants are stored as words, with everything that
/// follows from the list of words.
macro_rules! stored_words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident: $vocabulary:literal {
            $( $(#[$variant_meta:meta])* $variant:ident => $word:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word that the database stores.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }

            /// Reads a stored word. Letter case is ignored because old rows
            /// mix it; space around the word is not, because nothing wrote it.
            #[must_use]
            pub fn parse(stored: &str) -> Option<Self> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.as_str().eq_ignore_ascii_case(stored))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::status::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text).ok_or_else(|| $crate::status::UnknownValue {
                    vocabulary: $vocabulary,
                    value: $crate::text::quoted(text),
                    known: $crate::text::listed(Self::ALL.map(Self::as_str)),
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
use stored_words;

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! vocabulary_tests {
        ($($test:ident: $name:ident [$($word:literal),+];)+) => {$(
            #[test]
            fn $test() {
                let words = [$($word),+];
                assert_eq!($name::ALL.map($name::as_str), words);
                for (value, word) in $name::ALL.into_iter().zip(words) {
                    assert_eq!($name::parse(word), Some(value));
                    assert_eq!($name::parse(&word.to_uppercase()), Some(value));
                    assert_eq!($name::parse(&format!(" {word}")), None);
                    assert_eq!(word.parse(), Ok(value));
                    assert_eq!(value.to_string(), word);
                    let json = serde_json::json!(word);
                    assert_eq!(serde_json::to_value(value).unwrap(), json);
                    assert_eq!(serde_json::from_value::<$name>(json).unwrap(), value);
                }
                let unknown = "nonsense".parse::<$name>().unwrap_err().to_string();
                assert!(unknown.contains("`nonsense`"), "{unknown}");
                for word in words {
                    assert!(unknown.contains(&format!("`{word}`")), "{unknown}");
                }
                assert!(serde_json::from_str::<$name>("\"nonsense\"").is_err());
                assert_eq!($name::parse(""), None);
            }
        )+};
    }

    vocabulary_tests! {
        f38_job_statuses_are_the_stored_words: JobStatus
            ["pending", "running", "completed", "failed", "cancelled"];
        f38_query_statuses_are_the_stored_words: QueryStatus ["pending", "success", "failed"];
        f38_outreach_statuses_are_the_stored_words: OutreachStatus
            ["pending", "sent", "replied", "accepted", "rejected"];
    }

    #[test]
    fn f38_an_unknown_value_is_shown_bounded_and_escaped() {
        let value = format!("\u{1b}[2J{}", "x".repeat(5_000));
        let message = value.parse::<JobStatus>().unwrap_err().to_string();
        assert!(message.chars().count() < 250, "{message}");
        assert!(!message.contains('\u{1b}'));
    }

    #[test]
    fn a_refused_transition_names_both_ends_and_what_is_possible() {
        let refused = JobStatus::Pending.complete().unwrap_err();
        assert_eq!(
            (refused.from, refused.to),
            (JobStatus::Pending, JobStatus::Completed)
        );
        assert_eq!(
            refused.to_string(),
            "a job that is `pending` cannot become `completed`: \
             only `running`, `cancelled` can follow",
        );
        assert_eq!(
            QueryStatus::Success.fail().unwrap_err().to_string(),
            "a discovery query that is `success` cannot become `failed`: `success` is final",
        );
    }
}
