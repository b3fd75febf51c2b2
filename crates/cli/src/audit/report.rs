//! The report of an audit.

use outreach_migration::REVISIONS;
use schema_audit::{
    compare::{Finding, Severity},
    report::{Block, Report, Section},
    schema::Schema,
};

use super::{Examination, items};
use crate::output;

/// Something that the transactions rely on the schema for.
struct Guarantee {
    text: &'static str,
    /// The revision that brings it, by the beginning of its name.
    since: &'static str,
    /// The parts of the schema that make it, its table first.
    parts: &'static [&'static str],
}

const GUARANTEES: [Guarantee; 6] = [
    Guarantee {
        text: "a domain is saved once, whichever job finds it",
        since: "m20260101_000001",
        parts: &[
            "prospects",
            "prospects.domain",
            "prospects.uq_prospects_domain",
        ],
    },
    Guarantee {
        text: "a query of a job is run and counted once",
        since: "m20260101_000001",
        parts: &[
            "discovery_queries",
            "discovery_queries.uq_discovery_queries_job_id_keyword_location",
        ],
    },
    Guarantee {
        text: "what a merge of duplicates changed can be put back",
        since: "m20260101_000001",
        parts: &["merged_rows"],
    },
    Guarantee {
        text: "a run proves itself before it writes, and one that lost its job writes nothing",
        since: "m20260101_000002",
        parts: &[
            "job_runs",
            "job_runs.run_token",
            "job_runs.job_id",
            "job_runs.job_runs_pkey",
            "job_runs.(job_id)",
        ],
    },
    Guarantee {
        text: "the run of a job goes with the job",
        since: "m20260101_000002",
        parts: &[
            "job_runs",
            "job_runs.job_runs_job_id_fkey",
            "job_runs.(job_id)->jobs(id)",
        ],
    },
    Guarantee {
        text: "a prospect outlives the query that found it",
        since: "m20251201_000004",
        parts: &[
            "prospects",
            "prospects.fk_prospects_discovery_query_id",
            "prospects.(discovery_query_id)->discovery_queries(id)",
        ],
    },
];

/// The tables that a discovery reads and writes.
const PIPELINE: [&str; 4] = ["jobs", "job_runs", "discovery_queries", "prospects"];

/// Everything that was seen, for any format. `database` names it for people,
/// without a password.
pub(crate) fn report(examination: &Examination, database: &str) -> Report {
    let expected = format!("revision {}", examination.revision.name);
    let mut report = Report::new(
        "outreach audit",
        env!("CARGO_PKG_VERSION"),
        expected,
        database,
    );
    report.add_comparison(&examination.expected, &examination.live, &[]);
    let schema = examination.findings.iter();
    report.items.extend(schema.map(items::of_finding));
    if let Some(ledgers) = &examination.ledgers {
        let ledgers = ledgers.findings.iter();
        report.items.extend(ledgers.map(items::of_finding));
    }
    if let Some(data) = &examination.data {
        report.items.extend(data.iter().map(items::of_data));
    }
    report
}

/// The parts of a report that is read as a document.
pub(crate) fn sections(examination: &Examination) -> Vec<Section> {
    vec![
        pipeline(examination),
        transactions(examination),
        completeness(examination),
        chain(examination),
    ]
}

/// Whether a finding of the database is about this part of the schema.
fn is_at(finding: &Finding, part: &str) -> bool {
    let mut path = finding.object.object.clone();
    if let Some(member) = &finding.object.member {
        path = format!("{path}.{member}");
    }
    finding.severity > Severity::Info && path == part
}

fn pipeline(examination: &Examination) -> Section {
    let in_revision = |table: &&&str| has_table(&examination.expected, table);
    let rows = PIPELINE.iter().filter(in_revision).map(|table| {
        let about = |finding: &&Finding| {
            finding.severity > Severity::Info && finding.object.object == **table
        };
        let count = examination.findings.iter().filter(about).count();
        let word = match (has_table(&examination.live, table), count) {
            (false, _) => "missing".to_owned(),
            (true, 0) => "as it should be".to_owned(),
            (true, count) => output::counted(count as u64, "finding"),
        };
        vec![(*table).to_owned(), word]
    });
    let mut blocks = vec![Block::Table {
        header: vec!["Table".to_owned(), "State".to_owned()],
        rows: rows.collect(),
    }];
    blocks.push(Block::Paragraph(match &examination.data {
        None => "The rows were not looked at (`--data` does).".to_owned(),
        Some(data) if data.is_empty() => "The rows are sound.".to_owned(),
        Some(data) => format!("{} checks of the rows found something.", data.len()),
    }));
    section("Pipeline viability", blocks)
}

