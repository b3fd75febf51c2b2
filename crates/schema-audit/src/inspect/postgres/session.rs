//! The settings that decide how the server writes definitions.

use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{InspectError, reader};

/// Whatever the session, the role or the database has set: constants in
/// expressions are written according to these.
const SETTINGS: &[(&str, &str)] = &[
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("lc_monetary", "C"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    // Compiling a query on catalogs takes longer than running it.
    ("jit", "off"),
];

/// Settings as they were.
#[derive(Debug)]
pub(super) struct Session {
    before: Vec<Setting>,
}

#[derive(Debug, FromQueryResult)]
struct Setting {
    name: String,
    before: String,
}

/// Sets the settings and the search path for the rest of the transaction. Names
/// of the local schema and of the system's are then written without a schema, and
/// all others with it.
pub(super) async fn settle(
    db: &impl ConnectionTrait,
    local: Option<&str>,
) -> Result<Session, InspectError> {
    let path = search_path(local);
    let settings = SETTINGS.iter().copied().chain([("search_path", &*path)]);
    let (list, values) = values(settings);
    let sql = format!(
        "select s.name, pg_catalog.current_setting(s.name) as before, \
         pg_catalog.set_config(s.name, s.value, true) as after \
         from (values {list}) as s (name, value)"
    );
    let before = reader::ask(db, "the session's settings", &sql, values).await?;
    Ok(Session { before })
}

impl Session {
    /// Sets back what [`settle`] has set.
    pub(super) async fn restore(self, db: &impl ConnectionTrait) -> Result<(), InspectError> {
        let before = self.before.iter();
        let (list, values) = values(before.map(|was| (&*was.name, &*was.before)));
        let sql = format!(
            "select s.name, pg_catalog.set_config(s.name, s.value, true) as before \
             from (values {list}) as s (name, value)"
        );
        reader::ask::<Setting>(db, "the session's settings", &sql, values).await?;
        Ok(())
    }
}

/// Without `pg_temp` at the end, temporary tables would come first, and a table
/// of the same name would be written with its schema.
fn search_path(local: Option<&str>) -> String {
    local.map_or_else(
        || "pg_catalog, pg_temp".to_owned(),
        |schema| format!("\"{}\", pg_temp", schema.replace('"', "\"\"")),
    )
}

fn values<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> (String, Vec<Value>) {
    let mut list = Vec::new();
    let mut values = Vec::new();
    for (name, value) in pairs {
        let first = values.len() + 1;
        list.push(format!(
            "(${first}::pg_catalog.text, ${}::pg_catalog.text)",
            first + 1
        ));
        values.push(name.into());
        values.push(value.into());
    }
    (list.join(", "), values)
}

#[cfg(test)]
mod tests {
    use super::search_path;

    #[test]
    fn the_search_path_quotes_a_name_that_would_be_read_as_several() {
        assert_eq!(search_path(Some("a\", b")), "\"a\"\", b\", pg_temp");
    }
}
