//! Objects found by what identifies them.

use std::{collections::HashMap, hash::Hash};

use crate::schema::{Domain, Enum, ObjectName, OwnedBy, Schema, Sequence, Table};

/// The objects of a schema. Looking through the lists for every object of the
/// other side takes time by the square of their length, which shows at ten
/// thousand tables. Of several of one name, the first one is found.
pub(super) struct ByName<'a> {
    pub(super) tables: HashMap<&'a ObjectName, &'a Table>,
    pub(super) enums: HashMap<&'a ObjectName, &'a Enum>,
    pub(super) domains: HashMap<&'a ObjectName, &'a Domain>,
    pub(super) sequences: HashMap<&'a ObjectName, &'a Sequence>,
    /// Sequences by the columns that they belong to.
    pub(super) owned: HashMap<&'a OwnedBy, &'a Sequence>,
}

impl<'a> ByName<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self {
            tables: by(&schema.tables, |table| Some(&table.name)),
            enums: by(&schema.enums, |found| Some(&found.name)),
            domains: by(&schema.domains, |domain| Some(&domain.name)),
            sequences: by(&schema.sequences, |sequence| Some(&sequence.name)),
            owned: by(&schema.sequences, |sequence| sequence.owned_by.as_ref()),
        }
    }
}

fn by<T, K: Eq + Hash>(list: &[T], key: impl Fn(&T) -> Option<&K>) -> HashMap<&K, &T> {
    let mut found = HashMap::with_capacity(list.len());
    for item in list {
        if let Some(key) = key(item) {
            found.entry(key).or_insert(item);
        }
    }
    found
}
