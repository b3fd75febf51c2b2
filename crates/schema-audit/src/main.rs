//! The program `schema-audit`.

fn main() {}
