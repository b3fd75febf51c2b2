//! Comments.

use super::{Code, Comparison};
use crate::schema::{ObjectPath, Table};

impl Comparison<'_> {
    pub(super) fn table_comment(&mut self, expected: &Table, actual: &Table) {
        let path = self.path(&expected.name, None);
        self.comment(&path, expected.comment.as_ref(), actual.comment.as_ref());
    }

    pub(super) fn comment(
        &mut self,
        path: &ObjectPath,
        expected: Option<&String>,
        actual: Option<&String>,
    ) {
        if expected != actual && self.says(expected.is_some(), actual.is_some()) {
            self.add(
                Code::CommentChanged,
                path.clone(),
                expected.cloned(),
                actual.cloned(),
            );
        }
    }
}
