//! The report of an audit.

use outreach_migration::REVISIONS;
use schema_audit::{
    compare::{Finding, Severity},
    report::{Block, Report, Section},
};

use super::{Examination, items};

/// What a guarantee stands on: its name, the table, and the parts of the schema
/// that make it, as the ends of their paths.
const GUARANTEES: [(&str, &str, &[&str]); 6] = [
    (
        "a domain is saved once, whichever job finds it",
        "prospects",
        &[
            "prospects",
            "prospects.domain",
            "prospects.uq_prospects_domain",
            "prospects.(domain)",
        ],
    ),
    (
        "a query of a job is run and counted once",
        "discovery_queries",
        &[
            "discovery_queries",
            "discovery_queries.uq_discovery_queries_job_id_keyword_location",
            "discovery_queries.(job_id, keyword, location)",
        ],
    ),
    (
        "a run proves itself before it writes, and one that lost its job writes nothing",
        "job_runs",
        &[
            "job_runs",
            "job_runs.run_token",
            "job_runs.job_id",
            "job_runs.job_runs_pkey",
        ],
    ),
    (
        "the run of a job goes with the job",
        "job_runs",
        &[
            "job_runs",
            "job_runs.job_runs_job_id_fkey",
            "job_runs.(job_id)->jobs(id)",
        ],
    ),
    (
        "a prospect outlives the query that found it",
        "prospects",
        &[
            "prospects",
            "prospects.fk_prospects_discovery_query_id",
            "prospects.(discovery_query_id)->discovery_queries(id)",
        ],
    ),
    (
        "what a merge of duplicates changed can be put back",
        "merged_rows",
        &["merged_rows"],
    ),
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
    report
        .items
        .extend(examination.findings.iter().map(items::of_finding));
    if let Some(ledgers) = &examination.ledgers {
        report
            .items
            .extend(ledgers.findings.iter().map(items::of_finding));
    }
    if let Some(data) = &examination.data {
        report.items.extend(data.iter().map(items::of_data));
    }
    report.sections = vec![
        pipeline(examination),
        transactions(examination),
        completeness(examination),
        chain(examination),
    ];
    report.next_steps = next_steps(&report);
    report
}

/// Whether a finding is about this part of the schema.
fn is_at(finding: &Finding, part: &str) -> bool {
    let mut path = finding.object.object.clone();
    if let Some(member) = &finding.object.member {
        path = format!("{path}.{member}");
    }
    finding.severity > Severity::Info && path == part
}

fn pipeline(examination: &Examination) -> Section {
    let rows = PIPELINE.map(|table| {
        let about = |finding: &&Finding| {
            finding.severity > Severity::Info && finding.object.object == table
        };
        let count = examination.findings.iter().filter(about).count();
        let there = examination.live.tables.iter().any(|t| t.name.name == table);
        let word = match (there, count) {
            (false, _) => "missing".to_owned(),
            (true, 0) => "as it should be".to_owned(),
            (true, count) => format!("{count} findings"),
        };
        vec![table.to_owned(), word]
    });
    let mut blocks = vec![Block::Table {
        header: vec!["Table".to_owned(), "State".to_owned()],
        rows: rows.into(),
    }];
    blocks.push(Block::Paragraph(match &examination.data {
        None => "The rows were not looked at (`--data` does).".to_owned(),
        Some(data) if data.is_empty() => "The rows are sound.".to_owned(),
        Some(data) => format!("{} checks of the rows found something.", data.len()),
    }));
    section("Pipeline viability", blocks)
}

fn transactions(examination: &Examination) -> Section {
    let rows = GUARANTEES.iter().map(|(guarantee, table, parts)| {
        let broken = examination
            .findings
            .iter()
            .any(|finding| parts.iter().any(|part| is_at(finding, part)));
        let expected = examination.expected.tables.iter();
        let word = if !expected.into_iter().any(|t| t.name.name == *table) {
            "not in this revision"
        } else if broken {
            "broken"
        } else {
            "held by the schema"
        };
        vec![(*guarantee).to_owned(), word.to_owned()]
    });
    let table = Block::Table {
        header: vec!["Guarantee".to_owned(), "State".to_owned()],
        rows: rows.collect(),
    };
    section("Transaction safety", vec![table])
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
        .and_then(|l| l.applied.as_ref());
    let lines = REVISIONS.iter().enumerate().rev().map(|(index, revision)| {
        let before = index
            .checked_sub(1)
            .and_then(|before| REVISIONS.get(before));
        let mark = match applied {
            None => '?',
            Some(rows) if rows.iter().any(|row| row.revision == revision.name) => 'x',
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

/// The remedies, each once, in the order in which they are first needed.
fn next_steps(report: &Report) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let counted = report.items.iter().filter(|item| item.counts());
    for remedy in counted.filter_map(|item| item.remedy.as_ref()) {
        if !steps.contains(remedy) {
            steps.push(remedy.clone());
        }
    }
    steps
}
