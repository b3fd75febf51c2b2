//! The program `schema-audit`.

use std::{io, process::ExitCode};

fn main() -> ExitCode {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    schema_audit::program::run(std::env::args_os(), &mut stdout, &mut stderr).into()
}
