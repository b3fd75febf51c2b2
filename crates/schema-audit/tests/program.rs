//! The program, run as it is by people and CI: on SQLite, so that nothing else
//! is needed.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use schema_audit::report::JSON_SCHEMA;
use sea_orm::{ConnectionTrait, Database};

const JOBS: &str = "CREATE TABLE jobs (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE runs (id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES jobs (id))";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A database made by these statements, and its URL.
    fn database(&self, name: &str, sql: &str) -> String {
        let path = self.path(name);
        let url = format!("sqlite:{}", path.display());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let db = Database::connect(format!("{url}?mode=rwc")).await.unwrap();
            db.execute_unprepared(sql).await.unwrap();
            db.close().await.unwrap();
        });
        url
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_schema-audit"))
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// The one line of an error; nothing is on standard output.
fn error(output: &Output) -> String {
    assert_eq!(status(output), 2);
    assert_eq!(stdout(output), "");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: "), "{text}");
    text
}

fn hash(path: &Path) -> (Vec<u8>, std::time::SystemTime) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    (fs::read(path).unwrap(), modified)
}

#[test]
fn the_same_schema_twice_is_clean_and_ends_with_0() {
    let folder = Folder::new();
    let (a, b) = (folder.database("a.db", JOBS), folder.database("b.db", JOBS));
    let output = folder.run(&["diff", &a, &b]);
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(stdout(&output).ends_with("\nclean: 2 objects compared\n"));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_missing_column_is_found_and_ends_with_1() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let b = folder.database("b.db", &JOBS.replace(", name TEXT NOT NULL", ""));
    let output = folder.run(&["diff", &a, &b, "--format", "json"]);
    assert_eq!(status(&output), 1);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "column-missing");
    assert!(
        findings[0]["object"]
            .as_str()
            .unwrap()
            .ends_with("jobs.name")
    );
    let schema: serde_json::Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    assert!(jsonschema::is_valid(&schema, &report));
}

#[test]
fn every_format_is_written_and_ends_with_1() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let b = folder.database("b.db", "CREATE TABLE jobs (id INTEGER PRIMARY KEY)");
    for (format, beginning) in [
        ("text", "expected  sqlite:"),
        ("json", "{"),
        ("markdown", "# Schema audit"),
        ("sarif", "{"),
        ("junit", "<?xml"),
        ("github", "::error title="),
    ] {
        let output = folder.run(&["diff", &a, &b, "--format", format, "--repair"]);
        assert_eq!(status(&output), 1, "{format}");
        assert!(stdout(&output).starts_with(beginning), "{format}");
    }
}

#[test]
fn a_snapshot_stands_for_its_database() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let snapshot = folder.run(&["inspect", &a, "--output", "a.json"]);
    assert_eq!((status(&snapshot), stdout(&snapshot)), (0, String::new()));
    let b = folder.database("b.db", JOBS);
    assert_eq!(status(&folder.run(&["diff", "a.json", &b])), 0);
    let c = folder.database("c.db", "CREATE TABLE jobs (id INTEGER PRIMARY KEY)");
    let output = folder.run(&["diff", "a.json", &c, "--format", "sarif"]);
    assert_eq!(status(&output), 1);
    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a.json");
}

#[test]
fn a_diagram_is_drawn() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let output = folder.run(&["inspect", &a, "--format", "er"]);
    assert_eq!(status(&output), 0);
    let text = stdout(&output);
    assert!(text.starts_with("erDiagram\n"));
    assert!(text.contains("    jobs ||--o{ runs : \"job_id\""), "{text}");
}

#[test]
fn all_ways_to_write_a_path_work() {
    let folder = Folder::new();
    let absolute = folder.path("a b.db");
    folder.database("a b.db", JOBS);
    for url in [
        "sqlite:a b.db".to_owned(),
        "sqlite:a%20b.db".to_owned(),
        "sqlite://a b.db".to_owned(),
        "sqlite:./a b.db?mode=ro".to_owned(),
        // Asked for in writing; opened for reading all the same.
        "sqlite:a b.db?mode=rwc".to_owned(),
        format!("sqlite:{}", absolute.display()),
        format!("sqlite://{}", absolute.display()),
    ] {
        assert_eq!(status(&folder.run(&["diff", &url, &url])), 0, "{url}");
    }
}

