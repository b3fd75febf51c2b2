//! Enumerated types and domains.

use std::fmt::Write as _;

use super::{
    super::{Hazard, label},
    planner::{Phase, Planner, Touch, is_at},
    sql::{beside, comment, ident, is_type, literal, object},
};
use crate::{
    compare::{Code, Finding},
    schema::{Domain, Enum, ObjectName},
};

impl<'a> Planner<'a> {
    fn enums_of(&self, finding: &Finding) -> (Option<&'a Enum>, Option<&'a Enum>) {
        let find = |all: &'a [Enum]| all.iter().find(|e| is_at(&finding.object, &e.name));
        (find(&self.expected.enums), find(&self.actual.enums))
    }

    fn domains_of(&self, finding: &Finding) -> (Option<&'a Domain>, Option<&'a Domain>) {
        let find = |all: &'a [Domain]| all.iter().find(|d| is_at(&finding.object, &d.name));
        (find(&self.expected.domains), find(&self.actual.domains))
    }

    /// The types that are replaced by a new one of the same name, with the label
    /// of the finding: PostgreSQL can't take a value away or change their order,
    /// nor change the type below a domain.
    pub(super) fn swaps(&self) -> Vec<(ObjectName, String)> {
        let mut swaps = Vec::new();
        for finding in self.of(&[Code::EnumChanged]) {
            if let (Some(wanted), Some(found)) = self.enums_of(finding)
                && (self.replaced.contains(&wanted.name)
                    || !is_extension(&wanted.labels, &found.labels))
            {
                swaps.push((wanted.name.clone(), label(finding)));
            }
        }
        for finding in self.of(&[Code::DomainChanged]) {
            if let (Some(wanted), Some(found)) = self.domains_of(finding)
                && (wanted.data_type != found.data_type || wanted.collation != found.collation)
            {
                swaps.push((wanted.name.clone(), label(finding)));
            }
        }
        swaps
    }

    /// The columns of types that are replaced get the new one.
    pub(super) fn touch_by_types(&mut self) {
        let local = self.actual.name.as_deref();
        for (name, label) in self.swaps() {
            let labels = [label];
            let domains = self.actual.domains.iter();
            let above = domains.filter(|d| d.name != name && is_type(&d.data_type, &name, local));
            let above: Vec<String> = above.map(|d| format!("domain {}", d.name)).collect();
            let held = self
                .dependents
                .iter()
                .filter(|d| d.table == name && d.holds_table);
            let held = held.map(|d| format!("{} {}", d.kind, d.name));
            let held: Vec<String> = above.into_iter().chain(held).collect();
            if !held.is_empty() {
                let reason = format!(
                    "the type has to be replaced by a new one, and {} depends on it; drop it, \
                     run the repair, and create it again",
                    held.join(", ")
                );
                self.refuse(&labels, &reason);
                continue;
            }
            for table in &self.actual.tables {
                for column in &table.columns {
                    if is_type(&column.data_type, &name, local) {
                        self.touch_column(&table.name, &column.name, Touch::Retyped, &labels);
                    }
                }
            }
        }
    }

    pub(super) fn types(&mut self) {
        for finding in self.of(&[Code::EnumMissing]) {
            if let (Some(wanted), _) = self.enums_of(finding) {
                self.create_enum(wanted, &[label(finding)]);
            }
        }
        let swaps = self.swaps();
        for finding in self.of(&[Code::EnumChanged]) {
            let labels = [label(finding)];
            if let (Some(wanted), Some(found)) = self.enums_of(finding) {
                if swaps.iter().any(|(name, _)| *name == wanted.name) {
                    self.move_aside(&found.name, "TYPE", &labels);
                    self.create_enum(wanted, &labels);
                } else {
                    self.extend(wanted, found, &labels);
                }
            }
        }
        self.domains(&swaps);
        for finding in self.of(&[Code::EnumUnexpected]) {
            if let (_, Some(found)) = self.enums_of(finding) {
                self.drop_type(&found.name, "TYPE", &[label(finding)]);
            }
        }
        for finding in self.of(&[Code::DomainUnexpected]) {
            if let (_, Some(found)) = self.domains_of(finding) {
                self.drop_type(&found.name, "DOMAIN", &[label(finding)]);
            }
        }
    }

    fn drop_type(&mut self, name: &ObjectName, kind: &str, labels: &[String]) {
        let held = self.dependents.iter();
        let held: Vec<String> = held
            .filter(|d| d.table == *name && d.holds_table)
            .map(|d| format!("{} {}", d.kind, d.name))
            .collect();
        if held.is_empty() {
            let sql = format!("DROP {kind} {}", object(name));
            self.destroy(Phase::DropTypes, sql, labels, &[]);
        } else {
            let reason = format!("{} depends on it; drop that first", held.join(", "));
            self.refuse(labels, &reason);
        }
    }

    fn create_enum(&mut self, wanted: &Enum, labels: &[String]) {
        let values: Vec<String> = wanted.labels.iter().map(|l| literal(l)).collect();
        let sql = format!(
            "CREATE TYPE {} AS ENUM ({})",
            object(&wanted.name),
            values.join(", ")
        );
        self.step(Phase::Types, sql, labels, &[]);
        if wanted.comment.is_some() {
            self.type_comment("TYPE", &wanted.name, wanted.comment.as_ref(), labels);
        }
    }

