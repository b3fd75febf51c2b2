//! Repairs of PostgreSQL, run for real and proved on scratch copies.

use std::{collections::BTreeSet, time::Duration};

use outreach_tests::TestDb;
use schema_audit::{
    compare::{Severity, compare},
    inspect::{Scope, inspect},
    repair::{
        ApplyError, ApplyOptions, Destructive, Options, apply, dependents, label, prove, repair,
    },
    schema::Schema,
    scratch::{Scratch, ScratchOptions},
};
use sea_orm::{ConnectionTrait, TransactionTrait};

/// What an application's own `create_all` made.
const MADE: &str = "create table queries (id uuid primary key, status varchar, found integer);
    create table prospects (id uuid primary key, score numeric(5,2), query_id uuid,
        constraint prospects_query_id_fkey foreign key (query_id) references queries (id));
    create table settings (key varchar not null);
    create unique index ix_settings_key on settings (key);
    insert into queries values ('00000000-0000-0000-0000-000000000001', null, null),
        ('00000000-0000-0000-0000-000000000002', 'done', 7);
    insert into prospects values ('00000000-0000-0000-0000-000000000003', null,
        '00000000-0000-0000-0000-000000000001');
    insert into settings values ('a');";

/// What its migrations say.
const WANTED: &str = "create table queries (id uuid primary key,
        status varchar default 'pending' not null, found integer default 0 not null);
    create table prospects (id uuid primary key, query_id uuid, score numeric(5,2) default '0',
        constraint fk_prospects_query_id foreign key (query_id) references queries (id)
            on delete set null);
    comment on column prospects.query_id is 'the query''s id';
    create table settings (key varchar not null, constraint uq_settings_key unique (key));
    create index ix_settings_key on settings (key);";

async fn database(sql: &str) -> anyhow::Result<TestDb> {
    let db = TestDb::empty_postgres().await?;
    db.sql(sql).await?;
    Ok(db)
}

/// As a snapshot of it would have it, without what is not recorded.
async fn expected(sql: &str) -> anyhow::Result<Schema> {
    let db = database(sql).await?;
    let schema = inspect(&db.connect_plain().await?, &Scope::Current).await?;
    Ok(serde_json::from_value(serde_json::to_value(schema)?)?)
}

async fn scratch_databases(db: &TestDb) -> anyhow::Result<i64> {
    db.count("select count(*) from pg_database where datname like 'schema_audit_scratch_%'")
        .await
}

