//! What waits for a finding that is refused or left out: its repair would fail
//! without the other's, or is there only for the other's sake.

mod needs;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Statement, label},
    member::Member,
    members::find,
    planner::{Phase, Planner, is_at},
    sql::{beside as next_to, draws_from, has_constant, is_type, mentions},
    tables::names_of,
};
use crate::{
    compare::{Code, Finding},
    schema::{Column, ObjectName, Table},
};

/// The findings that are left out, with those that they wait for: none for one
/// whose own repair destroys something.
pub(super) type Held = BTreeMap<String, BTreeSet<String>>;

/// What becomes of a finding that waits for another one.
pub(super) enum Cause {
    /// That is refused: so is this one, for this reason.
    Refused(String),
    /// That is left out, with those that it waits for: so is this one.
    Held(BTreeSet<String>),
}

/// A finding that is not repaired, with its label.
struct Stuck<'a> {
    finding: &'a Finding,
    label: String,
}

/// What is stuck, as far as other findings may need it.
struct Blocked<'a> {
    all: Vec<Stuck<'a>>,
    /// Columns that do not come or stay as they are, by their table; whether they
    /// are absent, and the finding.
    columns: BTreeMap<ObjectName, Vec<(String, bool, usize)>>,
    /// Names of tables, indexes and sequences that are not free.
    names: BTreeMap<ObjectName, usize>,
}

