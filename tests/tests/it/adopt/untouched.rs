//! A plan writes nothing, and a plan of yesterday is not carried out.

use outreach_migration::REVISIONS;
use outreach_operations::adopt::{self, AdoptError, Adoption, State};
use outreach_service::connect::{DatabaseOptions, open};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    databases::{Contents, alembic},
    folder, plan, run,
};
use crate::migration::{facts::facts, support::MIRRORED};

matrix_tests! {
    on_empty:
    a_plan_is_made_by_reading_alone,
    a_plan_for_another_database_is_not_carried_out,
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
