//! Commands on prospects: `prospects`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use outreach_domain::{OutreachStatus, ProspectId};
use outreach_service::prospects::{ProspectCursor, ProspectFilter};
use rust_decimal::Decimal;

use super::PageArguments;

#[derive(Debug, Subcommand)]
pub(crate) enum Prospects {
    /// List prospects, the highest score first
    List {
        #[command(flatten)]
        filter: FilterArguments,
        #[command(flatten)]
        page: PageArguments<ProspectCursor>,
    },
    /// Show a prospect
    Show {
        /// The prospect's id
        id: ProspectId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write all prospects, or those of a filter, to standard output or a file
    Export(Export),
}

/// Which prospects.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only prospects of this outreach status
    #[arg(long)]
    status: Option<OutreachStatus>,

    /// Only prospects with this score or a higher one
    #[arg(long, value_name = "SCORE")]
    min_score: Option<Decimal>,

    /// Only prospects with an address
    #[arg(long, conflicts_with = "no_email")]
    has_email: bool,

    /// Only prospects without an address
    #[arg(long)]
    no_email: bool,
}

impl FilterArguments {
    pub(crate) fn filter(&self) -> ProspectFilter {
        ProspectFilter {
            status: self.status,
            min_score: self.min_score,
            has_email: match (self.has_email, self.no_email) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
In CSV, a text that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a
carriage return) gets an apostrophe before it: titles are written by strangers. JSON Lines has
every value as it is, and the stored payloads beside.")]
pub(crate) struct Export {
    /// How to write each prospect
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,

    /// The file to write; it appears once it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}