impl<'a> Planner<'a> {
    /// The planned findings that wait for one that is refused or left out.
    pub(super) fn waiting(
        &self,
        wanted: &[&'a Finding],
        refused: &BTreeMap<String, String>,
        held: &Held,
    ) -> BTreeMap<String, Cause> {
        let mut waiting = BTreeMap::new();
        if refused.is_empty() && held.is_empty() {
            return waiting;
        }
        let labelled = wanted.iter().map(|&finding| Stuck {
            finding,
            label: label(finding),
        });
        let all =
            labelled.filter(|s| refused.contains_key(&s.label) || held.contains_key(&s.label));
        let blocked = self.blocked(all.collect());
        let cause = |at: usize| {
            let label = &blocked.all[at].label;
            match held.get(label) {
                Some(roots) if roots.is_empty() => Cause::Held(BTreeSet::from([label.clone()])),
                Some(roots) => Cause::Held(roots.clone()),
                None => Cause::Refused(format!("it needs the repair of {label}, which is refused")),
            }
        };
        for finding in &self.findings {
            if let Some(at) = self.waits_for(finding, &blocked) {
                waiting.insert(label(finding), cause(at));
            }
        }
        for (at, stuck) in blocked.all.iter().enumerate() {
            for label in self.use_new_values(stuck.finding) {
                waiting.entry(label).or_insert_with(|| cause(at));
            }
        }
        waiting
    }

    fn blocked(&self, all: Vec<Stuck<'a>>) -> Blocked<'a> {
        let mut columns: BTreeMap<ObjectName, Vec<_>> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (at, stuck) in all.iter().enumerate() {
            let finding = stuck.finding;
            let table = self.actual_table(&finding.object);
            let member = finding.object.member.as_ref();
            match (finding.code, table, member) {
                (Code::ColumnMissing, Some(table), Some(column)) => {
                    let entry = columns.entry(table.name.clone()).or_default();
                    entry.push((column.clone(), true, at));
                }
                (Code::TypeChanged | Code::GeneratedChanged, Some(table), Some(column)) => {
                    let entry = columns.entry(table.name.clone()).or_default();
                    entry.push((column.clone(), false, at));
                }
                (Code::TableUnexpected, Some(table), _) => {
                    names.extend(names_of(table, self.actual).into_iter().map(|n| (n, at)));
                }
                (Code::IndexUnexpected | Code::UniqueUnexpected, Some(table), Some(name)) => {
                    names.insert(next_to(&table.name, name), at);
                }
                (Code::SequenceUnexpected, ..) => {
                    let mut all = self.actual.sequences.iter();
                    let found = all.find(|s| is_at(&finding.object, &s.name));
                    names.extend(found.map(|s| (s.name.clone(), at)));
                }
                _ => {}
            }
        }
        Blocked {
            all,
            columns,
            names,
        }
    }

    /// The stuck finding that this one waits for.
    fn waits_for(&self, finding: &Finding, blocked: &Blocked<'a>) -> Option<usize> {
        let tables = (
            self.expected_table(&finding.object),
            self.actual_table(&finding.object),
        );
        self.name_is_taken(finding, tables.0, blocked)
            .or_else(|| self.led_by(finding, tables, blocked))
            .or_else(|| match finding.code {
                Code::TableMissing => self.table_waits(tables.0?, blocked),
                Code::PartitionChanged => parent_is_stuck(tables.0?, blocked),
                Code::SequenceChanged => self.new_owner_is_stuck(finding, blocked),
                Code::SchemaUnexpected
                | Code::EnumUnexpected
                | Code::DomainUnexpected
                | Code::SequenceUnexpected => self.drop_waits(finding, blocked),
                _ => {
                    let member = finding.object.member.as_deref()?;
                    let column = tables.0.and_then(|table| table.column(member));
                    self.column_waits(finding, tables.1?, column, blocked)
                        .or_else(|| self.new_member_waits(finding, tables.0?, blocked))
                        .or_else(|| self.key_waits(finding, tables, blocked))
                }
            })
    }

    fn name_is_taken(
        &self,
        finding: &Finding,
        table: Option<&Table>,
        blocked: &Blocked<'_>,
    ) -> Option<usize> {
        if blocked.names.is_empty() {
            return None;
        }
        let path = finding.object.member.as_deref();
        let made = match (finding.code, table, path) {
            (Code::TableMissing, Some(table), _) => names_of(table, self.expected),
            (Code::SequenceMissing, ..) => {
                let all = self.expected.sequences.iter();
                let new = all.filter(|s| is_at(&finding.object, &s.name));
                new.map(|s| s.name.clone()).collect()
            }
            (Code::ColumnMissing, Some(table), Some(column)) => {
                let sequence = self.identity_sequence(&table.name, column);
                sequence.map(|s| s.name.clone()).into_iter().collect()
            }
            (code, Some(table), Some(path)) if adds(code) => {
                let wanted = find(table, finding.category, path);
                let name = wanted.filter(|m| m.is_relation()).and_then(Member::name);
                name.map(|n| next_to(&table.name, n)).into_iter().collect()
            }
            _ => return None,
        };
        made.iter()
            .find_map(|name| blocked.names.get(name).copied())
    }

    /// The parent's statement would have mended it too.
    fn led_by(
        &self,
        finding: &Finding,
        (wanted, found): (Option<&Table>, Option<&Table>),
        blocked: &Blocked<'_>,
    ) -> Option<usize> {
        let member = finding.object.member.as_deref()?;
        let table = wanted.or(found)?;
        let inherited = |table: Option<&Table>| {
            let table = table?;
            let column = table.column(member).map(|column| column.inherited);
            column.or_else(|| Some(find(table, finding.category, member)?.inherited()))
        };
        if !(inherited(wanted).or_else(|| inherited(found))?) {
            return None;
        }
        let column = table.column(member).is_some();
        let above = self.ancestors(&table.name);
        blocked.position(|other| {
            other.code == finding.code
                && (!column || other.object.member == finding.object.member)
                && above.iter().any(|name| is_at(&other.object, name))
        })
    }

    /// What a new table needs: its parent, its types, and what it points to.
    fn table_waits(&self, table: &Table, blocked: &Blocked<'a>) -> Option<usize> {
        let of_parent = parent_is_stuck(table, blocked);
        of_parent
            .or_else(|| {
                let schema = table.name.schema.as_ref()?;
                blocked.position(|f| f.code == Code::SchemaMissing && f.object.object == *schema)
            })
            .or_else(|| {
                let mut columns = table.columns.iter();
                columns.find_map(|column| self.type_or_sequence_is_stuck(column, blocked))
            })
            .or_else(|| {
                let mut keys = table.foreign_keys.iter();
                keys.find_map(|key| {
                    self.member_waits(&table.name, Member::ForeignKey(key), blocked)
                })
            })
    }

    fn type_or_sequence_is_stuck(&self, column: &Column, blocked: &Blocked<'_>) -> Option<usize> {
        let local = self.expected.name.as_deref();
        let enums = self.expected.enums.iter().map(|e| &e.name);
        let domains = self.expected.domains.iter().map(|d| &d.name);
        let names: Vec<&ObjectName> = enums
            .chain(domains)
            .filter(|name| is_type(&column.data_type, name, local))
            .collect();
        blocked.position(|f| match f.code {
            Code::EnumMissing | Code::DomainMissing => names.iter().any(|n| is_at(&f.object, n)),
            Code::SequenceMissing => {
                let default = column.default.as_ref();
                default.is_some_and(|d| draws_from(d, &f.object.object))
            }
            _ => false,
        })
    }

    /// A sequence that goes to a column which does not come.
    fn new_owner_is_stuck(&self, finding: &Finding, blocked: &Blocked<'_>) -> Option<usize> {
        let mut all = self.expected.sequences.iter();
        let wanted = all.find(|s| is_at(&finding.object, &s.name))?;
        let owner = wanted.owned_by.as_ref()?;
        blocked.position(|other| {
            let column = other.object.member.as_ref() == Some(&owner.column);
            is_at(&other.object, &owner.table)
                && (other.code == Code::TableMissing || other.code == Code::ColumnMissing && column)
        })
    }

    /// A type, a sequence or a schema that something uses which stays.
    fn drop_waits(&self, finding: &Finding, blocked: &Blocked<'_>) -> Option<usize> {
        let local = self.actual.name.as_deref();
        let uses = |column: &Column| {
            if finding.code == Code::SequenceUnexpected {
                let default = column.default.as_ref();
                return default.is_some_and(|d| draws_from(d, &finding.object.object));
            }
            let name = ObjectName {
                schema: finding.object.schema.clone().filter(|s| local != Some(s)),
                name: finding.object.object.clone(),
            };
            is_type(&column.data_type, &name, local)
        };
        blocked.position(|other| {
            if finding.code == Code::SchemaUnexpected {
                return is_whole(other.code)
                    && other.object.schema.as_ref() == Some(&finding.object.object);
            }
            let Some(table) = self.actual_table(&other.object) else {
                return false;
            };
            match (other.code, other.object.member.as_deref()) {
                (Code::TableUnexpected, _) => table.columns.iter().any(uses),
                (
                    Code::ColumnUnexpected
                    | Code::TypeChanged
                    | Code::DefaultChanged
                    | Code::IdentityChanged
                    | Code::GeneratedChanged,
                    Some(column),
                ) => table.column(column).is_some_and(uses),
                _ => false,
            }
        })
    }

    /// The findings whose statements have values of an enumerated type that it
    /// does not get.
    fn use_new_values(&self, stuck: &Finding) -> BTreeSet<String> {
        let find = |all: &'a [crate::schema::Enum]| {
            let mut all = all.iter();
            all.find(|e| stuck.code == Code::EnumChanged && is_at(&stuck.object, &e.name))
        };
        let (Some(wanted), Some(found)) = (find(&self.expected.enums), find(&self.actual.enums))
        else {
            return BTreeSet::new();
        };
        let mut labels = BTreeSet::new();
        for value in wanted.labels.iter().filter(|l| !found.labels.contains(l)) {
            let using = self.planned().filter(|statement| {
                has_constant(&statement.sql, value) && mentions(&statement.sql, &wanted.name.name)
            });
            labels.extend(using.flat_map(|statement| statement.mends.clone()));
        }
        labels
    }
}

impl Blocked<'_> {
    fn position(&self, is: impl Fn(&Finding) -> bool) -> Option<usize> {
        self.all.iter().position(|stuck| is(stuck.finding))
    }
}

