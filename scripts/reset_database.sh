#!/usr/bin/env bash
# Resets the database: lists what is there, asks for the database's name, makes
# a backup and reads it back, and only then drops outreach's tables and makes
# them anew. All of that is `outreach reset`; this script finds the program.
#
#   DATABASE_URL=postgres://… scripts/reset_database.sh
#   scripts/reset_database.sh --database sqlite://outreach.db --confirm outreach.db
#   scripts/reset_database.sh --dry-run
#   scripts/reset_database.sh --help
#
# Arguments are passed on. Put a URL with a password into DATABASE_URL, not on
# the command line, which other users can read. OUTREACH names the program, if it
# is neither on PATH nor built. Exit status: 0 done, 1 refused and nothing was
# changed, 2 failed.
#
# Read RESET_INSTRUCTIONS.md first: a reset is rarely what is needed.
set -euo pipefail

say() {
    printf '%s\n' "$*" >&2
}

find_outreach() {
    local root candidate
    if [[ -n "${OUTREACH:-}" ]]; then
        printf '%s\n' "$OUTREACH"
        return 0
    fi
    root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    # A built checkout comes before PATH: this script and its program belong
    # together.
    for candidate in \
        "${CARGO_TARGET_DIR:-$root/target}/release/outreach" \
        "${CARGO_TARGET_DIR:-$root/target}/debug/outreach"; do
        if [[ -x "$candidate" ]]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    command -v outreach
}

# The first word after an option that takes a value, or after `=`.
for argument in "$@"; do
    if [[ "$argument" =~ ^(--[a-z-]+=)?postgres(ql)?(\+[a-z]+)?://[^/@]*:[^/@]+@ ]]; then
        say "refused: a password on the command line can be read by other users;" \
            "put the URL into DATABASE_URL. Nothing was changed"
        exit 1
    fi
done

if ! outreach="$(find_outreach)"; then
    say "the program \`outreach\` is neither on PATH nor built;" \
        "run \`cargo build --release --bin outreach\`, or name it in OUTREACH. Nothing was changed"
    exit 2
fi
if ! command -v "$outreach" >/dev/null; then
    say "\`$outreach\` is no program that can be run. Nothing was changed"
    exit 2
fi
exec "$outreach" reset "$@"
