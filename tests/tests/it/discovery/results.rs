//! What becomes of each result of a discovery.

use std::sync::Arc;

use outreach_service::discovery::{Counters, SearchResult};
use outreach_tests::{TestDb, matrix_tests};

use super::{assert_counters_match_rows, domains, run};
use crate::support::{Search, enqueue, job_id, pool, request, result, uuid};

matrix_tests! {
    f34_each_result_meets_exactly_one_end,
    f24_a_result_with_a_nul_byte_is_set_aside_and_the_rest_is_saved,
    f28_domains_are_saved_in_one_form,
    f26_two_jobs_at_once_save_each_domain_once,
    f27_a_second_job_reports_everything_as_existing,
    no_more_than_max_results_are_saved,
    a_query_that_is_done_is_not_paid_for_again,
    a_thousand_results_are_saved_in_one_query,
}

async fn f34_each_result_meets_exactly_one_end(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("first", 10)).await;
    run(&pool, 1, &Search::of(&["https://old.example/"]))
        .await
        .unwrap();
    enqueue(&pool, 2, &request("second", 2)).await;
    let summary = run(
        &pool,
        2,
        &Search::of(&[
            "https://a.example/1",
            "https://a.example/2",
            "https://old.example/",
            "ftp://b.example/",
            "https://c.example/",
            "https://d.example/",
            "https://e.example/",
        ]),
    )
    .await
    .unwrap();
    assert_eq!(
        summary.counters,
        Counters {
            found: 7,
            saved: 2,
            duplicate: 1,
            existing: 1,
            no_contact: 0,
            invalid: 1,
            over_limit: 2,
        }
    );
    assert_counters_match_rows(&db, &summary.counters).await;
    assert_eq!(
        domains(&db).await,
        ["a.example", "c.example", "old.example"]
    );
}

async fn f24_a_result_with_a_nul_byte_is_set_aside_and_the_rest_is_saved(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let search = Search::new(|_| {
        let mut results: Vec<SearchResult> = (0..20)
            .map(|n| result(&format!("https://site{n}.example/")))
            .collect();
        results[7].title = Some("broken\0title".to_owned());
        results[7].origin = Some("results.csv:9".to_owned());
        Ok(results)
    });
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!((summary.counters.saved, summary.counters.invalid), (19, 1));
    assert_counters_match_rows(&db, &summary.counters).await;
    let set_aside = summary.queries[0].metadata.as_ref().unwrap()["set_aside"].clone();
    assert_eq!(set_aside[0]["origin"], "results.csv:9");
    assert!(
        set_aside[0]["reason"].as_str().unwrap().contains("title"),
        "{set_aside}"
    );
}

async fn f28_domains_are_saved_in_one_form(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 100)).await;
    let search = Search::of(&[
        "https://mywww.com/",
        "https://awww.example.com/",
        "HTTPS://WWW.Example.org/page",
        "https://user:secret@port.example:8443/x",
        "https://dot.example./",
        "https://bücher.example/",
        "https://xn--bcher-kva.example/",
        "httpx://nope.example/",
        "https://192.168.0.1/",
        "https://localhost/",
    ]);
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!(
        domains(&db).await,
        [
            "awww.example.com",
            "dot.example",
            "example.org",
            "mywww.com",
            "port.example",
            "xn--bcher-kva.example",
        ]
    );
    assert_eq!(
        (summary.counters.duplicate, summary.counters.invalid),
        (1, 3)
    );
}

async fn f26_two_jobs_at_once_save_each_domain_once(db: TestDb) {
    let pool = pool(&db).await;
    // Both have searched before either saves.
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let jobs: Vec<_> = (1..=2)
        .map(|number| {
            let (pool, barrier) = (pool.clone(), barrier.clone());
            tokio::spawn(async move {
                enqueue(&pool, number, &request("a", 100)).await;
                let search = Search::new(move |_| {
                    tokio::task::block_in_place(|| barrier.wait());
                    Ok((0..10)
                        .map(|n| result(&format!("https://site{n}.example/")))
                        .collect())
                });
                run(&pool, number, &search).await.unwrap().counters
            })
        })
        .collect();
    let mut total = Vec::new();
    for job in jobs {
        total.push(job.await.unwrap());
    }
    let total: Counters = total.into_iter().sum();
    assert_eq!((total.found, total.saved, total.existing), (20, 10, 10));
    assert_counters_match_rows(&db, &total).await;
    assert_eq!(domains(&db).await.len(), 10);
}

async fn f27_a_second_job_reports_everything_as_existing(db: TestDb) {
    let pool = pool(&db).await;
    let urls: &[&str] = &["https://a.example/", "https://b.example/"];
    for number in [1, 2] {
        enqueue(&pool, number, &request("a", 100)).await;
    }
    let first = run(&pool, 1, &Search::of(urls)).await.unwrap().counters;
    let second = run(&pool, 2, &Search::of(urls)).await.unwrap().counters;
    assert_eq!((first.saved, first.existing), (2, 0));
    assert_eq!((second.saved, second.existing), (0, 2));
}

async fn no_more_than_max_results_are_saved(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b, c", 5)).await;
    let search = Search::new(|query| {
        Ok((0..4)
            .map(|n| result(&format!("https://{}{n}.example/", query.keyword)))
            .collect())
    });
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!(summary.counters.saved, 5);
    assert_eq!(summary.counters.over_limit, 3);
    assert_eq!(search.asked(), ["a", "b"], "the third search buys nothing");
    assert_counters_match_rows(&db, &summary.counters).await;
    assert_eq!(summary.planned, 3);
}

async fn a_query_that_is_done_is_not_paid_for_again(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a, b", 100)).await;
    // What an earlier run that was cut off has committed.
    let id = uuid(77);
    let job = job_id(1).as_uuid();
    let literal = |id: uuid::Uuid| match db.backend() {
        sea_orm::DbBackend::Sqlite => format!("X'{}'", id.simple()),
        _ => format!("'{id}'"),
    };
    db.sql(&format!(
        "INSERT INTO discovery_queries (id, job_id, keyword, location, status, results_found, \
         results_saved) VALUES ({}, {}, 'a', 'usa', 'success', 1, 1)",
        literal(id),
        literal(job)
    ))
    .await
    .unwrap();
    db.sql(&format!(
        "INSERT INTO prospects (id, domain, discovery_query_id) VALUES ({}, 'a.example', {})",
        literal(uuid(78)),
        literal(id)
    ))
    .await
    .unwrap();
    let search = Search::of(&["https://a.example/", "https://b.example/"]);
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!(search.asked(), ["b"]);
    assert_eq!((summary.counters.saved, summary.counters.duplicate), (2, 1));
    assert_counters_match_rows(&db, &summary.counters).await;
}

async fn a_thousand_results_are_saved_in_one_query(db: TestDb) {
    let pool = pool(&db).await;
    enqueue(&pool, 1, &request("a", 1000)).await;
    let search = Search::new(|_| {
        Ok((0..3000)
            .map(|n| result(&format!("https://site{n}.example/")))
            .collect())
    });
    let summary = run(&pool, 1, &search).await.unwrap();
    assert_eq!(
        (summary.counters.saved, summary.counters.over_limit),
        (1000, 2000)
    );
    assert_counters_match_rows(&db, &summary.counters).await;
}
