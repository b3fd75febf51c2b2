//! What the program prints.

use std::fmt::Write as _;

use super::{
    run::{RunReport, longest_recovery},
    verdict::Verdict,
};

const HEAD: &str = "\
strategy     seed  faults   jobs  cancelled  unfinished  twice  domains twice  prospects  saved \
 calls  repeated  allowed  recoveries  slowest  seconds";

/// The line above the rows.
pub(crate) fn head() -> String {
    format!("{HEAD}  verdict")
}

/// A line for a run.
pub(crate) fn row(report: &RunReport) -> String {
    let Verdict {
        completed,
        cancelled,
        unfinished,
        saved_twice,
        double_domains,
        prospects,
        saved,
        calls,
        repeated,
        repeats_allowed,
        recoveries,
        slowest_recovery,
        broken,
        is_only_slow: _,
    } = &report.verdict;
    let faults: u64 = report.happened.values().sum();
    let verdict = if broken.is_empty() { "ok" } else { "BROKEN" };
    format!(
        "{:<11} {:>5} {faults:>7} {:>6} {cancelled:>10} {unfinished:>11} {saved_twice:>6} \
         {double_domains:>14} {prospects:>10} {saved:>6} {calls:>6} {repeated:>9} \
         {repeats_allowed:>8} {recoveries:>11} {:>5} ms {:>8.1}  {verdict}",
        report.settings.strategy,
        report.settings.seed,
        completed + cancelled + unfinished,
        slowest_recovery.as_millis(),
        report.took.as_secs_f64(),
    )
}

/// How often each fault happened, over all runs.
pub(crate) fn faults(reports: &[RunReport]) -> String {
    let mut sums = std::collections::BTreeMap::new();
    for (name, count) in reports.iter().flat_map(|report| &report.happened) {
        *sums.entry(*name).or_insert(0) += count;
    }
    let told: Vec<String> = sums
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    told.join(", ")
}

/// What the limit of a recovery is made of.
pub(crate) fn recovery_limit() -> String {
    format!(
        "the jobs of a killed worker have to be another one's within {} ms",
        longest_recovery().as_millis()
    )
}

/// What is wrong with a run, and how to make it again.
pub(crate) fn broken(report: &RunReport) -> String {
    let settings = report.settings;
    let mut text = format!(
        "{} with seed {} is broken; the logs are in {}\n",
        settings.strategy,
        settings.seed,
        report.folder.display()
    );
    for broken in &report.verdict.broken {
        let _ = writeln!(text, "  {broken}");
    }
    let _ = write!(
        text,
        "again: cargo run --bin chaos -- --strategy {} --seed {} --faults {}",
        settings.strategy, settings.seed, settings.faults
    );
    text
}
