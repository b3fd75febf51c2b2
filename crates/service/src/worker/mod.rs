//! Workers: whoever claims jobs, runs them, and says how they ended.
//!
//! Any number of workers on any number of machines share a database, and know
//! nothing of each other. What a worker has claimed is its own as long as it
//! renews the lease; when it dies, is stopped, or can't reach the database, the
//! lease ends and another one goes on. What a run writes it proves by its token
//! first, so that a worker that comes back from the dead writes nothing.
//!
//! One law: nothing is kept in a session, and no clock but the database's
//! decides about a lease.

mod attempt;
mod backoff;
mod bounded;
mod builder;
mod completion;
mod event;
mod handler;
mod heartbeat;
mod outages;
mod place;
mod run;
mod serve;
mod turns;
mod wake_up;

pub use backoff::Backoff;
pub(crate) use bounded::{Cut, bounded};
pub use builder::{Worker, WorkerBuilder, WorkerError};
pub use event::{AttemptEnd, WorkerEvent, WorkerReport};
pub(crate) use handler::describe;
pub use handler::{Completion, JobContext, JobFailure, JobHandler};
pub(crate) use heartbeat::{Heartbeats, Stop};
pub(crate) use place::Place;
