//! Merges rows that a unique index will not allow side by side, and puts them
//! back.
//!
//! The oldest row of a group stays (rows without a time count as youngest, the
//! key breaks ties). Groups are taken in batches, so that a table of any size
//! is merged in bounded memory.

mod discovery_queries;
mod prospects;
mod record;
mod stored_json;

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tracing::info;

/// Groups of duplicates that are read at a time.
const BATCH: u64 = 200;

/// Rows or keys that one statement names: SQLite takes 32,766 parameters in one,
/// and a group may be of any size.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Merges what is double and says how many rows that were. Queries first, so
/// that the prospects which are recorded point to rows that stay.
pub(crate) async fn merge<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        // Nobody may add a duplicate between the merge and the index.
        db.execute_unprepared(
            r#"LOCK TABLE "discovery_queries", "prospects", "email_logs" IN SHARE ROW EXCLUSIVE MODE"#,
        )
        .await?;
    }
    let queries = discovery_queries::merge(db).await?;
    let prospects = prospects::merge(db).await?;
    if queries + prospects == 0 {
        info!("No duplicate prospects or discovery queries");
    } else {
        info!(
            "Merged {prospects} duplicate prospects and {queries} duplicate discovery queries; \
             each is kept in the table merged_rows"
        );
    }
    Ok(())
}

/// Puts merged rows back, points what belonged to them at them again, and gives
/// the kept rows back what they were, column by column, unless somebody has
/// changed the column since.
pub(crate) async fn restore<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    let prospects = prospects::restore(db).await?;
    let queries = discovery_queries::restore(db).await?;
    if queries + prospects > 0 {
        info!("Restored {prospects} merged prospects and {queries} merged discovery queries");
    }
    Ok(())
}
