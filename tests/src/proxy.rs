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
    io::AsyncWriteExt,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use url::Url;

use crate::wire::{ClientSession, Message, Opening, Request};

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
    upstream: (String, u16),
    fault: watch::Sender<Fault>,
    fired: watch::Sender<u64>,
    statements: AtomicU64,
    connections: Mutex<JoinSet<anyhow::Result<()>>>,
}

impl Proxy {
    /// Starts a proxy before the server of this URL.
    ///
    /// # Errors
    ///
    /// When the URL has no host, or no port can be had.
    pub async fn start(upstream: &str) -> anyhow::Result<Self> {
        let url = Url::parse(upstream)?;
        let host = url.host_str().context("the server's URL has no host")?;
        let shared = Arc::new(Shared {
            upstream: (host.to_owned(), url.port().unwrap_or(5432)),
            fault: watch::Sender::new(Fault::None),
            fired: watch::Sender::new(0),
            statements: AtomicU64::new(0),
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

    /// Sets what goes wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.statements.store(0, Ordering::SeqCst);
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
    /// each message that it holds up, a refusal once for each connection.
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
    async fn pass_commit_stall(&self, request: Request) -> anyhow::Result<()> {
        let (Request::Run { commits: true } | Request::RunUntilSync { commits: true }) = request
        else {
            return Ok(());
        };
        let mut fault = self.fault.subscribe();
        if *fault.borrow_and_update() == Fault::StallCommit {
            self.fire();
            fault.wait_for(|fault| *fault != Fault::StallCommit).await?;
        }
        Ok(())
    }

    /// Whether the connection is to be cut in place of this request.
    fn cuts_before(&self, request: Request) -> bool {
        let (Request::Run { commits } | Request::RunUntilSync { commits }) = request else {
            return false;
        };
        let fault = *self.fault.borrow();
        match fault {
            Fault::DropBeforeCommit => commits && self.take(fault),
            Fault::DropBeforeStatement { after } => {
                self.statements.fetch_add(1, Ordering::SeqCst) >= after && self.take(fault)
            }
            _ => false,
        }
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.fault.borrow() == Fault::RefuseConnections {
            shared.fire();
            continue;
        }
        let connection = serve(client, Arc::clone(&shared));
        let mut connections = lock(&shared.connections);
        while connections.try_join_next().is_some() {}
        connections.spawn(connection);
    }
}

/// Passes messages on until either side ends or a fault cuts the connection.
/// Both sockets are closed when this returns or is aborted.
async fn serve(mut client: TcpStream, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (host, port) = &shared.upstream;
    let mut server = TcpStream::connect((host.as_str(), *port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    loop {
        match Opening::read(&mut client).await? {
            None => return Ok(()),
            Some(Opening::Encryption) => client.write_all(b"N").await?,
            Some(Opening::Session(bytes)) => {
                server.write_all(&bytes).await?;
                break;
            }
        }
    }
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let swallowed = watch::Sender::new(None);
    let mut requests = Box::pin(pass_requests(from_client, to_server, &shared, &swallowed));
    let mut replies = Box::pin(pass_replies(
        &mut from_server,
        &mut to_client,
        &shared,
        &swallowed,
    ));
    let ended = tokio::select! {
        ended = &mut requests => ended?,
        ended = &mut replies => return ended,
    };
    // Closes the way to the server.
    drop(requests);
    match ended {
        // The server may have more to say, such as why it ends.
        Ended::ByPeer => replies.await,
        Ended::ByFault => {
            drop(replies);
            // When the server has ended the session it has rolled back, so that
            // whoever sees the fault sees no half of the transaction.
            tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await?;
            shared.fire();
            Ok(())
        }
    }
}

enum Ended {
    ByPeer,
    ByFault,
}

/// Passes on what the client sends. `swallowed` gets the number of the reply
/// that is not to be passed on.
async fn pass_requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    swallowed: &watch::Sender<Option<u64>>,
) -> anyhow::Result<Ended> {
    let mut session = ClientSession::default();
    // The server says ReadyForQuery once after the login and once for each of
    // these, in their order.
    let mut awaited = 1;
    while let Some(message) = Message::read(&mut client).await? {
        shared.pass_stall().await?;
        shared.pass_begin_stall(&message).await?;
        let request = session.read(&message);
        shared.pass_commit_stall(request).await?;
        if shared.cuts_before(request) {
            return Ok(Ended::ByFault);
        }
        if let Request::Run { commits: true } | Request::RunUntilSync { commits: true } = request
            && shared.take(Fault::SwallowCommitReply)
        {
            // Known before the server can answer, and by number: the replies to
            // what was sent before may still be under way.
            swallowed.send_replace(Some(awaited + 1));
        }
        if matches!(request, Request::Run { .. } | Request::Sync) {
            awaited += 1;
        }
        server.write_all(message.bytes()).await?;
    }
    server.shutdown().await?;
    Ok(Ended::ByPeer)
}

/// Passes on what the server sends, up to the reply that is to be swallowed:
/// of that one it waits for the end, and returns.
async fn pass_replies(
    server: &mut OwnedReadHalf,
    client: &mut OwnedWriteHalf,
    shared: &Shared,
    swallowed: &watch::Sender<Option<u64>>,
) -> anyhow::Result<()> {
    let mut ready = 0;
    while let Some(message) = Message::read(server).await? {
        shared.pass_stall().await?;
        if message.tag == b'Z' {
            ready += 1;
        }
        let swallow = *swallowed.borrow();
        match swallow {
            Some(reply) if ready == reply => {
                shared.fire();
                return Ok(());
            }
            Some(reply) if ready + 1 == reply && message.tag != b'Z' => {}
            _ => client.write_all(message.bytes()).await?,
        }
    }
    Ok(())
}

/// A test that panicked while it held the lock left the set whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
