use outreach_domain::Location;

use super::super::error::OpenError;
use super::super::testing::{bad, query, read, read_within, urls};
use super::super::{Limits, MAX_ROW_BYTES};

const DATA: &str = r#""data":{"keyword":"home decor blog","location_code":2840}"#;

fn organic(url: &str) -> String {
    format!(r#"{{"type":"organic","title":"T","url":"{url}","description":null}}"#)
}

/// A response with one task and one result, one item a line from line 2 on.
fn response(items: &[String]) -> String {
    let items = items.join(",\n");
    format!("{{\"tasks\":[{{{DATA},\"result\":[{{\"items\":[\n{items}\n]}}]}}]}}")
}

#[test]
fn organic_items_are_read_and_other_types_are_counted() {
    let text = response(&[
        organic("https://a.example/"),
        r#"{"type":"paid","url":"https://ad.example/","description":["odd"]}"#.to_owned(),
        r#"{"type":"people_also_ask","items":[{"type":"organic","url":"x"}]}"#.to_owned(),
        organic("https://b.example/"),
    ]);
    let (search, report) = read(text.as_bytes()).unwrap();
    assert_eq!(urls(&search), ["https://a.example/", "https://b.example/"]);
    assert_eq!(
        (
            report.rows_read,
            report.ignored_items,
            report.rows_set_aside
        ),
        (2, 2, 0)
    );
    let results = search.results(&query(" HOME decor blog", Location::Usa));
    assert_eq!(results[1].origin.as_deref(), Some("file:5"));
    assert_eq!(results[1].title.as_deref(), Some("T"));
    assert_eq!(results[1].description, None);
    assert_eq!(search.results(&query("home decor blog", Location::Uk)), []);
}

#[test]
fn f24_a_bad_item_is_set_aside_and_costs_no_other() {
    let mut text = response(&[
        organic("https://a.example/"),
        r#"{"type":"organic","url":5}"#.to_owned(),
        r#"{"type":"organic","url":null}"#.to_owned(),
        r#"{"type":"organic","title":"\ud83d","url":"https://surrogate.example/"}"#.to_owned(),
        organic("https://invalid-utf-8.example/%"),
        organic("https://raw-nul.example/@"),
        "null".to_owned(),
        "7".to_owned(),
        r#"["organic"]"#.to_owned(),
        r#"{"url":"https://no-type.example/"}"#.to_owned(),
        organic(&"x".repeat(MAX_ROW_BYTES)),
        organic("https://escaped-nul.example/\\u0000"),
    ])
    .into_bytes();
    for byte in &mut text {
        match *byte {
            b'%' => *byte = 0xff,
            b'@' => *byte = 0,
            _ => {}
        }
    }
    let (search, report) = read(&text).unwrap();
    assert_eq!(
        urls(&search),
        ["https://a.example/", "https://escaped-nul.example/\0"]
    );
    let bad = bad(&report);
    let lines: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "{bad:?}");
    for (at, part) in [
        (0, "expected a string"),
        (1, "no url"),
        (2, "hex escape"),
        (3, "unicode"),
        (4, "control character"),
        (5, "not an object"),
        (8, "without a type"),
        (9, "longer than"),
    ] {
        assert!(bad[at].1.contains(part), "{:?}", bad[at]);
    }
}

#[test]
fn a_file_that_was_cut_off_keeps_its_items_and_reports_the_line_of_the_cut() {
    let whole = response(&[
        organic("https://a.example/"),
        organic("https://b.example/"),
        organic("https://c.example/"),
    ]);
    let cut = &whole[..whole.find("c.example").unwrap()];
    let (search, report) = read(cut.as_bytes()).unwrap();
    assert_eq!(urls(&search), ["https://a.example/", "https://b.example/"]);
    let bad = bad(&report);
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].0, 4);
    assert!(bad[0].1.contains("cut off"), "{}", bad[0].1);
}

#[test]
fn broken_structure_keeps_what_came_before_and_says_that_the_rest_is_unread() {
    let text = response(&[organic("https://a.example/"), "}".to_owned()]);
    let (search, report) = read(text.as_bytes()).unwrap();
    assert_eq!(urls(&search), ["https://a.example/"]);
    let bad = bad(&report);
    assert_eq!(bad[0].0, 3);
    assert!(
        bad[0].1.contains("the rest of the file is not read"),
        "{bad:?}"
    );
}

#[test]
fn responses_may_be_in_an_array_or_follow_each_other() {
    let one = response(&[organic("https://a.example/")]);
    let two = response(&[organic("https://b.example/")]);
    for text in [
        format!("[{one},{two}]"),
        format!("{one}{two}"),
        format!("\u{feff}{one}\n\n{two}\n"),
    ] {
        let (search, report) = read(text.as_bytes()).unwrap();
        assert_eq!(urls(&search), ["https://a.example/", "https://b.example/"]);
        assert_eq!(report.rows_set_aside, 0, "{text}");
    }
}

