//! From findings to statements, in the order in which they have to run.

use std::collections::BTreeSet;

use super::{
    ddl,
    rebuild::{self, Change},
    target, views,
};
use crate::{
    compare::{Category, Finding, Severity},
    inspect::sqlite::ident::{self, quote},
    repair::{Hazard, Options, Plan, Refusal, Statement, label},
    schema::{Dialect, Schema, Table},
};

/// Plans a repair of an SQLite schema.
pub(crate) fn plan(
    expected: &Schema,
    actual: &Schema,
    findings: &[Finding],
    options: &Options,
) -> Plan {
    let mut planner = Planner {
        expected,
        actual,
        options,
        drop_indexes: Vec::new(),
        tables: Vec::new(),
        drop_tables: Vec::new(),
        create_indexes: Vec::new(),
        refused: Vec::new(),
    };
    let mut wanted: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.severity != Severity::Info && f.category != Category::History)
        .collect();
    wanted.retain(|finding| {
        let reason = options.refused.get(&label(finding));
        if let Some(reason) = reason {
            planner.refuse(finding, reason);
        }
        reason.is_none()
    });
    planner.all(&wanted);
    let mut statements = planner.drop_indexes;
    statements.extend(planner.tables);
    statements.extend(planner.drop_tables);
    statements.extend(planner.create_indexes);
    Plan {
        dialect: Dialect::Sqlite,
        statements,
        refused: planner.refused,
        search_path: None,
    }
}

struct Planner<'a> {
    expected: &'a Schema,
    actual: &'a Schema,
    options: &'a Options,
    drop_indexes: Vec<Statement>,
    tables: Vec<Statement>,
    drop_tables: Vec<Statement>,
    create_indexes: Vec<Statement>,
    refused: Vec<Refusal>,
}

pub(super) fn statement(sql: String, hazards: &[Hazard], mends: &[String]) -> Statement {
    Statement {
        sql,
        hazards: hazards.to_vec(),
        mends: mends.to_vec(),
        destructive: false,
        left_out: false,
    }
}

fn table<'s>(schema: &'s Schema, name: &str) -> Option<&'s Table> {
    schema.tables.iter().find(|table| table.name.name == name)
}

impl<'a> Planner<'a> {
    fn all(&mut self, findings: &[&Finding]) {
        let names: BTreeSet<&str> = findings.iter().map(|f| f.object.object.as_str()).collect();
        let mut done = BTreeSet::new();
        for name in names {
            if done.contains(name) {
                continue;
            }
            let about: Vec<&Finding> = findings
                .iter()
                .copied()
                .filter(|finding| finding.object.object == name)
                .collect();
            match (table(self.expected, name), table(self.actual, name)) {
                (Some(expected), Some(actual)) => {
                    self.change(expected, actual, &about, false);
                }
                (Some(expected), None) => {
                    let renamed = self.other_case(expected);
                    if let Some(old) = renamed {
                        let both: Vec<&Finding> = findings
                            .iter()
                            .copied()
                            .filter(|f| f.object.object == name || f.object.object == old.name.name)
                            .collect();
                        done.insert(old.name.name.clone());
                        self.change(expected, old, &both, true);
                    } else {
                        self.create(expected, &about);
                    }
                }
                (None, Some(actual)) if self.is_other_case(actual) => {}
                (None, Some(actual)) => self.drop(actual, &about),
                (None, None) => {
                    for finding in about {
                        self.refuse(finding, "it is about nothing that SQLite has");
                    }
                }
            }
        }
    }

    fn refuse(&mut self, finding: &Finding, reason: &str) {
        self.refused.push(Refusal {
            finding: label(finding),
            reason: reason.to_owned(),
        });
    }

