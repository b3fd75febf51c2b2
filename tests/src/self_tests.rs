//! Tests of the harness itself: a harness that cannot fail proves nothing.

mod databases;
mod faults;
mod jobs;
mod pgbouncer;
mod servers;
mod standby;
mod statements;
