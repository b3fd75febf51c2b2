//! The made-up results in `examples/results`: they load without a loss, the two
//! forms say the same, and the awkward rows are what their README says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use outreach_domain::{Domain, Location};
use outreach_providers::files::{ContactFile, FileSearch, Format};
use outreach_service::discovery::{ContactFinder, SearchProvider, SearchQuery, SearchResult};

const KEYWORDS: [&str; 6] = [
    "home decor blog",
    "interior design website",
    "parenting blog",
    "tech startup blog",
    "unique gift ideas",
    "seasonal decor shop",
];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/results")
        .join(name)
}

fn queries() -> Vec<SearchQuery> {
    let query = |keyword: &str, location| SearchQuery {
        keyword: keyword.to_owned(),
        location,
        category: None,
    };
    KEYWORDS
        .iter()
        .flat_map(|keyword| [Location::Usa, Location::Uk].map(|place| query(keyword, place)))
        .collect()
}

async fn all(search: &FileSearch) -> Vec<SearchResult> {
    let mut results = Vec::new();
    for query in queries() {
        let found = search.search(&query).await.expect("files never refuse");
        assert!(found.len() >= 25, "{} for {query:?}", found.len());
        results.extend(found);
    }
    results
}

#[tokio::test]
async fn the_csv_file_and_the_dataforseo_files_say_the_same() {
    let (csv, csv_report) = FileSearch::open(&shipped("results.csv")).unwrap();
    let (json, json_report) = FileSearch::open(&shipped("dataforseo")).unwrap();
    assert_eq!(csv_report.files[0].format, Some(Format::Csv));
    assert!(
        json_report
            .files
            .iter()
            .all(|file| file.format == Some(Format::DataForSeo))
    );
    assert_eq!(json_report.files.len(), 12);
    for (search, report) in [(&csv, &csv_report), (&json, &json_report)] {
        assert_eq!(report.rows_set_aside, 0, "{:?}", report.set_aside);
        assert_eq!(report.rows_read, 336);
        assert_eq!(search.unmatched(&queries()), 0);
        assert_eq!(search.queries_in_file().len(), 12);
    }
    assert_eq!(json_report.ignored_items, 36);
    let bare = |results: Vec<SearchResult>| -> Vec<SearchResult> {
        let bare = |result| SearchResult {
            origin: None,
            ..result
        };
        results.into_iter().map(bare).collect()
    };
    assert_eq!(bare(all(&csv).await), bare(all(&json).await));
}

#[tokio::test]
async fn f24_f28_the_awkward_rows_are_all_there() {
    let (search, _) = FileSearch::open(&shipped("results.csv")).unwrap();
    let results = all(&search).await;
    let title = |part: &str| {
        let has = |result: &&SearchResult| result.title.as_ref().is_some_and(|t| t.contains(part));
        results
            .iter()
            .find(has)
            .unwrap_or_else(|| panic!("{part:?}"))
    };
    assert!(title("\0").url.contains("nul-in-title"));
    assert!(title("\u{1b}[31m").url.contains("escape-sequence"));
    let domain = |part: &str| {
        let row = results.iter().find(|result| result.url.contains(part));
        Domain::from_url(&row.unwrap_or_else(|| panic!("{part}")).url).map(|d| d.to_string())
    };
    for (part, expected) in [
        ("//mywww.", "mywww.example"),
        ("//awww.", "awww.cute-rooms.example"),
        (":8443", "port-side.example"),
        (":secret@", "login-page.example"),
        (".example./", "trailing-dot.example"),
        ("//möbel", "xn--mbel-liebe-ecb.example"),
        ("//xn--", "xn--mbel-liebe-ecb.example"),
        ("HTTPS://WWW.", "upper-case.example"),
        ("//COZY-NEST.", "cozy-nest.example"),
    ] {
        assert_eq!(domain(part).unwrap(), expected);
    }
    for refused in [
        "httpx://",
        "aaaaaaaaaa",
        "192.0.2.17",
        "2001:db8",
        "//intranet/",
        "not a url",
        "javascript:",
        "under_score",
    ] {
        assert!(domain(refused).is_err(), "{refused}");
    }
    let domains: BTreeSet<String> = results
        .iter()
        .filter_map(|result| Domain::from_url(&result.url).ok())
        .map(|domain| domain.to_string())
        .collect();
    assert!(domains.len() < 336 - 7, "some domains come twice");
}

#[tokio::test]
async fn a_third_of_the_domains_has_a_contact() {
    let (search, _) = FileSearch::open(&shipped("results.csv")).unwrap();
    let (contacts, report) = ContactFile::open(&shipped("contacts.csv")).unwrap();
    assert_eq!(report.rows_set_aside, 0, "{:?}", report.set_aside);
    let domains: BTreeSet<Domain> = all(&search)
        .await
        .iter()
        .filter_map(|result| Domain::from_url(&result.url).ok())
        .collect();
    let mut known = 0;
    for domain in &domains {
        known += usize::from(contacts.find(domain).await.unwrap().is_some());
    }
    assert_eq!(
        known,
        contacts.len(),
        "each contact is of a domain in the results"
    );
    assert!(
        (30..=40).contains(&(known * 100 / domains.len())),
        "{known}"
    );
    let cozy = Domain::parse("cozy-nest.example").unwrap();
    let best = contacts.find(&cozy).await.unwrap().unwrap();
    assert_eq!(best.email.as_str(), "anna@cozy-nest.example");
}
