//! Tests of the whole, on real databases.

// The attribute tells clippy that helpers are test code too.
#[cfg(test)]
mod cli;
