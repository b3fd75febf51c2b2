//! Items by the table, type or sequence that they are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Item, Report};

/// The items of one object.
pub(super) struct Group<'a> {
    /// The object's name.
    pub(super) object: &'a str,
    /// Its items, in their order.
    pub(super) items: Vec<&'a Item>,
}

/// The items by object, in the order of the first item of each.
pub(super) fn by_object(report: &Report) -> Vec<Group<'_>> {
    let compared: BTreeSet<&str> = report.compared.iter().map(String::as_str).collect();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for item in &report.items {
        let object = owner(&item.object, &compared);
        let place = *places.entry(object).or_insert_with(|| {
            groups.push(Group {
                object,
                items: Vec::new(),
            });
            groups.len() - 1
        });
        groups[place].items.push(item);
    }
    groups
}

/// Names of what is not compared, by kind.
pub(super) fn by_kind(
    unmodelled: &[crate::schema::Unmodelled],
) -> BTreeMap<&str, Vec<&crate::schema::Unmodelled>> {
    let mut kinds: BTreeMap<&str, Vec<&crate::schema::Unmodelled>> = BTreeMap::new();
    for thing in unmodelled {
        kinds.entry(&thing.kind).or_default().push(thing);
    }
    kinds
}

/// The object that a path leads into: the longest beginning of it that was
/// compared, or all of it. (Names may have dots themselves.)
fn owner<'a>(path: &'a str, compared: &BTreeSet<&str>) -> &'a str {
    let mut end = path.len();
    loop {
        if compared.contains(&path[..end]) {
            return &path[..end];
        }
        match path[..end].rfind('.') {
            Some(dot) => end = dot,
            None => return path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_longest_name_that_was_compared() {
        let compared = BTreeSet::from(["public.a", "public.a.b", "odd"]);
        assert_eq!(owner("public.a.id", &compared), "public.a");
        assert_eq!(owner("public.a.b.id", &compared), "public.a.b");
        assert_eq!(owner("public.a", &compared), "public.a");
        assert_eq!(owner("public.ab.id", &compared), "public.ab.id");
    }
}
