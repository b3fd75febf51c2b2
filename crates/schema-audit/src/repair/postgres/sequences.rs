//! Sequences.

use super::{
    super::{Hazard, label},
    planner::{Phase, Planner, is_at},
    sql::{comment, draws_from, ident, object, sequence_options},
};
use crate::{
    compare::Code,
    schema::{Column, ObjectName, OwnedBy, Sequence, Table},
};

impl<'a> Planner<'a> {
    pub(super) fn sequences(&mut self) {
        for sequence in &self.expected.sequences {
            let labels = self.reasons_to_create(sequence);
            if !labels.is_empty() {
                self.create_sequence(sequence, &labels);
            }
        }
        for finding in self.of(&[Code::SequenceChanged]) {
            let all = |sequences: &'a [Sequence]| {
                sequences.iter().find(|s| is_at(&finding.object, &s.name))
            };
            if let Some(wanted) = all(&self.expected.sequences) {
                self.change_sequence(wanted, &[label(finding)]);
            }
        }
        for finding in self.of(&[Code::SequenceUnexpected]) {
            let mut all = self.actual.sequences.iter();
            if let Some(found) = all.find(|s| is_at(&finding.object, &s.name)) {
                // It may have gone with the column that it belonged to.
                let sql = format!("DROP SEQUENCE IF EXISTS {}", object(&found.name));
                let lock = [Hazard::AccessExclusiveLock];
                self.destroy(Phase::DropSequences, sql, &[label(finding)], &lock);
            }
        }
    }

    /// The findings that a sequence is created for: its own, or that of the
    /// column or table that it comes with.
    fn reasons_to_create(&self, sequence: &Sequence) -> Vec<String> {
        let of_identity = |owner: &Option<OwnedBy>| owner.as_ref().is_some_and(|o| o.identity);
        if of_identity(&sequence.owned_by) {
            return Vec::new();
        }
        let found = self
            .actual
            .sequences
            .iter()
            .find(|s| s.name == sequence.name);
        if let Some(found) = found {
            // An identity's sequence of this name goes with the identity.
            if !of_identity(&found.owned_by) {
                return Vec::new();
            }
            let mut labels = Vec::new();
            if let Some(owner) = &found.owned_by {
                let identities = self.of(&[Code::IdentityChanged, Code::ColumnUnexpected]);
                labels.extend(
                    identities
                        .into_iter()
                        .filter(|f| is_column(f, owner))
                        .map(label),
                );
            }
            return labels;
        }
        let own = self.of(&[Code::SequenceMissing]).into_iter();
        let mut labels: Vec<String> = own
            .filter(|f| is_at(&f.object, &sequence.name))
            .map(label)
            .collect();
        if let Some(owner) = &sequence.owned_by {
            let tables = self.of(&[Code::TableMissing]).into_iter();
            labels.extend(tables.filter(|f| is_at(&f.object, &owner.table)).map(label));
            let columns = self.of(&[Code::ColumnMissing]).into_iter();
            labels.extend(columns.filter(|f| is_column(f, owner)).map(label));
        }
        labels
    }

    fn create_sequence(&mut self, sequence: &Sequence, labels: &[String]) {
        let sql = format!(
            "CREATE SEQUENCE {} AS {} {}",
            object(&sequence.name),
            sequence.data_type,
            sequence_options(sequence)
        );
        self.step(Phase::Sequences, sql, labels, &[]);
        if let Some(owner) = &sequence.owned_by {
            self.owned_by(&sequence.name, Some(owner), labels);
        }
        self.carry_defaults(sequence, labels);
        if sequence.comment.is_some() {
            self.sequence_comment(sequence, labels);
        }
    }

    /// Columns that draw from a new sequence from now on have values already.
    fn carry_defaults(&mut self, sequence: &Sequence, labels: &[String]) {
        for table in &self.expected.tables {
            let Some(actual) = self.actual.table(&table.name) else {
                continue;
            };
            for column in &table.columns {
                let draws = |d: &String| draws_from(d, &sequence.name.name);
                if column.default.as_ref().is_some_and(draws)
                    && actual.column(&column.name).is_some()
                {
                    self.carry(sequence, table, column, labels);
                }
            }
        }
    }

    /// The sequence of a column that was an identity and draws from a sequence
    /// by its default now.
    pub(super) fn sequence_instead(&mut self, table: &Table, column: &Column, labels: &[String]) {
        if column.default.is_some() {
            let sql = format!(
                "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}",
                object(&table.name),
                ident(&column.name),
                column.default.as_deref().unwrap_or("NULL")
            );
            self.step(Phase::Defaults, sql, labels, &[Hazard::AccessExclusiveLock]);
        }
    }

    /// Takes the sequences that are to stay away from a table that is dropped: they
    /// would go with it.
    pub(super) fn keep_sequences_of(&mut self, table: &Table, labels: &[String]) {
        for sequence in &self.actual.sequences {
            let is_of = |owner: &OwnedBy| owner.table == table.name && !owner.identity;
            let stays = self.expected.sequences.iter().any(|wanted| {
                let identity = wanted.owned_by.as_ref().is_some_and(|o| o.identity);
                wanted.name == sequence.name && !identity
            });
            if stays && sequence.owned_by.as_ref().is_some_and(is_of) {
                let sql = format!("ALTER SEQUENCE {} OWNED BY NONE", object(&sequence.name));
                self.step(Phase::DropForeignKeys, sql, labels, &[]);
            }
        }
    }

    fn owned_by(&mut self, name: &ObjectName, owner: Option<&OwnedBy>, labels: &[String]) {
        let owner = owner.map_or_else(
            || "NONE".to_owned(),
            |owner| format!("{}.{}", object(&owner.table), ident(&owner.column)),
        );
        let sql = format!("ALTER SEQUENCE {} OWNED BY {owner}", object(name));
        self.step(Phase::Owners, sql, labels, &[]);
    }

    fn change_sequence(&mut self, wanted: &Sequence, labels: &[String]) {
        let found = self.actual_sequence(wanted);
        let Some(found) = found else { return };
        let name = object(&found.name);
        let plain = |s: &Sequence| Sequence {
            owned_by: None,
            comment: None,
            name: wanted.name.clone(),
            ..s.clone()
        };
        if plain(wanted) != plain(found) {
            let fits = (wanted.minimum..=wanted.maximum).contains(&found.start);
            if fits && wanted.minimum > found.minimum {
                let sql = format!(
                    "SELECT pg_catalog.setval({}, {}, false) FROM {name} WHERE last_value < {}",
                    super::sql::literal(&name),
                    found.start,
                    wanted.minimum,
                );
                self.step(Phase::Owners, sql, labels, &[]);
            }
            // Where it began is out of the new bounds, so it begins anew.
            let restart = if fits {
                String::new()
            } else {
                format!(" RESTART WITH {}", wanted.start)
            };
            let sql = format!(
                "ALTER SEQUENCE {name} AS {} {}{restart}",
                wanted.data_type,
                sequence_options(wanted),
            );
            let hazards = [Hazard::WriteLock, Hazard::MayFail];
            self.step(Phase::Owners, sql, labels, &hazards);
        }
        let identity = |o: &Option<OwnedBy>| o.as_ref().is_some_and(|o| o.identity);
        if wanted.owned_by != found.owned_by
            && !identity(&wanted.owned_by)
            && !identity(&found.owned_by)
        {
            self.owned_by(&found.name, wanted.owned_by.as_ref(), labels);
        }
    }

    /// The sequence of that name, or of the same identity column.
    pub(super) fn actual_sequence(&self, wanted: &Sequence) -> Option<&'a Sequence> {
        let mut all = self.actual.sequences.iter();
        let named = all.find(|s| s.name == wanted.name);
        named.or_else(|| {
            let owner = wanted.owned_by.as_ref().filter(|o| o.identity)?;
            let mut all = self.actual.sequences.iter();
            all.find(|s| s.owned_by.as_ref() == Some(owner))
        })
    }

    pub(super) fn sequence_comment(&mut self, wanted: &Sequence, labels: &[String]) {
        let name = self
            .actual_sequence(wanted)
            .map_or(&wanted.name, |s| &s.name);
        let text = comment(wanted.comment.as_ref());
        let sql = format!("COMMENT ON SEQUENCE {} IS {text}", object(name));
        self.step(Phase::Comments, sql, labels, &[]);
    }
}

fn is_column(finding: &crate::compare::Finding, owner: &OwnedBy) -> bool {
    is_at(&finding.object, &owner.table) && finding.object.member.as_ref() == Some(&owner.column)
}