#[test]
fn the_files_are_not_touched_nor_others_made() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let b = folder.database("b.db", "CREATE TABLE jobs (id INTEGER PRIMARY KEY)");
    let before = (hash(&folder.path("a.db")), hash(&folder.path("b.db")));
    let output = folder.run(&["diff", &a, &b, "--repair"]);
    assert_eq!(status(&output), 1);
    assert_eq!(
        before,
        (hash(&folder.path("a.db")), hash(&folder.path("b.db")))
    );
    let mut names: Vec<_> = fs::read_dir(folder.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a.db", "b.db"]);
}

#[test]
fn a_file_that_is_missing_is_not_made() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let said = error(&folder.run(&["diff", &a, "sqlite:none.db?mode=rwc"]));
    assert!(said.contains("`none.db` cannot be read"), "{said}");
    assert!(!folder.path("none.db").exists());
    let said = error(&folder.run(&["diff", "none.json", &a]));
    assert!(said.contains("`none.json` cannot be read"), "{said}");
}

#[test]
fn what_is_no_database_is_told_as_such() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    folder.file("text.db", "this is not a database, and long enough for one");
    fs::create_dir(folder.path("folder")).unwrap();
    for (url, expected) in [
        ("sqlite:text.db", "`text.db` is no SQLite database"),
        ("sqlite:folder", "`folder` is a directory or a device"),
        ("folder", "`folder` is a directory or a device"),
        ("sqlite::memory:", "there is nothing in it"),
        ("text.db", "`text.db` is no schema in JSON"),
        ("a.db", "`a.db` is an SQLite database: write sqlite:a.db"),
        ("mysql://h/db", "it has to begin with postgres://"),
        ("", "cannot be read"),
    ] {
        let said = error(&folder.run(&["diff", url, &a]));
        assert!(said.contains(expected), "{url}: {said}");
    }
}

#[test]
fn a_damaged_database_ends_with_2() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let mut bytes = fs::read(folder.path("a.db")).unwrap();
    bytes[100..].fill(0xff);
    folder.file("b.db", bytes);
    let said = error(&folder.run(&["diff", &a, "sqlite:b.db"]));
    assert!(said.contains("sqlite:b.db"), "{said}");
}

#[test]
fn two_kinds_of_databases_are_not_compared() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    // Nobody is asked before: the server does not exist.
    let said = error(&folder.run(&["diff", &a, "postgres://u:secret@localhost:1/db"]));
    assert!(
        said.contains("SQLite and PostgreSQL: compare like with like"),
        "{said}"
    );
}

#[test]
fn f43_a_server_that_refuses_is_named_without_its_password() {
    let folder = Folder::new();
    let url = "postgres://u:secret@127.0.0.1:1/db";
    let said = error(&folder.run(&["diff", url, url]));
    assert!(
        said.contains("postgres://u@127.0.0.1:1/db cannot be reached"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn f43_arguments_that_are_refused_show_no_password() {
    let folder = Folder::new();
    let url = "postgres://u:secret@h/db?password=secret";
    let option = format!("--format={url}");
    for args in [
        &["diff", url, url, url][..],
        &["diff", url, url, &option],
        &["diff", url, url, "--format", url],
        &[url],
        &["inspect"],
    ] {
        let output = folder.run(args);
        assert_eq!(status(&output), 2);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("secret"), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_snapshot_of_one_schema_needs_its_name_and_one_of_all_has_none() {
    let folder = Folder::new();
    let one = folder.file("one.json", r#"{"dialect": "postgres"}"#);
    let all = folder.file(
        "all.json",
        r#"{"dialect": "postgres", "schemas": ["public"]}"#,
    );
    let said = error(&folder.run(&["diff", &one, &one]));
    assert!(said.contains("name the schema"), "{said}");
    let said = error(&folder.run(&["diff", &all, &all, "--schema", "public"]));
    assert!(said.contains("of all schemas"), "{said}");
    assert_eq!(
        status(&folder.run(&["diff", &one, &one, "--schema", "x"])),
        0
    );
    assert_eq!(status(&folder.run(&["diff", &all, &all])), 0);
}

#[test]
fn a_file_that_cannot_be_written_ends_with_2() {
    let folder = Folder::new();
    let a = folder.database("a.db", JOBS);
    let said = error(&folder.run(&["diff", &a, &a, "--output", "none/report.txt"]));
    assert!(said.contains("cannot write `none/report.txt`"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_schema-audit"))
        .arg("json-schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir(folder.0.path())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn the_json_schema_help_and_version_are_printed() {
    let folder = Folder::new();
    assert!(stdout(&folder.run(&["json-schema"])) == JSON_SCHEMA);
    for arg in ["--help", "--version"] {
        let output = folder.run(&[arg]);
        assert_eq!(status(&output), 0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}
