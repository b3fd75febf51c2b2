//! Reads a schema of SQLite.

use sea_orm::ConnectionTrait;

use super::InspectError;
use crate::schema::Schema;

#[expect(clippy::unused_async, reason = "the reader asks the database")]
pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Schema, InspectError> {
    Err(InspectError::UnsupportedBackend {
        backend: db.get_database_backend(),
    })
}
