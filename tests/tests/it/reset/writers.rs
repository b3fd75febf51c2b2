//! Somebody writes at each step of a reset: what was written is in the database
//! or in the backup, whatever the server's default isolation is.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread::{JoinHandle, spawn},
    time::{Duration, Instant},
};

use outreach_operations::{
    backup::{self, Manifest},
    reset::{ResetError, ResetOptions, Step, replace, reset},
};
use outreach_tests::TestDb;
use sea_orm::sqlx::{Connection, Executor, PgConnection, Row};

use super::{
    meanwhile::{assert_changed, cleared},
    name, settle,
};
use crate::backup::{create, folder, options};

const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// When somebody writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// After the list was made.
    BeforeTheBackup,
    /// After its snapshot was taken.
    DuringTheBackup,
    AfterTheBackup,
    /// In a transaction that is committed as soon as somebody waits for it.
    WhileTheLockIsWaitedFor,
    /// Has to wait until all is over.
    BehindTheLock,
}

const MOMENTS: [Moment; 5] = [
    Moment::BeforeTheBackup,
    Moment::DuringTheBackup,
    Moment::AfterTheBackup,
    Moment::WhileTheLockIsWaitedFor,
    Moment::BehindTheLock,
];

/// What is done to the database.
#[derive(Clone, Copy, Debug)]
enum What {
    Reset,
    Replacement,
}

