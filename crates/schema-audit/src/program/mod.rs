//! The program; to come.
