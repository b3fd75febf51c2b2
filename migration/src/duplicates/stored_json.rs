//! A JSON column as the text that is stored.

use sea_orm::{
    DbBackend, DeriveValueType,
    sea_query::{Expr, ExprTrait},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

/// The text of a JSON column.
///
/// Parsing it and writing it again would not give the same text back: keys would
/// change their order or go when they are repeated, and long numbers would lose
/// digits. Inside another JSON document it stands as it is, not quoted.
#[derive(Debug, Clone, PartialEq, DeriveValueType)]
pub(super) struct StoredJson(String);

impl StoredJson {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// A column that was never set often holds the JSON `null`: SQLAlchemy
    /// writes Python's None so.
    pub(super) fn is_null(&self) -> bool {
        self.0.trim() == "null"
    }
}

/// The column's text, under its own name.
pub(super) fn text_of(column: &'static str) -> Expr {
    Expr::col(column).cast_as("text")
}

/// The value as an INSERT or UPDATE takes it.
pub(super) fn to_column(backend: DbBackend, json: Option<StoredJson>) -> Expr {
    let text = Expr::val(json.map(|json| json.0));
    match backend {
        DbBackend::Sqlite => text,
        _ => text.cast_as("json"),
    }
}

/// For a field that may be NULL. Left out of the document where it is, because
/// `null` in there is a column that holds the JSON `null`.
pub(super) fn set_if_present<'de, D>(deserializer: D) -> Result<Option<StoredJson>, D::Error>
where
    D: Deserializer<'de>,
{
    StoredJson::deserialize(deserializer).map(Some)
}

impl Serialize for StoredJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(raw.get().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "set_if_present"
        )]
        payload: Option<StoredJson>,
    }

    #[test]
    fn f26_a_document_keeps_the_text_of_a_column() {
        let odd = r#"{"b": 1,  "a": 1.10, "b": 123456789012345678901234, "c": "\u00e9"}"#;
        for payload in [Some(odd), Some("null"), None] {
            let row = Row {
                payload: payload.map(|text| StoredJson(text.to_owned())),
            };
            let document = serde_json::to_string(&row).unwrap();
            assert_eq!(serde_json::from_str::<Row>(&document).unwrap(), row);
            assert!(document.contains(payload.unwrap_or_default()));
        }
    }

    #[test]
    fn f26_a_column_that_holds_no_json_is_an_error() {
        let row = Row {
            payload: Some(StoredJson("{".to_owned())),
        };
        assert!(serde_json::to_string(&row).is_err());
    }
}
