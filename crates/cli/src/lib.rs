//! The `outreach` command.
