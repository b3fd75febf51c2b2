//! Where Cargo put the workspace's programs, and whether they are up to date.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// Cargo does not build another package's programs for a test, so a program may
/// be missing or left from an earlier build; a test of an old one proves nothing.
pub(crate) fn built_program(name: &str) -> anyhow::Result<PathBuf> {
    let test = env::current_exe()?;
    let Some(path) = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
    else {
        bail!("`{name}` is not built: run `cargo build --workspace` first, or scripts/test");
    };
    if let Some(source) = newer_source(&path)? {
        bail!(
            "`{name}` is older than {}: run `cargo build --workspace` first, or scripts/test",
            source.display()
        );
    }
    Ok(path)
}

/// The first source file that changed after the program was built, from the list
/// that Cargo writes beside it.
fn newer_source(program: &Path) -> anyhow::Result<Option<PathBuf>> {
    let list = program.with_extension("d");
    let list =
        fs::read_to_string(&list).with_context(|| format!("could not read {}", list.display()))?;
    let built = fs::metadata(program)?.modified()?;
    Ok(listed_sources(&list).find(|source| {
        // A source that is gone was needed by that build and changes the next.
        fs::metadata(source)
            .and_then(|metadata| metadata.modified())
            .map_or(true, |changed| changed > built)
    }))
}

/// `program: source source …`, with a backslash before a blank in a name.
fn listed_sources(list: &str) -> impl Iterator<Item = PathBuf> {
    const BLANK: &str = "\u{1}";
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    let sources: Vec<PathBuf> = sources
        .replace("\\ ", BLANK)
        .split_whitespace()
        .map(|source| source.replace(BLANK, " ").into())
        .collect();
    sources.into_iter()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn blanks_in_the_names_of_sources_are_kept() {
        let sources: Vec<_> = listed_sources("/t/outreach: /a/lib.rs /b\\ c/d.rs\n").collect();
        assert_eq!(sources, ["/a/lib.rs", "/b c/d.rs"].map(PathBuf::from));
    }

    #[test]
    fn a_program_that_is_older_than_a_source_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (program, source) = (folder.path().join("it"), folder.path().join("it.rs"));
        fs::write(&program, "").unwrap();
        fs::write(&source, "").unwrap();
        let list = format!("{}: {}\n", program.display(), source.display());
        fs::write(folder.path().join("it.d"), list).unwrap();
        let set = |path, seconds| {
            let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };

        set(&source, 1_000);
        set(&program, 2_000);
        assert_eq!(newer_source(&program).unwrap(), None);
        set(&source, 3_000);
        assert_eq!(newer_source(&program).unwrap(), Some(source));
    }

    #[test]
    fn a_missing_program_names_the_remedy() {
        let error = built_program("no-such-program").unwrap_err();
        assert!(error.to_string().contains("cargo build --workspace"));
    }
}
