//! The table.

use std::{collections::BTreeMap, fmt};

use crate::{case::Case, judge::Verdict};

#[derive(Default)]
pub(crate) struct Report {
    /// By dialect and what is expected.
    kinds: BTreeMap<(String, String), Kind>,
    /// Listed findings by dialect, what is expected, and category.
    categories: BTreeMap<(String, String, String), Count>,
    /// What is wrong, by case.
    failures: BTreeMap<String, Vec<String>>,
}

#[derive(Default)]
struct Kind {
    passed: Count,
    complete: Count,
    silent_twice: Count,
    proved: Count,
}

#[derive(Default)]
struct Count {
    good: usize,
    all: usize,
}

impl Report {
    pub(crate) fn add(&mut self, case: Case, verdict: anyhow::Result<Verdict>) {
        let key = (case.dialect, case.expect);
        let kind = self.kinds.entry(key.clone()).or_default();
        let (dialect, expect) = key;
        match verdict {
            Ok(verdict) => {
                kind.passed.add(verdict.passed);
                kind.complete.add(verdict.complete);
                kind.silent_twice.add(verdict.silent_twice);
                if let Some(proved) = verdict.proved {
                    kind.proved.add(proved);
                }
                for (category, found) in verdict.listed {
                    let key = (dialect.clone(), expect.clone(), category);
                    self.categories.entry(key).or_default().add(found);
                }
                if !verdict.reasons.is_empty() {
                    self.failures.insert(case.id, verdict.reasons);
                }
            }
            Err(error) => {
                kind.passed.add(false);
                kind.complete.add(false);
                kind.silent_twice.add(false);
                self.failures.insert(case.id, vec![format!("{error:#}")]);
            }
        }
    }

    pub(crate) fn failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

impl Count {
    fn add(&mut self, good: bool) {
        self.all += 1;
        self.good += usize::from(good);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all == 0 {
            return formatter.pad("-");
        }
        // In tenths of a percent, rounded down: 100 % means all.
        let tenths = self.good * 1000 / self.all;
        let (percent, tenth) = (tenths / 10, tenths % 10);
        let text = format!("{}/{} {percent}.{tenth} %", self.good, self.all);
        formatter.pad(&text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, reasons) in &self.failures {
            writeln!(formatter, "{case}")?;
            for reason in reasons {
                writeln!(formatter, "    {reason}")?;
            }
        }
        writeln!(
            formatter,
            "\n{:9} {:25} {:17} {:17} {:17} {:17}",
            "dialect", "expected", "as expected", "all listed", "silent twice", "proved"
        )?;
        for ((dialect, expect), kind) in &self.kinds {
            let Kind {
                passed,
                complete,
                silent_twice,
                proved,
            } = kind;
            writeln!(
                formatter,
                "{dialect:9} {expect:25} {passed:17} {complete:17} {silent_twice:17} {proved:17}"
            )?;
        }
        writeln!(
            formatter,
            "\n{:9} {:25} {:14} found",
            "dialect", "expected", "category"
        )?;
        for ((dialect, expect, category), count) in &self.categories {
            writeln!(formatter, "{dialect:9} {expect:25} {category:14} {count}")?;
        }
        Ok(())
    }
}
