//! A line that changes on a terminal, and lines one below the other elsewhere.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};
use outreach_domain::escape_for_terminal;
use outreach_operations::backup::Step;

use crate::output;

/// What is being done, on standard error.
pub(crate) struct Shown(Option<ProgressBar>);

impl Shown {
    pub(crate) fn begin() -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    pub(crate) fn show(&self, step: Step) {
        let is_often = matches!(step, Step::Written { .. });
        let line = line(step);
        match &self.0 {
            Some(bar) => bar.set_message(line),
            None if is_often => {}
            None => output::say(&line),
        }
    }

    /// Takes the line off the terminal, so that what follows begins on a line of
    /// its own.
    pub(crate) fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

fn line(step: Step) -> String {
    let line = match step {
        Step::Writing { path } => format!("writing {}", path.display()),
        Step::Written { bytes } => format!("written {}", HumanBytes(bytes)),
        Step::Counting { tables } => format!("counting and hashing the rows of {tables} tables"),
        Step::Checking { path } => format!("computing the checksum of {}", path.display()),
        Step::Scratch { name } => format!("the scratch database is {name}, removed at the end"),
        Step::Restoring => "restoring".to_owned(),
        Step::Comparing => "comparing with the manifest".to_owned(),
        Step::Committing => "committing".to_owned(),
        _ => "working".to_owned(),
    };
    escape_for_terminal(&line).into_owned()
}
