//! What has to write: a run over the commands of the service, and a discovery
//! from its request to its result. On the scratch copy only.

use outreach_domain::{DiscoveryRequest, JobId, JobStatus, Location};
use outreach_providers::files::FileSearch;
use outreach_service::{
    connect::connect,
    data_checks::check_data,
    discovery::{Contacts, Discovery, IdGenerator, RandomIds, run_discovery},
    jobs::{
        JobError, JobFilter, NewJob, cancel_job, count_jobs, enqueue_job, enqueue_job_in_txn,
        find_job, list_jobs,
    },
    page::PageRequest,
    prospects::{ProspectFilter, count_prospects, list_prospects},
    transaction::with_transaction,
};
use sea_orm_migration::sea_orm::DatabaseConnection;

use super::{ChecklistLine, scratch::Copy};

const TRANSACTIONS: &str = "no aborted-transaction errors over a smoke run";
const DISCOVERY: &str = "a discovery job runs";

/// Answers of two searches: five results, two of them of a web site that came
/// up before.
const RESULTS: &str = "\
url,title,description,keyword,location
https://one.example.com/,One,First,verify one,usa
https://two.example.com/,Two,Second,verify one,usa
https://www.one.example.com/again,One again,Third,verify one,usa
https://three.example.com/,Three,Fourth,verify two,usa
https://two.example.com/page,Two again,Fifth,verify two,usa
";
const FOUND: u64 = 5;
const SAVED: u64 = 3;

/// The lines when there is no copy to run on.
pub(super) fn not_run(reason: &str) -> [ChecklistLine; 2] {
    [TRANSACTIONS, DISCOVERY].map(|name| ChecklistLine::not_checked(name, reason))
}

/// The lines when the copy is none that anything could run on.
pub(super) fn crosses(reason: &str) -> [ChecklistLine; 2] {
    [TRANSACTIONS, DISCOVERY].map(|name| ChecklistLine::cross(name, reason))
}

pub(super) async fn run(copy: &Copy) -> [ChecklistLine; 2] {
    let db = match connect(&copy.options).await {
        Ok(db) => db,
        // What keeps an application off the copy keeps it off the original.
        Err(error) => {
            return crosses(&format!("the application can't connect: {error}"));
        }
    };
    let lines = [
        line(
            TRANSACTIONS,
            smoke(&db).await,
            "a failed write in a savepoint, the commit after it, lists, counts and cancellations, \
             on a scratch copy",
        ),
        line(
            DISCOVERY,
            discover(&db).await,
            "2 queries, 5 results found, 3 saved, 2 duplicates, and the counters add up, on a \
             scratch copy",
        ),
    ];
    // The copy is removed next, and says if it can't be.
    let _ = db.close().await;
    lines
}

fn line(name: &'static str, outcome: Result<(), anyhow::Error>, done: &str) -> ChecklistLine {
    match outcome {
        Ok(()) => ChecklistLine::tick(name, done),
        Err(error) => ChecklistLine::cross(name, format!("{error:#}")),
    }
}

fn request() -> Result<DiscoveryRequest, anyhow::Error> {
    let keywords = "verify one, verify two";
    Ok(DiscoveryRequest::new(
        keywords,
        vec![Location::Usa],
        vec![],
        100,
    )?)
}

async fn smoke(db: &DatabaseConnection) -> Result<(), anyhow::Error> {
    let request = request()?;
    let [first, second] = [(); 2].map(|()| JobId::from_uuid(RandomIds.next_id()));
    let jobs = (
        NewJob::discover(first, &request).allow_concurrent(),
        NewJob::discover(second, &request).allow_concurrent(),
    );
    let (first_job, second_job) = jobs;
    let refused = with_transaction(db, "verify", |txn| {
        Box::pin(async move {
            enqueue_job_in_txn(txn, &first_job).await?;
            let again = first_job.clone();
            let refused = txn
                .savepoint(|inner| Box::pin(async move { enqueue_job_in_txn(inner, &again).await }))
                .await;
            enqueue_job_in_txn(txn, &second_job).await?;
            Ok::<_, JobError>(refused)
        })
    })
    .await?;
    match refused {
        Err(JobError::Exists { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(()) => anyhow::bail!("a job could be enqueued twice: `jobs` has no primary key"),
    }
    let filter = JobFilter::default();
    let page = list_jobs(db, &filter, &PageRequest::first(10)).await?;
    anyhow::ensure!(
        page.items.len() == 2 && count_jobs(db, &filter).await? == 2,
        "of 2 jobs that were committed {} are there",
        page.items.len()
    );
    for id in [first, second] {
        cancel_job(db, id).await?;
        let job = find_job(db, id).await?;
        let status = job.map(|job| job.status);
        anyhow::ensure!(
            status == Some(JobStatus::Cancelled),
            "a job that was cancelled is {status:?}"
        );
    }
    let filter = ProspectFilter::default();
    list_prospects(db, &filter, &PageRequest::first(10)).await?;
    count_prospects(db, &filter).await?;
    Ok(())
}

async fn discover(db: &DatabaseConnection) -> Result<(), anyhow::Error> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("results.csv");
    std::fs::write(&file, RESULTS)?;
    let (search, _) = FileSearch::open(&file)?;
    let id = JobId::from_uuid(RandomIds.next_id());
    enqueue_job(db, &NewJob::discover(id, &request()?).allow_concurrent()).await?;
    let discovery = Discovery::new(&search, Contacts::Deferred(None));
    let summary = run_discovery(db, id, &discovery).await?;
    let job = find_job(db, id).await?;
    let status = job.as_ref().map(|job| job.status);
    anyhow::ensure!(
        status == Some(JobStatus::Completed),
        "the job is {status:?}: {}",
        summary.reason.as_deref().unwrap_or("no reason was given")
    );
    let counters = summary.counters;
    let prospects = count_prospects(db, &ProspectFilter::default()).await?;
    anyhow::ensure!(
        counters.is_balanced()
            && (counters.found, counters.saved, prospects) == (FOUND, SAVED, SAVED),
        "{} results found where {FOUND} were given, {} saved and {prospects} stored where {SAVED} \
         are new",
        counters.found,
        counters.saved,
    );
    if let Some(finding) = check_data(db).await?.first() {
        anyhow::bail!(
            "the rows are not in order: {}: {}",
            finding.code,
            finding.meaning
        );
    }
    Ok(())
}
