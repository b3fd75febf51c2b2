//! `outreach prospects export`: page by page, so that memory stays the same
//! however many prospects there are.

use std::{
    borrow::Cow,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SecondsFormat, Utc};
use outreach_domain::escape_for_terminal;
use outreach_service::{
    page::{MAX_PAGE_SIZE, PageRequest},
    prospects::{Prospect, ProspectFilter, list_prospects},
};
use sea_orm_migration::sea_orm::DatabaseConnection;
use tempfile::NamedTempFile;

use crate::{
    args::{Connection, Export, ExportFormat},
    commands::connect,
    exit::Error,
    output,
};

const COLUMNS: [&str; 16] = [
    "id",
    "domain",
    "page_url",
    "page_title",
    "contact_email",
    "contact_method",
    "da_est",
    "score",
    "outreach_status",
    "last_sent",
    "followups_sent",
    "draft_subject",
    "draft_body",
    "discovery_query_id",
    "created_at",
    "updated_at",
];

pub(super) async fn run(connection: &Connection, arguments: &Export) -> Result<(), Error> {
    if let Some(path) = &arguments.output {
        refuse_existing(path, arguments.force)?;
    }
    let db = connect(connection).await?;
    let filter = arguments.filter.filter();
    let Some(path) = &arguments.output else {
        let stdout = io::stdout();
        let escape = stdout.is_terminal();
        let stdout = BufWriter::new(stdout.lock());
        let mut rows = Rows::new(stdout, arguments.format, escape)?;
        write_all(&db, &filter, &mut rows).await?;
        return Ok(());
    };
    let cannot_write = |error: io::Error| {
        Error::failed(error).context(format!("cannot write `{}`", path.display()))
    };
    let file = temporary_file(path).map_err(cannot_write)?;
    let mut rows = Rows::new(BufWriter::new(file), arguments.format, false)?;
    let count = write_all(&db, &filter, &mut rows).await?;
    let file = rows.into_inner().map_err(cannot_write)?;
    file.as_file().sync_all().map_err(cannot_write)?;
    keep(file, path, arguments.force)?;
    output::say(&format!(
        "{} written to `{}`",
        output::counted(count, "prospect"),
        path.display()
    ));
    Ok(())
}

fn refuse_existing(path: &Path, force: bool) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::refused_because(format!(
            "`{}` is a directory; name a file with --output",
            path.display()
        )));
    }
    // A device or a pipe would be replaced by a file; a link is followed for
    // this look, but is not the file itself.
    if path.metadata().is_ok_and(|what| !what.is_file()) {
        return Err(Error::refused_because(format!(
            "`{}` is not a regular file; leave --output out to write to standard output",
            path.display()
        )));
    }
    // A dangling link is something too.
    if !force && path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Ok(())
}

fn exists(path: &Path) -> Error {
    Error::refused_because(format!(
        "`{}` exists already; --force replaces it",
        path.display()
    ))
}

/// A file beside the one that is wanted, for a file can only be moved in place
/// within its file system. It is gone if the export ends early.
fn temporary_file(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".outreach-export-");
    #[cfg(unix)]
    {
        // As any new file: what the user's mask leaves of it.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn keep(file: NamedTempFile, path: &Path, force: bool) -> Result<(), Error> {
    let kept = if force {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    kept.map(drop).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Error::failed(failed.error).context(format!("cannot write `{}`", path.display())),
    })
}

/// Writes every prospect of the filter; returns how many.
async fn write_all<W: Write>(
    db: &DatabaseConnection,
    filter: &ProspectFilter,
    rows: &mut Rows<W>,
) -> Result<u64, Error> {
    let mut count = 0;
    let mut after = None;
    loop {
        let request = PageRequest::first(MAX_PAGE_SIZE).after(after);
        let page = list_prospects(db, filter, &request).await?;
        for prospect in &page.items {
            rows.write(prospect)?;
        }
        count += page.items.len() as u64;
        after = page.next;
        if after.is_none() {
            rows.flush()?;
            return Ok(count);
        }
    }
}

/// Writes prospects in one of the formats.
enum Rows<W: Write> {
    Csv {
        writer: Box<csv::Writer<W>>,
        escape: bool,
    },
    JsonLines(W),
}

impl<W: Write> Rows<W> {
    /// Writes the header, where there is one. `escape` makes the texts of CSV
    /// fit for a terminal.
    fn new(to: W, format: ExportFormat, escape: bool) -> Result<Self, Error> {
        Ok(match format {
            ExportFormat::Jsonl => Self::JsonLines(to),
            ExportFormat::Csv => {
                let mut writer = Box::new(csv::Writer::from_writer(to));
                writer.write_record(COLUMNS).map_err(csv_error)?;
                Self::Csv { writer, escape }
            }
        })
    }

    fn write(&mut self, prospect: &Prospect) -> Result<(), Error> {
        match self {
            Self::Csv { writer, escape } => writer
                .write_record(record(prospect, *escape).iter().map(String::as_str))
                .map_err(csv_error),
            Self::JsonLines(writer) => {
                let line = serde_json::to_string(prospect).map_err(Error::failed)?;
                Ok(writeln!(writer, "{}", output::escape_json(&line))?)
            }
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Csv { writer, .. } => Ok(writer.flush()?),
            Self::JsonLines(writer) => Ok(writer.flush()?),
        }
    }
}

impl Rows<BufWriter<NamedTempFile>> {
    fn into_inner(self) -> io::Result<NamedTempFile> {
        let buffered = match self {
            Self::Csv { writer, .. } => writer
                .into_inner()
                .map_err(csv::IntoInnerError::into_error)?,
            Self::JsonLines(writer) => writer,
        };
        buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }
}

fn csv_error(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Error::failed_because(format!("{other:?}")),
    }
}

/// The values of [`COLUMNS`].
fn record(prospect: &Prospect, escape: bool) -> [String; COLUMNS.len()] {
    let text = |text: &str| {
        let text = without_formula(text);
        if escape {
            escape_for_terminal(&text).into_owned()
        } else {
            text.into_owned()
        }
    };
    let optional = |value: &Option<String>| value.as_deref().map(text).unwrap_or_default();
    [
        prospect.id.to_string(),
        text(&prospect.domain),
        optional(&prospect.page_url),
        optional(&prospect.page_title),
        optional(&prospect.contact_email),
        optional(&prospect.contact_method),
        prospect
            .da_est
            .map(|value| value.to_string())
            .unwrap_or_default(),
        prospect.score.to_string(),
        prospect.outreach_status.to_string(),
        exact_time(prospect.last_sent),
        prospect.followups_sent.to_string(),
        optional(&prospect.draft_subject),
        optional(&prospect.draft_body),
        prospect
            .discovery_query_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        exact_time(prospect.created_at),
        exact_time(prospect.updated_at),
    ]
}

fn exact_time(time: Option<DateTime<Utc>>) -> String {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .unwrap_or_default()
}

/// A spreadsheet runs a cell that begins like a formula, and an apostrophe
/// makes it text.
fn without_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_gets_an_apostrophe() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(without_formula(formula), format!("'{formula}"));
        }
        for text in ["", "a=b", "'=1", " =1", "Über"] {
            assert_eq!(without_formula(text), text);
        }
    }
}
