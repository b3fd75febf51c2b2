//! What would be done, and what stands against it.

use std::collections::BTreeSet;

use outreach_migration::{
    REVISIONS, Revision,
    plan::{RowChange, row_changes},
    run::Direction,
};
use schema_audit::{
    compare::{Code, Finding, Severity},
    repair::{Destructive, Options, Statement, label, repair},
    schema::{Dialect, ObjectPath, Schema},
};
use sea_orm::{DatabaseTransaction, DbBackend};
use serde::Serialize;

use super::{
    AdoptError, Recognition, State,
    judge::{Judgement, judge},
    look::{Ledger, Observed},
    recognise::newest_mirrored,
};
use crate::expected::expected;

/// What becomes of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// What it leaves is there: the ledger says so, or will.
    Baseline,
    /// It will run.
    Apply,
    /// Something of what it leaves is there in another way, which cannot be
    /// mended without a loss.
    Conflict,
}

/// A revision of the chain in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub revision: &'static str,
    /// The Alembic revision that it mirrors.
    pub alembic: Option<&'static str>,
    /// What becomes of it.
    pub action: Action,
}

/// Why a database can't be adopted as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The revision that made what differs; `None` for a ledger.
    pub revision: Option<&'static str>,
    /// What it is about: `table.member`, or a ledger's name.
    pub object: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Conflict {
    pub(super) fn new(
        object: &ObjectPath,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            revision: None,
            object: without_schema(object),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

/// NULLs that the repair fills, because the column becomes NOT NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// What they become: the chain's default, as SQL.
    pub value: String,
    /// How many rows have NULL there.
    pub rows: u64,
}

/// Something without rows that the repair drops, because no revision has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// What it is: `table.name`.
    pub object: String,
    /// How it was defined, so that it can be made again.
    pub definition: String,
}

/// How a database becomes a managed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// What the database is.
    #[serde(flatten)]
    pub state: State,
    /// Each revision of the chain, oldest first.
    pub steps: Vec<Step>,
    /// What keeps the database from being adopted; nothing is done then.
    pub conflicts: Vec<Conflict>,
    /// How the tables differ from the revision that they are held against, as
    /// `code table.member`.
    pub differences: Vec<String>,
    /// The SQL that mends the differences, in its order.
    pub repairs: Vec<Statement>,
    /// The NULLs that it fills.
    pub fills: Vec<Fill>,
    /// What it drops.
    pub dropped: Vec<Dropped>,
    /// The rows that the revisions which will run merge into others, by table, as
    /// they are now. Not counted where there are conflicts.
    pub row_changes: Vec<RowChange>,
    /// The tables that are not outreach's. They are left alone; those that are
    /// not recorded yet as such will be, so that audits leave them out.
    pub foreign_tables: Vec<String>,
    /// What Alembic's ledger will be given, where it exists and is empty.
    pub alembic: Option<&'static str>,
    /// What is in the way of the plan having anything to do: foreign tables that
    /// are not recorded.
    #[serde(skip)]
    pub(super) unrecorded: Vec<String>,
    /// Tells whether the database is still the one that was planned for.
    #[serde(skip)]
    pub(super) fingerprint: String,
    /// The tables that are locked.
    #[serde(skip)]
    pub(super) tables: Vec<String>,
}

impl Plan {
    /// Whether the database could be adopted.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.conflicts.is_empty()
    }

    /// Whether there is nothing left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Ours { pending: 0, .. })
            && self.is_possible()
            && self.repairs.is_empty()
            && self.alembic.is_none()
            && self.unrecorded.is_empty()
    }

    /// Whether it means the same as another, which was made of the same database
    /// at another time. Rows may have come and gone between.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let same_conflicts = self.conflicts == other.conflicts;
        let same_work = self.repairs == other.repairs && self.state == other.state;
        self.fingerprint == other.fingerprint && same_conflicts && same_work
    }
}

/// A plan with what it was made from.
pub(super) struct Made {
    pub(super) plan: Plan,
    pub(super) observed: Observed,
    pub(super) recognition: Recognition,
    /// The columns that the plan drops, as table and column.
    pub(super) dropped_columns: BTreeSet<(String, String)>,
    /// The search path that the repairs mean.
    pub(super) search_path: Option<String>,
}

