//! The chain leaves the application's logging alone. A program of its own,
//! because what is looked at is set once for a whole process.

use std::sync::{Arc, Mutex};

use outreach_migration::{
    Migrator, MigratorTrait, REVISIONS,
    command::{self, MigrateSubcommands},
};
use outreach_tests::TestDb;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// An application's subscriber: keeps the message of each event.
#[derive(Clone, Default)]
struct Application(Arc<Mutex<Vec<String>>>);

struct Message<'a>(&'a mut Vec<String>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Application {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut messages = self.0.lock().expect("no event panics");
        event.record(&mut Message(&mut messages));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

async fn run_everything() -> anyhow::Result<()> {
    let db = TestDb::empty_sqlite().await?;
    let pool = db.connect_plain().await?;
    Migrator::up(&pool, None).await?;
    Migrator::status(&pool).await?;
    Migrator::reset(&pool).await?;
    let pool = command::connect(db.url(), None).await?;
    command::run(&pool, Some(MigrateSubcommands::Up { num: None })).await?;
    assert!(command::connect("mysql://localhost", None).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f20_the_migrator_sets_no_logger_and_logs_to_that_of_the_application() -> anyhow::Result<()>
{
    run_everything().await?;
    assert!(!tracing::dispatcher::has_been_set());

    let application = Application::default();
    tracing::subscriber::set_global_default(application.clone())?;
    run_everything().await?;

    let is_still_there = tracing::dispatcher::get_default(tracing::Dispatch::is::<Application>);
    assert!(is_still_there);
    let messages = application.0.lock().expect("no event panics");
    for revision in REVISIONS {
        let message = format!("Migration '{}' has been applied", revision.name);
        assert_eq!(messages.iter().filter(|m| **m == message).count(), 2);
    }
    Ok(())
}