#[tokio::test]
async fn a_schema_of_create_all_becomes_that_of_the_migrations_and_loses_no_row()
-> anyhow::Result<()> {
    let live = database(MADE).await?;
    let expected = expected(WANTED).await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());
    assert_eq!(plan.refused, []);
    assert!(plan.statements.iter().all(|s| !s.destructive));

    apply(&pool, &plan, &ApplyOptions::default()).await?;

    let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
    assert!(
        left.iter().all(|f| f.severity == Severity::Info),
        "{left:?}"
    );
    let rows = live
        .sql("select status, found from queries order by id")
        .await?;
    let text = |row: &[&str]| {
        row.iter()
            .map(|v| Some((*v).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows, [text(&["pending", "0"]), text(&["done", "7"])]);
    assert_eq!(live.count("select count(*) from prospects").await?, 1);
    assert_eq!(live.count("select count(*) from settings").await?, 1);
    Ok(())
}

#[tokio::test]
async fn the_printed_plan_does_the_same_when_it_is_run_as_a_script() -> anyhow::Result<()> {
    let live = database(MADE).await?;
    let expected = expected(WANTED).await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());

    live.sql(&plan.to_sql()).await?;

    let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
    assert!(
        left.iter().all(|f| f.severity == Severity::Info),
        "{left:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_proof_is_clean_changes_nothing_and_leaves_no_database_behind() -> anyhow::Result<()> {
    let live = database(MADE).await?;
    let expected = expected(WANTED).await?;
    let pool = live.connect_plain().await?;
    let before = inspect(&pool, &Scope::Current).await?;

    let url = live.url().into();
    let proof = prove(
        &url,
        &Scope::Current,
        &expected,
        &Options::default(),
        &ScratchOptions::default(),
    )
    .await?;

    assert!(proof.clean, "{proof:?}");
    assert_eq!(inspect(&pool, &Scope::Current).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_proof_names_what_it_leaves_out_and_what_is_refused() -> anyhow::Result<()> {
    let live = database(
        "create table t (a integer, b text); create view v as select a from t;
         create table gone (a integer);",
    )
    .await?;
    let expected = expected("create table t (a bigint, b text);").await?;
    let url = live.url().into();
    let options = Options::default();
    let scratch = ScratchOptions::default();

    let proof = prove(&url, &Scope::Current, &expected, &options, &scratch).await?;

    assert!(proof.clean, "{proof:?}");
    assert_eq!(proof.left_out, ["table-unexpected public.gone"]);
    assert_eq!(proof.refused.len(), 1);
    assert_eq!(proof.refused[0].finding, "type-changed public.t.a");
    assert!(proof.refused[0].reason.contains("view public.v"));
    Ok(())
}

#[tokio::test]
async fn what_is_left_out_leaves_its_neighbours_as_they_are() -> anyhow::Result<()> {
    let live = database(
        "create type mood as enum ('a', 'b');
         create table t (price numeric default 0.5 check (price > 0), m mood default 'a',
             old mood default 'a', key integer unique, other integer);
         create index ix_price on t ((price * 2));
         create table extra (key integer references t (key));
         create index ix_other on extra (key);
         insert into t values (1.5, 'a', 'a', 7, 1);",
    )
    .await?;
    let expected = expected(
        "create type mood as enum ('a');
         create table t (price integer default 7 check (price > 0), m mood default 'a',
             key integer, other bigint);
         create index ix_price on t ((price * 2));
         create index ix_other on t (other);",
    )
    .await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());
    let left_out = plan.statements.iter().filter(|s| s.left_out);
    let stays: BTreeSet<String> = left_out
        .flat_map(|statement| statement.mends.clone())
        .chain(plan.refused.iter().map(|refusal| refusal.finding.clone()))
        .collect();
    assert!(stays.contains("type-changed public.t.price"), "{stays:?}");
    assert!(!stays.contains("enum-changed public.mood"), "{stays:?}");

    apply(&pool, &plan, &ApplyOptions::default()).await?;

    let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
    let left: BTreeSet<String> = left
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .map(label)
        .collect();
    assert_eq!(left, stays);
    assert_eq!(
        live.value("select price::text from t").await?.as_deref(),
        Some("1.5")
    );
    let kept = live
        .value("insert into t default values returning price || old::text")
        .await?;
    assert_eq!(kept.as_deref(), Some("0.5a"));
    Ok(())
}

#[tokio::test]
async fn a_repair_that_fails_names_the_statement_and_changes_nothing() -> anyhow::Result<()> {
    let live =
        database("create table t (a integer, b integer); insert into t values (null, 1), (1, 1);")
            .await?;
    let expected = expected("create table t (a integer not null, b bigint);").await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());

    let error = apply(&pool, &plan, &ApplyOptions::default())
        .await
        .unwrap_err();

    let ApplyError::Statement { statement, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(statement.contains("SET NOT NULL"), "{statement}");
    assert_eq!(inspect(&pool, &Scope::Current).await?, actual);
    Ok(())
}

#[tokio::test]
async fn a_repair_gives_up_on_a_lock_that_it_does_not_get() -> anyhow::Result<()> {
    let live = database("create table t (a integer);").await?;
    let expected = expected("create table t (a integer, b integer);").await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let plan = repair(&expected, &actual, &findings, &Options::default());
    let other = live.connect_plain().await?;
    let holder = other.begin().await?;
    holder.execute_unprepared("lock table t").await?;

    let options = ApplyOptions {
        lock_timeout: Duration::from_millis(50),
    };
    let error = apply(&pool, &plan, &options).await.unwrap_err();

    assert!(matches!(error, ApplyError::Statement { .. }), "{error:?}");
    holder.rollback().await?;
    apply(&pool, &plan, &ApplyOptions::default()).await?;
    Ok(())
}

#[tokio::test]
async fn a_value_of_an_enum_is_added_where_it_belongs_and_taken_away_by_a_new_type()
-> anyhow::Result<()> {
    let short = "create type mood as enum ('a', 'c');
        create table t (m mood default 'a', ms mood[], check (m <> 'c'));
        create index on t (m) where m = 'a';
        insert into t values ('a', '{a,c}');";
    let long = short.replace("('a', 'c')", "('a', 'b', 'c')");
    for (have, want) in [(short, &*long), (&*long, short)] {
        let live = database(have).await?;
        let expected = expected(want).await?;
        let pool = live.connect_plain().await?;
        let actual = inspect(&pool, &Scope::Current).await?;
        let findings = compare(&expected, &actual);
        let plan = repair(&expected, &actual, &findings, &Options::default());
        apply(&pool, &plan, &ApplyOptions::default()).await?;
        let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
        assert_eq!(left, []);
        assert_eq!(
            live.value("select ms::text from t").await?.as_deref(),
            Some("{a,c}")
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_serial_column_that_becomes_an_identity_goes_on_counting() -> anyhow::Result<()> {
    let live = database(
        "create table t (id serial primary key, a text); insert into t (a) values ('x'), ('y');",
    )
    .await?;
    let wanted =
        "create table t (id integer generated by default as identity primary key, a text);";
    let expected = expected(wanted).await?;
    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let findings = compare(&expected, &actual);
    let options = Options {
        dependents: dependents(&pool, actual.name.as_deref()).await?,
        destructive: Destructive::Never,
        ..Options::default()
    };
    let plan = repair(&expected, &actual, &findings, &options);
    apply(&pool, &plan, &ApplyOptions::default()).await?;
    let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
    assert_eq!(left, []);
    let next = live
        .value("insert into t (a) values ('z') returning id")
        .await?;
    assert_eq!(next.as_deref(), Some("3"));
    Ok(())
}

#[tokio::test]
async fn a_scratch_copy_has_the_schema_and_no_rows_and_can_be_removed() -> anyhow::Result<()> {
    let live = database(MADE).await?;
    let url = live.url().into();
    let copy = Scratch::copy_of(&url, &ScratchOptions::default()).await?;
    let pool = live.connect_plain().await?;
    assert_eq!(
        inspect(copy.connection(), &Scope::Current).await?,
        inspect(&pool, &Scope::Current).await?
    );
    copy.connection()
        .execute_unprepared("insert into settings values ('only here')")
        .await?;
    assert_eq!(live.count("select count(*) from settings").await?, 1);
    assert!(scratch_databases(&live).await? >= 1);
    copy.remove().await?;
    Ok(())
}

#[tokio::test]
async fn a_renamed_table_with_a_serial_key_is_left_alone_or_made_again_with_its_sequence()
-> anyhow::Result<()> {
    let made = "create table t (id serial primary key, a text)";
    let live = database(&format!(
        "{made}; insert into t (a) values ('x'), ('y'); alter table t rename to old"
    ))
    .await?;
    let expected = expected(made).await?;
    let url = live.url().into();
    let scratch = ScratchOptions::default();
    let options = Options::default();
    let proof = prove(&url, &Scope::Current, &expected, &options, &scratch).await?;
    assert!(proof.clean, "{proof:?}");
    let left_out = [
        "sequence-changed public.t_id_seq",
        "table-missing public.t",
        "table-unexpected public.old",
    ];
    assert_eq!(proof.left_out, left_out);

    let all = Options {
        destructive: Destructive::All,
        ..Options::default()
    };
    let proof = prove(&url, &Scope::Current, &expected, &all, &scratch).await?;
    assert!(proof.clean, "{proof:?}");
    assert!(
        proof.left_out.is_empty() && proof.refused.is_empty(),
        "{proof:?}"
    );

    let pool = live.connect_plain().await?;
    let actual = inspect(&pool, &Scope::Current).await?;
    let plan = repair(&expected, &actual, &compare(&expected, &actual), &all);
    apply(&pool, &plan, &ApplyOptions::default()).await?;
    let next = live
        .value("insert into t (a) values ('z') returning id")
        .await?;
    assert_eq!(next.as_deref(), Some("3"), "the sequence goes on");
    Ok(())
}

#[tokio::test]
async fn a_foreign_key_whose_triggers_are_switched_off_is_made_again_and_checks_the_rows()
-> anyhow::Result<()> {
    let made = "create table p (id integer primary key); \
        create table c (p integer constraint c_p references p (id))";
    let expected = expected(made).await?;
    for table in ["p", "c"] {
        let live = database(&format!("{made}; alter table {table} disable trigger all")).await?;
        let pool = live.connect_plain().await?;
        let actual = inspect(&pool, &Scope::Current).await?;
        let findings = compare(&expected, &actual);
        let labels: Vec<String> = findings.iter().map(label).collect();
        assert_eq!(labels, ["foreign-key-changed public.c.c_p"], "{table}");
        assert!(
            findings[0]
                .actual
                .as_deref()
                .unwrap_or("")
                .ends_with("NOT ENFORCED")
        );
        assert_eq!(findings[0].severity, Severity::Error);
        let plan = repair(&expected, &actual, &findings, &Options::default());
        apply(&pool, &plan, &ApplyOptions::default()).await?;
        let left = compare(&expected, &inspect(&pool, &Scope::Current).await?);
        assert_eq!(left, [], "{table}");
        assert!(live.sql("insert into c values (7)").await.is_err());
    }
    Ok(())
}
