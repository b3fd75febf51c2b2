//! SQL that makes a live schema what it should be.

mod plan;

pub use plan::{Hazard, Plan, Refusal, Statement, label};