const INSERT: &str = "INSERT INTO revision_checksums (version, checksum) VALUES ('new', 'row')";

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_no_row_is_lost_whenever_somebody_writes_during_a_reset() -> anyhow::Result<()>
{
    during(What::Reset).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_no_row_is_lost_whenever_somebody_writes_during_a_replacement()
-> anyhow::Result<()> {
    during(What::Replacement).await
}

async fn during(what: What) -> anyhow::Result<()> {
    at(what, "read committed", Moment::WhileTheLockIsWaitedFor).await?;
    for moment in MOMENTS {
        at(what, "repeatable read", moment).await?;
    }
    Ok(())
}

async fn at(what: What, isolation: &str, moment: Moment) -> anyhow::Result<()> {
    let case = format!("{what:?} {isolation} {moment:?}");
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let restored = create(&options(&db), &folder.path().join("before")).await?;
    let default = format!(
        "ALTER DATABASE {} SET default_transaction_isolation = '{isolation}'",
        name(&db)
    );
    db.sql(&default).await?;
    settle(&db).await?;
    let clearance = cleared(&db).await?;
    let writer = Writer::new(db.url(), moment);
    if moment == Moment::BeforeTheBackup {
        writer.write_at_once();
    }
    let mut to = ResetOptions::new(folder.path());
    to.lock_timeout = LONGEST_WAIT;
    let progress = |step| writer.notice(&step);
    let database = options(&db);
    let done: Result<PathBuf, ResetError> = match what {
        What::Reset => reset(&database, &clearance, &to, &progress)
            .await
            .map(|done| done.backup.path),
        What::Replacement => {
            let file = &restored.path;
            let done = replace(file, &database, &clearance, true, &to, &progress);
            done.await.map(|done| done.backup.path)
        }
    };
    let written = writer.ended();
    let there = "select count(*) from revision_checksums where version = 'new'";
    let there = db.count(there).await? == 1;
    match (moment, done) {
        (Moment::BeforeTheBackup | Moment::BehindTheLock, Ok(backup)) => {
            let held = holds(&backup, &restored)?;
            assert_eq!(held, moment == Moment::BeforeTheBackup, "{case}");
            assert!(!written || there || held, "{case}: the row is lost");
        }
        (Moment::BeforeTheBackup | Moment::BehindTheLock, Err(error)) => {
            panic!("{case}: {error:?}");
        }
        (_, done) => {
            assert!(written && there, "{case}: the row is lost");
            assert_changed(done.map(drop), "`revision_checksums`");
        }
    }
    Ok(())
}

/// Whether a backup has one row more than another.
fn holds(backup: &Path, earlier: &backup::Backup) -> anyhow::Result<bool> {
    let rows = |manifest: &Manifest| {
        let table = manifest.contents.table("revision_checksums");
        table.map_or(0, |table| table.rows)
    };
    Ok(rows(&Manifest::read(backup)?) == rows(&earlier.manifest) + 1)
}

/// Writes from connections of its own.
struct Writer {
    url: String,
    moment: Moment,
    backed_up: AtomicBool,
    writing: Mutex<Option<JoinHandle<bool>>>,
}

impl Writer {
    fn new(url: &str, moment: Moment) -> Self {
        Self {
            url: url.to_owned(),
            moment,
            backed_up: AtomicBool::new(false),
            writing: Mutex::new(None),
        }
    }

    /// Keeps whoever is at this step from going on until the writer is where the
    /// moment wants it.
    fn notice(&self, step: &Step) {
        let is_backed_up = self.backed_up.load(Ordering::SeqCst);
        match (self.moment, step) {
            (Moment::DuringTheBackup, Step::Backup(backup::Step::Writing { .. }))
            | (Moment::AfterTheBackup, Step::BackedUp { .. }) => self.write_at_once(),
            (Moment::WhileTheLockIsWaitedFor, Step::BackedUp { .. }) => {
                self.begin(write_while_waited_for);
            }
            (Moment::BehindTheLock, Step::Dropping { .. }) => self.begin(write_behind),
            (Moment::BehindTheLock, Step::Backup(backup::Step::Restoring)) if is_backed_up => {
                self.begin(write_behind);
            }
            _ => {}
        }
        if matches!(step, Step::BackedUp { .. }) {
            self.backed_up.store(true, Ordering::SeqCst);
        }
    }

    fn write_at_once(&self) {
        self.begin(|url, ready| {
            let written = run(async {
                let mut connection = PgConnection::connect(url).await?;
                connection.execute(INSERT).await?;
                connection.close().await?;
                anyhow::Ok(())
            });
            ready.send(())?;
            written
        });
    }

    fn begin(&self, write: impl FnOnce(&str, &Sender<()>) -> anyhow::Result<()> + Send + 'static) {
        let url = self.url.clone();
        let (ready, is_ready) = channel();
        let writing = spawn(move || write(&url, &ready).is_ok());
        is_ready.recv_timeout(LONGEST_WAIT).unwrap();
        let before = self.writing.lock().unwrap().replace(writing);
        assert!(before.is_none(), "one writer");
    }

    /// Whether it was told that its row is stored.
    fn ended(&self) -> bool {
        let writing = self.writing.lock().unwrap().take();
        writing.expect("somebody wrote").join().unwrap()
    }
}

fn write_while_waited_for(url: &str, ready: &Sender<()>) -> anyhow::Result<()> {
    run(async {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute("BEGIN").await?;
        connection.execute(INSERT).await?;
        ready.send(())?;
        let other = PgConnection::connect(url).await?;
        somebody_waits(other).await?;
        connection.execute("COMMIT").await?;
        connection.close().await?;
        Ok(())
    })
}

fn write_behind(url: &str, ready: &Sender<()>) -> anyhow::Result<()> {
    run(async {
        let mut connection = PgConnection::connect(url).await?;
        let other = PgConnection::connect(url).await?;
        let waits = async {
            somebody_waits(other).await?;
            ready.send(())?;
            anyhow::Ok(())
        };
        let (written, waited) = tokio::join!(connection.execute(INSERT), waits);
        waited?;
        written?;
        connection.close().await?;
        Ok(())
    })
}

async fn somebody_waits(mut connection: PgConnection) -> anyhow::Result<()> {
    let sql = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE d.datname = current_database() AND NOT l.granted";
    let begun = Instant::now();
    while begun.elapsed() < LONGEST_WAIT {
        let waiting: i64 = connection.fetch_one(sql).await?.get(0);
        if waiting > 0 {
            return Ok(connection.close().await?);
        }
    }
    anyhow::bail!("nobody waits for a lock")
}

fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}
