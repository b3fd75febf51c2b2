use sea_orm::DbBackend;

use crate::{JobDb, Strategy, job_tests};

job_tests! {
    the_place_has_its_strategy_and_the_schema,
}

async fn the_place_has_its_strategy_and_the_schema(jobs: JobDb) -> anyhow::Result<()> {
    // The name of the test's thread is that of the test.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default().to_owned();
    let place = name.rsplit("::").nth(1).unwrap_or_default();
    let pooled = jobs.db.url() != jobs.db.direct_url();

    let is = (jobs.db.backend(), jobs.strategy, pooled);

    let expected = match place {
        "sqlite" => (DbBackend::Sqlite, Strategy::Portable, false),
        "postgres" => (DbBackend::Postgres, Strategy::Default, false),
        "postgres_portable" => (DbBackend::Postgres, Strategy::Portable, false),
        "pgbouncer" => (DbBackend::Postgres, Strategy::Default, true),
        _ => anyhow::bail!("the test {name} is in none of the four modules"),
    };
    assert_eq!(is, expected);
    assert_eq!(jobs.db.count("select count(*) from job_runs").await?, 0);
    Ok(())
}
