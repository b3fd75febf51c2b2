//! Log messages for people: one line each, on standard error.

use std::{fmt, io};

use outreach_domain::escape_for_terminal;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The chain says what it does; of everything else only warnings matter. What a
/// worker meets, `outreach work` says itself, an outage once and not at each
/// attempt.
const QUIET: &str = "off,sea_orm_migration=info,outreach_migration=info,outreach_service=warn,\
                     outreach_service::worker=error,outreach_providers=warn";

/// What helps to see where time goes; drivers below the pool stay silent.
const VERBOSE: &str = "info,sea_orm=debug,sea_orm_migration=debug,outreach_migration=debug,\
                       outreach_service=debug,outreach_providers=debug";

/// Sends log messages to standard error. An application that embeds this crate
/// and has its own subscriber keeps it.
pub(crate) fn install(verbose: bool) {
    let filter = if verbose { VERBOSE } else { QUIET };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .event_format(Lines { verbose })
        // A message that can't be written is no reason to fail; the subscriber
        // would print about it, and panic when it can't.
        .log_internal_errors(false);
    let _ = tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(lines)
        .try_init();
}

/// The message and its fields; what it is about only if it is a warning or
/// asked for. A message may quote what strangers wrote.
struct Lines {
    verbose: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut fields), event)?;
        let level = match *metadata.level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            _ => "debug: ",
        };
        let target = if self.verbose { metadata.target() } else { "" };
        let separator = if self.verbose { ": " } else { "" };
        writeln!(
            writer,
            "{level}{target}{separator}{}",
            escape_for_terminal(&fields)
        )
    }
}
