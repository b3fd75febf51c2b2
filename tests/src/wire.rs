//! Framing of PostgreSQL's wire protocol, version 3, as far as the proxy needs it.

use std::{collections::HashMap, sync::Arc};

use anyhow::bail;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A message is never taken to be longer than this.
const LONGEST_MESSAGE: u32 = 64 * 1024 * 1024;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// A message as it went over the wire, with its tag and length.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) tag: u8,
    bytes: Vec<u8>,
}

/// The first message of a client.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A wish for TLS or GSS encryption, which is answered with `N`.
    Encryption,
    /// Startup or cancel request, to be passed on.
    Session(Vec<u8>),
}

impl Message {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message without its tag and length.
    fn body(&self) -> &[u8] {
        &self.bytes[5..]
    }

    /// Whether it is a query of its own that begins a transaction.
    pub(crate) fn begins(&self) -> bool {
        self.tag == b'Q' && self.body().to_ascii_uppercase().starts_with(b"BEGIN")
    }

    /// Reads the next message, `None` where the peer closed the connection.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<Self>> {
        let mut header = [0; 5];
        if from.read(&mut header[..1]).await? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut header[1..]).await?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let mut bytes = header.to_vec();
        read_body(from, &mut bytes, length).await?;
        Ok(Some(Self {
            tag: header[0],
            bytes,
        }))
    }
}

impl Opening {
    /// Reads a message that has no tag, `None` where the peer closed the connection.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<Self>> {
        let mut bytes = vec![0; 4];
        if from.read(&mut bytes[..1]).await? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut bytes[1..]).await?;
        let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        read_body(from, &mut bytes, length).await?;
        let code = bytes.get(4..8).and_then(|code| code.try_into().ok());
        Ok(Some(match code.map(u32::from_be_bytes) {
            Some(SSL_REQUEST | GSS_REQUEST) => Self::Encryption,
            _ => Self::Session(bytes),
        }))
    }
}

/// `length` counts itself, but not the tag.
async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
    length: u32,
) -> anyhow::Result<()> {
    if !(4..LONGEST_MESSAGE).contains(&length) {
        bail!("a message of {length} bytes is not PostgreSQL's protocol");
    }
    let start = bytes.len();
    bytes.resize(start + length as usize - 4, 0);
    from.read_exact(&mut bytes[start..]).await?;
    Ok(())
}

/// What a message of a client asks the server to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// SQL is run, and the server answers when it is done.
    Run(Sql),
    /// A prepared statement is run, and the server answers after the next Sync.
    RunUntilSync(Sql),
    /// The server answers what was sent before.
    Sync,
    /// Anything else.
    Other,
}

/// The text of what is run: one statement, or several in one message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sql {
    text: Arc<str>,
    commits: bool,
    writes: bool,
}

impl Sql {
    fn new(bytes: &[u8]) -> Self {
        Self {
            text: String::from_utf8_lossy(bytes).into(),
            commits: commits(bytes),
            writes: writes(bytes),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn commits(&self) -> bool {
        self.commits
    }

    /// Whether it inserts, updates or deletes.
    pub(crate) fn writes(&self) -> bool {
        self.writes
    }
}

/// Follows what a client sends, to know the text of a prepared statement when it
/// is run.
#[derive(Debug, Default)]
pub(crate) struct ClientSession {
    statements: HashMap<Vec<u8>, Sql>,
    portals: HashMap<Vec<u8>, Sql>,
}

impl ClientSession {
    pub(crate) fn read(&mut self, message: &Message) -> Request {
        let mut strings = message.body().split(|byte| *byte == 0);
        let mut next = || strings.next().unwrap_or_default();
        match message.tag {
            b'Q' => Request::Run(Sql::new(next())),
            b'P' => {
                let name = next().to_vec();
                self.statements.insert(name, Sql::new(next()));
                Request::Other
            }
            b'B' => {
                let (portal, statement) = (next().to_vec(), next());
                let sql = self.statements.get(statement).cloned();
                self.portals.insert(portal, sql.unwrap_or_default());
                Request::Other
            }
            b'E' => Request::RunUntilSync(self.portals.get(next()).cloned().unwrap_or_default()),
            b'S' => Request::Sync,
            _ => Request::Other,
        }
    }
}

fn commits(sql: &[u8]) -> bool {
    String::from_utf8_lossy(sql).split(';').any(|statement| {
        let mut words = statement.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        // COMMIT PREPARED ends another transaction.
        (first.eq_ignore_ascii_case("commit") || first.eq_ignore_ascii_case("end"))
            && words
                .next()
                .is_none_or(|word| !word.eq_ignore_ascii_case("prepared"))
    })
}

fn writes(sql: &[u8]) -> bool {
    String::from_utf8_lossy(sql).split(';').any(|statement| {
        let first = statement.split_ascii_whitespace().next();
        let first = first.unwrap_or_default();
        ["insert", "update", "delete"]
            .iter()
            .any(|word| first.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, strings: &[&str]) -> Message {
        let body: Vec<u8> = strings
            .iter()
            .flat_map(|string| string.bytes().chain([0]))
            .collect();
        let length = u32::try_from(body.len() + 4).unwrap();
        let bytes = [&[tag], length.to_be_bytes().as_slice(), &body].concat();
        Message { tag, bytes }
    }

    #[test]
    fn a_commit_is_told_from_other_statements() {
        for sql in [
            "COMMIT",
            " commit ; ",
            "END",
            "select 1; commit",
            "COMMIT AND CHAIN",
        ] {
            assert!(commits(sql.as_bytes()), "{sql}");
        }
        for sql in [
            "",
            "ROLLBACK",
            "select 'commit'",
            "commit prepared 'a'",
            "committed",
        ] {
            assert!(!commits(sql.as_bytes()), "{sql}");
        }
    }

    #[test]
    fn a_statement_that_writes_is_told_from_others() {
        for sql in [
            "INSERT INTO t VALUES (1)",
            "begin; update t set a = 1",
            " delete from t",
        ] {
            assert!(writes(sql.as_bytes()), "{sql}");
        }
        for sql in ["", "select 'insert'", "SET LOCAL lock_timeout TO 1; COMMIT"] {
            assert!(!writes(sql.as_bytes()), "{sql}");
        }
    }

    #[test]
    fn a_prepared_statement_is_known_by_its_portal() {
        let mut client = ClientSession::default();
        client.read(&message(b'P', &["s1", "COMMIT"]));
        client.read(&message(b'P', &["s2", "select 1"]));

        for (name, text, commits) in [("s2", "select 1", false), ("s1", "COMMIT", true)] {
            client.read(&message(b'B', &["", name]));
            let Request::RunUntilSync(sql) = client.read(&message(b'E', &[""])) else {
                panic!("an Execute runs a statement");
            };
            assert_eq!((sql.text(), sql.commits()), (text, commits));
        }
        assert_eq!(client.read(&message(b'S', &[])), Request::Sync);
    }

    #[tokio::test]
    async fn messages_are_cut_at_their_lengths() {
        let sent = [message(b'Q', &["one"]), message(b'S', &[])];
        let bytes: Vec<u8> = sent.iter().flat_map(|m| m.bytes().to_vec()).collect();
        let mut stream = bytes.as_slice();
        for expected in &sent {
            let read = Message::read(&mut stream).await.unwrap().unwrap();
            assert_eq!(read.bytes(), expected.bytes());
        }
        assert!(Message::read(&mut stream).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_not_the_protocol_is_an_error() {
        let mut stream = b"GET / HTTP/1.1\r\n".as_slice();
        assert!(Message::read(&mut stream).await.is_err());
    }
}
