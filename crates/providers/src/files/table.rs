//! The rows in memory, grouped by the query that they answer.

use std::collections::HashMap;

use outreach_domain::Location;
use outreach_service::discovery::{SearchQuery, SearchResult};

use super::row::Row;

/// A keyword and location that rows of the file are tagged with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryInFile {
    /// The keyword as first written; `None` when the rows answer every keyword.
    pub keyword: Option<String>,
    /// The location; `None` when the rows answer for every location.
    pub location: Option<Location>,
    /// How many rows are tagged so.
    pub rows: u64,
}

/// A keyword as it is compared, and a location's code.
type Key = (Option<String>, Option<i32>);

#[derive(Debug)]
struct Stored {
    file: usize,
    line: u64,
    url: String,
    title: Option<String>,
    description: Option<String>,
}

#[derive(Debug)]
struct Group {
    tag: QueryInFile,
    rows: Vec<usize>,
}

/// All rows of all files, in reading order.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Stored>,
    groups: Vec<Group>,
    by_key: HashMap<Key, usize>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn insert(&mut self, file: usize, row: Row) {
        let key = (
            row.keyword.as_deref().map(comparable),
            row.location.map(Location::code),
        );
        let group = *self.by_key.entry(key).or_insert_with(|| {
            self.groups.push(Group {
                tag: QueryInFile {
                    keyword: row.keyword,
                    location: row.location,
                    rows: 0,
                },
                rows: Vec::new(),
            });
            self.groups.len() - 1
        });
        let group = &mut self.groups[group];
        group.tag.rows += 1;
        group.rows.push(self.rows.len());
        self.rows.push(Stored {
            file,
            line: row.line,
            url: row.url,
            title: row.title,
            description: row.description,
        });
    }

    /// The rows that answer `query`, in reading order; `origins` names the files.
    pub(crate) fn answer(&self, query: &SearchQuery, origins: &[String]) -> Vec<SearchResult> {
        let mut found: Vec<usize> = keys(query)
            .iter()
            .filter_map(|key| self.by_key.get(key))
            .flat_map(|&group| self.groups[group].rows.iter().copied())
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .map(|at| &self.rows[at])
            .map(|row| SearchResult {
                url: row.url.clone(),
                title: row.title.clone(),
                description: row.description.clone(),
                origin: origins
                    .get(row.file)
                    .map(|name| format!("{name}:{}", row.line)),
            })
            .collect()
    }

    /// How many rows none of `queries` would return.
    pub(crate) fn unmatched(&self, queries: &[SearchQuery]) -> u64 {
        let mut matched = vec![false; self.groups.len()];
        for key in queries.iter().flat_map(keys) {
            if let Some(&group) = self.by_key.get(&key) {
                matched[group] = true;
            }
        }
        let all = self.groups.iter().zip(matched);
        all.filter(|(_, matched)| !matched)
            .map(|(group, _)| group.tag.rows)
            .sum()
    }

    pub(crate) fn queries(&self) -> Vec<QueryInFile> {
        self.groups.iter().map(|group| group.tag.clone()).collect()
    }
}

fn comparable(keyword: &str) -> String {
    keyword.trim().to_lowercase()
}

/// The four tags whose rows answer `query`.
fn keys(query: &SearchQuery) -> [Key; 4] {
    let keyword = Some(comparable(&query.keyword));
    let code = Some(query.location.code());
    [
        (keyword.clone(), code),
        (keyword, None),
        (None, code),
        (None, None),
    ]
}
