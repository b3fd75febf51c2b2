//! Keys of rows, one type for each table, so that a prospect's id cannot be
//! handed to a function that wants a job's.
//!
//! New keys are made where there is randomness, outside this crate, and come
//! in through `from_uuid`.

use uuid::Uuid;

use crate::text::quoted;

/// Text that should have been the id of a row, and is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` is not a {kind} id; expected a UUID such as `67e55044-10b1-426f-9247-bb680e5fe0c8`"
)]
pub struct InvalidId {
    /// What the id would have named: `job`, `prospect`, …
    pub kind: &'static str,
    /// The text, escaped and cut to 100 characters.
    pub value: String,
}

macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident, $kind:literal) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value; any UUID is one.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The value as the database stores it.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId {
                    kind: $kind,
                    value: quoted(text),
                })
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

typed_id!(
    /// Key of a row in `jobs`.
    JobId, "job"
);
typed_id!(
    /// Key of a row in `prospects`.
    ProspectId, "prospect"
);
typed_id!(
    /// Key of a row in `discovery_queries`.
    DiscoveryQueryId, "discovery query"
);
typed_id!(
    /// Key of a row in `email_logs`.
    EmailLogId, "email log"
);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    #[test]
    fn an_id_survives_text_uuid_and_json() {
        let id: JobId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(JobId::from_uuid(id.as_uuid()), id);
        assert_eq!(Uuid::from(id), id.as_uuid());
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<JobId>(&json).unwrap(), id);
    }

    #[test]
    fn a_wrong_id_is_named_together_with_what_was_expected() {
        let message = "job-7\u{1b}".parse::<ProspectId>().unwrap_err().to_string();
        assert!(message.contains(r"`job-7\u{1b}`"), "{message}");
        assert!(message.contains("prospect id"), "{message}");
        assert!(message.contains("UUID"), "{message}");
        assert!("".parse::<EmailLogId>().is_err());
        assert!(
            "x".repeat(10_000)
                .parse::<JobId>()
                .unwrap_err()
                .to_string()
                .len()
                < 300
        );
    }

    #[test]
    fn ids_order_as_their_uuids_do() {
        let low = DiscoveryQueryId::from_uuid(Uuid::from_u128(1));
        let high = DiscoveryQueryId::from_uuid(Uuid::from_u128(2));
        assert!(low < high);
    }
}