    /// The unexpected table whose name differs from an expected one's by letter
    /// case alone: to SQLite the same name.
    fn other_case(&self, expected: &Table) -> Option<&'a Table> {
        let name = &expected.name.name;
        self.actual.tables.iter().find(|old| {
            ident::same(&old.name.name, name) && table(self.expected, &old.name.name).is_none()
        })
    }

    fn is_other_case(&self, actual: &Table) -> bool {
        let name = &actual.name.name;
        self.expected.tables.iter().any(|wanted| {
            ident::same(&wanted.name.name, name) && table(self.actual, &wanted.name.name).is_none()
        })
    }

    fn create(&mut self, expected: &Table, about: &[&Finding]) {
        let name = &expected.name.name;
        let taken = self
            .actual
            .unmodelled
            .iter()
            .find(|other| ident::same(&other.name, name) && other.kind != "trigger");
        if let Some(other) = taken {
            let reason = format!(
                "the name is taken by a {}; drop or rename that first",
                other.kind
            );
            for finding in about {
                self.refuse(finding, &reason);
            }
            return;
        }
        let mends: Vec<String> = about.iter().map(|finding| label(finding)).collect();
        let conflicts = rebuild::conflicts(self.expected, name);
        let sql = ddl::create_table(name, expected, &conflicts);
        self.tables.push(statement(sql, &[], &mends));
        for index in &expected.indexes {
            let sql = ddl::create_index(name, index);
            self.create_indexes.push(statement(sql, &[], &mends));
        }
    }

    fn drop(&mut self, actual: &Table, about: &[&Finding]) {
        let mends: Vec<String> = about.iter().map(|finding| label(finding)).collect();
        let name = &actual.name.name;
        let mut statements: Vec<String> = views::reading(name, self.actual)
            .into_iter()
            .filter(|view| !self.expects_view(view))
            .map(|view| format!("DROP VIEW {}", quote(view)))
            .collect();
        statements.push(format!("DROP TABLE {}", quote(name)));
        for sql in statements {
            // Several tables may be behind one view.
            let known = self.drop_tables.iter_mut().find(|other| other.sql == sql);
            if let Some(known) = known {
                known.mends.extend(mends.clone());
                continue;
            }
            self.drop_tables.push(Statement {
                destructive: true,
                ..statement(sql, &[Hazard::DataLoss], &mends)
            });
        }
    }

    /// A view that is to stay keeps its tables: the repair stops at it.
    fn expects_view(&self, view: &str) -> bool {
        let mut known = self.expected.unmodelled.iter();
        known.any(|item| item.kind == "view" && ident::same(&item.name, view))
    }

    fn change(&mut self, expected: &Table, actual: &Table, about: &[&Finding], whole: bool) {
        let wanted = &self.options.destructive;
        let source = self.expected.source;
        let target = target::target(expected, actual, source, about, whole, wanted);
        for finding in about {
            let label = label(finding);
            let known = target.mends.contains(&label)
                || target
                    .refused
                    .iter()
                    .any(|refusal| refusal.finding == label)
                || target.kept.iter().any(|(_, kept)| *kept == label);
            if !known {
                self.refuse(finding, "there is no repair for it on SQLite");
            }
        }
        if whole && !target.refused.is_empty() {
            self.refused.extend(target.refused);
            return;
        }
        let change = Change {
            expected: self.expected,
            actual: self.actual,
            old: actual,
            target: &target,
        };
        let parts = match change.parts() {
            Ok(parts) => parts,
            Err(reason) => {
                self.refused.extend(target.refused);
                for finding in target.mends {
                    let reason = reason.clone();
                    self.refused.push(Refusal { finding, reason });
                }
                return;
            }
        };
        self.drop_indexes.extend(parts.drop_indexes);
        self.tables.extend(parts.table);
        self.create_indexes.extend(parts.create_indexes);
        self.refused.extend(target.refused);
        // Printed for whoever decides to drop them after all.
        for (column, label) in target.kept {
            let sql = format!(
                "ALTER TABLE {} DROP COLUMN {}",
                quote(&target.table.name.name),
                quote(&column)
            );
            self.tables.push(Statement {
                destructive: true,
                ..statement(sql, &[Hazard::DataLoss, Hazard::TableRewrite], &[label])
            });
        }
    }
}
