//! Repairs of databases that hold rows: all drift goes, and no row does.

use std::collections::BTreeSet;

use outreach_tests::{Fault, PostgresServer, Proxy, TestDb, matrix_tests};
use schema_audit::{
    compare::{Finding, Severity, compare},
    repair::{ApplyOptions, Destructive, Hazard, Options, Plan, apply, repair},
    schema::Schema,
};
use sea_orm::DbBackend;

use super::{
    found, live,
    rows::{contents, fill, key},
};

matrix_tests! {
    a_dozen_drifts_are_repaired_and_every_row_is_kept,
    f14_a_second_foreign_key_beside_the_first_is_found_and_taken_away,
    f47_rows_that_go_with_others_outlive_the_rebuild_of_those,
}

/// One drift: what makes it, and the finding that it is.
struct Drift {
    makes: String,
    found: &'static str,
}

fn drift(makes: impl Into<String>, found: &'static str) -> Drift {
    Drift {
        makes: makes.into(),
        found,
    }
}

fn drifts(db: &TestDb) -> Vec<Drift> {
    let mut drifts = match db.backend() {
        DbBackend::Sqlite => of_sqlite(),
        _ => of_postgres(),
    };
    drifts.extend([
        drift(
            "drop index ix_prospects_created_at",
            "index-missing prospects.ix_prospects_created_at",
        ),
        drift(
            "drop index uq_prospects_domain",
            "index-missing prospects.uq_prospects_domain",
        ),
        drift(
            "create index extra on jobs (user_id)",
            "index-unexpected jobs.extra",
        ),
        drift(
            "drop index ix_job_runs_lease_expires_at; \
             create index ix_job_runs_lease_expires_at on job_runs (lease_expires_at) \
             where owner is not null",
            "index-changed job_runs.ix_job_runs_lease_expires_at",
        ),
        drift(
            format!(
                "update discovery_queries set results_saved = null where id = {}",
                key(db, 13)
            ),
            "nullability-changed discovery_queries.results_saved",
        ),
    ]);
    drifts
}

fn of_postgres() -> Vec<Drift> {
    vec![
        drift(
            "alter table jobs alter status set default 'new'",
            "default-changed jobs.status",
        ),
        drift(
            "alter table discovery_queries alter results_saved drop not null",
            "nullability-changed discovery_queries.results_saved",
        ),
        drift(
            "alter table discovery_queries alter results_found drop default",
            "default-changed discovery_queries.results_found",
        ),
        drift(
            "alter table job_runs drop constraint job_runs_job_id_fkey, add constraint \
             job_runs_job_id_fkey foreign key (job_id) references jobs (id)",
            "foreign-key-changed job_runs.job_runs_job_id_fkey",
        ),
        drift(
            "alter table settings drop constraint uq_settings_key",
            "unique-missing settings.uq_settings_key",
        ),
        drift(
            "comment on column jobs.status is 'mine'",
            "comment-changed jobs.status",
        ),
        drift(
            "alter table prospects alter domain type text",
            "type-changed prospects.domain",
        ),
        drift(
            "alter table email_logs add constraint second foreign key (prospect_id) \
             references prospects (id) on delete cascade",
            "foreign-key-unexpected email_logs.second",
        ),
        drift(
            "alter table discovery_queries drop constraint discovery_queries_job_id_fkey",
            "foreign-key-missing discovery_queries.discovery_queries_job_id_fkey",
        ),
    ]
}

fn of_sqlite() -> Vec<Drift> {
    vec![
        drift(
            rewrite(
                "jobs",
                "\"status\" varchar NOT NULL DEFAULT 'pending'",
                "\"status\" varchar NOT NULL DEFAULT 'new'",
            ),
            "default-changed jobs.status",
        ),
        drift(
            rewrite(
                "discovery_queries",
                "\"results_saved\" integer NOT NULL",
                "\"results_saved\" integer",
            ),
            "nullability-changed discovery_queries.results_saved",
        ),
        drift(
            rewrite(
                "discovery_queries",
                "\"results_found\" integer NOT NULL DEFAULT 0",
                "\"results_found\" integer NOT NULL",
            ),
            "default-changed discovery_queries.results_found",
        ),
        drift(
            rewrite("job_runs", "ON DELETE CASCADE", "ON DELETE RESTRICT"),
            "foreign-key-changed job_runs.(job_id)->jobs(id)",
        ),
        drift(
            "create unique index uq_settings_value on settings (value)",
            "index-unexpected settings.uq_settings_value",
        ),
        drift(
            rewrite("prospects", "\"domain\" varchar", "\"domain\" text"),
            "type-changed prospects.domain",
        ),
        drift(
            rewrite(
                "email_logs",
                "REFERENCES \"prospects\" (\"id\")",
                "REFERENCES \"prospects\" (\"id\"), FOREIGN KEY (\"prospect_id\") \
                 REFERENCES \"prospects\" (\"id\") ON DELETE CASCADE",
            ),
            "foreign-key-unexpected email_logs.(prospect_id)->prospects(id)",
        ),
        drift(
            rewrite(
                "discovery_queries",
                "FOREIGN KEY (\"job_id\") REFERENCES \"jobs\" (\"id\")",
                "CHECK (results_found >= 0)",
            ),
            "foreign-key-missing discovery_queries.(job_id)->jobs(id)",
        ),
    ]
}