pub(super) async fn make(
    txn: &DatabaseTransaction,
    observed: Observed,
    recognition: Recognition,
) -> Result<Made, AdoptError> {
    let mut plan = blank(&observed, &recognition);
    let Some(revision) = recognition.revision else {
        return Ok(Made {
            plan,
            observed,
            recognition,
            dropped_columns: BTreeSet::new(),
            search_path: None,
        });
    };
    let schema = expected(observed.backend, revision)?;
    let other_tables = recognition
        .differences
        .iter()
        .any(|f| matches!(f.code, Code::TableMissing | Code::TableUnexpected));
    let mut dropped_columns = BTreeSet::new();
    let mut search_path = None;
    if !other_tables {
        let judgement = judge(txn, &schema, &observed, &recognition.differences).await?;
        dropped_columns.clone_from(&judgement.dropped_columns);
        search_path = add_repairs(&mut plan, &schema, &observed, &recognition, judgement);
    }
    let index = index_of(revision);
    attribute(&mut plan.conflicts, observed.backend, index)?;
    plan.steps = steps(Some(index), &plan.conflicts);
    if plan.is_possible() {
        for pending in REVISIONS.iter().skip(index + 1) {
            let changes = row_changes(txn, pending, Direction::Up).await;
            plan.row_changes.extend(changes.map_err(AdoptError::read)?);
        }
    }
    let alembic = recognition.alembic.as_deref();
    plan.alembic = alembic
        .filter(|rows| rows.is_empty())
        .and_then(|_| newest_mirrored(index));
    Ok(Made {
        plan,
        observed,
        recognition,
        dropped_columns,
        search_path,
    })
}

fn blank(observed: &Observed, recognition: &Recognition) -> Plan {
    let known = |name: &&String| !observed.ignored.contains(name);
    let unrecorded = recognition.foreign_tables.iter().filter(known);
    let ours = observed.live.tables.iter();
    let reachable = observed.reachable();
    let tables = ours.chain(reachable).map(|table| table.name.name.clone());
    Plan {
        state: recognition.state,
        steps: steps(None, &[]),
        conflicts: recognition.conflicts.clone(),
        differences: recognition
            .differences
            .iter()
            .filter(|f| f.severity > Severity::Info)
            .map(|f| format!("{} {}", f.code, without_schema(&f.object)))
            .collect(),
        repairs: Vec::new(),
        fills: Vec::new(),
        dropped: Vec::new(),
        row_changes: Vec::new(),
        unrecorded: unrecorded.cloned().collect(),
        foreign_tables: recognition.foreign_tables.clone(),
        alembic: None,
        fingerprint: observed.fingerprint.clone(),
        tables: tables.collect(),
    }
}

/// Puts the repairs into the plan, and what can't be repaired among its
/// conflicts.
fn add_repairs(
    plan: &mut Plan,
    expected: &Schema,
    observed: &Observed,
    recognition: &Recognition,
    judgement: Judgement,
) -> Option<String> {
    let refused = judgement.conflicts.iter();
    let options = Options {
        destructive: Destructive::Named(judgement.lossless),
        dependents: observed.dependents.clone(),
        refused: refused
            .map(|(label, conflict)| (label.clone(), conflict.reason.clone()))
            .collect(),
    };
    let found = &recognition.differences;
    let repairs = repair(expected, &observed.live, found, &options);
    let object = |named: &str| {
        let finding = found.iter().find(|finding| label(finding) == named);
        finding.map_or_else(|| named.to_owned(), |f| without_schema(&f.object))
    };
    let mut told: BTreeSet<String> = judgement.conflicts.keys().cloned().collect();
    plan.conflicts.extend(judgement.conflicts.values().cloned());
    for refusal in &repairs.refused {
        if told.insert(refusal.finding.clone()) {
            plan.conflicts.push(Conflict {
                revision: None,
                object: object(&refusal.finding),
                reason: refusal.reason.clone(),
                remedy: "mend it by hand, then look again".to_owned(),
            });
        }
    }
    let destroying = repairs.statements.iter().filter(|s| s.left_out);
    for finding in destroying.flat_map(|statement| &statement.mends) {
        if told.insert(finding.clone()) {
            plan.conflicts.push(Conflict {
                revision: None,
                object: object(finding),
                reason: "no revision has it, and to drop it could lose what it holds".to_owned(),
                remedy: "drop it, or move it to another schema".to_owned(),
            });
        }
    }
    let dropped = dropped(found, &told, observed);
    plan.repairs = repairs.statements;
    plan.repairs.retain(|statement| !statement.left_out);
    plan.fills = judgement.fills;
    plan.dropped = dropped;
    repairs.search_path
}

