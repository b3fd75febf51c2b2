//! A progress bar on a terminal, and nothing where standard error is no
//! terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outreach_domain::DiscoveryRequest;
use outreach_service::discovery::DiscoveryProgress;

#[derive(Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn begin(request: &DiscoveryRequest) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let queries = request.planned_queries().len() as u64;
        let bar = ProgressBar::with_draw_target(Some(queries), target);
        // The template is a constant; if it were wrong, the plain bar would do.
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} searches {msg} {elapsed}")
        {
            bar.set_style(style);
        }
        bar.set_message("0 found, 0 saved");
        bar.tick();
        Self(bar)
    }

    pub(super) fn show(&self, now: DiscoveryProgress) {
        let counters = now.counters;
        self.0.set_position(now.queries_done);
        self.0.set_message(format!(
            "{} found, {} saved",
            counters.found, counters.saved
        ));
    }

    /// Says something on a line of its own, above the bar.
    pub(super) fn say(&self, line: &str) {
        self.0.suspend(|| crate::output::say(line));
    }

    /// Takes the bar off the terminal, so that what follows begins on a line of
    /// its own.
    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}
