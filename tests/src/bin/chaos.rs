//! Chaos for the job workers on PostgreSQL. Ends with 1 when something that has to
//! hold did not.
//!
//! ```text
//! chaos                          10 runs of 60 faults of each strategy, and the control
//! chaos --seeds 100 --faults 500 the long mode
//! chaos --seed 7                 one run again
//! ```

use std::process::ExitCode;

use clap::Parser;
use outreach_tests::chaos::{Arguments, run_chaos};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    Ok(if run_chaos(&Arguments::parse()).await? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
