//! Each invariant is seen broken once.
