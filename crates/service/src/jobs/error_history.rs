//! Why earlier attempts at a job failed, as `job_runs.errors` keeps it: an array
//! of the last few, `{"attempt": 2, "error": "…"}`. Interruptions in a row have
//! one entry, with their number.

use std::fmt::Write as _;

use outreach_domain::excerpt;
use serde_json::{Value, json};

/// The most characters of an error message that are stored.
const MAX_ERROR_CHARS: usize = 2000;

/// Errors of earlier attempts that are kept.
const MAX_ERRORS: usize = 5;

/// The number of interruptions in a row, in their entry.
const INTERRUPTIONS: &str = "interruptions";

/// Escaped too: PostgreSQL stores no NUL, and the reason of a provider may hold
/// anything.
pub(super) fn stored_error(error: &str) -> String {
    excerpt(error, MAX_ERROR_CHARS)
}

/// The errors with one more, the oldest dropped when there are too many.
pub(super) fn append_error(errors: Option<&Value>, attempt: i32, error: &str) -> Value {
    append(list(errors), entry(attempt, error))
}

/// The errors with an interruption, and how many there were in a row. One that
/// comes right after others takes their place.
pub(super) fn append_interruption(
    errors: Option<&Value>,
    attempt: i32,
    error: &str,
    in_a_row: bool,
) -> (Value, u64) {
    let mut errors = list(errors);
    let earlier = errors.pop_if(|last| last.get(INTERRUPTIONS).is_some());
    let earlier = earlier.filter(|_| in_a_row);
    let earlier = earlier.and_then(|last| last.get(INTERRUPTIONS)?.as_u64());
    let interruptions = earlier.unwrap_or(0).saturating_add(1);
    let mut entry = entry(attempt, error);
    entry[INTERRUPTIONS] = interruptions.into();
    (append(errors, entry), interruptions)
}

fn list(errors: Option<&Value>) -> Vec<Value> {
    let errors = errors.and_then(Value::as_array);
    errors.cloned().unwrap_or_default()
}

fn entry(attempt: i32, error: &str) -> Value {
    json!({ "attempt": attempt, "error": excerpt(error, 500) })
}

fn append(mut errors: Vec<Value>, entry: Value) -> Value {
    errors.push(entry);
    let surplus = errors.len().saturating_sub(MAX_ERRORS);
    errors.drain(..surplus);
    Value::Array(errors)
}

/// What `jobs.error_message` says after the last of several attempts.
pub(super) fn last_error_text(errors: &Value, last: &str, attempts: i32) -> String {
    if attempts <= 1 {
        return last.to_owned();
    }
    let mut text = format!("attempt {attempts}: {last}");
    let earlier = errors.as_array().into_iter().flatten().rev().skip(1);
    for error in earlier {
        let word = |key: &str| error.get(key).map(ToString::to_string).unwrap_or_default();
        let message = error
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let _ = write!(text, "; attempt {}: {message}", word("attempt"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interruptions_in_a_row_are_counted_in_one_entry() {
        let failed = append_error(None, 1, "no answer");
        let mut errors = failed.clone();
        for number in 1..=7 {
            let (more, interruptions) = append_interruption(Some(&errors), 2, "gone", true);
            assert_eq!(interruptions, number);
            errors = more;
        }
        assert_eq!(
            errors,
            json!([failed[0], { "attempt": 2, "error": "gone", "interruptions": 7 }])
        );
    }

    #[test]
    fn an_interruption_after_progress_or_a_failure_is_the_first_of_its_row() {
        let (errors, _) = append_interruption(None, 1, "gone", true);
        assert_eq!(append_interruption(Some(&errors), 1, "gone", false).1, 1);
        let failed = append_error(Some(&errors), 1, "no answer");
        assert_eq!(append_interruption(Some(&failed), 2, "gone", true).1, 1);
    }

    #[test]
    fn the_oldest_errors_are_dropped() {
        let mut errors = Value::Null;
        for attempt in 1..=7 {
            errors = append_error(Some(&errors), attempt, "no answer");
        }
        let attempts: Vec<_> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|e| &e["attempt"])
            .collect();
        assert_eq!(attempts, [3, 4, 5, 6, 7]);
    }
}
