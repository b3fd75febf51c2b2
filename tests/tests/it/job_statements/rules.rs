//! What the statements of a run must not contain, read from what is sent: the
//! queue has to work on a distributed PostgreSQL, behind a pooler in
//! transaction mode, and in any schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use outreach_domain::JobKind;
use outreach_service::{
    connect::{DatabaseOptions, Tenant, connect_tenant},
    discovery::DiscoveryHandler,
    jobs::{ClaimStrategy, NewJob, cancel_job},
    worker::{AttemptEnd, Completion, JobContext, JobFailure, JobHandler, Worker, WorkerEvent},
};
use outreach_tests::{Proxy, TestDb};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{SENT, drive, enqueue, new_job};
use crate::support::{Search, job_id, request, result, unavailable};

/// The words of a statement in small letters; what is quoted is one word, with
/// its quotes, and each sign is a word.
fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = sql.chars().peekable();
    while let Some(first) = chars.next() {
        let mut word = String::from(first);
        if first == '"' || first == '\'' {
            for next in chars.by_ref() {
                word.push(next);
                if next == first {
                    break;
                }
            }
        } else if first.is_alphanumeric() || first == '_' {
            while let Some(next) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                word.push(next.to_ascii_lowercase());
            }
            word = word.to_ascii_lowercase();
        } else if first.is_whitespace() {
            continue;
        }
        words.push(word);
    }
    words
}

/// The names that are followed by an opening bracket.
fn called(words: &[String]) -> impl Iterator<Item = &str> {
    let is_name = |word: &str| word.starts_with(|c: char| c.is_alphabetic());
    words
        .windows(2)
        .filter(move |pair| pair[1] == "(" && is_name(&pair[0]))
        .map(|pair| pair[0].as_str())
}

