//! Which package may depend on which, as ARCHITECTURE.md says it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use cargo_metadata::MetadataCommand;

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The block of ARCHITECTURE.md whose language is `arrows`.
fn written_arrows() -> anyhow::Result<Arrows> {
    let text = fs::read_to_string(workspace().join("ARCHITECTURE.md"))?;
    let (_, block) = text
        .split_once("```arrows\n")
        .context("ARCHITECTURE.md has no block of arrows")?;
    let (block, _) = block.split_once("```").context("the block has no end")?;
    block
        .lines()
        .map(|line| {
            let (from, to) = line.split_once("->").with_context(|| line.to_owned())?;
            let to = to.split(',').map(|name| name.trim().to_owned());
            let to = to.filter(|name| name != "nothing").collect();
            Ok((from.trim().to_owned(), to))
        })
        .collect()
}

#[test]
fn packages_depend_on_each_other_as_architecture_md_says() -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace().join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let arrows: Arrows = metadata
        .packages
        .iter()
        .map(|package| {
            let to = package.dependencies.iter().map(|to| to.name.clone());
            let to = to.filter(|name| ours.contains(name.as_str())).collect();
            (package.name.to_string(), to)
        })
        .collect();
    assert_eq!(arrows, written_arrows()?);
    Ok(())
}

/// The packages that a build of this one contains, for this machine.
fn tree(package: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["tree", "--locked", "--offline", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(package)
        .output()?;
    anyhow::ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect())
}

#[test]
fn no_build_contains_mysql_or_openssl() -> anyhow::Result<()> {
    let packages = tree(&["--workspace"])?;
    // What has to be there shows that the list was read.
    for present in ["sqlx-postgres", "sqlx-sqlite", "rustls", "outreach-domain"] {
        assert!(packages.contains(present), "{present} is missing");
    }
    for absent in ["sqlx-mysql", "native-tls", "openssl", "openssl-sys"] {
        assert!(!packages.contains(absent), "{absent} is built");
    }
    Ok(())
}

#[test]
fn the_domain_knows_no_runtime_and_no_database() -> anyhow::Result<()> {
    let packages = tree(&["--package", "outreach-domain"])?;
    assert!(packages.contains("url"), "{packages:?}");
    for package in &packages {
        let forbidden = ["tokio", "sea-orm", "sea-query", "sqlx", "async-", "futures"];
        assert!(
            !forbidden.iter().any(|prefix| package.starts_with(prefix)),
            "outreach-domain contains {package}"
        );
    }
    Ok(())
}

#[test]
fn the_entities_and_the_service_know_no_migration() -> anyhow::Result<()> {
    for package in ["outreach-entity", "outreach-service", "outreach-providers"] {
        let packages = tree(&["--package", package])?;
        assert!(packages.contains("sea-orm"), "{package}");
        assert!(!packages.contains("sea-orm-migration"), "{package}");
    }
    Ok(())
}
