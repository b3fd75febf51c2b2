//! How a run of the chain behaves.

use std::{env, time::Duration};

use crate::shown;

/// How long a run waits, and what it knows of the database's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOptions {
    /// The longest wait for a lock on a table that somebody else holds; zero
    /// waits for ever. PostgreSQL only. Waiting for another run of the chain is
    /// not limited.
    pub lock_timeout: Duration,
    /// The longest time for one statement; zero is no limit. PostgreSQL only.
    pub statement_timeout: Duration,
    /// What the database is for (`production`, `staging`, …): stored in it by
    /// the run that creates `database_properties`, and held against what is
    /// stored by later ones.
    pub environment: Option<String>,
}

impl Default for RunOptions {
    /// 5 s for a lock, 10 minutes for a statement, no environment.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(10),
            environment: None,
        }
    }
}

impl RunOptions {
    /// The variable that gives [`lock_timeout`](Self::lock_timeout) in seconds.
    pub const LOCK_TIMEOUT: &'static str = "OUTREACH_LOCK_TIMEOUT";
    /// The variable that gives [`statement_timeout`](Self::statement_timeout) in
    /// seconds.
    pub const STATEMENT_TIMEOUT: &'static str = "OUTREACH_STATEMENT_TIMEOUT";
    /// The variable that gives [`environment`](Self::environment).
    pub const ENVIRONMENT: &'static str = "OUTREACH_ENVIRONMENT";

    /// The defaults with what the process's environment variables say. An empty
    /// variable is one that is not set.
    ///
    /// # Errors
    ///
    /// When a time is no number of seconds, or an environment's name is none.
    pub fn from_environment() -> Result<Self, InvalidOption> {
        let mut options = Self::default();
        if let Some(text) = variable(Self::LOCK_TIMEOUT) {
            options.lock_timeout = seconds(Self::LOCK_TIMEOUT, &text)?;
        }
        if let Some(text) = variable(Self::STATEMENT_TIMEOUT) {
            options.statement_timeout = seconds(Self::STATEMENT_TIMEOUT, &text)?;
        }
        if let Some(text) = variable(Self::ENVIRONMENT) {
            options.environment = Some(environment(&text)?);
        }
        Ok(options)
    }

    /// Sets the longest wait for a lock on a table; zero waits for ever.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the longest time for one statement; zero is no limit.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Says what the database is for.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }
}

/// A setting that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOption {
    /// Not a number of seconds.
    #[error("`{name}` is `{}`; expected seconds, such as 5 or 0.5 (0: no limit)", shown(.value))]
    Seconds {
        /// The variable or option.
        name: &'static str,
        /// What it was.
        value: String,
    },
    /// Not the name of an environment.
    #[error(
        "the environment `{}` is no name: use up to 40 lower-case letters, digits, `-` and `_`",
        shown(.0)
    )]
    Environment(String),
}

fn variable(name: &str) -> Option<String> {
    let text = env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Reads a number of seconds, which may have a fraction.
///
/// # Errors
///
/// When it is none, is negative, or is longer than the 24 days that PostgreSQL
/// can wait.
pub fn seconds(name: &'static str, text: &str) -> Result<Duration, InvalidOption> {
    const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
    let wrong = || InvalidOption::Seconds {
        name,
        value: text.to_owned(),
    };
    let seconds: f64 = text.trim().parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if time > LONGEST {
        return Err(wrong());
    }
    Ok(time)
}

/// Reads the name of an environment. One way to write each, so that
/// `Production` is not another environment than `production`.
///
/// # Errors
///
/// When it has other characters, or too many.
pub fn environment(text: &str) -> Result<String, InvalidOption> {
    let is_name = |character: char| {
        character.is_ascii_lowercase()
            || character.is_ascii_digit()
            || matches!(character, '-' | '_')
    };
    if text.is_empty() || text.len() > 40 || !text.chars().all(is_name) {
        return Err(InvalidOption::Environment(text.to_owned()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_nothing_else() {
        assert_eq!(seconds("x", "0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("x", "0"), Ok(Duration::ZERO));
        for wrong in ["", "-1", "five", "5s", "NaN", "inf", "1e12"] {
            assert!(seconds("x", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_environment_has_one_spelling() {
        assert_eq!(environment("production").as_deref(), Ok("production"));
        for wrong in ["", "Production", "prod uction", "a\u{1b}"] {
            assert!(environment(wrong).is_err(), "{wrong}");
        }
    }
}
