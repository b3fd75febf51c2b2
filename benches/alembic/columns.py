"""Columns that several revisions have."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

UUID = postgresql.UUID(as_uuid=True)


def key():
    return sa.Column("id", UUID, primary_key=True)


def time(name, default=True):
    now = sa.text("now()") if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=now)


def create_indexes(table, *columns):
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])
