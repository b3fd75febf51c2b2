//! The `outreach` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    outreach_cli::run(std::env::args_os())
}
