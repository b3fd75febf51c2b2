//! What a worker says while it works: a line for each job that ends, and one
//! for each outage of the database.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use outreach_domain::{JobId, JobKind, excerpt};
use outreach_service::{
    discovery::DiscoveryProgress,
    worker::{AttemptEnd, WorkerEvent},
};

use crate::output::{self, seconds};

/// The most characters of a reason on a line.
const MAX_REASON: usize = 500;

/// Remembers what is needed to say how a job ended.
#[derive(Debug)]
pub(super) struct Watch {
    has_schemas: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    under_way: HashMap<JobId, UnderWay>,
    /// Schemas whose jobs can't be claimed at the moment, and whether the database
    /// itself has refused it.
    away: HashMap<Option<String>, bool>,
}

impl State {
    /// Whether the database can't be reached.
    fn is_out(&self) -> bool {
        self.away.values().any(|refused| !refused)
    }
}

#[derive(Debug)]
struct UnderWay {
    kind: JobKind,
    schema: Option<String>,
    saved: Option<u64>,
}

impl Watch {
    /// Names the schema of each job, if the worker has several.
    pub(super) fn new(has_schemas: bool) -> Self {
        Self {
            has_schemas,
            state: Mutex::default(),
        }
    }

    pub(super) fn progressed(&self, job: JobId, now: DiscoveryProgress) {
        if let Some(one) = self.state().under_way.get_mut(&job) {
            one.saved = Some(now.counters.saved);
        }
    }

    pub(super) fn say(&self, event: &WorkerEvent) {
        if let Some(line) = self.line(event) {
            output::say(&line);
        }
    }

    fn line(&self, event: &WorkerEvent) -> Option<String> {
        match event {
            WorkerEvent::Claimed {
                job, kind, schema, ..
            } => {
                let one = UnderWay {
                    kind: kind.clone(),
                    schema: schema.clone(),
                    saved: None,
                };
                self.state().under_way.insert(*job, one);
                None
            }
            WorkerEvent::Ended { job, end } => Some(self.ended(*job, end)),
            WorkerEvent::Expired { job } => {
                Some(format!("job {job}: the lease of a lost worker has ended"))
            }
            WorkerEvent::Unreachable {
                schema,
                error,
                refused,
            } => {
                let mut state = self.state();
                let is_told = state.is_out();
                let before = state.away.insert(schema.clone(), *refused);
                // An outage of the database is one of all schemas; what it refuses
                // is a schema's own.
                let is_new = before != Some(*refused) && (*refused || !is_told);
                is_new.then(|| {
                    let place = self.place(schema.as_deref());
                    let error = excerpt(error, MAX_REASON);
                    format!("warning: jobs can't be claimed{place}: {error}; trying again")
                })
            }
            WorkerEvent::Reachable { schema } => {
                let mut state = self.state();
                if state.away.remove(schema)? {
                    let place = self.place(schema.as_deref());
                    Some(format!("jobs are claimed again{place}"))
                } else {
                    (!state.is_out()).then(|| "jobs are claimed again".to_owned())
                }
            }
            _ => None,
        }
    }

    fn ended(&self, job: JobId, end: &AttemptEnd) -> String {
        let known = self.state().under_way.remove(&job);
        let mut line = format!("job {job}");
        if let Some(known) = &known {
            let _ = write!(line, " ({})", known.kind);
            line.push_str(&self.place(known.schema.as_deref()));
        }
        line.push_str(": ");
        line.push_str(&how(end));
        if let Some(saved) = known.and_then(|known| known.saved) {
            let _ = write!(line, ", {saved} saved");
        }
        line
    }

    fn place(&self, schema: Option<&str>) -> String {
        match schema {
            Some(schema) if self.has_schemas => format!(" in `{}`", schema.escape_debug()),
            _ => String::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an attempt ended, in words.
fn how(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Completed => "completed".to_owned(),
        AttemptEnd::Failed { reason } => format!("failed: {}", excerpt(reason, MAX_REASON)),
        AttemptEnd::Retried { reason, delay } => format!(
            "is tried again in {}: {}",
            seconds(delay.as_secs_f64()),
            excerpt(reason, MAX_REASON)
        ),
        AttemptEnd::Released => "given back".to_owned(),
        AttemptEnd::Lost => "cancelled, or taken by another worker".to_owned(),
        AttemptEnd::Unrecorded { reason } => {
            format!("left until its lease ends: {}", excerpt(reason, MAX_REASON))
        }
        end => format!("{end:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(schema: &str) -> WorkerEvent {
        WorkerEvent::Unreachable {
            schema: Some(schema.to_owned()),
            error: "connection refused".to_owned(),
            refused: false,
        }
    }

    fn refused(schema: &str) -> WorkerEvent {
        WorkerEvent::Unreachable {
            schema: Some(schema.to_owned()),
            error: "no such table".to_owned(),
            refused: true,
        }
    }

    fn reachable(schema: &str) -> WorkerEvent {
        WorkerEvent::Reachable {
            schema: Some(schema.to_owned()),
        }
    }

    #[test]
    fn f44_an_outage_is_said_once_whatever_the_number_of_attempts_and_schemas() {
        let watch = Watch::new(true);
        for _ in 0..2 {
            let first = watch.line(&unreachable("a")).unwrap();
            assert!(first.contains("in `a`: connection refused"), "{first}");
            for schema in ["b", "a", "b"] {
                assert_eq!(watch.line(&unreachable(schema)), None);
            }
            assert_eq!(watch.line(&reachable("a")), None);
            assert!(watch.line(&reachable("b")).is_some());
            assert_eq!(watch.line(&reachable("b")), None);
        }
    }
    #[test]
    fn what_is_refused_is_said_of_each_schema() {
        let watch = Watch::new(true);
        for schema in ["a", "b"] {
            let line = watch.line(&refused(schema)).unwrap();
            assert!(
                line.contains(&format!("in `{schema}`: no such table")),
                "{line}"
            );
            assert_eq!(watch.line(&refused(schema)), None);
        }
        let again = watch.line(&reachable("a"));
        assert_eq!(again.as_deref(), Some("jobs are claimed again in `a`"));
        assert_eq!(watch.line(&reachable("a")), None);
    }
}