#[test]
fn the_query_is_known_wherever_the_response_says_it() {
    let items = format!("\"items\":[{}]", organic("https://a.example/"));
    let result = r#""keyword":"home decor blog","location_code":2840"#;
    let other = r#""keyword":"other","location_code":2826"#;
    for task in [
        format!("{{\"result\":[{{{items}}}],{DATA}}}"),
        format!("{{\"result\":[{{{items},{result}}}]}}"),
        format!("{{\"result\":[{{{result},{items}}}],\"data\":{{}}}}"),
        format!("{{{DATA},\"result\":[{{{other},{items}}}]}}"),
        format!("{{\"result\":[{{{other},{items}}}],{DATA}}}"),
        format!(
            "{{\"data\":{{\"keyword\":\"home decor blog\",\"location_name\":\"United States\"}},\
             \"result\":[{{{items}}}]}}"
        ),
    ] {
        let text = format!("{{\"tasks\":[{task}]}}");
        let (search, _) = read(text.as_bytes()).unwrap();
        assert_eq!(urls(&search), ["https://a.example/"], "{text}");
        let queries = search.queries_in_file();
        assert_eq!(queries.len(), 1);
        assert_eq!(queries[0].keyword.as_deref(), Some("home decor blog"));
        assert_eq!(queries[0].location, Some(Location::Usa));
    }
}

#[test]
fn results_of_one_task_keep_their_own_queries() {
    let text = format!(
        "{{\"tasks\":[{{\"result\":[{{\"keyword\":\"home decor blog\",\"items\":[{}]}},\
         {{\"items\":[{}],\"keyword\":\"other\"}}]}}]}}",
        organic("https://a.example/"),
        organic("https://b.example/"),
    );
    let (search, _) = read(text.as_bytes()).unwrap();
    assert_eq!(urls(&search), ["https://a.example/"]);
    let other = search.results(&query("other", Location::France));
    assert_eq!(other[0].url, "https://b.example/");
}

#[test]
fn an_unknown_location_code_is_set_aside_and_never_becomes_another_country() {
    let text = response(&[organic("https://a.example/")]).replace("2840", "2036");
    let error = read(text.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("unknown location code 2036"),
        "{error}"
    );
}

#[test]
fn f33_a_task_that_failed_is_reported_with_its_message() {
    let text = "{\"status_code\":20000,\"tasks\":[\n{\"status_code\":40501,\
                \"status_message\":\"Invalid Field: 'keyword'.\",\"result\":null}]}";
    let error = read(text.as_bytes()).unwrap_err();
    let OpenError::NoRows { reason, .. } = error else {
        panic!("{error}");
    };
    assert!(
        reason.contains("line 2: the task has status 40501: Invalid Field: 'keyword'."),
        "{reason}"
    );
    let text = r#"{"status_code":40100,"status_message":"You are not authorized.","tasks":null}"#;
    let error = read(text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("40100: You are not authorized."));
}

#[test]
fn a_success_without_items_is_no_error() {
    let text = format!("{{\"tasks\":[{{\"status_code\":20000,{DATA},\"result\":null}}]}}");
    let (search, report) = read(text.as_bytes()).unwrap();
    assert_eq!(report.rows_read, 0);
    assert_eq!(urls(&search), Vec::<String>::new());
}

#[test]
fn values_of_the_wrong_type_are_reported_at_each_level() {
    let good = response(&[organic("https://a.example/")]);
    for odd in [
        "[1, null, true, -1, 1.5, \"x\", [2]]",
        "{\"tasks\":{\"a\":[]}}",
        "{\"tasks\":[5]}",
        "{\"tasks\":[{\"result\":\"x\"}]}",
        "{\"tasks\":[{\"result\":[{\"items\":5}]}]}",
        "{\"tasks\":[{\"data\":[5]}]}",
        "{\"tasks\":[{\"status_code\":\"20000\"}]}",
        "{\"url\":\"https://x.example/\"}",
    ] {
        let text = format!("{good}\n{odd}");
        let (search, report) = read(text.as_bytes()).unwrap();
        assert_eq!(urls(&search), ["https://a.example/"]);
        assert!(report.rows_set_aside > 0, "{odd}");
    }
}

#[test]
fn too_many_rows_in_one_task_is_an_error_that_names_the_limit() {
    let items: Vec<String> = (0..4)
        .map(|n| organic(&format!("https://{n}.example/")))
        .collect();
    let limits = Limits {
        rows: 3,
        bad_rows: 1,
    };
    let error = read_within(response(&items).as_bytes(), limits).unwrap_err();
    assert!(
        matches!(error, OpenError::TooManyRows { limit: 3, .. }),
        "{error}"
    );
    assert!(read_within(response(&items[..3]).as_bytes(), limits).is_ok());
}

#[test]
fn deep_nesting_is_no_stack_overflow() {
    let deep = "[".repeat(200_000);
    assert!(read(deep.as_bytes()).is_err());
    let text = response(&[organic("https://a.example/"), format!("{{\"a\":{deep}")]);
    let (search, _) = read(text.as_bytes()).unwrap();
    assert_eq!(urls(&search), ["https://a.example/"]);
}
