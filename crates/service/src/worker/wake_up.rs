//! LISTEN, as a hint: what it says is looked up in the table, and what it does
//! not say is found by polling.

use std::time::Duration;

use sea_orm::{DatabaseConnection, sqlx::postgres::PgListener};
use tokio::sync::mpsc;
use tracing::debug;

use crate::jobs::WAKE_UP_CHANNEL;

/// Between two attempts to listen; polling goes on meanwhile.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Sends the schema of each notification, until nobody wants them any more.
pub(super) async fn listen(db: DatabaseConnection, wake: mpsc::Sender<Option<String>>) {
    while !wake.is_closed() {
        if let Err(error) = listen_once(&db, &wake).await {
            debug!(%error, "not listening for new jobs");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn listen_once(
    db: &DatabaseConnection,
    wake: &mpsc::Sender<Option<String>>,
) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect_with(db.get_postgres_connection_pool()).await?;
    listener.listen(WAKE_UP_CHANNEL).await?;
    // Whatever was enqueued before this has been missed.
    let mut schema = None;
    loop {
        match wake.try_send(schema) {
            Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
            // A worker that has so many to read looks anyway.
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
        }
        // Nothing when the connection was lost and made again: what was sent
        // meanwhile is unknown.
        schema = listener
            .try_recv()
            .await?
            .map(|notification| notification.payload().to_owned());
    }
}
