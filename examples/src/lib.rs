//! Holds nothing but a test that the README's example compiles.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
