//! The program `schema-audit`, as a function (feature `cli`).
//!
//! The report goes to standard output and everything else to standard error.
//! The status is 0 if the schemas are the same, 1 if something was found, 2 if
//! it could not look. No password is ever printed.

mod args;
mod commands;
mod connect;
mod error;
mod side;

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use args::Arguments;
use clap::Parser;
use error::ProgramError;

use crate::report::shown_lines;

/// The status of a program that could not look.
const COULD_NOT_LOOK: u8 = 2;

/// Runs the program and returns its exit status: 0 clean, 1 findings, 2 could
/// not look. `args` begin with the program's name.
///
/// That nobody reads the output any more is no error.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    stdout: &mut impl Write,
    stderr: &mut impl Write,
) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&args) {
        Ok(arguments) => arguments,
        Err(refused) => return usage(&refused, &args, stdout, stderr),
    };
    let target = arguments.output.clone();
    match commands::run(arguments).and_then(|outcome| {
        print(&outcome.text, target, stdout)?;
        Ok(outcome.status)
    }) {
        Ok(status) => status,
        Err(error) => {
            // Nobody may be reading; the status says it too.
            let _ = writeln!(stderr, "error: {}", error.line());
            COULD_NOT_LOOK
        }
    }
}

fn print(text: &[u8], file: Option<PathBuf>, stdout: &mut impl Write) -> Result<(), ProgramError> {
    if let Some(path) = file {
        return fs::write(&path, text).map_err(|source| ProgramError::WriteFile { path, source });
    }
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ProgramError::Write(error)),
        _ => Ok(()),
    }
}

/// Prints what clap says: help and version to standard output, refusals to
/// standard error.
fn usage(
    refused: &clap::Error,
    args: &[OsString],
    stdout: &mut impl Write,
    stderr: &mut impl Write,
) -> u8 {
    let mut text = refused.render().to_string();
    if !refused.use_stderr() {
        let _ = stdout.write_all(text.as_bytes());
        return 0;
    }
    // clap repeats an argument that it did not expect, which may be a URL.
    for arg in args {
        let arg = arg.to_string_lossy();
        let value = arg.split_once('=').map_or(&*arg, |(_, value)| value);
        for part in [&*arg, value] {
            if part.contains("://") {
                text = text.replace(part, &side::label(part));
            }
        }
    }
    let _ = stderr.write_all(shown_lines(&text).as_bytes());
    COULD_NOT_LOOK
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn json_schema_to(kind: io::ErrorKind) -> (u8, String) {
        let mut stderr = Vec::new();
        let args = ["schema-audit", "json-schema"].map(OsString::from);
        let status = run(args, &mut Closed(kind), &mut stderr);
        (status, String::from_utf8(stderr).unwrap())
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        assert_eq!(
            json_schema_to(io::ErrorKind::BrokenPipe),
            (0, String::new())
        );
        let (status, said) = json_schema_to(io::ErrorKind::StorageFull);
        assert_eq!(status, 2);
        assert!(
            said.starts_with("error: cannot write the output: "),
            "{said}"
        );
    }
}
