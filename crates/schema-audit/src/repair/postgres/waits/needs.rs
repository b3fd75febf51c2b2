//! What columns, constraints and indexes need of each other.

use super::{
    super::{
        member::{Member, members},
        members::find,
        planner::{Planner, is_at},
        sql::mentions,
    },
    Blocked, adds,
};
use crate::{
    compare::{Code, Finding},
    schema::{Column, ObjectName, Table},
};

impl<'a> Planner<'a> {
    /// What a change of a column needs of the column itself and of others.
    pub(super) fn column_waits(
        &self,
        finding: &Finding,
        table: &Table,
        wanted: Option<&Column>,
        blocked: &Blocked<'_>,
    ) -> Option<usize> {
        let stuck = blocked.columns.get(&table.name);
        let stuck = stuck.map_or(&[][..], Vec::as_slice);
        let own = || {
            let member = finding.object.member.as_deref();
            let mut own = stuck.iter().filter(|(name, ..)| Some(&**name) == member);
            own.find_map(|(_, absent, at)| (!absent).then_some(*at))
        };
        match finding.code {
            Code::DefaultChanged | Code::IdentityChanged => {
                own().or_else(|| self.type_or_sequence_is_stuck(wanted?, blocked))
            }
            Code::NullabilityChanged => {
                // NULLs are filled with a default of the type that it does not get.
                let fills = wanted.is_some_and(|c| !c.nullable && c.default.is_some());
                if fills { own() } else { None }
            }
            Code::ColumnMissing | Code::GeneratedChanged | Code::TypeChanged => {
                let wanted = wanted?;
                let generated = wanted.generated.as_ref();
                let reads = |name: &str| {
                    name != wanted.name && generated.is_some_and(|g| mentions(&g.expression, name))
                };
                let read = stuck.iter().find(|(name, ..)| reads(name));
                read.map(|(.., at)| *at)
                    .or_else(|| self.type_or_sequence_is_stuck(wanted, blocked))
            }
            Code::ColumnUnexpected => {
                let name = finding.object.member.as_deref()?;
                blocked.position(|other| {
                    let computed =
                        matches!(other.code, Code::ColumnUnexpected | Code::GeneratedChanged);
                    let of = || table.column(other.object.member.as_deref()?);
                    let reads = |c: &Column| {
                        let generated = c.generated.as_ref();
                        c.name != name && generated.is_some_and(|g| mentions(&g.expression, name))
                    };
                    computed && is_at(&other.object, &table.name) && of().is_some_and(reads)
                })
            }
            _ => None,
        }
    }

    pub(super) fn new_member_waits(
        &self,
        finding: &Finding,
        table: &Table,
        blocked: &Blocked<'a>,
    ) -> Option<usize> {
        if !adds(finding.code) {
            return None;
        }
        let member = find(table, finding.category, finding.object.member.as_deref()?)?;
        self.member_waits(&table.name, member, blocked)
    }

    pub(super) fn member_waits(
        &self,
        table: &ObjectName,
        member: Member<'_>,
        blocked: &Blocked<'a>,
    ) -> Option<usize> {
        let stuck = |table: &ObjectName| blocked.columns.get(table).into_iter().flatten();
        let here = stuck(table).find(|(column, absent, _)| match member {
            _ if *absent => member.uses(column),
            Member::ForeignKey(_) => member.uses(column),
            // The other methods have operators for some types only.
            Member::Index(index) if index.method != "btree" => member.uses(column),
            _ => member.computes_with(column),
        });
        if let Some((.., at)) = here {
            return Some(*at);
        }
        let Member::ForeignKey(key) = member else {
            return None;
        };
        let there = stuck(&key.references).find(|(c, ..)| key.referenced_columns.contains(c));
        there.map(|(.., at)| *at).or_else(|| {
            let found = self.actual.table(&key.references)?;
            if has_key(found, &key.referenced_columns) {
                return None;
            }
            let wanted = self.expected.table(&key.references)?;
            blocked.position(|other| {
                let path = other.object.member.as_deref();
                adds(other.code)
                    && is_at(&other.object, &wanted.name)
                    && path
                        .and_then(|path| find(wanted, other.category, path))
                        .is_some_and(|m| is_key_of(m, &key.referenced_columns))
            })
        })
    }

    /// A key that tables point to which stay, although they should not be there.
    pub(super) fn key_waits(
        &self,
        finding: &Finding,
        (wanted, found): (Option<&Table>, Option<&Table>),
        blocked: &Blocked<'_>,
    ) -> Option<usize> {
        let found = found?;
        let path = finding.object.member.as_deref()?;
        let drops = adds(finding.code)
            || matches!(
                finding.code,
                Code::PrimaryKeyUnexpected | Code::UniqueUnexpected | Code::IndexUnexpected
            );
        let columns = find(found, finding.category, path)
            .filter(|_| drops)?
            .key_columns()?;
        if wanted.is_some_and(|t| {
            let again = find(t, finding.category, path);
            again.is_some_and(|m| is_key_of(m, &columns))
        }) {
            return None;
        }
        blocked.position(|other| {
            let points = |table: &Table| {
                table.foreign_keys.iter().any(|key| {
                    key.references == found.name && same(&key.referenced_columns, &columns)
                })
            };
            other.code == Code::TableUnexpected
                && self.actual_table(&other.object).is_some_and(points)
        })
    }
}

fn same(a: &[String], b: &[String]) -> bool {
    let sorted = |list: &[String]| {
        list.iter()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
    };
    sorted(a) == sorted(b)
}

fn is_key_of(member: Member<'_>, columns: &[String]) -> bool {
    member.key_columns().is_some_and(|own| same(&own, columns))
}

fn has_key(table: &Table, columns: &[String]) -> bool {
    members(table).into_iter().any(|m| is_key_of(m, columns))
}
