//! A plan writes nothing, and a plan of yesterday is not carried out.

use outreach_migration::REVISIONS;
use outreach_operations::adopt::{self, AdoptError, Adoption, Progress, State, TableReport};
use outreach_service::connect::{DatabaseOptions, open};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    assert_clean,
    databases::{Contents, alembic},
    folder, plan, run,
};
use crate::migration::{facts::facts, support::MIRRORED};

matrix_tests! {
    on_empty:
    a_plan_is_made_by_reading_alone,
    a_plan_for_another_database_is_not_carried_out,
    f21_what_the_backup_does_not_hold_is_not_adopted,
}

async fn a_plan_is_made_by_reading_alone(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    db.sql("create index by_hand on jobs (user_id)").await?;
    let file = || {
        let path = db.url().trim_start_matches("sqlite://");
        let path = path.split('?').next().unwrap_or_default().to_owned();
        (db.backend() == DbBackend::Sqlite).then(|| std::fs::read(path).unwrap())
    };
    let before = file();
    if db.backend() == DbBackend::Postgres {
        let name = db.value("select quote_ident(current_database())").await?;
        let name = name.unwrap_or_default();
        db.sql(&format!(
            "alter database {name} set default_transaction_read_only = on"
        ))
        .await?;
    }
    assert_eq!(plan(&folder, &db, 0).await?["state"], "drifted");
    let output = run(&folder, &db, &[]).await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(output.stdout.contains("outreach adopt --yes"), "{output:?}");
    assert!(
        output.stdout.contains("BASELINE  m20251201_000004"),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("APPLY     m20260101_000001"),
        "{output:?}"
    );
    assert!(file() == before, "the file has changed");
    Ok(())
}

async fn a_plan_for_another_database_is_not_carried_out(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    let options = DatabaseOptions::new(db.url())?;
    let pool = open(&options.clone().max_connections(1)).await?;
    let recognition = adopt::recognise(&pool).await?;
    let plan = adopt::plan(&pool).await?;
    pool.close().await?;
    let revision = REVISIONS[MIRRORED as usize - 1].name;
    let alembic = true;
    assert_eq!(recognition.state, State::AtRevision { revision, alembic });
    assert_eq!(plan.state, recognition.state);
    db.sql("create index by_hand on jobs (user_id)").await?;
    let before = (facts(&db).await?, Contents::of(&db).await?);
    let adoption = Adoption::new(folder.path());
    let error = adopt::carry_out(&options, &plan, &adoption, &|_| {}).await;
    assert!(matches!(error, Err(AdoptError::Changed)), "{error:?}");
    assert!((facts(&db).await?, Contents::of(&db).await?) == before);
    Ok(())
}

/// Runs a statement as soon as the backup is there, from another connection.
fn writes(url: &str, sql: &'static str) -> impl Fn(Progress) + Send + Sync {
    let url = url.to_owned();
    move |progress| {
        if !matches!(progress, Progress::BackedUp(_)) {
            return;
        }
        let url = url.clone();
        let written = std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let db = sea_orm::Database::connect(&url).await?;
                sea_orm::ConnectionTrait::execute_unprepared(&db, sql).await?;
                Ok(db.close().await?)
            })
        });
        written.join().unwrap().unwrap();
    }
}

/// A backup whose copy is wrong looks the same: it describes itself.
async fn f21_what_the_backup_does_not_hold_is_not_adopted(db: TestDb) -> anyhow::Result<()> {
    let folder = folder()?;
    alembic(&db, MIRRORED, true).await?;
    let options = DatabaseOptions::new(db.url())?;
    let pool = open(&options.clone().max_connections(1)).await?;
    let plan = adopt::plan(&pool).await?;
    pool.close().await?;
    let (before, rows) = (facts(&db).await?, Contents::of(&db).await?);
    let adoption = Adoption::new(folder.path());
    for (sql, what) in [
        (
            "update settings set value = '[]' where key = 'k7'",
            "the rows of `settings`",
        ),
        (
            "delete from email_logs where id = (select id from email_logs limit 1)",
            "the rows of `email_logs`",
        ),
    ] {
        let error = adopt::carry_out(&options, &plan, &adoption, &writes(db.url(), sql)).await;
        let error = error.expect_err("the backup holds something else");
        assert!(error.is_refusal(), "{error:?}");
        let backup = matches!(
            error,
            AdoptError::NotInBackup {
                backup: Some(_),
                ..
            }
        );
        assert!(backup, "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(facts(&db).await?, before);
    }
    assert!(Contents::of(&db).await? != rows, "what was written is kept");
    let report = adopt::carry_out(&options, &plan, &adoption, &|_| {}).await?;
    assert!(report.tables.iter().all(TableReport::is_complete));
    assert_clean(&folder, &db).await
}
