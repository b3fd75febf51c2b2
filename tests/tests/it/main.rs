//! Tests of the whole against real databases.

mod architecture;
mod entities;
mod migration;
