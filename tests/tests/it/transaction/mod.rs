//! Transactions: what is kept, what is not, and what nobody knows.

mod cancellation;
mod commit;
mod flush;
mod lost_reply;
mod retry;
