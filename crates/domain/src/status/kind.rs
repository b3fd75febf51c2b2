//! What a job does: outreach's own kinds, and those that an application brings.

use std::{fmt, str::FromStr, sync::Arc};

use super::UnknownValue;
use crate::text::{listed, quoted};

/// The longest name of an application's own kind, in bytes.
pub const MAX_APPLICATION_KIND_BYTES: usize = 64;

/// What a job does; stored in `jobs.job_type`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// Searches for web sites and saves them as prospects.
    Discover,
    /// Looks up contacts for prospects that are already saved.
    Enrich,
    /// Sends the first mail to prospects.
    Send,
    /// Computes the scores of prospects.
    Score,
    /// Sends a further mail to prospects that did not answer.
    Followup,
    /// Looks for answers to the mails sent.
    CheckReplies,
    /// A kind of the application's own, which brings the handler for it.
    Application(ApplicationKind),
}

impl JobKind {
    /// outreach's own kinds, in the order of their declaration.
    pub const BUILT_IN: [Self; 6] = [
        Self::Discover,
        Self::Enrich,
        Self::Send,
        Self::Score,
        Self::Followup,
        Self::CheckReplies,
    ];

    /// The words of outreach's own kinds.
    pub const WORDS: [&'static str; 6] = [
        "discover",
        "enrich",
        "send",
        "score",
        "followup",
        "check_replies",
    ];

    /// The word that the database stores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Discover => "discover",
            Self::Enrich => "enrich",
            Self::Send => "send",
            Self::Score => "score",
            Self::Followup => "followup",
            Self::CheckReplies => "check_replies",
            Self::Application(kind) => kind.as_str(),
        }
    }

    /// Reads a stored word. Letter case is ignored for outreach's own kinds,
    /// because old rows mix it.
    #[must_use]
    pub fn parse(stored: &str) -> Option<Self> {
        Self::BUILT_IN
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(stored))
            .or_else(|| stored.parse().ok().map(Self::Application))
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for JobKind {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| UnknownValue {
            vocabulary: "job type",
            value: quoted(text),
            known: format!(
                "{}, and an application's own such as `crm.sync`",
                listed(Self::WORDS)
            ),
        })
    }
}

impl serde::Serialize for JobKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for JobKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The name of a kind of jobs that an application brings: small letters,
/// digits, `_` and `-`, and at least one dot between them (`crm.sync`), so that
/// a misspelt kind of outreach's own is never taken for one. At most
/// [`MAX_APPLICATION_KIND_BYTES`] bytes.
///
/// ```
/// use outreach_domain::{ApplicationKind, JobKind};
///
/// let kind: ApplicationKind = "crm.sync".parse()?;
/// assert_eq!(JobKind::Application(kind).as_str(), "crm.sync");
/// assert!("discovery".parse::<ApplicationKind>().is_err());
/// # Ok::<(), outreach_domain::InvalidApplicationKind>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationKind(Arc<str>);

impl ApplicationKind {
    /// The name as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that can't be the name of an application's kind of jobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a kind of jobs; expected small letters, digits, `_` and `-` with a dot \
     between them, such as `crm.sync`, and at most {MAX_APPLICATION_KIND_BYTES} bytes"
)]
pub struct InvalidApplicationKind(String);

impl FromStr for ApplicationKind {
    type Err = InvalidApplicationKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
                })
        };
        let valid = text.len() <= MAX_APPLICATION_KIND_BYTES
            && text.contains('.')
            && text.split('.').all(is_word);
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidApplicationKind(quoted(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f38_job_types_are_the_stored_words() {
        for (kind, word) in JobKind::BUILT_IN.into_iter().zip(JobKind::WORDS) {
            assert_eq!(kind.as_str(), word);
            assert_eq!(JobKind::parse(word), Some(kind.clone()));
            assert_eq!(JobKind::parse(&word.to_uppercase()), Some(kind.clone()));
            assert_eq!(JobKind::parse(&format!(" {word}")), None);
            assert_eq!(word.parse(), Ok(kind.clone()));
            let json = serde_json::json!(word);
            assert_eq!(serde_json::to_value(&kind).unwrap(), json);
            assert_eq!(serde_json::from_value::<JobKind>(json).unwrap(), kind);
        }
        let unknown = "discovery".parse::<JobKind>().unwrap_err().to_string();
        assert!(unknown.contains("`discovery`"), "{unknown}");
        assert!(unknown.contains("`check_replies`"), "{unknown}");
        assert!(unknown.contains("`crm.sync`"), "{unknown}");
    }

    #[test]
    fn an_application_s_kind_is_told_from_a_misspelt_one_by_its_dot() {
        for name in ["crm.sync", "a.b.c", "x-1.y_2"] {
            let kind = JobKind::parse(name).unwrap();
            assert!(matches!(kind, JobKind::Application(_)), "{name}");
            assert_eq!(kind.to_string(), name);
        }
        let long = format!("a.{}", "x".repeat(MAX_APPLICATION_KIND_BYTES));
        for name in [
            "",
            ".",
            "discovery",
            "crm.",
            ".sync",
            "crm..sync",
            "Crm.sync",
            "crm.sy nc",
            "ä.b",
            &long,
        ] {
            assert_eq!(JobKind::parse(name), None, "{name}");
            assert!(name.parse::<ApplicationKind>().is_err(), "{name}");
        }
    }
}
