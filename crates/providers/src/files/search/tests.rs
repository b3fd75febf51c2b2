use std::fs;
use std::path::Path;

use outreach_domain::Location;
use outreach_service::discovery::SearchProvider;

use super::super::testing::{bad, query, read, read_within, urls};
use super::super::{Format, Limits};
use super::*;

const GOOD: &str = "url,keyword,location\nhttps://a.example/,home decor blog,usa\n";

#[test]
fn csv_columns_come_in_any_order_and_unknown_ones_are_ignored() {
    let text = "\u{feff}Location, TITLE ,rank,Url,description,KEYWORD\r\n\
                us,\"A, \"\"B\"\"\",1,https://a.example/,\"two\r\nlines\",Home Decor Blog\r\n";
    let (search, report) = read(text.as_bytes()).unwrap();
    let results = search.results(&query("home decor blog", Location::Usa));
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].title.as_deref(), Some("A, \"B\""));
    assert_eq!(results[0].description.as_deref(), Some("two\r\nlines"));
    assert_eq!(results[0].origin.as_deref(), Some("file:2"));
    assert_eq!(report.files[0].format, Some(Format::Csv));
}

#[test]
fn f24_bad_csv_rows_are_set_aside_with_line_and_reason() {
    let text = b"url,title,location\nhttps://a.example/,\"x\ny\",usa\n,No URL,usa\n\
                 https://b.example/,\xff,usa\nhttps://c.example/,C\n\
                 https://d.example/,D,narnia\nhttps://e.example/,N\0L,usa\n";
    let (search, report) = read(text).unwrap();
    assert_eq!(urls(&search), ["https://a.example/", "https://e.example/"]);
    let bad = bad(&report);
    assert_eq!(bad[0], (4, "no url"));
    assert_eq!(bad[1], (5, "invalid UTF-8 in column `title` after byte 0"));
    assert_eq!(bad[2], (6, "2 columns where the header has 3"));
    assert_eq!(bad[3].0, 7);
    assert!(bad[3].1.contains("narnia"), "{bad:?}");
    assert_eq!(report.rows_set_aside, 4);
}

#[test]
fn f24_bad_json_lines_are_set_aside_with_line_and_reason() {
    let text = b"{\"url\":\"https://a.example/\",\"location\":2840,\"rank\":1}\n\n{\"url\":\n\
                 {\"url\":5}\n{\"title\":\"no url\"}\n{\"url\":\"\xff\"}\n[]\n\
                 {\"url\":\"https://x.example/\",\"location\":{}}\n\
                 {\"url\":\"https://b.example/\\u0000\",\"location\":\"usa\"}";
    let (search, report) = read(text).unwrap();
    assert_eq!(
        urls(&search),
        ["https://a.example/", "https://b.example/\0"]
    );
    let bad = bad(&report);
    let lines: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8]);
    assert!(bad[1].1.contains("expected a string"), "{bad:?}");
    assert!(bad[5].1.contains("neither a name nor a code"), "{bad:?}");
    assert!(
        bad.iter().all(|(_, reason)| !reason.contains("line 1")),
        "{bad:?}"
    );
}

#[test]
fn rows_without_keyword_or_location_answer_every_query() {
    let text = "url,keyword,location\nhttps://1.example/,,\nhttps://2.example/,a,\n\
                https://3.example/,,uk\nhttps://4.example/,A ,uk\nhttps://5.example/,b,uk\n";
    let (search, _) = read(text.as_bytes()).unwrap();
    let numbers = |keyword, location| -> Vec<String> {
        let results = search.results(&query(keyword, location));
        results
            .iter()
            .map(|result| result.url[8..9].to_owned())
            .collect()
    };
    assert_eq!(numbers("a", Location::Uk), ["1", "2", "3", "4"]);
    assert_eq!(numbers("a", Location::Usa), ["1", "2"]);
    assert_eq!(numbers("B", Location::Uk), ["1", "3", "5"]);
    assert_eq!(numbers("c", Location::France), ["1"]);
    let queries = [query("a", Location::Usa), query("b", Location::France)];
    assert_eq!(search.unmatched(&queries), 3);
    assert_eq!(search.unmatched(&[]), 5);
    assert_eq!(search.queries_in_file().len(), 5);
}

#[tokio::test]
async fn no_results_for_a_query_is_an_empty_list() {
    let (search, _) = read(GOOD.as_bytes()).unwrap();
    let none = search.search(&query("other", Location::Usa)).await.unwrap();
    assert_eq!(none, []);
    let one = search
        .search(&query("home decor blog", Location::Usa))
        .await;
    assert_eq!(one.unwrap().len(), 1);
    assert_eq!(search.name(), "file");
}

#[test]
fn a_directory_is_read_by_name_and_other_files_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("b.CSV", GOOD);
    write("a.json", "{\"url\":\"https://first.example/\"}\n");
    write("c.csv", "domain,email\nx,y\n");
    write("notes.txt", "url\n");
    write("d.ndjson", "");
    fs::create_dir(folder.path().join("sub.csv")).unwrap();
    let (search, report) = FileSearch::open(folder.path()).unwrap();
    assert_eq!(
        urls(&search),
        ["https://first.example/", "https://a.example/"]
    );
    assert_eq!(report.ignored_files, 2);
    let formats: Vec<Option<Format>> = report.files.iter().map(|file| file.format).collect();
    assert_eq!(
        formats,
        [
            Some(Format::JsonLines),
            Some(Format::Csv),
            Some(Format::Csv),
            None
        ]
    );
    let text = report.set_aside[0].to_string();
    assert!(
        text.starts_with("c.csv: no column `url`: found domain, email;"),
        "{text}"
    );
    assert_eq!(report.rows_set_aside, 1);
}

#[cfg(unix)]
#[test]
fn a_file_of_a_directory_that_cannot_be_opened_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), GOOD).unwrap();
    std::os::unix::fs::symlink("missing", folder.path().join("b.csv")).unwrap();
    let (_, report) = FileSearch::open(folder.path()).unwrap();
    let text = report.set_aside[0].to_string();
    assert!(text.starts_with("b.csv: cannot be read: "), "{text}");
}

#[test]
fn a_path_that_gives_nothing_is_an_error_that_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let empty = FileSearch::open(folder.path()).unwrap_err().to_string();
    assert!(empty.contains("holds no result files (0 other"), "{empty}");
    let missing = FileSearch::open(&folder.path().join("none.csv")).unwrap_err();
    assert!(matches!(&missing, OpenError::Io { path, source }
        if path.ends_with("none.csv") && source.kind() == std::io::ErrorKind::NotFound));
    for (text, part) in [
        ("", "gives no rows: it is empty"),
        (" \n", "gives no rows: it is empty"),
        ("url\n", "gives no rows: it has no rows"),
        ("url\n\"\"\n", "gives no rows: file line 2: no url"),
        (
            "{\n{\n",
            "none of 2 can be used; the first is file line 1: ",
        ),
        (
            "title,link\nx,y\n",
            "no column `url`: found title, link; needed url",
        ),
        ("[]", "it has no rows"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn too_many_rows_is_an_error_that_names_the_limit() {
    let limits = Limits {
        rows: 2,
        bad_rows: 9,
    };
    assert!(read_within(b"url\na\nb\n", limits).is_ok());
    let error = read_within(b"url\na\nb\nc\n", limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`file` has more than 2 rows: split it and run it in parts"
    );
}

#[test]
fn an_error_shows_no_control_characters_of_the_file_name() {
    let error = FileSearch::open(Path::new("no\u{1b}[31mne.csv")).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
}