fn transactions(examination: &Examination) -> Section {
    let rows = GUARANTEES.iter().map(|guarantee| {
        let found = examination.of_database();
        let at = |part: &str| found.iter().any(|finding| is_at(finding, part));
        let table = guarantee.parts.first().copied().unwrap_or_default();
        let in_table =
            |finding: &Finding| finding.severity > Severity::Info && finding.object.object == table;
        let word = if !has_revision(examination, guarantee.since) {
            "not in this revision"
        } else if guarantee.parts.iter().any(|part| at(part)) {
            "broken"
        } else if found.iter().any(in_table) {
            "in doubt: its table has other findings"
        } else {
            "held by the schema"
        };
        vec![guarantee.text.to_owned(), word.to_owned()]
    });
    let table = Block::Table {
        header: vec!["Guarantee".to_owned(), "State".to_owned()],
        rows: rows.collect(),
    };
    section("Transaction safety", vec![table])
}

fn has_table(schema: &Schema, table: &str) -> bool {
    schema.tables.iter().any(|t| t.name.name == table)
}

/// Whether the chain up to the revision that was asked for has a revision, by
/// the beginning of its name.
fn has_revision(examination: &Examination, since: &str) -> bool {
    let mut until = REVISIONS
        .iter()
        .take_while(|revision| revision.name != examination.revision.name)
        .chain([examination.revision]);
    until.any(|revision| revision.name.starts_with(since))
}

fn completeness(examination: &Examination) -> Section {
    let Some(ledgers) = &examination.ledgers else {
        let text = "An older revision was asked for: the ledgers were not looked at.";
        return section(
            "Migration completeness",
            vec![Block::Paragraph(text.to_owned())],
        );
    };
    let text = match (&ledgers.applied, ledgers.findings.len()) {
        (None, _) => "The database has no ledger of revisions.".to_owned(),
        (Some(rows), 0) => format!(
            "{} of {} revisions are applied, and none was edited since.",
            rows.len(),
            REVISIONS.len()
        ),
        (Some(rows), count) => format!(
            "The ledger has {} rows, the chain {} revisions; {count} findings.",
            rows.len(),
            REVISIONS.len()
        ),
    };
    let alembic = match &ledgers.alembic {
        None => "There is no ledger of Alembic's.".to_owned(),
        Some(rows) => format!("Alembic's ledger says: {}.", rows.join(", ")),
    };
    section(
        "Migration completeness",
        vec![Block::Paragraph(text), Block::Paragraph(alembic)],
    )
}

fn chain(examination: &Examination) -> Section {
    let applied = examination
        .ledgers
        .as_ref()
        .map(|ledgers| ledgers.applied.as_deref().unwrap_or_default());
    let lines = REVISIONS.iter().enumerate().rev().map(|(index, revision)| {
        let before = index
            .checked_sub(1)
            .and_then(|before| REVISIONS.get(before));
        let mark = match applied {
            None => '?',
            Some(applied) if applied.iter().any(|row| row.revision == revision.name) => 'x',
            Some(_) => ' ',
        };
        let down = before.map_or("<base>", |before| before.name);
        format!("[{mark}] {down} -> {}", revision.name)
    });
    let code = Block::Code {
        language: "text".to_owned(),
        text: lines.collect::<Vec<_>>().join("\n"),
    };
    section("The chain", vec![code])
}

fn section(title: &str, blocks: Vec<Block>) -> Section {
    Section {
        title: title.to_owned(),
        blocks,
    }
}

/// What to do: first the schema as a whole, then the remedies of the items, each
/// once. Of a report that is otherwise complete: what it shows was done.
pub(crate) fn next_steps(examination: &Examination, report: &Report) -> Vec<String> {
    if is_empty(examination) {
        let newest = REVISIONS.last() == Some(examination.revision);
        return vec![if newest {
            "`outreach migrate up`".to_owned()
        } else {
            format!("`outreach migrate up --to {}`", examination.revision.name)
        }];
    }
    let mut steps: Vec<String> = Vec::new();
    let of_database = examination.of_database();
    if of_database.iter().any(|f| f.severity > Severity::Info) {
        let step = match (&report.repair, &report.proof) {
            (None, _) => Some(
                "`outreach audit --repair` prints SQL that mends the schema, `--prove` tries it \
                 on a scratch copy",
            ),
            (Some(_), None) => Some("`outreach audit --prove` tries the repair on a scratch copy"),
            (Some(_), Some(proof)) if proof.clean => {
                Some("run the SQL of the repair, after `outreach backup`")
            }
            (Some(_), Some(_)) => None,
        };
        steps.extend(step.map(str::to_owned));
    }
    let counted = report.items.iter().filter(|item| item.counts());
    for remedy in counted.filter_map(|item| item.remedy.as_ref()) {
        if !steps.contains(remedy) {
            steps.push(remedy.clone());
        }
    }
    steps
}

/// Whether nothing of outreach's is there: no table, and no word in a ledger.
fn is_empty(examination: &Examination) -> bool {
    let mut tables = examination.expected.tables.iter();
    let says_something = examination.ledgers.as_ref().is_some_and(|ledgers| {
        let alembic = ledgers.alembic.as_deref().unwrap_or_default();
        let applied = ledgers.applied.as_deref().unwrap_or_default();
        !alembic.is_empty() || !applied.is_empty()
    });
    !says_something && tables.all(|table| !has_table(&examination.live, &table.name.name))
}
