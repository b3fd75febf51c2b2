//! Columns.

use super::{Code, Comparison, Severity, default, describe, expression, types};
use crate::schema::{Column, Dialect, Generated, Identity, ObjectPath, Table};

impl<'a> Comparison<'a> {
    pub(super) fn columns(&mut self, expected: &'a Table, actual: &'a Table) {
        for column in &expected.columns {
            let path = self.path(&expected.name, Some(&column.name));
            match actual.column(&column.name) {
                Some(found) => {
                    let aliases = [(expected, column), (actual, found)].map(is_rowid);
                    self.column(&path, column, found, aliases[0] == aliases[1]);
                }
                None => self.add(
                    Code::ColumnMissing,
                    path,
                    Some(describe::column(column)),
                    None,
                ),
            }
        }
        for column in &actual.columns {
            if expected.column(&column.name).is_none() {
                let path = self.path(&expected.name, Some(&column.name));
                let text = describe::column(column);
                self.add(Code::ColumnUnexpected, path, None, Some(text));
            }
        }
        if !self.with_entities() {
            self.column_order(expected, actual);
        }
    }

    fn column_order(&mut self, expected: &Table, actual: &Table) {
        let order = |table: &Table, other: &Table| -> Vec<String> {
            let shared = table
                .columns
                .iter()
                .filter(|c| other.column(&c.name).is_some());
            shared.map(|column| column.name.clone()).collect()
        };
        let (wanted, found) = (order(expected, actual), order(actual, expected));
        if wanted != found {
            self.add(
                Code::ColumnOrderChanged,
                self.path(&expected.name, None),
                Some(wanted.join(", ")),
                Some(found.join(", ")),
            );
        }
    }

    /// `same_key`: both are the rowid under another name, or neither is.
    fn column(&mut self, path: &ObjectPath, expected: &Column, actual: &Column, same_key: bool) {
        let dialect = self.expected.dialect;
        let types = (&*expected.data_type, &*actual.data_type);
        if !types::agree(dialect, types.0, types.1) {
            let harmless = same_key && types::store_the_same(dialect, types.0, types.1);
            let severity = if harmless {
                Severity::Info
            } else {
                Code::TypeChanged.severity()
            };
            self.add_as(
                Code::TypeChanged,
                severity,
                path.clone(),
                Some(expected.data_type.clone()),
                Some(actual.data_type.clone()),
            );
        }
        if self.says(expected.collation.is_some(), actual.collation.is_some())
            && expected.collation != actual.collation
        {
            self.add(
                Code::CollationChanged,
                path.clone(),
                expected.collation.clone(),
                actual.collation.clone(),
            );
        }
        if expected.nullable != actual.nullable {
            let word = |nullable| Some(if nullable { "NULL" } else { "NOT NULL" }.to_owned());
            self.add(
                Code::NullabilityChanged,
                path.clone(),
                word(expected.nullable),
                word(actual.nullable),
            );
        }
        self.default(path, expected, actual);
        self.computed(path, expected, actual);
        self.comment(path, expected.comment.as_ref(), actual.comment.as_ref());
    }

    fn default(&mut self, path: &ObjectPath, expected: &Column, actual: &Column) {
        let (wanted, found) = match self.expected.dialect {
            Dialect::Postgres => (expected.default.as_deref(), actual.default.as_deref()),
            // To SQLite, DEFAULT NULL is to have none. To PostgreSQL it is to have
            // another one than the column's domain.
            Dialect::Sqlite => (not_null(expected), not_null(actual)),
        };
        if expression::options_agree(wanted, found) || !self.says(wanted.is_some(), found.is_some())
        {
            return;
        }
        let same_meaning = match (wanted, found) {
            (Some(wanted), Some(found)) => default::agree(
                self.expected.dialect,
                (&expected.data_type, wanted),
                (&actual.data_type, found),
            ),
            _ => false,
        };
        let severity = match (same_meaning, self.with_entities()) {
            (true, true) => return,
            (true, false) => Severity::Info,
            (false, _) => Code::DefaultChanged.severity(),
        };
        self.add_as(
            Code::DefaultChanged,
            severity,
            path.clone(),
            wanted.map(str::to_owned),
            found.map(str::to_owned),
        );
    }

    fn computed(&mut self, path: &ObjectPath, expected: &Column, actual: &Column) {
        if !same_generated(expected.generated.as_ref(), actual.generated.as_ref())
            && self.says(expected.generated.is_some(), actual.generated.is_some())
        {
            let text = |generated: &Option<Generated>| generated.as_ref().map(describe::generated);
            self.add(
                Code::GeneratedChanged,
                path.clone(),
                text(&expected.generated),
                text(&actual.generated),
            );
        }
        if expected.identity != actual.identity
            && self.says(expected.identity.is_some(), actual.identity.is_some())
        {
            let text = |identity: Option<Identity>| identity.map(describe::identity);
            self.add(
                Code::IdentityChanged,
                path.clone(),
                text(expected.identity),
                text(actual.identity),
            );
        }
    }
}

fn not_null(column: &Column) -> Option<&str> {
    let default = column.default.as_deref();
    default.filter(|text| !default::agree(Dialect::Sqlite, ("", text), ("", "NULL")))
}

fn same_generated(a: Option<&Generated>, b: Option<&Generated>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.stored == b.stored && expression::agree(&a.expression, &b.expression)
        }
        (a, b) => a == b,
    }
}

/// Whether a column of SQLite is the rowid under another name, which only the
/// type `INTEGER` makes of a key.
fn is_rowid((table, column): (&Table, &Column)) -> bool {
    let key = table.primary_key.as_ref();
    let alone = key.is_some_and(|key| key.columns == [column.name.as_str()]);
    let without = table.options.iter().any(|option| option == "WITHOUT ROWID");
    alone && !without && column.data_type.eq_ignore_ascii_case("integer")
}
