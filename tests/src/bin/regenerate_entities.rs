//! Writes the SeaORM entities anew: runs the chain of revisions on an empty
//! PostgreSQL database, lets the pinned generator read it, and puts the result
//! into `entity/src/generated`, beside `entity/src/revisions.rs`, which says
//! which revisions the entities belong to.
//!
//! With `--check` it writes nothing and says whether the repository holds
//! exactly that.

#![expect(
    clippy::print_stdout,
    reason = "a command line reports on standard output"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, bail};
use clap::Parser;
use outreach_migration::Migrator;
use outreach_tests::TestDb;
use sea_orm_cli::{BannerVersion, BigIntegerType, DateTimeCrate, GenerateSubcommands};
use sea_orm_migration::MigratorTrait;

const ENTITIES: &str = "entity/src";

/// Carries the database's URL to the generator; an argument would show the
/// password in the process list.
const URL_VARIABLE: &str = "REGENERATE_ENTITIES_URL";

/// Differing lines shown of one file.
const LINES_SHOWN: usize = 6;

/// Regenerates the SeaORM entities from the chain of revisions.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write nothing; list what differs from the repository and exit with 1
    #[arg(long)]
    check: bool,
    /// Run the generator itself, into this folder
    #[arg(long, hide = true)]
    generate_into: Option<PathBuf>,
}

/// Contents by path below `entity/src`.
type Files = BTreeMap<PathBuf, String>;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(folder) = arguments.generate_into {
        generate(&folder).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let entities = workspace()?.join(ENTITIES);
    let wanted = wanted_files().await?;
    let present = read_files(&entities)?;
    if arguments.check {
        return Ok(check(&wanted, &present));
    }
    write_files(&entities, &wanted, &present)?;
    println!("wrote {} files into {ENTITIES}", wanted.len());
    Ok(ExitCode::SUCCESS)
}

fn workspace() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the package lies in a workspace")
}

async fn wanted_files() -> anyhow::Result<Files> {
    let db = TestDb::empty_postgres().await?;
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, None)
        .await
        .context("the chain of revisions failed on an empty database")?;
    pool.close().await?;

    let folder = tempfile::tempdir()?;
    let generated = folder.path().join("generated");
    run_generator(db.url(), &generated)?;
    let revisions = db
        .sql("select version from seaql_migrations order by version")
        .await?;
    let revisions: Vec<String> = revisions.into_iter().flatten().flatten().collect();
    fs::write(
        folder.path().join("revisions.rs"),
        revisions_rs(&revisions)?,
    )?;

    format_files(folder.path())?;
    read_files(folder.path())
}

