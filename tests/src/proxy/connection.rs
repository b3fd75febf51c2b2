//! One connection through the proxy: what goes in each direction, and the faults
//! on the way.

use std::{collections::VecDeque, sync::Arc};

use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use super::{Fault, Shared};
use crate::wire::{ClientSession, Message, Opening, Request};

/// Passes messages on until either side ends or a fault cuts the connection.
/// Both sockets are closed when this returns or is aborted.
pub(super) async fn serve(mut client: TcpStream, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (host, port) = shared.upstream();
    let mut server = TcpStream::connect((host.as_str(), port)).await?;
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

/// The reply that is not passed on.
#[derive(Clone, Copy)]
struct Swallowed {
    /// Its number.
    reply: u64,
    /// The connection is cut in its place.
    cuts: bool,
}

enum Ended {
    ByPeer,
    ByFault,
}

/// Passes on what the client sends. `swallowed` gets the number of the reply
/// that is not to be passed on.
async fn pass_requests(
    client: OwnedReadHalf,
    server: OwnedWriteHalf,
    shared: &Shared,
    swallowed: &watch::Sender<Option<Swallowed>>,
) -> anyhow::Result<Ended> {
    let (sender, messages) = unbounded_channel();
    let requests = Requests {
        messages,
        held: VecDeque::new(),
    };
    let mut reading = Box::pin(read_requests(client, sender));
    let mut passing = Box::pin(requests.pass(server, shared, swallowed));
    tokio::select! {
        ended = &mut passing => ended,
        // What was read before the end is still passed on.
        () = &mut reading => passing.await,
    }
}

/// Reads ahead of what is passed on, so that the end of a client whose messages
/// are held is noticed.
async fn read_requests(
    mut client: OwnedReadHalf,
    sender: UnboundedSender<anyhow::Result<Message>>,
) {
    while let Some(message) = Message::read(&mut client).await.transpose() {
        let failed = message.is_err();
        if sender.send(message).is_err() || failed {
            break;
        }
    }
}

/// What the client has sent and was not passed on yet.
struct Requests {
    messages: UnboundedReceiver<anyhow::Result<Message>>,
    /// Those that came while an earlier one was held.
    held: VecDeque<Message>,
}

impl Requests {
    async fn next(&mut self) -> anyhow::Result<Option<Message>> {
        match self.held.pop_front() {
            Some(message) => Ok(Some(message)),
            None => self.messages.recv().await.transpose(),
        }
    }

    async fn pass(
        mut self,
        mut server: OwnedWriteHalf,
        shared: &Shared,
        swallowed: &watch::Sender<Option<Swallowed>>,
    ) -> anyhow::Result<Ended> {
        let mut session = ClientSession::default();
        // The server says ReadyForQuery once after the login and once for each of
        // these, in their order.
        let mut awaited = 1;
        // Since the last COMMIT; a transaction that was rolled back counts for
        // the next one.
        let mut has_written = false;
        while let Some(message) = self.next().await? {
            shared.pass_stall().await?;
            shared.pass_begin_stall(&message).await?;
            let request = session.read(&message);
            if let Request::Run(sql) | Request::RunUntilSync(sql) = &request {
                shared.record(sql.text());
                shared.pass_commit_stall(sql).await?;
                if shared.cuts_before(sql) {
                    return Ok(Ended::ByFault);
                }
                if let Some(end) = shared.holds_before_statement()
                    && !self.hold_until(end).await?
                {
                    return Ok(Ended::ByPeer);
                }
                has_written |= sql.writes();
                if sql.commits() {
                    let written = std::mem::take(&mut has_written);
                    let cuts = shared.take(Fault::SwallowCommitReply)
                        || (written && shared.take(Fault::SwallowReplyToWrites));
                    let silences = written && shared.take(Fault::SilenceAfterWrites);
                    if cuts || silences {
                        // Known before the server can answer, and by number: the
                        // replies to what was sent before may still be under way.
                        let reply = awaited + 1;
                        swallowed.send_replace(Some(Swallowed { reply, cuts }));
                    }
                }
            }
            if matches!(request, Request::Run(_) | Request::Sync) {
                awaited += 1;
            }
            server.write_all(message.bytes()).await?;
        }
        server.shutdown().await?;
        Ok(Ended::ByPeer)
    }

    /// Waits until another fault is set; false where the client ended before.
    async fn hold_until(&mut self, mut end: watch::Receiver<Fault>) -> anyhow::Result<bool> {
        loop {
            tokio::select! {
                changed = end.changed() => {
                    changed?;
                    return Ok(true);
                }
                message = self.messages.recv() => match message.transpose()? {
                    Some(message) => self.held.push_back(message),
                    None => return Ok(false),
                },
            }
        }
    }
}

/// Passes on what the server sends, up to the reply that is to be swallowed:
/// of that one it waits for the end, and returns.
async fn pass_replies(
    server: &mut OwnedReadHalf,
    client: &mut OwnedWriteHalf,
    shared: &Shared,
    swallowed: &watch::Sender<Option<Swallowed>>,
) -> anyhow::Result<()> {
    let mut ready = 0;
    while let Some(message) = Message::read(server).await? {
        shared.pass_stall().await?;
        if message.tag == b'Z' {
            ready += 1;
        }
        let swallow = *swallowed.borrow();
        match swallow {
            Some(Swallowed { reply, cuts }) if ready == reply => {
                shared.fire();
                if cuts {
                    return Ok(());
                }
                // Until the client ends the connection.
                return std::future::pending().await;
            }
            Some(Swallowed { reply, .. }) if ready + 1 == reply && message.tag != b'Z' => {}
            _ => client.write_all(message.bytes()).await?,
        }
    }
    Ok(())
}
