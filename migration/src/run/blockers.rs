//! Who stands in the way of a lock.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::shown;

/// Sessions that are named in a message; more would hide the first.
const NAMED: usize = 5;

/// A session that holds locks on tables of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocker {
    /// The server process; `None` for a prepared transaction, which has none.
    pub pid: Option<i32>,
    /// The role, where this one may know it.
    pub user: Option<String>,
    /// What the session calls itself.
    pub application: Option<String>,
    /// What it does, such as `idle in transaction`.
    pub state: Option<String>,
    /// When its transaction began, by the server's clock in UTC.
    pub since: Option<String>,
    /// The tables and the locks on them, such as `prospects (AccessExclusiveLock)`.
    pub locks: String,
}

impl Blocker {
    /// What to read and do, in one line. Names that a session has given itself
    /// are no trusted text.
    pub(super) fn list(blockers: &[Self]) -> String {
        if blockers.is_empty() {
            return "It has ended in the meantime, or this role may not see it; try again"
                .to_owned();
        }
        let named: Vec<String> = blockers.iter().take(NAMED).map(Self::describe).collect();
        let more = match blockers.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let end = match blockers.iter().find_map(|blocker| blocker.pid) {
            Some(pid) => format!("`SELECT pg_terminate_backend({pid})` ends one"),
            None => "pg_prepared_xacts lists it".to_owned(),
        };
        format!(
            "Locks are held by {}{more}; {end}, and `--lock-timeout` or OUTREACH_LOCK_TIMEOUT \
             waits longer",
            named.join("; ")
        )
    }

    fn describe(&self) -> String {
        let word =
            |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(shown);
        let Some(pid) = self.pid else {
            return format!("a prepared transaction on {}", self.locks);
        };
        let mut details = Vec::new();
        details.extend(word(&self.user).map(|user| format!("user {user}")));
        details.extend(word(&self.application).map(|name| format!("application {name}")));
        details.extend(word(&self.state));
        details.extend(word(&self.since).map(|time| format!("since {time}")));
        format!("session {pid} ({}) on {}", details.join(", "), self.locks)
    }
}

/// The sessions that hold locks on tables of the current schema, the oldest
/// transaction first; none on SQLite. What they run is not asked: it may hold
/// secrets.
pub async fn blockers<C: ConnectionTrait>(db: &C) -> Result<Vec<Blocker>, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let rows = db
        .query_all_raw(Statement::from_string(
            DbBackend::Postgres,
            "SELECT l.pid, a.usename::text AS usename, a.application_name, a.state, \
               to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS since, \
               string_agg(DISTINCT c.relname || ' (' || l.mode || ')', ', ') AS locks \
             FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_class c ON c.oid = l.relation \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.granted \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                                 WHERE datname = current_database()) \
               AND n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
               AND l.pid IS DISTINCT FROM pg_backend_pid() \
             GROUP BY l.pid, a.usename, a.application_name, a.state, a.xact_start \
             ORDER BY a.xact_start NULLS LAST, l.pid LIMIT 100",
        ))
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Blocker {
                pid: row.try_get("", "pid")?,
                user: row.try_get("", "usename")?,
                application: row.try_get("", "application_name")?,
                state: row.try_get("", "state")?,
                since: row.try_get("", "since")?,
                locks: row.try_get("", "locks")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f19_names_that_sessions_give_themselves_are_escaped() {
        let blocker = Blocker {
            pid: Some(7),
            user: Some("app".to_owned()),
            application: Some("a\u{1b}[31m\n".to_owned()),
            state: None,
            since: None,
            locks: "jobs (AccessShareLock)".to_owned(),
        };
        let text = Blocker::list(&[blocker]);
        assert!(!text.contains(['\u{1b}', '\n']), "{text}");
        assert!(text.contains("session 7 (user app, "), "{text}");
        assert!(text.contains("pg_terminate_backend(7)"), "{text}");
    }
}