/// Runs the generator in a process of its own, because it reports on standard
/// output and installs a logger.
fn run_generator(url: &str, folder: &Path) -> anyhow::Result<()> {
    let output = Command::new(env::current_exe()?)
        .arg("--generate-into")
        .arg(folder)
        .env(URL_VARIABLE, url)
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        bail!(
            "the entity generator failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

async fn generate(folder: &Path) -> anyhow::Result<()> {
    let url = env::var(URL_VARIABLE).context("the generator was called by hand")?;
    let folder = folder.to_str().context("the folder is not UTF-8")?;
    let command = GenerateSubcommands::Entity {
        entity_format: Some("dense".to_owned()),
        compact_format: false,
        expanded_format: false,
        frontend_format: false,
        include_hidden_tables: false,
        tables: Vec::new(),
        ignore_tables: ["seaql_migrations", "alembic_version"]
            .map(str::to_owned)
            .into(),
        max_connections: 1,
        acquire_timeout: 30,
        output_dir: folder.to_owned(),
        database_schema: None,
        database_url: url,
        with_prelude: "all".to_owned(),
        with_serde: "both".to_owned(),
        serde_skip_deserializing_primary_key: false,
        serde_skip_hidden_column: false,
        with_copy_enums: false,
        date_time_crate: DateTimeCrate::Chrono,
        big_integer_type: BigIntegerType::I64,
        lib: false,
        model_extra_derives: Vec::new(),
        model_extra_attributes: Vec::new(),
        enum_extra_derives: Vec::new(),
        enum_extra_attributes: Vec::new(),
        column_extra_derives: Vec::new(),
        seaography: false,
        impl_active_model_behavior: true,
        preserve_user_modifications: false,
        banner_version: BannerVersion::Minor,
        er_diagram: false,
    };
    sea_orm_cli::run_generate_command(command, false)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn revisions_rs(revisions: &[String]) -> anyhow::Result<String> {
    if revisions.is_empty() {
        bail!("the ledger seaql_migrations of the migrated database is empty");
    }
    let mut text = String::from(
        "//! Generated by `cargo run --bin regenerate-entities`; not to be edited.\n\n\
         /// The revisions that the entities were generated from, oldest first.\n\
         pub const REVISIONS: &[&str] = &[\n",
    );
    for revision in revisions {
        writeln!(text, "    {revision:?},")?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// Formats with the workspace's settings; the generator's own formatting knows
/// nothing of them.
fn format_files(folder: &Path) -> anyhow::Result<()> {
    let status = Command::new("rustfmt")
        .arg("--config-path")
        .arg(workspace()?)
        .args(read_files(folder)?.keys().map(|path| folder.join(path)))
        .stdin(Stdio::null())
        .status()
        .context("could not run rustfmt: `rustup component add rustfmt`")?;
    if !status.success() {
        bail!("rustfmt refused the generated files ({status})");
    }
    Ok(())
}

/// The generated files of a folder: `revisions.rs` and all below `generated`.
fn read_files(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut paths = vec![PathBuf::from("revisions.rs")];
    let generated = folder.join("generated");
    if generated.is_dir() {
        for entry in fs::read_dir(generated)? {
            paths.push(Path::new("generated").join(entry?.file_name()));
        }
    }
    for path in paths {
        let full = folder.join(&path);
        if full.is_file() {
            let text = fs::read(&full)?;
            files.insert(path, String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(files)
}

/// Files that nothing generates any more go, for a dropped table's entity would
/// stay behind.
fn write_files(entities: &Path, wanted: &Files, present: &Files) -> anyhow::Result<()> {
    fs::create_dir_all(entities.join("generated"))?;
    for stale in present.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(entities.join(stale))?;
    }
    for (path, text) in wanted {
        // An equal file keeps its time, and what depends on it its build.
        if present.get(path) != Some(text) {
            fs::write(entities.join(path), text)?;
        }
    }
    Ok(())
}

fn check(wanted: &Files, present: &Files) -> ExitCode {
    let findings = findings(wanted, present);
    if findings.is_empty() {
        println!("{} generated files are up to date", wanted.len());
        return ExitCode::SUCCESS;
    }
    for finding in &findings {
        println!("{finding}");
    }
    println!(
        "{} generated files are out of date: run `cargo run --bin regenerate-entities`",
        findings.len()
    );
    ExitCode::FAILURE
}

fn findings(wanted: &Files, present: &Files) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = wanted.keys().chain(present.keys()).collect();
    let finding = |path: &PathBuf| {
        let name = Path::new(ENTITIES).join(path);
        let name = name.display();
        match (wanted.get(path), present.get(path)) {
            (Some(_), None) => Some(format!("missing: {name}")),
            (None, _) => Some(format!("not generated by anything: {name}")),
            (Some(wanted), Some(present)) if wanted != present => {
                Some(format!("differs: {name}\n{}", difference(wanted, present)))
            }
            _ => None,
        }
    };
    paths.into_iter().filter_map(finding).collect()
}

/// The lines of one side only, a few of them; all are on both sides where only
/// their order or the end of the file differs.
fn difference(wanted: &str, present: &str) -> String {
    let only = |of: &str, other: &str, mark: char| -> Vec<String> {
        let other: BTreeSet<&str> = other.lines().collect();
        of.lines()
            .filter(|line| !other.contains(line))
            .take(LINES_SHOWN)
            .map(|line| format!("  {mark} {line}"))
            .collect()
    };
    let mut lines = only(present, wanted, '-');
    lines.extend(only(wanted, present, '+'));
    if lines.is_empty() {
        return "  only the order of lines or the white space differs".to_owned();
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn equal_files_give_no_finding() {
        let same = files(&[("generated/jobs.rs", "a\n")]);
        assert!(findings(&same, &same).is_empty());
    }

    #[test]
    fn a_changed_a_missing_and_a_stale_file_are_found() {
        let wanted = files(&[("generated/jobs.rs", "a\nb\n"), ("revisions.rs", "r\n")]);
        let present = files(&[("generated/jobs.rs", "a\nc\n"), ("generated/old.rs", "")]);
        assert_eq!(
            findings(&wanted, &present),
            [
                "differs: entity/src/generated/jobs.rs\n  - c\n  + b",
                "not generated by anything: entity/src/generated/old.rs",
                "missing: entity/src/revisions.rs",
            ]
        );
    }

    #[test]
    fn a_missing_end_of_line_is_found() {
        let wanted = files(&[("revisions.rs", "r\n")]);
        let present = files(&[("revisions.rs", "r")]);
        assert_eq!(findings(&wanted, &present).len(), 1);
    }

    #[test]
    fn writing_removes_what_nothing_generates() {
        let folder = tempfile::tempdir().unwrap();
        let old = files(&[("generated/old.rs", "x\n"), ("revisions.rs", "r\n")]);
        write_files(folder.path(), &old, &Files::new()).unwrap();
        let new = files(&[("generated/jobs.rs", "a\n"), ("revisions.rs", "r\n")]);
        write_files(folder.path(), &new, &old).unwrap();
        assert_eq!(read_files(folder.path()).unwrap(), new);
    }
}
