//! Reads schemas of PostgreSQL.

use sea_orm::ConnectionTrait;

use super::{InspectError, Scope};
use crate::schema::Schema;

#[expect(clippy::unused_async, reason = "the reader asks the database")]
pub(super) async fn read(db: &impl ConnectionTrait, scope: &Scope) -> Result<Schema, InspectError> {
    let _ = scope;
    Err(InspectError::UnsupportedBackend {
        backend: db.get_database_backend(),
    })
}
