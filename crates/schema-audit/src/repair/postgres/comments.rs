//! Comments.

use super::{
    super::label,
    member::members,
    members::partner,
    planner::{Planner, is_at},
};
use crate::{
    compare::{Code, Finding},
    schema::Table,
};

impl<'a> Planner<'a> {
    pub(super) fn comments(&mut self) {
        for finding in self.of(&[Code::CommentChanged]) {
            let labels = [label(finding)];
            match &finding.object.member {
                Some(member) => {
                    let tables = (
                        self.expected_table(&finding.object),
                        self.actual_table(&finding.object),
                    );
                    if let (Some(wanted), Some(found)) = tables {
                        self.member_comments(wanted, found, member, &labels);
                    }
                }
                None => self.object_comment(finding, &labels),
            }
        }
    }

    fn object_comment(&mut self, finding: &'a Finding, labels: &[String]) {
        let expected = self.expected;
        let at = |name| is_at(&finding.object, name);
        // A table and a type may not share a name, but a sequence's comment and
        // a table's are told apart by what the finding says.
        if let Some(table) = self.expected_table(&finding.object)
            && table.comment == finding.expected
        {
            self.table_comment(table, labels);
        }
        if let Some(wanted) = expected.enums.iter().find(|e| at(&e.name)) {
            self.type_comment("TYPE", &wanted.name, wanted.comment.as_ref(), labels);
        }
        if let Some(wanted) = expected.domains.iter().find(|d| at(&d.name)) {
            self.type_comment("DOMAIN", &wanted.name, wanted.comment.as_ref(), labels);
        }
        if let Some(wanted) = expected.sequences.iter().find(|s| at(&s.name)) {
            self.sequence_comment(wanted, labels);
        }
    }

    /// A column, a constraint and an index may have the same name: whichever has
    /// another comment than it should.
    fn member_comments(
        &mut self,
        wanted: &'a Table,
        found: &'a Table,
        name: &str,
        labels: &[String],
    ) {
        if let (Some(column), Some(there)) = (wanted.column(name), found.column(name))
            && column.comment != there.comment
        {
            self.column_comment(&wanted.name, column, labels, true);
        }
        for member in members(wanted)
            .into_iter()
            .filter(|m| m.name() == Some(name))
        {
            let Some(there) = partner(member, found) else {
                continue;
            };
            if member.comment() == there.comment() {
                continue;
            }
            let made = self
                .adds
                .iter()
                .any(|c| c.table.name == wanted.name && c.member == member);
            let target = if made { member } else { there };
            if let Some(sql) = target.comment_sql_with(&wanted.name, member.comment()) {
                self.step(super::planner::Phase::Comments, sql, labels, &[]);
            }
        }
    }
}