/// A partition can be attached, and a table inherit, only if its parent is what
/// it is to be.
fn parent_is_stuck(table: &Table, blocked: &Blocked<'_>) -> Option<usize> {
    let mut parents = super::partitions::parents(table);
    parents.find_map(|parent| {
        blocked.position(|f| {
            matches!(f.code, Code::TableMissing | Code::PartitionChanged)
                && is_at(&f.object, parent)
        })
    })
}

/// Whether a finding of this kind makes a constraint or index.
fn adds(code: Code) -> bool {
    matches!(
        code,
        Code::PrimaryKeyMissing
            | Code::PrimaryKeyChanged
            | Code::UniqueMissing
            | Code::UniqueChanged
            | Code::CheckMissing
            | Code::CheckChanged
            | Code::ForeignKeyMissing
            | Code::ForeignKeyChanged
            | Code::ExclusionMissing
            | Code::ExclusionChanged
            | Code::IndexMissing
            | Code::IndexChanged
            | Code::IndexInvalid
    )
}

/// Whether it is about something that a schema can't be dropped with.
fn is_whole(code: Code) -> bool {
    matches!(
        code,
        Code::TableUnexpected
            | Code::EnumUnexpected
            | Code::DomainUnexpected
            | Code::SequenceUnexpected
    )
}