    /// Adds values in place. The one before is there already, because they are
    /// added in order.
    fn extend(&mut self, wanted: &Enum, found: &Enum, labels: &[String]) {
        for (position, value) in wanted.labels.iter().enumerate() {
            if found.labels.contains(value) {
                continue;
            }
            let place = match (position.checked_sub(1), found.labels.first()) {
                (Some(before), _) => format!(" AFTER {}", literal(&wanted.labels[before])),
                (None, Some(first)) => format!(" BEFORE {}", literal(first)),
                (None, None) => String::new(),
            };
            let sql = format!(
                "ALTER TYPE {} ADD VALUE {}{place}",
                object(&wanted.name),
                literal(value)
            );
            self.step(Phase::Types, sql, labels, &[]);
            self.new_values.push((wanted.name.clone(), value.clone()));
        }
    }

    fn move_aside(&mut self, name: &ObjectName, kind: &str, labels: &[String]) {
        let old = beside(name, &format!("{}_before", name.name));
        let sql = format!(
            "ALTER {kind} {} RENAME TO {}",
            object(name),
            ident(&old.name)
        );
        self.step(Phase::Types, sql, labels, &[]);
        let drop = format!("DROP {kind} {}", object(&old));
        self.step(Phase::DropOldTypes, drop, labels, &[]);
    }

    fn domains(&mut self, swaps: &[(ObjectName, String)]) {
        let mut missing: Vec<(&'a Domain, String)> = Vec::new();
        for finding in self.of(&[Code::DomainMissing]) {
            if let (Some(wanted), _) = self.domains_of(finding) {
                missing.push((wanted, label(finding)));
            }
        }
        // A domain may be made of another one.
        let local = self.expected.name.as_deref();
        while !missing.is_empty() {
            let free = missing.iter().position(|(domain, _)| {
                let mut others = missing
                    .iter()
                    .filter(|(other, _)| other.name != domain.name);
                !others.any(|(other, _)| is_type(&domain.data_type, &other.name, local))
            });
            let (domain, label) = missing.remove(free.unwrap_or(0));
            self.create_domain(domain, &[label]);
        }
        for finding in self.of(&[Code::DomainChanged]) {
            let labels = [label(finding)];
            if let (Some(wanted), Some(found)) = self.domains_of(finding) {
                if swaps.iter().any(|(name, _)| *name == wanted.name) {
                    self.move_aside(&found.name, "DOMAIN", &labels);
                    self.create_domain(wanted, &labels);
                } else {
                    self.change_domain(wanted, found, &labels);
                }
            }
        }
    }

    fn create_domain(&mut self, wanted: &Domain, labels: &[String]) {
        let mut sql = format!(
            "CREATE DOMAIN {} AS {}",
            object(&wanted.name),
            wanted.data_type
        );
        if let Some(collation) = &wanted.collation {
            let _ = write!(sql, " COLLATE {collation}");
        }
        if let Some(default) = &wanted.default {
            let _ = write!(sql, " DEFAULT {default}");
        }
        if !wanted.nullable {
            sql += " NOT NULL";
        }
        for check in wanted.checks.iter().filter(|check| !check.not_valid) {
            let name = check.name.as_ref();
            sql += &name.map_or_else(String::new, |n| format!(" CONSTRAINT {}", ident(n)));
            let _ = write!(sql, " CHECK ({})", check.expression);
        }
        self.step(Phase::Types, sql, labels, &[]);
        for check in wanted.checks.iter().filter(|check| check.not_valid) {
            self.domain_check(wanted, check, labels);
        }
        if wanted.comment.is_some() {
            self.type_comment("DOMAIN", &wanted.name, wanted.comment.as_ref(), labels);
        }
    }

    fn domain_check(&mut self, domain: &Domain, check: &crate::schema::Check, labels: &[String]) {
        let name = check.name.as_ref();
        let sql = format!(
            "ALTER DOMAIN {} ADD {}CHECK ({}){}",
            object(&domain.name),
            name.map_or_else(String::new, |n| format!("CONSTRAINT {} ", ident(n))),
            check.expression,
            if check.not_valid { " NOT VALID" } else { "" }
        );
        let hazards = [Hazard::WriteLock, Hazard::TableScan, Hazard::MayFail];
        self.step(Phase::Types, sql, labels, &hazards);
    }

    fn change_domain(&mut self, wanted: &Domain, found: &Domain, labels: &[String]) {
        let alter = format!("ALTER DOMAIN {}", object(&wanted.name));
        for check in found.checks.iter().filter(|c| !wanted.checks.contains(c)) {
            if let Some(name) = &check.name {
                let sql = format!("{alter} DROP CONSTRAINT {}", ident(name));
                self.step(Phase::Types, sql, labels, &[]);
            }
        }
        for check in wanted.checks.iter().filter(|c| !found.checks.contains(c)) {
            self.domain_check(wanted, check, labels);
        }
        if wanted.default != found.default {
            let sql = match &wanted.default {
                Some(default) => format!("{alter} SET DEFAULT {default}"),
                None => format!("{alter} DROP DEFAULT"),
            };
            self.step(Phase::Types, sql, labels, &[]);
        }
        if wanted.nullable != found.nullable {
            let (verb, hazards) = if wanted.nullable {
                ("DROP", vec![])
            } else {
                (
                    "SET",
                    vec![Hazard::WriteLock, Hazard::TableScan, Hazard::MayFail],
                )
            };
            self.step(
                Phase::Types,
                format!("{alter} {verb} NOT NULL"),
                labels,
                &hazards,
            );
        }
    }

    pub(super) fn type_comment(
        &mut self,
        kind: &str,
        name: &ObjectName,
        text: Option<&String>,
        labels: &[String],
    ) {
        let sql = format!("COMMENT ON {kind} {} IS {}", object(name), comment(text));
        self.step(Phase::Comments, sql, labels, &[]);
    }
}

/// Whether all of `found` is in `wanted`, in the same order.
fn is_extension(wanted: &[String], found: &[String]) -> bool {
    let kept = wanted.iter().filter(|label| found.contains(label));
    kept.eq(found.iter())
}
