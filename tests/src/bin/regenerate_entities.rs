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
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, bail};
use clap::Parser;
use outreach_migration::Migrator;
use outreach_tests::{Files, GeneratedFiles, TestDb, workspace};
use sea_orm_cli::{BannerVersion, BigIntegerType, DateTimeCrate, GenerateSubcommands};
use sea_orm_migration::MigratorTrait;

const ENTITIES: GeneratedFiles = GeneratedFiles {
    folder: "entity/src",
    whole: &["generated"],
    single: &["revisions.rs"],
};

/// Carries the database's URL to the generator; an argument would show the
/// password in the process list.
const URL_VARIABLE: &str = "REGENERATE_ENTITIES_URL";

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

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(folder) = arguments.generate_into {
        generate(&folder).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = wanted_files().await?;
    let folder = ENTITIES.path()?;
    if arguments.check {
        return Ok(check(
            &ENTITIES.differences(&wanted, &ENTITIES.read(&folder)?),
            wanted.len(),
        ));
    }
    ENTITIES.write(&folder, &wanted)?;
    println!("wrote {} files into {}", wanted.len(), ENTITIES.folder);
    Ok(ExitCode::SUCCESS)
}

fn check(differences: &[String], files: usize) -> ExitCode {
    if differences.is_empty() {
        println!("{files} generated files are up to date");
        return ExitCode::SUCCESS;
    }
    for difference in differences {
        println!("{difference}");
    }
    println!(
        "{} generated files are out of date: run `cargo run --bin regenerate-entities`",
        differences.len()
    );
    ExitCode::FAILURE
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
    ENTITIES.read(folder.path())
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
        .args(ENTITIES.read(folder)?.keys().map(|path| folder.join(path)))
        .stdin(Stdio::null())
        .status()
        .context("could not run rustfmt: `rustup component add rustfmt`")?;
    if !status.success() {
        bail!("rustfmt refused the generated files ({status})");
    }
    Ok(())
}
