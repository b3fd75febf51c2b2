//! Checks of what is stored, as opposed to how: values that code can't read,
//! references to nothing, counters that don't add up.
//!
//! Called by whoever audits a database. Each check is one plain read, and works
//! in a read-only transaction, under a role that may only SELECT, and on a
//! standby. On PostgreSQL run all of them in one repeatable-read transaction,
//! so that they see one moment.
//!
//! One law: a check says how many rows it found and what mends them, and
//! changes nothing.

mod check;
mod counters;
mod duplicates;
mod finding;
mod jobs;
mod nulls;
mod outreach;
mod prospects;
mod references;
mod shape;
mod stored_form;
mod words;

use sea_orm::ConnectionTrait;

use self::{check::Check, shape::Shape};
pub use finding::{DataCheckError, DataCode, DataFinding, Remedy, Severity};

/// Runs every check that the tables allow: those of later revisions may be
/// absent, and checks of them with them. Returns what was found, in the order of
/// the codes.
///
/// ```no_run
/// # async fn example(db: &sea_orm::DatabaseConnection) -> Result<(), Box<dyn std::error::Error>> {
/// use outreach_service::data_checks::check_data;
///
/// for finding in check_data(db).await? {
///     println!("{}: {} rows; {}", finding.code, finding.count, finding.remedy);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`DataCheckError`] when a check could not be made. Nothing is then known of
/// the checks after it.
pub async fn check_data<C: ConnectionTrait>(db: &C) -> Result<Vec<DataFinding>, DataCheckError> {
    let shape = Shape::read(db).await.map_err(DataCheckError::Catalog)?;
    let mut findings = Vec::new();
    for check in checks(&shape) {
        if shape.has_all(&check.needs)
            && let Some(finding) = check.run(db).await?
        {
            findings.push(finding);
        }
    }
    findings.extend(prospects::check(db, &shape).await?);
    findings.sort_by(|a, b| (a.code, &a.object).cmp(&(b.code, &b.object)));
    Ok(findings)
}

fn checks(shape: &Shape) -> Vec<Check> {
    [
        words::checks(shape),
        nulls::checks(shape),
        stored_form::checks(shape),
        duplicates::checks(shape),
        counters::checks(shape),
        jobs::checks(shape),
        references::checks(shape),
        outreach::checks(shape),
    ]
    .into_iter()
    .flatten()
    .collect()
}
