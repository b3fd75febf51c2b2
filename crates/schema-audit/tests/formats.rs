//! Every format, on a report without findings and on one whose texts are as
//! awkward as a database can make them.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use schema_audit::{
    compare::{Category, Code, Finding, Severity, Side},
    repair::{Hazard, Plan, Refusal, Statement},
    report::{
        Block, CheckLine, Item, JSON_SCHEMA, Proof, Report, Section, Status, er, github, json,
        junit, markdown, sarif, text,
    },
    schema::{
        Column, Dialect, ForeignKey, Index, IndexKey, Key, ObjectName, ObjectPath, Schema, Table,
        Unmodelled,
    },
};

const ARTIFACT: &str = "schema/main.json";

fn column(name: &str, data_type: &str, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable,
        default: None,
        generated: None,
        identity: None,
        collation: None,
        comment: None,
        inherited: false,
    }
}

fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.to_owned()),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        ..Key::default()
    }
}

fn foreign_key(name: Option<&str>, column: &str, references: ObjectName) -> ForeignKey {
    ForeignKey {
        name: name.map(str::to_owned),
        columns: vec![column.to_owned()],
        references,
        referenced_columns: vec!["id".to_owned()],
        on_update: schema_audit::schema::Action::default(),
        on_delete: schema_audit::schema::Action::default(),
        on_delete_columns: Vec::new(),
        match_type: schema_audit::schema::MatchType::default(),
        deferrable: schema_audit::schema::Deferrable::default(),
        not_valid: false,
        not_enforced: false,
        comment: None,
        inherited: false,
    }
}

fn clean() -> Report {
    let mut report = Report::new(
        "schema-audit",
        "1.2.3",
        "main.json",
        "postgres://app@db/app",
    );
    let mut schema = Schema::empty(Dialect::Postgres);
    for name in ["jobs", "prospects"] {
        schema
            .tables
            .push(Table::new(ObjectName::qualified("public", name)));
    }
    report.add_comparison(&schema, &schema, &[]);
    report.items.push(Item::new(
        "name-changed",
        "name_only",
        Severity::Info,
        "public.jobs.jobs_pkey",
        "A constraint or index has another name and the same definition",
    ));
    report
}

fn finding(code: Code, member: &str, expected: Option<&str>, actual: Option<&str>) -> Finding {
    Finding {
        code,
        category: code.category(),
        severity: code.severity(),
        object: ObjectPath {
            schema: Some("public".to_owned()),
            object: "a|b`\"<i>\n\u{202e}".to_owned(),
            member: Some(member.to_owned()),
        },
        expected: expected.map(str::to_owned),
        actual: actual.map(str::to_owned),
        side: None,
    }
}

/// A report of texts that mean something to a terminal, to Markdown, to XML, to
/// a workflow or to SARIF.
fn awkward() -> Report {
    let mut report = Report::new(
        "schema-audit",
        "1.2.3",
        "a\u{1b}[31m.json",
        "postgres://app@db/a%20b?x",
    );
    let mut schema = Schema::empty(Dialect::Postgres);
    for name in ["a|b`\"<i>\n\u{202e}", "quiet", "notes.and.dots"] {
        schema
            .tables
            .push(Table::new(ObjectName::qualified("public", name)));
    }
    let mut other = schema.clone();
    other.unmodelled = ["v\u{1b}]0;x\u{7}", "w", "x", "y", "z", "<script>|"]
        .map(|name| Unmodelled {
            kind: "view".to_owned(),
            name: name.to_owned(),
            table: None,
            definition: None,
        })
        .to_vec();
    let long = "x".repeat(10_000);
    let mut with_side = finding(
        Code::CheckChanged,
        "c",
        Some(&long),
        Some("]]> & </failure>"),
    );
    with_side.side = Some(Side::Migrations);
    report.add_comparison(
        &schema,
        &other,
        &[
            finding(
                Code::ColumnMissing,
                "🎁\u{200b}",
                Some("text '%0A::error::,:'"),
                None,
            ),
            finding(Code::ColumnUnexpected, "", None, Some("")),
            finding(
                Code::DefaultChanged,
                "d",
                Some("'a\r\nb\0'"),
                Some("`[x](y) {0}`"),
            ),
            with_side,
            finding(Code::NameChanged, "n", Some("old"), Some("new")),
        ],
    );
    report.items.push(ledger());
    report.items.push(orphans());
    report.checks = vec![
        check("five tables", true, Some("5")),
        check("three | foreign\nkeys", false, Some("2 <b>of</b> 3")),
        check("no detail", false, None),
        unseen("a job | runs", Some("needs <b>CREATEDB</b>\u{1b}")),
        unseen("no reason", None),
    ];
    report.sections.push(section());
    report.repair = Some(plan());
    report.proof = Some(Proof {
        clean: false,
        remaining: vec![ledger()],
        left_out: vec!["column-unexpected public.quiet.x".to_owned()],
        refused: plan().refused,
        error: None,
    });
    report.next_steps = vec!["run `x`\u{1b}".to_owned(), "# then".to_owned()];
    report
}

