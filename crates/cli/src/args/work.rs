//! The command that works on jobs: `work`.

use std::time::Duration;

use clap::Args;

use super::Sources;

/// A day; longer waits are mistakes.
const LONGEST_SECONDS: f64 = 86_400.0;

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Work {
    #[command(flatten)]
    pub(crate) sources: Sources,

    /// How many jobs to do at the same time
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) concurrency: u32,

    /// How long a job stays this worker's when it is not heard of any more;
    /// another worker takes the job then
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) lease: Duration,

    /// How often to look for jobs when there is nothing to do
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) poll: Duration,

    /// How long jobs may go on after SIGTERM or Ctrl-C, before they are given
    /// back to other workers
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) grace: Duration,

    /// End when there is no job that could be started now
    #[arg(long)]
    pub(crate) exit_when_idle: bool,

    /// Also wake up when a job is enqueued, by PostgreSQL's LISTEN; not behind
    /// a pooler in transaction mode
    #[arg(long)]
    pub(crate) listen: bool,

    /// Work for every schema of the database that has outreach's tables, in
    /// place of those of --schema. PostgreSQL only
    #[arg(long)]
    pub(crate) all_schemas: bool,

    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    if !(0.0..=LONGEST_SECONDS).contains(&seconds) {
        return Err(format!("expected 0 to {LONGEST_SECONDS} seconds"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction_and_an_end() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["-1", "NaN", "inf", "86401", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
