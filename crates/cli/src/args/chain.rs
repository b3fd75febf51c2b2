//! The command that changes the schema's revision: `migrate`.

use clap::{Args, Subcommand};
use outreach_migration::command::MigrateSubcommands;

const CHAIN_HELP: &str = "\
The subcommands and their options are those of `sea-orm-cli migrate`, on the same chain of
revisions. `up` when none is given. Each run is one transaction and waits for another one.
`fresh`, `refresh`, `reset` and `down` delete data and do not ask.";

#[derive(Debug, Args)]
#[command(after_help = CHAIN_HELP)]
pub(crate) struct Migrate {
    /// Print the state of the chain as JSON in the end
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Option<MigrateCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    #[command(flatten)]
    Chain(MigrateSubcommands),
    /// Draw the chain of revisions, newest first
    #[command(display_order = 61)]
    History,
}
