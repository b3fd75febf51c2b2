//! `outreach migrate status`, `history` and `current`. They only read.

use std::fmt::Write as _;

use outreach_domain::escape_for_terminal;
use outreach_migration::{
    MigrationStatus, REVISIONS, Revision,
    ledger::{self, RevisionStatus},
};
use outreach_service::connect::{self, ConnectError};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use serde_json::json;

use crate::{args::Connection, exit::Error, output};

/// What both ledgers say.
pub(super) struct Ledgers {
    chain: Vec<RevisionStatus>,
    /// The rows of Alembic's, if there is one.
    alembic: Option<Vec<String>>,
}

impl Ledgers {
    pub(super) async fn read<C: ConnectionTrait>(db: &C) -> Result<Self, Error> {
        let chain = ledger::status(db).await.map_err(|error| match error {
            DbErr::Migration(reason) => Error::refused_because(reason),
            error => ConnectError::Ledger(error).into(),
        })?;
        let alembic = ledger::alembic(db).await.map_err(Error::failed)?;
        Ok(Self { chain, alembic })
    }

    /// The chain can be looked at before there is any database.
    async fn of(connection: &Connection) -> Result<Self, Error> {
        match connect::open(&super::options(connection)?).await {
            Ok(db) => {
                let ledgers = Self::read(&db).await;
                super::close(db).await?;
                ledgers
            }
            Err(ConnectError::NoFile { .. }) if !connection.is_named() => Ok(Self {
                chain: REVISIONS.iter().map(pending).collect(),
                alembic: None,
            }),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn print_json(&self) -> Result<(), Error> {
        let revisions: Vec<_> = self
            .chain
            .iter()
            .map(|one| {
                json!({
                    "name": one.revision.name,
                    "alembic": one.revision.alembic,
                    "summary": one.revision.summary,
                    "applied": is_applied(one),
                })
            })
            .collect();
        output::print_json(&json!({
            "head": self.chain.last().map(|one| one.revision.name),
            "current": ledger::newest(&self.chain).map(|revision| revision.name),
            "alembic_version": self.alembic,
            "revisions": revisions,
        }))
    }

    /// What Alembic's ledger should say.
    fn twin(&self) -> Option<&'static str> {
        let applied = self.chain.iter().filter(|one| is_applied(one));
        applied.rev().find_map(|one| one.revision.alembic)
    }

    /// Alembic's ledger in a line; nothing where there is none.
    fn alembic_line(&self) -> Option<String> {
        let rows = self.alembic.as_ref()?;
        let head = REVISIONS.iter().rev().find_map(|one| one.alembic);
        let named: Vec<String> = rows
            .iter()
            .map(|row| {
                let mark = if Some(row.as_str()) == head {
                    " (head)"
                } else {
                    ""
                };
                format!("{}{mark}", escape_for_terminal(row))
            })
            .collect();
        let said = if named.is_empty() {
            "base".to_owned()
        } else {
            named.join(", ")
        };
        let expected = self.twin();
        let note = if rows.iter().map(String::as_str).eq(expected) {
            String::new()
        } else {
            format!(
                "; the chain is at {}: `outreach audit` looks further",
                expected.unwrap_or("base")
            )
        };
        Some(format!("alembic_version: {said}{note}\n"))
    }
}

fn pending(revision: &Revision) -> RevisionStatus {
    RevisionStatus {
        revision: *revision,
        status: MigrationStatus::Pending,
    }
}

fn is_applied(one: &RevisionStatus) -> bool {
    one.status == MigrationStatus::Applied
}

pub(super) async fn status(connection: &Connection, json: bool) -> Result<(), Error> {
    let db = super::open(connection, false).await?;
    let ledgers = Ledgers::read(&db).await?;
    super::close(db).await?;
    if json {
        return ledgers.print_json();
    }
    let lines = ledgers
        .chain
        .iter()
        .map(|one| format!("Migration '{}'... {}\n", one.revision.name, one.status));
    output::print(&lines.collect::<String>())
}

pub(crate) async fn history(connection: &Connection, json: bool) -> Result<(), Error> {
    let ledgers = Ledgers::of(connection).await?;
    if json {
        return ledgers.print_json();
    }
    output::print(&drawn(&ledgers))
}

/// In the words of `alembic current`: the revision, and `(head)` where it is one.
pub(crate) async fn current(connection: &Connection, json: bool) -> Result<(), Error> {
    let ledgers = Ledgers::of(connection).await?;
    if json {
        return ledgers.print_json();
    }
    let newest = ledger::newest(&ledgers.chain);
    let mut text = match newest {
        Some(revision) if REVISIONS.last() == Some(&revision) => {
            format!("{} (head)\n", revision.name)
        }
        Some(revision) => format!("{}\n", revision.name),
        None => "base\n".to_owned(),
    };
    text.extend(ledgers.alembic_line());
    output::print(&text)
}

/// The chain in the words of `alembic history`, newest first.
fn drawn(ledgers: &Ledgers) -> String {
    let chain = &ledgers.chain;
    let current = chain.iter().rposition(is_applied);
    let mut text = String::new();
    for (index, one) in chain.iter().enumerate().rev() {
        let before = index.checked_sub(1).and_then(|before| chain.get(before));
        let mark = if is_applied(one) { 'x' } else { ' ' };
        let down = before.map_or("<base>", |before| before.revision.name);
        let mut notes = String::new();
        if index + 1 == chain.len() {
            notes.push_str(" (head)");
        }
        if current == Some(index) {
            notes.push_str(" (current)");
        }
        if let Some(alembic) = one.revision.alembic {
            let _ = write!(notes, " [Alembic {alembic}]");
        }
        let _ = writeln!(
            text,
            "[{mark}] {down} -> {}{notes}, {}",
            one.revision.name, one.revision.summary
        );
    }
    text.extend(ledgers.alembic_line());
    text
}