/// The statements of a plan, with those that are left out beside them, where they
/// would run. `all` has them as well as the others; of those it has the same, or
/// others that nobody needs now. A finding that is held though none of its
/// statements is left out is refused, unless what runs mends it all the same.
pub(super) fn beside(
    plan: Planner<'_>,
    all: Planner<'_>,
    held: &Held,
    refused: &mut BTreeMap<String, String>,
) -> Vec<Statement> {
    let mut steps = plan.into_steps();
    let mut left_out: Vec<(Phase, Statement)> = Vec::new();
    let mut both: Vec<(usize, Vec<String>)> = Vec::new();
    for (phase, mut statement) in all.into_steps() {
        let same = |(at, s): &(Phase, Statement)| *at == phase && s.sql == statement.sql;
        if held.is_empty() {
            break;
        }
        statement.mends.retain(|label| held.contains_key(label));
        if statement.mends.is_empty() {
            continue;
        }
        if let Some(at) = steps.iter().position(same) {
            both.push((at, statement.mends));
            continue;
        }
        let roots = statement.mends.iter().filter_map(|label| held.get(label));
        let roots: Vec<String> = roots.flatten().cloned().collect();
        statement.mends.extend(roots);
        statement.mends.sort();
        statement.mends.dedup();
        statement.left_out = true;
        left_out.push((phase, statement));
    }
    let named = |label: &String| left_out.iter().any(|(_, s)| s.mends.contains(label));
    let silent: BTreeSet<String> = held.keys().filter(|l| !named(l)).cloned().collect();
    let mut mended = BTreeSet::new();
    for (at, labels) in both {
        for label in labels.into_iter().filter(|label| silent.contains(label)) {
            mended.insert(label.clone());
            steps[at].1.mends.push(label);
        }
    }
    for label in silent.difference(&mended) {
        let roots: Vec<&str> = held[label].iter().map(String::as_str).collect();
        let reason = format!("it waits for {}, which is left out", roots.join(", "));
        refused.insert(label.clone(), reason);
    }
    steps.extend(left_out);
    steps.sort_by_key(|(phase, _)| *phase);
    steps.into_iter().map(|(_, statement)| statement).collect()
}
