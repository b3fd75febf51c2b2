//! The published JSON Schema of the report.

use schemars::generate::SchemaSettings;

use super::Report;

/// The JSON Schema (draft 2020-12) of the report's JSON, as it is published in
/// `schema/report.schema.json`.
pub const JSON_SCHEMA: &str = include_str!("../../schema/report.schema.json");

/// The same, derived from the types, as indented JSON with a line break at its
/// end. A test holds the published one to it; `schema-audit json-schema` prints
/// it.
///
/// # Errors
///
/// None that the types could cause; the writer of JSON may fail.
pub fn json_schema() -> Result<String, serde_json::Error> {
    let schema = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Report>();
    serde_json::to_string_pretty(&schema).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_json_schema_is_the_derived_one() {
        assert!(
            JSON_SCHEMA == json_schema().unwrap(),
            "write it anew: cargo run -p schema-audit -- json-schema --output \
             crates/schema-audit/schema/report.schema.json"
        );
    }
}
