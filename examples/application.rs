//! An application that imports the crates: it enqueues a discovery together
//! with a row of its own, runs it, and reads what was found.
//!
//! ```text
//! cargo run --example application
//! ```

use std::path::Path;

use outreach_domain::{DiscoveryRequest, JobId, Location};
use outreach_migration::{Migrator, MigratorTrait};
use outreach_providers::files::FileSearch;
use outreach_service::{
    connect::{DatabaseOptions, check_schema, open},
    discovery::{Contacts, Discovery, IdGenerator, RandomIds, run_discovery},
    jobs::{NewJob, enqueue_job_in_txn},
    page::PageRequest,
    prospects::{ProspectFilter, list_prospects},
    transaction::{PendingWrite, safe_flush, with_transaction},
};
use sea_orm::{ActiveValue::Set, EntityTrait};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // An embedded database for this run; in production a PostgreSQL URL, and
    // `connect` instead of these three lines.
    let db = open(&DatabaseOptions::new("sqlite::memory:")?).await?;
    Migrator::up(&db, None).await?;
    check_schema(&db).await?;

    let request = DiscoveryRequest::new(
        "home decor blog, parenting blog",
        vec![Location::Usa],
        Vec::new(),
        50,
    )?;
    let job = NewJob::discover(JobId::from_uuid(RandomIds.next_id()), &request);

    // The application's own write and the job are kept together or not at all.
    with_transaction(&db, "ask for a discovery", |txn| {
        Box::pin(async {
            let asked = outreach_entity::settings::ActiveModel {
                id: Set(RandomIds.next_id()),
                key: Set("last discovery".to_owned()),
                value: Set(Some(job.params.clone())),
                ..Default::default()
            };
            let write = PendingWrite::query("the last request", {
                outreach_entity::settings::Entity::insert(asked)
            });
            safe_flush(txn, "remember the request", [write]).await?;
            enqueue_job_in_txn(txn, &job).await?;
            anyhow::Ok(())
        })
    })
    .await?;

    let results = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results/results.csv"));
    let (search, report) = FileSearch::open(results)?;
    let discovery = Discovery::new(&search, Contacts::Deferred(None));
    let summary = run_discovery(&db, job.id, &discovery).await?;
    print(&format!(
        "{} rows read, {} set aside by the reader; {} results for this job, {} saved",
        report.rows_read, report.rows_set_aside, summary.counters.found, summary.counters.saved
    ));

    let page = list_prospects(&db, &ProspectFilter::default(), &PageRequest::first(3)).await?;
    for prospect in page.items {
        print(&prospect.domain);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows what it did")]
fn print(line: &str) {
    println!("{}", outreach_domain::escape_for_terminal(line));
}
