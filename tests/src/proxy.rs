//! A proxy before PostgreSQL that fails where it is told to.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use url::Url;

use crate::wire::{Message, Sql};

mod connection;

/// How long [`Proxy::wait_for_faults`] waits before it fails the test.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What the proxy does wrong. Those that cut a connection happen once, to the
/// first connection that gets there, and leave [`Fault::None`] behind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Everything is passed on.
    #[default]
    None,
    /// The next COMMIT reaches the server and is done there; the connection is
    /// cut in place of the reply.
    SwallowCommitReply,
    /// [`Fault::SwallowCommitReply`], of the next transaction that has inserted,
    /// updated or deleted: a look of a worker is a transaction too.
    SwallowReplyToWrites,
    /// [`Fault::SwallowReplyToWrites`], but the connection stays open, and nothing
    /// comes back on it any more, as after a host has lost its power.
    SilenceAfterWrites,
    /// The connection is cut in place of passing the next COMMIT on, so that the
    /// transaction did not happen.
    DropBeforeCommit,
    /// The connection is cut in place of passing on the statement that comes
    /// after so many others, counted over all connections from now on. BEGIN,
    /// COMMIT and SAVEPOINT are statements too.
    DropBeforeStatement {
        /// The number of statements that are still passed on.
        after: u64,
    },
    /// The statement that comes after so many others, counted as for
    /// [`Fault::DropBeforeStatement`], is not passed on, nor is anything that its
    /// client sends after it, until another fault is set. Other connections go
    /// on. When the held client ends meanwhile, what is held is thrown away and
    /// the server sees the end.
    HoldBeforeStatement {
        /// The number of statements that are still passed on.
        after: u64,
    },
    /// Connections stay open and nothing is passed on, in either direction, until
    /// another fault is set.
    Stall,
    /// The next BEGIN is held up until another fault is set. Other statements of
    /// the connection wait behind it.
    StallBegin,
    /// The next COMMIT is held up until another fault is set. Other statements of
    /// the connection wait behind it.
    StallCommit,
    /// New connections are closed as soon as they are made; open ones live on.
    RefuseConnections,
}

/// A TCP proxy on 127.0.0.1 between clients and PostgreSQL. It ends with this
/// value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: Mutex<(String, u16)>,
    fault: watch::Sender<Fault>,
    fired: watch::Sender<u64>,
    /// Statements since the fault was set.
    counted: AtomicU64,
    /// Statements since they were last forgotten.
    recorded: Mutex<Vec<String>>,
    connections: Mutex<JoinSet<anyhow::Result<()>>>,
}

impl Proxy {
    /// Starts a proxy before the server of this URL.
    ///
    /// # Errors
    ///
    /// When the URL has no host, or no port can be had.
    pub async fn start(upstream: &str) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            upstream: Mutex::new(address(upstream)?),
            fault: watch::Sender::new(Fault::None),
            fired: watch::Sender::new(0),
            counted: AtomicU64::new(0),
            recorded: Mutex::default(),
            connections: Mutex::new(JoinSet::new()),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Ok(Self {
            port,
            shared,
            listening,
        })
    }

    /// The URL of a database of the server, through this proxy.
    ///
    /// # Errors
    ///
    /// When the URL cannot be parsed or has no host.
    pub fn url(&self, database_url: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(database_url)?;
        url.set_host(Some("127.0.0.1"))?;
        if url.set_port(Some(self.port)).is_err() {
            bail!("the database's URL has no host");
        }
        let others: Vec<_> = url
            .query_pairs()
            .filter(|(name, _)| name != "sslmode")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        // The proxy reads the protocol, so it cannot be encrypted.
        url.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("sslmode", "disable");
        Ok(url.into())
    }

    /// Sends new connections to the server of this URL from now on. Open ones stay
    /// where they are until they are cut.
    ///
    /// # Errors
    ///
    /// When the URL cannot be parsed or has no host.
    pub fn set_upstream(&self, url: &str) -> anyhow::Result<()> {
        *lock(&self.shared.upstream) = address(url)?;
        Ok(())
    }

    /// The SQL that clients sent to be run since the start or
    /// [`Proxy::clear_statements`], in the order of its arrival over all
    /// connections: each execution of a prepared statement, each message of
    /// unprepared SQL, which may hold several statements. Includes what a fault
    /// held or cut off, as the last.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        lock(&self.shared.recorded).clone()
    }

    /// Forgets the statements so far.
    pub fn clear_statements(&self) {
        lock(&self.shared.recorded).clear();
    }

    /// Sets what goes wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.counted.store(0, Ordering::SeqCst);
        self.shared.fault.send_replace(fault);
    }

    /// Cuts every connection, and returns how many there were when all are cut.
    pub async fn sever_all(&self) -> usize {
        let mut connections = {
            let mut open = lock(&self.shared.connections);
            std::mem::take(&mut *open)
        };
        let mut severed = 0;
        connections.abort_all();
        while let Some(ended) = connections.join_next().await {
            severed += usize::from(ended.is_err_and(|error| error.is_cancelled()));
        }
        severed
    }

    /// How many faults have happened since the start. A stall counts once for
    /// each message that it holds up, a refusal once for each connection, a held
    /// statement once when it is held.
    #[must_use]
    pub fn faults_fired(&self) -> u64 {
        *self.shared.fired.borrow()
    }

    /// Waits until at least so many faults have happened since the start.
    ///
    /// # Errors
    ///
    /// When they have not after a minute.
    pub async fn wait_for_faults(&self, count: u64) -> anyhow::Result<()> {
        let mut fired = self.shared.fired.subscribe();
        let reached = fired.wait_for(|fired| *fired >= count);
        tokio::time::timeout(LONGEST_WAIT, reached)
            .await
            .with_context(|| format!("{} of {count} faults happened", self.faults_fired()))??;
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        lock(&self.shared.connections).abort_all();
    }
}