/// SQLite alters next to nothing: the stored statement is changed in place.
pub(super) fn rewrite(table: &str, from: &str, to: &str) -> String {
    let quoted = |text: &str| text.replace('\'', "''");
    format!(
        "pragma writable_schema = on; update sqlite_master set sql = replace(sql, '{}', '{}') \
         where name = '{table}'; pragma writable_schema = reset",
        quoted(from),
        quoted(to)
    )
}

/// What differs and matters.
fn differences(expected: &Schema, actual: &Schema) -> Vec<Finding> {
    let mut findings = compare(expected, actual);
    findings.retain(|finding| finding.severity > Severity::Info);
    findings
}

/// Plans a repair that destroys nothing but what is too much.
fn plan(expected: &Schema, actual: &Schema) -> Plan {
    let options = Options {
        destructive: Destructive::Never,
        ..Options::default()
    };
    let plan = repair(expected, actual, &differences(expected, actual), &options);
    assert_eq!(plan.refused, []);
    let left_out: Vec<_> = plan.statements.iter().filter(|s| s.left_out).collect();
    assert!(left_out.is_empty(), "{left_out:#?}");
    plan
}

async fn mend(db: &TestDb, expected: &Schema) -> anyhow::Result<Plan> {
    let plan = plan(expected, &live(db).await?);
    let pool = db.connect_plain().await?;
    apply(&pool, &plan, &ApplyOptions::default()).await?;
    pool.close().await?;
    Ok(plan)
}

async fn a_dozen_drifts_are_repaired_and_every_row_is_kept(db: TestDb) -> anyhow::Result<()> {
    fill(&db).await?;
    let (expected, before) = (live(&db).await?, contents(&db).await?);
    let drifts = drifts(&db);
    for drift in &drifts {
        db.sql(&drift.makes).await?;
    }
    let wanted: BTreeSet<&str> = drifts.iter().map(|drift| drift.found).collect();
    assert!(wanted.len() >= 12);
    let found_now = found(&db, &[]).await?;
    for finding in wanted {
        let is_it = |line: &String| line.strip_suffix(" database") == Some(finding);
        assert!(
            found_now.iter().any(is_it),
            "no {finding} in {found_now:#?}"
        );
    }
    assert_ne!(contents(&db).await?, before, "NULLs were put in");

    let plan = mend(&db, &expected).await?;

    let hazards: BTreeSet<_> = plan.statements.iter().flat_map(|s| &s.hazards).collect();
    assert!(hazards.contains(&Hazard::FillsNulls), "{hazards:?}");
    assert_eq!(differences(&expected, &live(&db).await?), []);
    assert_eq!(found(&db, &["--data"]).await?, [""; 0]);
    // The NULL was filled with the default, which it had been.
    assert_eq!(contents(&db).await?, before);
    assert!(plan_is_empty(&db, &expected).await?);
    Ok(())
}

async fn plan_is_empty(db: &TestDb, expected: &Schema) -> anyhow::Result<bool> {
    Ok(plan(expected, &live(db).await?).statements.is_empty())
}