fn ledger() -> Item {
    let code = Code::RevisionPending;
    Item {
        expected: Some("556b79de2825".to_owned()),
        remedy: Some("outreach migrate | up".to_owned()),
        ..Item::new(
            code.as_str(),
            "history",
            code.severity(),
            "ledger",
            code.summary(),
        )
    }
}

fn orphans() -> Item {
    Item {
        count: Some(12),
        examples: vec!["1".to_owned(), "2\u{1b}".to_owned()],
        ..Item::new(
            "data-orphan",
            "data",
            Severity::Warning,
            "public.quiet.job_id",
            "Rows point to a row that is gone",
        )
    }
}

fn check(name: &str, passed: bool, detail: Option<&str>) -> CheckLine {
    CheckLine {
        name: name.to_owned(),
        checked: true,
        passed,
        detail: detail.map(str::to_owned),
    }
}

fn unseen(name: &str, reason: Option<&str>) -> CheckLine {
    CheckLine {
        checked: false,
        ..check(name, false, reason)
    }
}

fn section() -> Section {
    let text = |text: &str| text.to_owned();
    Section {
        title: text("Pipeline | viability"),
        blocks: vec![
            Block::Paragraph(text("All <b>is</b> well\u{1b}.")),
            Block::List(vec![text("- one"), text("[two](x)")]),
            Block::Table {
                header: vec![text("Stage"), text("Rows")],
                rows: vec![vec![text("a|b"), text("1")], vec![text("short")]],
            },
            Block::Code {
                language: text("mermaid"),
                text: text("graph TD\n  a --> b\n```"),
            },
        ],
    }
}