impl Shared {
    fn fire(&self) {
        self.fired.send_modify(|fired| *fired += 1);
    }

    /// Takes a fault that happens once; true for one connection only.
    fn take(&self, fault: Fault) -> bool {
        self.fault.send_if_modified(|current| {
            let taken = *current == fault;
            if taken {
                *current = Fault::None;
            }
            taken
        })
    }

    /// Waits for the end of a stall, if there is one.
    async fn pass_stall(&self) -> anyhow::Result<()> {
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::Stall {
            self.fire();
            fault.wait_for(|fault| *fault != Fault::Stall).await?;
        }
        Ok(())
    }

    /// Holds a BEGIN up for as long as [`Fault::StallBegin`] is set.
    async fn pass_begin_stall(&self, message: &Message) -> anyhow::Result<()> {
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::StallBegin && message.begins() {
            self.fire();
            fault.wait_for(|fault| *fault != Fault::StallBegin).await?;
        }
        Ok(())
    }

    /// Holds a COMMIT up for as long as [`Fault::StallCommit`] is set.
    async fn pass_commit_stall(&self, sql: &Sql) -> anyhow::Result<()> {
        if !sql.commits() {
            return Ok(());
        }
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::StallCommit {
            self.fire();
            fault.wait_for(|fault| *fault != Fault::StallCommit).await?;
        }
        Ok(())
    }

    /// Whether the connection is to be cut in place of this statement.
    fn cuts_before(&self, sql: &Sql) -> bool {
        let fault = *self.fault.borrow();
        match fault {
            Fault::DropBeforeCommit => sql.commits() && self.take(fault),
            Fault::DropBeforeStatement { after } => {
                self.counted.fetch_add(1, Ordering::SeqCst) >= after && self.take(fault)
            }
            _ => false,
        }
    }

    /// What says when the statement may be passed on, where it has to be held.
    fn holds_before_statement(&self) -> Option<watch::Receiver<Fault>> {
        let mut fault = self.fault.subscribe();
        let Fault::HoldBeforeStatement { after } = *fault.borrow_and_update() else {
            return None;
        };
        // One statement has this number, so that one connection is held.
        let held = self.counted.fetch_add(1, Ordering::SeqCst) == after;
        if held {
            self.fire();
        }
        held.then_some(fault)
    }

    fn record(&self, sql: &str) {
        lock(&self.recorded).push(sql.to_owned());
    }

    fn upstream(&self) -> (String, u16) {
        lock(&self.upstream).clone()
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.fault.borrow() == Fault::RefuseConnections {
            shared.fire();
            continue;
        }
        let connection = connection::serve(client, Arc::clone(&shared));
        let mut connections = lock(&shared.connections);
        while connections.try_join_next().is_some() {}
        connections.spawn(connection);
    }
}

/// Host and port of a server.
fn address(url: &str) -> anyhow::Result<(String, u16)> {
    let url = Url::parse(url)?;
    let host = url.host_str().context("the server's URL has no host")?;
    Ok((host.to_owned(), url.port().unwrap_or(5432)))
}

/// A test that panicked while it held the lock left the value whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
