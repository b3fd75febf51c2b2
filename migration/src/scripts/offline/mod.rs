//! A script for a range of revisions, to be run by psql or sqlite3 where no
//! program of ours may connect.
//!
//! A script refuses to run on a database that is not where it begins, and is
//! one transaction that commits only if everything was done, also where the
//! program that runs it goes on after an error.

mod objects;
mod postgres;
mod sqlite;

use sea_orm::DbBackend;

use super::{NotRecorded, RecordedRevision, recorded};
use crate::{
    REVISIONS, Revision,
    run::{Direction, InvalidOption, RunOptions, environment},
};

const PROPERTIES: &str = "m20260101_000004_create_database_properties";
const CHECKSUMS: &str = "m20260101_000003_create_revision_checksums";

/// What a script is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfflineOptions {
    /// The PostgreSQL schema; without one, that of the search path of whoever
    /// runs the script.
    pub schema: Option<String>,
    /// The limits, and the environment that is stored by the revision that
    /// creates `database_properties`.
    pub run: RunOptions,
}

impl OfflineOptions {
    /// Names the PostgreSQL schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Sets limits and environment.
    #[must_use]
    pub fn run(mut self, run: RunOptions) -> Self {
        self.run = run;
        self
    }
}

/// Why there is no script.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// A revision has no record.
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    /// A recorded schema can't be read.
    #[error("the recorded schema of `{revision}` can't be read")]
    Schema {
        /// The revision's name.
        revision: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An option can't be written into SQL.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// The range is empty or leads the other way.
    #[error("{0}")]
    Range(String),
    /// Another kind of database than PostgreSQL and SQLite.
    #[error("there are scripts for PostgreSQL and SQLite only")]
    Backend,
}

/// A part of the chain, and which way it is gone through.
struct Range {
    direction: Direction,
    /// What is applied before.
    before: &'static [Revision],
    /// What is applied afterwards.
    after: &'static [Revision],
    /// What is gone through, in the order of the run.
    steps: Vec<(Revision, RecordedRevision)>,
}

impl Range {
    fn new(
        backend: DbBackend,
        direction: Direction,
        from: Option<&Revision>,
        to: Option<&Revision>,
    ) -> Result<Self, OfflineError> {
        let (first, last) = (place(from), place(to));
        let gone: Vec<Revision> = match direction {
            Direction::Up if first < last => REVISIONS[first..last].to_vec(),
            Direction::Down if first > last => {
                REVISIONS[last..first].iter().rev().copied().collect()
            }
            _ => {
                return Err(OfflineError::Range(format!(
                    "there is nothing to do from {} to {} in this direction",
                    name(from),
                    name(to)
                )));
            }
        };
        let steps = gone
            .into_iter()
            .map(|revision| Ok((revision, recorded(backend, &revision)?)))
            .collect::<Result<_, NotRecorded>>()?;
        Ok(Self {
            direction,
            before: &REVISIONS[..first],
            after: &REVISIONS[..last],
            steps,
        })
    }

    fn has(revisions: &[Revision], name: &str) -> bool {
        revisions.iter().any(|revision| revision.name == name)
    }

    /// The head that Alembic's ledger has where these are applied.
    fn twin(revisions: &[Revision]) -> Option<&'static str> {
        revisions.iter().rev().find_map(|revision| revision.alembic)
    }

    /// The checksums to record; none where the script leaves no place for them.
    fn checksums(&self, backend: DbBackend) -> Vec<(&'static str, String)> {
        if !Self::has(self.after, CHECKSUMS) {
            return Vec::new();
        }
        let checksum = |revision: &Revision| {
            let checksum = crate::snapshots::checksum(backend, revision.name)?;
            Some((revision.name, checksum))
        };
        self.after.iter().filter_map(checksum).collect()
    }

    /// Whether the script makes the table of the properties.
    fn makes_properties(&self) -> bool {
        !Self::has(self.before, PROPERTIES) && Self::has(self.after, PROPERTIES)
    }

    fn title(&self) -> String {
        let word = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        format!(
            "-- outreach migrate {word}: from {} to {}.\n",
            name(self.before.last()),
            name(self.after.last())
        )
    }
}

fn place(revision: Option<&Revision>) -> usize {
    revision
        .and_then(|revision| REVISIONS.iter().position(|one| one == revision))
        .map_or(0, |place| place + 1)
}

/// The revisions that come before this one.
fn before(revision: &Revision) -> &'static [Revision] {
    &REVISIONS[..place(Some(revision)).saturating_sub(1)]
}

fn name(revision: Option<&Revision>) -> &'static str {
    revision.map_or("base", |revision| revision.name)
}

/// The names of revisions as SQL texts, separated by commas.
fn list(revisions: &[Revision]) -> String {
    let names: Vec<String> = revisions
        .iter()
        .map(|revision| literal(revision.name))
        .collect();
    names.join(", ")
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The script that takes a database from one revision to another; `None` is the
/// empty database. Connects to nothing.
///
/// The ledgers (`seaql_migrations`, `revision_checksums`, and `alembic_version`
/// where there is one) are brought along. A database that is not at `from`, that
/// is protected against going down, or that holds rows which only the chain
/// itself can merge or restore, is refused by the script, and nothing is changed.
///
/// # Errors
///
/// When the range is empty, or an option can't be used.
///
/// ```
/// use outreach_migration::{REVISIONS, run::Direction, scripts::{OfflineOptions, offline}};
/// use sea_orm::DbBackend;
///
/// let sql = offline(
///     DbBackend::Postgres,
///     Direction::Up,
///     None,
///     REVISIONS.last(),
///     &OfflineOptions::default(),
/// )?;
/// assert!(sql.ends_with("COMMIT;\n"));
/// # Ok::<(), outreach_migration::scripts::OfflineError>(())
/// ```
pub fn offline(
    backend: DbBackend,
    direction: Direction,
    from: Option<&Revision>,
    to: Option<&Revision>,
    options: &OfflineOptions,
) -> Result<String, OfflineError> {
    if let Some(text) = &options.run.environment {
        environment(text)?;
    }
    let range = Range::new(backend, direction, from, to)?;
    match backend {
        DbBackend::Postgres => Ok(postgres::script(&range, options)),
        DbBackend::Sqlite => sqlite::script(&range, options),
        _ => Err(OfflineError::Backend),
    }
}
