# Shows the recipes.
default:
    @just --list

# What to run before a commit; needs no PostgreSQL.
check: fmt clippy deny test-sqlite

# All tests, on both databases.
test *arguments:
    scripts/test {{ arguments }}

# The tests that need no PostgreSQL.
test-sqlite:
    cargo build --workspace --all-targets --locked
    cargo test --workspace --locked sqlite::
    cargo test --workspace --locked --exclude outreach-tests

# The tests on PostgreSQL.
test-postgres:
    scripts/test postgres::

# Writes the entities anew from the chain of revisions.
entities:
    cargo run --locked --bin regenerate-entities

# Says whether the entities are what the generator makes.
entities-check:
    cargo run --locked --bin regenerate-entities -- --check

# Records the schema after each revision anew.
snapshots:
    cargo run --locked --bin regenerate-snapshots

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

deny:
    cargo deny --locked check bans licenses sources
