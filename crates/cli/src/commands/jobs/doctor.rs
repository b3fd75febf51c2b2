//! `outreach jobs doctor`.

use std::{collections::BTreeMap, fmt::Write as _};

use outreach_domain::excerpt;
use outreach_service::{
    connect::Tenant,
    jobs::{
        IrregularJob, IrregularJobs, Irregularity, Settlement, find_irregular_jobs,
        settle_irregular_job,
    },
};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::Connection,
    commands::{CONNECTIONS, connect_tenant},
    exit::Error,
    output,
};

/// Looks, settles what is found if that was asked for, and says so. Found and
/// not settled is status 1.
pub(super) async fn run(connection: &Connection, fix: bool, json: bool) -> Result<(), Error> {
    let db = connect_tenant(connection, CONNECTIONS).await?;
    let found = find_irregular_jobs(&db).await?;
    let mut report = Report::default();
    if fix {
        let mut round = found.clone();
        // Each look lists a part; what was left alone would be listed again.
        while report.settle(&db, &round, json).await? {
            round = find_irregular_jobs(&db).await?;
        }
    }
    let left = if fix {
        find_irregular_jobs(&db).await?
    } else {
        found.clone()
    };
    if json {
        output::print_json(&json!({
            "found": found,
            "settled": report.settled,
            "errors": report.errors,
            "left": left.iter().map(|one| one.count).sum::<u64>(),
        }))?;
    } else {
        output::print(&text(&left, fix))?;
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(Error::findings())
    }
}

/// What became of the jobs, by what was wrong with them.
#[derive(Default)]
struct Report {
    settled: Vec<Settled>,
    errors: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Settled {
    job: String,
    irregularity: Irregularity,
    became: Settlement,
}

impl Report {
    /// Whether a job was settled, so that there may be more to list.
    async fn settle(
        &mut self,
        db: &Tenant,
        found: &[IrregularJobs],
        json: bool,
    ) -> Result<bool, Error> {
        let mut progress = false;
        for job in found.iter().flat_map(|one| &one.jobs) {
            match settle_irregular_job(db, job).await {
                Ok(became) if became.is_settled() => {
                    progress = true;
                    if json {
                        self.settled.push(Settled {
                            job: job.id.to_string(),
                            irregularity: job.irregularity,
                            became,
                        });
                    } else {
                        let was = job.irregularity;
                        output::print(&format!("{}: {became}; was {was}\n", described(job)))?;
                    }
                }
                Ok(_) => {}
                Err(error) if error.is_unreachable() => return Err(error.into()),
                Err(error) => {
                    let message = Error::from(error).message();
                    let id = job.id.to_string();
                    if self.errors.insert(id, message.clone()).is_none() {
                        output::say(&format!("warning: {}: {message}", described(job)));
                    }
                }
            }
        }
        Ok(progress)
    }
}

fn text(left: &[IrregularJobs], fix: bool) -> String {
    if left.is_empty() {
        return "no irregular jobs\n".to_owned();
    }
    let mut text = String::new();
    let mut may_be_fixed = false;
    for one in left {
        let jobs = output::counted(one.count, "job");
        let _ = writeln!(text, "{jobs} {}", one.irregularity);
        for job in &one.jobs {
            let _ = writeln!(text, "  {}{}", described(job), since(job));
        }
        let more = one.count.saturating_sub(one.jobs.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "  … and {more} more");
        }
        may_be_fixed |= one.irregularity != Irregularity::RunningElsewhere;
    }
    if !fix && may_be_fixed {
        text.push_str("`outreach jobs doctor --fix` settles them\n");
    }
    if left
        .iter()
        .any(|one| one.irregularity == Irregularity::RunningElsewhere)
    {
        text.push_str(
            "what may be running elsewhere is left alone for 2 hours; `outreach jobs cancel` ends \
             it\n",
        );
    }
    text
}

fn described(job: &IrregularJob) -> String {
    let owner = match &job.owner {
        Some(owner) => format!(" of {}", excerpt(owner, 100)),
        None => String::new(),
    };
    format!(
        "{} ({}, {}{owner})",
        job.id,
        excerpt(&job.job_type, 50),
        excerpt(&job.status, 20)
    )
}

fn since(job: &IrregularJob) -> String {
    match job.seconds_ago {
        Some(ago) if ago >= 0.0 => format!(", {} ago", output::seconds(ago)),
        _ => String::new(),
    }
}