/// What goes, with its definition.
fn dropped(
    findings: &[Finding],
    conflicts: &BTreeSet<String>,
    observed: &Observed,
) -> Vec<Dropped> {
    let goes = |finding: &&Finding| {
        let is_extra = matches!(
            finding.code,
            Code::IndexUnexpected
                | Code::UniqueUnexpected
                | Code::CheckUnexpected
                | Code::ForeignKeyUnexpected
                | Code::ExclusionUnexpected
                | Code::ColumnUnexpected
        );
        is_extra && !conflicts.contains(&label(finding))
    };
    let describe = |finding: &Finding| {
        let mut indexes = observed.live.tables.iter().flat_map(|table| &table.indexes);
        let name = finding.object.member.as_ref();
        let index = indexes.find(|index| Some(&index.name) == name);
        let written = index
            .filter(|index| finding.code == Code::IndexUnexpected && !index.definition.is_empty());
        Dropped {
            object: without_schema(&finding.object),
            definition: written.map_or_else(
                || finding.actual.clone().unwrap_or_default(),
                |index| index.definition.clone(),
            ),
        }
    };
    findings.iter().filter(goes).map(describe).collect()
}

fn index_of(revision: &Revision) -> usize {
    let index = REVISIONS.iter().position(|one| one.name == revision.name);
    index.unwrap_or_default()
}

fn steps(at: Option<usize>, conflicts: &[Conflict]) -> Vec<Step> {
    let step = |(index, revision): (usize, &Revision)| Step {
        revision: revision.name,
        alembic: revision.alembic,
        action: if conflicts.iter().any(|c| c.revision == Some(revision.name)) {
            Action::Conflict
        } else if at.is_some_and(|at| index <= at) {
            Action::Baseline
        } else {
            Action::Apply
        },
    };
    REVISIONS.iter().enumerate().map(step).collect()
}

/// Gives each conflict about a table the revision that made what it is about:
/// the first that has the member, else the table, else the newest one held
/// against.
fn attribute(
    conflicts: &mut [Conflict],
    backend: DbBackend,
    newest: usize,
) -> Result<(), AdoptError> {
    let mut schemas = Vec::new();
    for revision in &REVISIONS[..=newest] {
        schemas.push((revision.name, expected(backend, revision)?));
    }
    for conflict in conflicts.iter_mut() {
        if outreach_migration::LEDGERS.contains(&conflict.object.as_str()) {
            continue;
        }
        let (table, member) = match conflict.object.split_once('.') {
            Some((table, member)) => (table, Some(member)),
            None => (conflict.object.as_str(), None),
        };
        let first = |member: Option<&str>| {
            let mut with = schemas
                .iter()
                .filter(|(_, schema)| has(schema, table, member));
            with.next().map(|(name, _)| *name)
        };
        let made = first(member).or_else(|| first(None));
        conflict.revision = made.or(Some(REVISIONS[newest].name));
    }
    Ok(())
}

fn has(schema: &Schema, table: &str, member: Option<&str>) -> bool {
    let mut tables = schema.tables.iter().filter(|one| one.name.name == table);
    let Some(member) = member else {
        return tables.next().is_some();
    };
    tables.any(|table| {
        let named = |name: &Option<String>| name.as_deref() == Some(member);
        table.column(member).is_some()
            || table.indexes.iter().any(|index| index.name == member)
            || table.uniques.iter().any(|key| named(&key.name))
            || table.foreign_keys.iter().any(|key| named(&key.name))
    })
}

/// `table.member`: which schema it is, the connection says.
pub(super) fn without_schema(object: &ObjectPath) -> String {
    let member = object.member.as_deref();
    member.map_or_else(
        || object.object.clone(),
        |member| format!("{}.{member}", object.object),
    )
}

/// What our own ledger has already.
pub(super) fn applied(ledger: &Ledger) -> usize {
    match ledger {
        Ledger::Applied(count) => *count,
        Ledger::Empty | Ledger::Broken(_) => 0,
    }
}

/// The kind of database of a schema.
pub(super) fn is_postgres(schema: &Schema) -> bool {
    schema.dialect == Dialect::Postgres
}