fn plan() -> Plan {
    Plan {
        statements: vec![Statement {
            sql: "ALTER TABLE \"a\u{202e}\"\n\tADD COLUMN \"```\" text".to_owned(),
            hazards: vec![Hazard::AccessExclusiveLock],
            mends: vec!["column-missing public.a\nDROP TABLE b".to_owned()],
            destructive: false,
            left_out: false,
        }],
        refused: vec![Refusal {
            finding: "check-changed public.a|b".to_owned(),
            reason: "no <b>way</b>".to_owned(),
        }],
        ..Plan::default()
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every format of a report, by name.
fn all(report: &Report) -> Vec<(&'static str, String)> {
    vec![
        ("text", written(|out| text::write(report, out))),
        ("json", written(|out| json::write(report, out))),
        ("markdown", written(|out| markdown::write(report, out))),
        ("sarif", written(|out| sarif::write(report, ARTIFACT, out))),
        ("junit", written(|out| junit::write(report, out))),
        ("github", written(|out| github::write(report, out))),
    ]
}

#[test]
fn a_clean_report_in_every_format() {
    for (format, text) in all(&clean()) {
        insta::assert_snapshot!(format!("clean_{format}"), text);
    }
}

#[test]
fn an_awkward_report_in_every_format() {
    for (format, text) in all(&awkward()) {
        insta::assert_snapshot!(format!("awkward_{format}"), text);
    }
}

#[test]
fn an_empty_report_is_clean_in_every_format() {
    let report = Report::new("", "", "", "");
    for (format, text) in all(&report) {
        insta::assert_snapshot!(format!("empty_{format}"), text);
    }
    assert_eq!(report.exit_status(), 0);
}

#[test]
fn a_clean_report_fits_on_one_screen() {
    let mut report = clean();
    let item = report.items[0].clone();
    report.items.resize(500, item);
    report.compared = (0..1_000)
        .map(|number| format!("public.t{number}"))
        .collect();
    report.unmodelled.actual = (0..500)
        .map(|number| Unmodelled {
            kind: "view".to_owned(),
            name: "long ".repeat(number),
            table: None,
            definition: None,
        })
        .collect();
    let text = written(|out| text::write(&report, out));
    assert!(text.lines().count() <= 24, "{text}");
}

#[test]
fn no_format_lets_a_control_or_invisible_character_through() {
    for (format, text) in all(&awkward()) {
        let bad = text.chars().find(|&character| {
            // The tab is in the SQL of the repair.
            (character.is_control() && !matches!(character, '\n' | '\t'))
                || matches!(character, '\u{200b}' | '\u{202e}')
        });
        assert_eq!(bad, None, "{format}");
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert_eq!(all(&awkward()), all(&awkward()));
}

#[test]
fn information_alone_is_clean_a_failed_check_is_not_and_an_unseen_one_is_neither() {
    let mut report = clean();
    assert_eq!((report.status(), report.exit_status()), (Status::Clean, 0));
    report.checks.push(unseen("x", None));
    assert_eq!(
        (report.status(), report.exit_status()),
        (Status::Incomplete, 2)
    );
    report.checks.push(check("x", false, None));
    assert_eq!(
        (report.status(), report.exit_status()),
        (Status::Findings, 1)
    );
    report.checks.clear();
    report.items.push(orphans());
    assert_eq!(
        (report.status(), report.exit_status()),
        (Status::Findings, 1)
    );
}

fn assert_valid(schema: &str, document: &str) {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn json_validates_against_the_published_json_schema() {
    for report in [clean(), awkward(), Report::new("", "", "", "")] {
        assert_valid(JSON_SCHEMA, &written(|out| json::write(&report, out)));
    }
}

#[test]
fn the_published_json_schema_refuses_what_is_no_report() {
    let schema: serde_json::Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = written(|out| json::write(&awkward(), out));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(validator.is_valid(&report));
    for key in [
        "findings",
        "status",
        "counts",
        "unmodelled",
        "format_version",
    ] {
        let mut report = report.clone();
        report.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&report), "{key}");
    }
    for key in ["code", "severity", "object"] {
        let mut report = report.clone();
        report["findings"][0].as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&report), "{key}");
    }
    let mut other = report;
    other["findings"][0]["severity"] = "dire".into();
    assert!(!validator.is_valid(&other));
}

#[test]
fn json_has_every_finding_whole() {
    let text = written(|out| json::write(&awkward(), out));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 7);
    assert_eq!(findings[0]["code"], "column-missing");
    assert_eq!(findings[0]["category"], "column");
    assert_eq!(
        findings[0]["object"],
        "public.a|b`\"<i>\n\u{202e}.🎁\u{200b}"
    );
    assert_eq!(findings[0]["actual"], serde_json::Value::Null);
    assert_eq!(findings[3]["expected"].as_str().unwrap().len(), 10_000);
    assert_eq!(findings[3]["side"], "migrations");
    assert_eq!(report["status"], "findings");
    assert_eq!(report["counts"]["error"], 4);
}

#[test]
fn sarif_validates_against_the_official_json_schema() {
    // A pattern for languages, which are not written, has a bracket too many
    // and is no regular expression to a strict reader.
    let schema = include_str!("fixtures/sarif-2.1.0.schema.json").replace("{2}]?$", "{2}$");
    for report in [clean(), awkward(), Report::new("x", "", "", "")] {
        assert_valid(
            &schema,
            &written(|out| sarif::write(&report, ARTIFACT, out)),
        );
    }
}

#[test]
fn every_sarif_result_names_a_rule_that_is_there() {
    let text = written(|out| sarif::write(&awkward(), ARTIFACT, out));
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for code in Code::ALL {
        assert!(
            rules.iter().any(|rule| rule["id"] == code.as_str()),
            "{code}"
        );
    }
    let results = run["results"].as_array().unwrap();
    // Seven items, two checks that did not pass and two that were not made.
    assert_eq!(results.len(), 11);
    let mut fingerprints = std::collections::HashSet::new();
    for result in results {
        let place = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[place]["id"]);
        let fingerprint = &result["partialFingerprints"]["schemaAuditFinding/v1"];
        assert!(fingerprints.insert(fingerprint.as_str().unwrap()));
    }
}