async fn f14_a_second_foreign_key_beside_the_first_is_found_and_taken_away(
    db: TestDb,
) -> anyhow::Result<()> {
    fill(&db).await?;
    let (expected, before) = (live(&db).await?, contents(&db).await?);
    let second = match db.backend() {
        DbBackend::Sqlite => rewrite(
            "prospects",
            "ON DELETE SET NULL",
            "ON DELETE SET NULL REFERENCES \"discovery_queries\" (\"id\")",
        ),
        _ => "alter table prospects add foreign key (discovery_query_id) \
              references discovery_queries (id)"
            .to_owned(),
    };
    db.sql(&second).await?;
    let found_now = found(&db, &[]).await?;
    assert_eq!(found_now.len(), 1, "{found_now:#?}");
    assert!(found_now[0].starts_with("foreign-key-unexpected prospects."));
    mend(&db, &expected).await?;
    assert_eq!(compare(&expected, &live(&db).await?), []);
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

/// `job_runs` goes with `jobs`, and prospects forget their query: what a rebuild
/// of the tables that they refer to would do to them, if it deleted.
async fn f47_rows_that_go_with_others_outlive_the_rebuild_of_those(
    db: TestDb,
) -> anyhow::Result<()> {
    fill(&db).await?;
    let (expected, before) = (live(&db).await?, contents(&db).await?);
    let changes = match db.backend() {
        DbBackend::Sqlite => [
            rewrite("jobs", "\"job_type\" varchar", "\"job_type\" text"),
            rewrite(
                "discovery_queries",
                "\"keyword\" varchar",
                "\"keyword\" text",
            ),
        ],
        _ => [
            "alter table jobs alter job_type type text".to_owned(),
            "alter table discovery_queries alter keyword type text".to_owned(),
        ],
    };
    for change in changes {
        db.sql(&change).await?;
    }
    assert_eq!(differences(&expected, &live(&db).await?).len(), 2);
    mend(&db, &expected).await?;
    assert_eq!(compare(&expected, &live(&db).await?), []);
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_f13_a_repair_that_is_cut_at_any_statement_changes_nothing() -> anyhow::Result<()>
{
    let server = PostgresServer::shared().await?;
    let db = TestDb::postgres().await?;
    fill(&db).await?;
    let (expected, before) = (live(&db).await?, contents(&db).await?);
    for drift in drifts(&db) {
        db.sql(&drift.makes).await?;
    }
    let (drifted, rows) = (live(&db).await?, contents(&db).await?);
    let plan = plan(&expected, &drifted);
    let proxy = Proxy::start(&server.url("postgres")).await?;
    let url = proxy.url(db.url())?;
    let mut cut = 0;
    for after in 0.. {
        proxy.set_fault(Fault::DropBeforeStatement { after });
        let fired = proxy.faults_fired();
        let pool = sea_orm::Database::connect(&url).await;
        let outcome = match &pool {
            Ok(pool) => apply(pool, &plan, &ApplyOptions::default()).await.is_ok(),
            Err(_) => false,
        };
        if outcome {
            break;
        }
        assert_eq!(proxy.faults_fired(), fired + 1);
        assert_eq!(live(&db).await?, drifted, "cut before statement {after}");
        assert_eq!(contents(&db).await?, rows, "cut before statement {after}");
        cut += 1;
    }
    assert!(cut > plan.statements.len(), "{cut}");
    assert_eq!(differences(&expected, &live(&db).await?), []);
    assert_eq!(contents(&db).await?, before);
    Ok(())
}

/// What a plan of one table's SQL to another's says.
async fn plan_of(wanted: &str, made: &str) -> anyhow::Result<(Vec<Finding>, Plan)> {
    let (old, new) = (TestDb::empty_sqlite().await?, TestDb::empty_sqlite().await?);
    old.sql(made).await?;
    new.sql(wanted).await?;
    let (expected, actual) = (live(&new).await?, live(&old).await?);
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());
    Ok((findings, plan))
}

#[tokio::test]
async fn sqlite_another_name_of_an_integer_is_a_note_but_for_a_key_that_is_the_rowid()
-> anyhow::Result<()> {
    let wanted = "create table t (id integer primary key, n integer)";
    for (made, severity) in [
        (
            "create table t (id integer primary key, n int)",
            Severity::Info,
        ),
        (
            "create table t (id integer primary key, n bigint)",
            Severity::Info,
        ),
        (
            "create table t (id integer primary key, n real)",
            Severity::Error,
        ),
        (
            "create table t (id int primary key, n integer)",
            Severity::Error,
        ),
    ] {
        let (findings, plan) = plan_of(wanted, made).await?;
        assert!(
            findings.iter().any(|f| f.severity == severity),
            "{made}: {findings:?}"
        );
        assert!(
            findings.iter().all(|f| f.severity <= severity),
            "{made}: {findings:?}"
        );
        let says_nothing = plan.statements.is_empty() && plan.refused.is_empty();
        assert_eq!(says_nothing, severity == Severity::Info, "{made}");
    }
    Ok(())
}

#[tokio::test]
async fn sqlite_a_new_column_that_has_to_have_a_value_is_said_to_need_an_empty_table()
-> anyhow::Result<()> {
    let made = "create table t (a integer)";
    for (wanted, needs) in [
        ("create table t (a integer, b text not null)", true),
        (
            "create table t (a integer, b text not null default 'x')",
            false,
        ),
        ("create table t (a integer, b text)", false),
        (
            "create table t (a integer, b integer not null primary key)",
            false,
        ),
    ] {
        let (_, plan) = plan_of(wanted, made).await?;
        let hazards: BTreeSet<_> = plan.statements.iter().flat_map(|s| &s.hazards).collect();
        assert_eq!(
            hazards.contains(&Hazard::NeedsEmptyTable),
            needs,
            "{wanted}: {plan:?}"
        );
        assert_eq!(
            plan.to_sql().contains("fails if the table has rows"),
            needs,
            "{wanted}"
        );
    }
    Ok(())
}
