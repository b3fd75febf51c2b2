//! What is looked at, and asked, before anything in a database is destroyed.
//!
//! [`look`] makes an [`Inventory`], which only reads; [`clear`] holds it against
//! a [`Request`] and gives either every reason against it, or a [`Clearance`],
//! without which nothing in this crate drops a table of somebody's.
//!
//! One law: a table is only ours if a ledger or its own shape says so. What is
//! not ours is never dropped, whatever it is called.

mod error;
mod identity;
mod inventory;
mod look;
mod postgres;
mod protect;
mod refusal;
mod sqlite;

pub(crate) use self::look::look_in_txn;
pub use self::{
    error::GuardError,
    identity::Evidence,
    inventory::{ForeignObject, Inventory, OwnTable, Session},
    look::{look, sessions},
    protect::{ProtectError, properties, protect, set_environment, unprotect},
    refusal::{Clearance, Confirmation, Extent, Refusal, Request, clear, refusals},
};