#[test]
fn junit_is_read_back_with_each_object_as_a_test() {
    let text = written(|out| junit::write(&awkward(), out));
    let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let cases: Vec<(&str, bool)> = read
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases)
        .map(|case| {
            let passed = matches!(case.status, quick_junit::TestCaseStatus::Success { .. });
            (case.name.as_str(), passed)
        })
        .collect();
    assert_eq!(
        cases,
        [
            ("public.a|b`\"<i>\\u{a}\\u{202e}", false),
            ("public.notes.and.dots", true),
            ("public.quiet", false),
            ("ledger", false),
            ("five tables", true),
            ("three | foreign\\u{a}keys", false),
            ("no detail", false),
            ("a job | runs", false),
            ("no reason", false),
        ]
    );
    let skipped = read.skipped;
    assert_eq!(skipped, 2);
    assert_eq!(read.failures, 5);
}

#[test]
fn an_annotation_is_one_command_on_one_line() {
    let text = written(|out| github::write(&awkward(), out));
    assert_eq!(text.lines().count(), 7 + 4 + 1);
    for line in text.lines() {
        let rest = line.strip_prefix("::").unwrap();
        let (command, message) = rest.split_once("::").unwrap();
        let (level, title) = command.split_once(" title=").unwrap();
        assert!(["error", "warning", "notice"].contains(&level), "{line}");
        assert!(!title.contains([':', ',']), "{line}");
        assert!(!message.is_empty());
    }
}

#[test]
fn every_category_has_a_word() {
    for code in Code::ALL {
        let item = Item::from(&Finding {
            code: *code,
            ..finding(*code, "x", None, None)
        });
        assert!(!item.category.is_empty(), "{code}");
    }
    let item = Item::from(&finding(Code::ForeignKeyMissing, "x", None, None));
    assert_eq!(item.category, "fk");
    assert_eq!(Category::ForeignKey, Code::ForeignKeyMissing.category());
}

#[test]
fn a_diagram_has_tables_keys_and_relations() {
    insta::assert_snapshot!("er", written(|out| er::write(&drawn(), out)));
    let empty = Schema::empty(Dialect::Sqlite);
    assert_eq!(written(|out| er::write(&empty, out)), "erDiagram\n");
}

fn drawn() -> Schema {
    let mut schema = Schema::empty(Dialect::Postgres);
    let mut jobs = Table::new(ObjectName::local("jobs"));
    jobs.columns = vec![
        column("id", "uuid", false),
        column("pk", "numeric(10,2)", true),
        column("a \"b\"%", "character varying(255)", true),
        column("größe", "text[]", false),
        column("plain", "", true),
    ];
    jobs.primary_key = Some(key("jobs_pkey", &["id"]));
    jobs.uniques = vec![key("jobs_pk_key", &["pk"])];
    let mut runs = Table::new(ObjectName::local("job runs"));
    runs.columns = vec![
        column("id", "uuid", false),
        column("job_id", "uuid", false),
        column("parent", "uuid", true),
        column("only", "uuid", false),
    ];
    runs.primary_key = Some(key("p", &["id"]));
    runs.indexes = vec![Index {
        name: "u".to_owned(),
        method: "btree".to_owned(),
        unique: true,
        nulls_not_distinct: false,
        keys: vec![IndexKey {
            expression: "only".to_owned(),
            is_column: true,
            descending: false,
            nulls_first: None,
            operator_class: None,
            collation: None,
        }],
        include: Vec::new(),
        predicate: None,
        options: Vec::new(),
        invalid: false,
        comment: None,
        inherited: false,
        only: false,
        definition: String::new(),
    }];
    runs.foreign_keys = vec![
        foreign_key(Some("runs_\"job\""), "job_id", ObjectName::local("jobs")),
        foreign_key(None, "parent", ObjectName::local("job runs")),
        foreign_key(Some("one"), "only", ObjectName::qualified("other", "jobs")),
    ];
    schema.tables = vec![jobs, runs, Table::new(ObjectName::local("job_runs"))];
    schema.sort();
    schema
}

#[test]
fn the_readme_lists_every_code() {
    use std::fmt::Write as _;

    let mut table =
        "| code | category | severity | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for code in Code::ALL {
        let item = Item::from(&finding(*code, "x", None, None));
        let severity = serde_json::to_value(item.severity).unwrap();
        writeln!(
            table,
            "| `{code}` | {} | {} | {} |",
            item.category,
            severity.as_str().unwrap(),
            item.summary,
        )
        .unwrap();
    }
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("<!-- codes: generated -->\n").unwrap();
    let (listed, _) = rest.split_once("<!-- codes: end -->").unwrap();
    assert_eq!(listed, table);
}
