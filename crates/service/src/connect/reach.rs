//! Why a server is not reached, in its own words.
//!
//! The pool takes a refusal for a server that is starting, tries again, and in
//! the end says only that time ran out.

use std::{io, time::Duration};

use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr,
    sqlx::{self, Connection, PgConnection},
};
use tokio::{net::TcpStream, time::timeout};

use super::DatabaseOptions;

/// How long a single further attempt may take that is made to hear the reason.
const PATIENCE: Duration = Duration::from_secs(2);

/// Knocks at the server's address, where it is one of TCP, without more. Only a
/// refusal is an answer; anything else is left to the pool.
pub(super) async fn refuse_silence(options: &DatabaseOptions) -> Result<(), DbErr> {
    let Some(postgres) = options.to_postgres() else {
        return Ok(());
    };
    let host = postgres.get_host();
    if postgres.get_socket().is_some() || host.starts_with('/') {
        return Ok(());
    }
    match timeout(PATIENCE, TcpStream::connect((host, postgres.get_port()))).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(DbErr::Conn(
            RuntimeErr::SqlxError(std::sync::Arc::new(sqlx::Error::Io(error))),
        )),
        _ => Ok(()),
    }
}

/// The error, or the reason behind it where it says only that time ran out.
pub(super) async fn cause(options: &DatabaseOptions, error: DbErr) -> DbErr {
    if !is_timeout(&error) {
        return error;
    }
    let Some(postgres) = options.to_postgres() else {
        return error;
    };
    match timeout(PATIENCE, PgConnection::connect_with(&postgres)).await {
        Ok(Err(reason)) => DbErr::Conn(RuntimeErr::SqlxError(std::sync::Arc::new(reason))),
        Ok(Ok(connection)) => {
            // It answers now; that it did not in time stays the reason.
            let _ = connection.close().await;
            error
        }
        Err(_) => error,
    }
}

fn is_timeout(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => true,
        DbErr::Conn(RuntimeErr::SqlxError(source)) => {
            matches!(**source, sqlx::Error::PoolTimedOut)
        }
        _ => false,
    }
}
