//! A check: a condition on the rows of one table, and what it says of them.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;

use super::{DataCheckError, DataCode, DataFinding, Remedy};

/// Keys that a finding names.
pub(super) const MAX_IDS: usize = 5;

/// A check that is one statement. The row that is looked at is `t`.
pub(super) struct Check {
    pub(super) code: DataCode,
    /// The table, or the table and column.
    pub(super) object: String,
    /// The table, which is `t` in what follows.
    pub(super) table: &'static str,
    /// What is read as `t` instead of the table itself: a query on it.
    pub(super) source: Option<String>,
    /// What is joined to it; empty for most.
    pub(super) join: String,
    /// The column that names a row.
    pub(super) key: &'static str,
    /// Columns that have to be there.
    pub(super) needs: Vec<(&'static str, &'static str)>,
    /// When a row is found.
    pub(super) condition: String,
    pub(super) mend: Mend,
}

/// What mends the rows of a check.
pub(super) enum Mend {
    Sql(String),
    /// A command for each row, before its key.
    CommandForEach(&'static str),
    Command(&'static str),
    Advice(String),
}

impl Check {
    /// A check of rows by their column `id`, with nothing joined.
    pub(super) fn new(
        code: DataCode,
        table: &'static str,
        columns: &[&'static str],
        condition: String,
        mend: Mend,
    ) -> Self {
        Self {
            code,
            object: table.to_owned(),
            table,
            source: None,
            join: String::new(),
            key: "id",
            needs: std::iter::once(&"id")
                .chain(columns)
                .map(|column| (table, *column))
                .collect(),
            condition,
            mend,
        }
    }

    /// A check of one column.
    pub(super) fn of_column(
        code: DataCode,
        (table, column): (&'static str, &'static str),
        condition: String,
        mend: Mend,
    ) -> Self {
        Self {
            object: format!("{table}.{column}"),
            ..Self::new(code, table, &[column], condition, mend)
        }
    }

    /// Adds what else has to be there.
    pub(super) fn needing(mut self, needs: &[(&'static str, &'static str)]) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Rows of `job_runs` have no key but their job's.
    pub(super) fn by_key(mut self, key: &'static str) -> Self {
        for need in &mut self.needs {
            if *need == (self.table, "id") {
                need.1 = key;
            }
        }
        self.key = key;
        self
    }

    /// The statement. The count is taken over all rows that match, before the
    /// limit, in one pass; the database keeps only the first keys in order.
    fn sql(&self, backend: DbBackend) -> String {
        let Self {
            table,
            source,
            join,
            key,
            condition,
            ..
        } = self;
        let shown = match backend {
            DbBackend::Sqlite => format!(
                "CASE typeof(t.{key}) WHEN 'blob' THEN hex(t.{key}) \
                 ELSE CAST(t.{key} AS text) END"
            ),
            _ => format!("CAST(t.{key} AS text)"),
        };
        let table = source
            .as_ref()
            .map_or_else(|| (*table).to_owned(), |query| format!("({query})"));
        format!(
            "SELECT count(*) OVER () AS total, {shown} AS id FROM {table} AS t {join} \
             WHERE {condition} ORDER BY t.{key} LIMIT {MAX_IDS}"
        )
    }

    pub(super) async fn run<C: ConnectionTrait>(
        &self,
        db: &C,
    ) -> Result<Option<DataFinding>, DataCheckError> {
        let failed = |source| DataCheckError::Check {
            code: self.code,
            object: self.object.clone(),
            source,
        };
        let backend = db.get_database_backend();
        let rows = db
            .query_all_raw(Statement::from_string(backend, self.sql(backend)))
            .await
            .map_err(failed)?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let count: i64 = first.try_get("", "total").map_err(failed)?;
        let ids = rows.iter().map(shown_id).collect::<Result<_, _>>();
        Ok(Some(self.finding(
            u64::try_from(count).unwrap_or_default(),
            ids.map_err(failed)?,
        )))
    }

    fn finding(&self, count: u64, ids: Vec<String>) -> DataFinding {
        let remedy = match &self.mend {
            Mend::Sql(sql) => Remedy::Sql(sql.clone()),
            Mend::Command(command) => Remedy::Command((*command).to_owned()),
            Mend::CommandForEach(command) => {
                let lines: Vec<_> = ids.iter().map(|id| format!("{command} {id}")).collect();
                Remedy::Command(lines.join("\n"))
            }
            Mend::Advice(advice) => Remedy::Advice(advice.clone()),
        };
        DataFinding {
            code: self.code,
            severity: self.code.severity(),
            object: self.object.clone(),
            meaning: self.code.meaning().to_owned(),
            count,
            ids,
            remedy,
        }
    }
}

/// The key as people write it. A file may hold any text in its place.
fn shown_id(row: &QueryResult) -> Result<String, DbErr> {
    let id: Option<String> = row.try_get("", "id")?;
    let id = id.unwrap_or_else(|| "NULL".to_owned());
    Ok(match Uuid::try_parse(&id) {
        Ok(uuid) => uuid.to_string(),
        Err(_) => outreach_domain::excerpt(&id, 100),
    })
}

/// Words as an IN list.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words
        .into_iter()
        .map(|word| format!("'{}'", word.replace('\'', "''")))
        .collect();
    quoted.join(", ")
}

/// The stored word in small letters, whatever the type of the column.
pub(super) fn lower(column: &str) -> String {
    format!("lower(CAST({column} AS text))")
}
