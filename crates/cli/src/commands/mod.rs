//! What the subcommands do.

pub(crate) mod adopt;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod discover;
mod files;
pub(crate) mod guarded;
pub(crate) mod jobs;
pub(crate) mod migrate;
pub(crate) mod prospects;
pub(crate) mod protect;
pub(crate) mod reset;
pub(crate) mod restore;
mod signals;
pub(crate) mod verify;
pub(crate) mod work;

use outreach_service::{
    connect::{self, Tenant},
    page::{Page, PageRequest},
};
use sea_orm_migration::sea_orm::DatabaseConnection;
use serde::Serialize;

use crate::{args::Connection, exit::Error, output};

/// A list never needs more.
const CONNECTIONS: u32 = 2;

/// Connects to a database that is ready for this build.
async fn connect(connection: &Connection) -> Result<DatabaseConnection, Error> {
    let options = connection.options()?.max_connections(CONNECTIONS);
    Ok(connect::connect(&options).await?)
}

/// [`connect`] without anything that stays in a session, so that a pooler in
/// transaction mode may stand before the server.
async fn connect_tenant(connection: &Connection, connections: u32) -> Result<Tenant, Error> {
    let options = connection.options()?.max_connections(connections);
    Ok(connect::connect_tenant(&options).await?)
}

/// Prints a page as JSON: how many there are in all, these, and where the next
/// page begins.
fn print_page<T: Serialize, C: ToString>(total: u64, page: &Page<T, C>) -> Result<(), Error> {
    output::print_json(&serde_json::json!({
        "total": total,
        "items": page.items,
        "next": page.next.as_ref().map(ToString::to_string),
    }))
}

/// Says below a table how much of the list it is.
fn say_page<T, C: ToString>(noun: &str, total: u64, page: &Page<T, C>) {
    output::say(&format!("{} of {total} {noun}", page.items.len()));
    if let Some(next) = &page.next {
        output::say(&format!("next page: --after {}", next.to_string()));
    }
}

fn page_request<C>(limit: u64, after: Option<C>) -> PageRequest<C> {
    PageRequest::first(limit).after(after)
}
