//! What an audit says, and the formats that it is said in.
//!
//! A [`Report`] is a value; each format is a module with a `write` function
//! that takes it and anything that can be written to. Equal reports give equal
//! bytes: nothing here asks a clock, an environment or a database.
//!
//! Names, defaults and conditions come from a database and may hold anything.
//! Every format escapes them for the place where they go.

mod blocks;
pub mod er;
mod escape;
pub mod github;
mod groups;
mod item;
pub mod json;
mod json_schema;
pub mod junit;
pub mod markdown;
mod model;
pub mod sarif;
pub mod text;
mod words;

#[cfg(feature = "cli")]
pub(crate) use escape::{shown, shown_lines};
pub use item::Item;
pub use json_schema::{JSON_SCHEMA, json_schema};
pub use model::{
    Block, CheckLine, Counts, FORMAT_VERSION, NotCompared, Proof, Report, Section, Status,
};