/// What a statement does that none of the queue's may do. `volatile` are the
/// functions that the server says may answer anew for each row.
fn broken_rules(sql: &str, volatile: &BTreeSet<String>) -> Vec<String> {
    let words = words(sql);
    let count = |wanted: &str| words.iter().filter(|word| *word == wanted).count();
    let has = |wanted: &str| count(wanted) > 0;
    let follows = |first: &str, second: &str| {
        let pair = |pair: &[String]| pair[0] == first && pair[1] == second;
        words.windows(2).any(pair)
    };
    let first = words.first().map(String::as_str).unwrap_or_default();
    let mut broken = Vec::new();
    let mut refuse = |is_broken: bool, rule: &str| {
        if is_broken {
            broken.push(rule.to_owned());
        }
    };
    for name in called(&words) {
        let changes = has("update") || has("delete");
        refuse(
            changes && volatile.contains(name),
            &format!("a volatile function where rows are changed: {name}"),
        );
        refuse(name.contains("advisory"), "an advisory lock");
        refuse(name == "set_config", "a setting of the session");
    }
    refuse(
        first == "insert" && has("select") && !has("unnest"),
        "INSERT from another table",
    );
    let changes = count("insert")
        + count("delete")
        + count("update")
        // Locks rows, or is a part of INSERT.
        - words
            .windows(2)
            .filter(|pair| pair[1] == "update" && ["for", "key", "do"].contains(&pair[0].as_str()))
            .count();
    refuse(changes > 1, "several changes in one statement");
    refuse(has("offset"), "OFFSET");
    refuse(
        has("public") || has("\"public\""),
        "the name of a schema: public",
    );
    refuse(
        first == "set" && !follows("set", "local"),
        "a setting of the session",
    );
    for word in [
        "listen", "unlisten", "prepare", "declare", "load", "discard", "temp",
    ] {
        refuse(first == word, &format!("state in the session: {word}"));
    }
    refuse(follows("create", "temp"), "state in the session: a table");
    let claims = sql.contains(r#""attempts" = "attempts" + "#);
    let by_key = sql.contains(r#""job_id" = $"#);
    refuse(
        claims && !by_key && !has("limit"),
        "a claim without a LIMIT",
    );
    broken
}

/// The functions of the server that are volatile.
async fn volatile_functions(db: &TestDb) -> BTreeSet<String> {
    let rows = db
        .sql("SELECT DISTINCT proname::text FROM pg_proc WHERE provolatile = 'v'")
        .await
        .unwrap();
    let names: BTreeSet<String> = rows.into_iter().flatten().flatten().collect();
    for name in ["clock_timestamp", "random", "gen_random_uuid", "nextval"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains("statement_timestamp"));
    names
}

fn assert_no_rule_is_broken(sent: &[String], volatile: &BTreeSet<String>) {
    let broken: BTreeMap<&String, Vec<String>> = sent
        .iter()
        .flat_map(|sql| sql.split("; ").map(move |part| (sql, part)))
        .map(|(sql, part)| (sql, broken_rules(part, volatile)))
        .filter(|(_, broken)| !broken.is_empty())
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_rules_know_what_breaks_them() {
    let volatile = BTreeSet::from(["clock_timestamp".to_owned(), "random".to_owned()]);
    for (sql, rule) in [
        (
            r#"UPDATE "jobs" SET "updated_at" = clock_timestamp()"#,
            "volatile",
        ),
        (r#"DELETE FROM "jobs" WHERE random() < 0.5"#, "volatile"),
        (r#"INSERT INTO "jobs" SELECT * FROM "old""#, "another table"),
        (
            "WITH a AS (DELETE FROM b RETURNING *) INSERT INTO c VALUES (1)",
            "several",
        ),
        ("SELECT 1 LIMIT 1 OFFSET 5", "OFFSET"),
        (r#"SELECT * FROM "public"."jobs""#, "public"),
        ("SELECT * FROM public.jobs", "public"),
        ("SET search_path TO a", "session"),
        ("SELECT set_config('a', 'b', false)", "session"),
        ("LISTEN outreach_jobs", "session"),
        ("SELECT pg_try_advisory_xact_lock(1)", "advisory"),
        (
            r#"UPDATE "job_runs" SET "attempts" = "attempts" + $1 WHERE "job_id" IN (SELECT 1)"#,
            "LIMIT",
        ),
    ] {
        let broken = broken_rules(sql, &volatile);
        assert!(
            broken.len() == 1 && broken[0].contains(rule),
            "{sql}: {broken:?}"
        );
    }
    for sql in [
        r#"UPDATE "jobs" SET "updated_at" = statement_timestamp()"#,
        r#"SELECT "id" FROM "jobs" LIMIT 1 FOR UPDATE SKIP LOCKED"#,
        r#"UPDATE "a" SET "b" = 1 WHERE "c" = (SELECT 1 FOR NO KEY UPDATE)"#,
        r#"INSERT INTO "jobs" SELECT * FROM unnest($1)"#,
        "INSERT INTO a VALUES (clock_timestamp()) ON CONFLICT DO NOTHING",
        "SET LOCAL search_path TO a",
        "SELECT 'in public'",
    ] {
        assert_eq!(broken_rules(sql, &volatile), Vec::<String>::new(), "{sql}");
    }
}

/// A PostgreSQL database with its tables in a schema of a tenant, seen through a
/// proxy that writes down what is sent.
async fn tenant(db: &TestDb, schema: Option<&str>) -> (Proxy, Tenant) {
    let proxy = Proxy::start(db.url()).await.unwrap();
    // One connection, so that the statements of a transaction follow each other.
    let mut options = DatabaseOptions::new(&proxy.url(db.url()).unwrap())
        .unwrap()
        .max_connections(1);
    if let Some(schema) = schema {
        let rename = format!("ALTER SCHEMA public RENAME TO \"{schema}\"");
        db.sql(&rename).await.unwrap();
        options = options.schema(schema);
    }
    let tenant = connect_tenant(&options).await.unwrap();
    (proxy, tenant)
}

fn strategies() -> [ClaimStrategy; 2] {
    [ClaimStrategy::SkipLocked, ClaimStrategy::Portable]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_s_statements_keep_to_the_rules() {
    let db = TestDb::postgres().await.unwrap();
    let (proxy, tenant) = tenant(&db, None).await;
    for strategy in strategies() {
        drive(&tenant, strategy).await;
    }
    let sent = proxy.statements();
    for part in SENT {
        assert!(
            sent.iter().any(|sql| sql.contains(part)),
            "no statement was sent with {part}"
        );
    }
    assert_no_rule_is_broken(&sent, &volatile_functions(&db).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_tenant_s_schema_each_transaction_begins_by_choosing_it() {
    let db = TestDb::postgres().await.unwrap();
    let (proxy, tenant) = tenant(&db, Some("Tenant 9")).await;
    for strategy in strategies() {
        drive(&tenant, strategy).await;
        work(&tenant, strategy).await;
    }
    let sent = proxy.statements();
    assert_no_rule_is_broken(&sent, &volatile_functions(&db).await);
    let choice = r#"SET LOCAL search_path TO "Tenant 9""#;
    let mut transactions = 0;
    let mut is_open = false;
    for (index, sql) in sent.iter().enumerate() {
        match sql.as_str() {
            "BEGIN" => {
                let next = sent.get(index + 1).map(String::as_str).unwrap_or_default();
                assert!(next.starts_with(choice), "{next}");
                transactions += 1;
                is_open = true;
            }
            "COMMIT" | "ROLLBACK" => is_open = false,
            // What the pool asks a connection before it lends it.
            "SELECT now() = statement_timestamp()" => assert!(!is_open),
            sql => assert!(is_open, "outside a transaction: {sql}"),
        }
    }
    assert!(transactions > 20, "{transactions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_s_statements_keep_to_the_rules() {
    let db = TestDb::postgres().await.unwrap();
    let (proxy, tenant) = tenant(&db, None).await;
    for strategy in strategies() {
        work(&tenant, strategy).await;
    }
    let sent = proxy.statements();
    for part in [
        r#"UPDATE "job_runs" SET "lease_expires_at" ="#,
        r#"INSERT INTO "prospects""#,
        r#"INSERT INTO "discovery_queries""#,
        r#"UPDATE "job_runs" SET "errors" ="#,
        "AS is_rest FROM priorities_0",
        r#""lease_expires_at" IS NOT NULL AND "owner" ="#,
    ] {
        assert!(
            sent.iter().any(|sql| sql.contains(part)),
            "no statement was sent with {part}"
        );
    }
    assert_no_rule_is_broken(&sent, &volatile_functions(&db).await);
}

/// Fails at first, and never ends the second time.
struct Stubborn {
    began: Arc<Notify>,
}

#[async_trait]
impl JobHandler for Stubborn {
    async fn run(&self, job: &JobContext) -> Result<Completion, JobFailure> {
        if job.attempt() == 1 {
            let soon = Duration::from_millis(1);
            return Err(JobFailure::retry_after("not yet", soon));
        }
        self.began.notify_one();
        std::future::pending().await
    }
}

/// A worker does a discovery of which a query fails, a job that is tried again
/// and then cancelled, which its heartbeat tells it, and stops.
async fn work(tenant: &Tenant, strategy: ClaimStrategy) {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let domain = format!("https://site{number}.example/");
    let search = Search::new(move |query| match query.keyword.as_str() {
        "broken" => Err(unavailable("down")),
        _ => Ok(vec![result(&domain)]),
    });
    let mut stubborn = new_job();
    stubborn.kind = JobKind::Application("test.stubborn".parse().unwrap());
    let discovery = NewJob::discover(job_id(900 + number), &request("a, broken, b", 10));
    enqueue(tenant, &[stubborn.clone(), discovery.clone()]).await;

    let began = Arc::new(Notify::new());
    let ended: Arc<Mutex<BTreeMap<_, AttemptEnd>>> = Arc::default();
    let (watched, all_ended) = (Arc::clone(&ended), Arc::new(Notify::new()));
    let told = Arc::clone(&all_ended);
    let worker = Worker::builder(tenant.clone())
        .handle(
            stubborn.kind.clone(),
            Stubborn {
                began: Arc::clone(&began),
            },
        )
        .handle(JobKind::Discover, DiscoveryHandler::new(search))
        .strategy(strategy)
        .lease(Duration::from_millis(600))
        .poll_interval(Duration::from_millis(20))
        .watch(move |event| {
            if let WorkerEvent::Ended { job, end } = event
                && !matches!(end, AttemptEnd::Retried { .. })
            {
                let mut ended = watched.lock().unwrap();
                ended.insert(*job, end.clone());
                if ended.len() == 2 {
                    told.notify_one();
                }
            }
        })
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let (limit, stopped) = (Duration::from_mins(1), stop.clone());
    let running = tokio::spawn(async move { worker.run(stopped).await });
    tokio::time::timeout(limit, began.notified()).await.unwrap();
    cancel_job(tenant, stubborn.id).await.unwrap();
    tokio::time::timeout(limit, all_ended.notified())
        .await
        .unwrap();
    stop.cancel();
    running.await.unwrap();
    let ended = ended.lock().unwrap();
    assert_eq!(ended[&stubborn.id], AttemptEnd::Lost);
    assert_eq!(ended[&discovery.id], AttemptEnd::Completed);
}
