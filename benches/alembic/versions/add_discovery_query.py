"""discovery_queries"""

import sqlalchemy as sa
from alembic import op

from columns import UUID, create_indexes, key, time

revision = "add_discovery_query"
down_revision = "4b9608290b5d"

COUNTERS = (
    "results_found",
    "results_saved",
    "results_skipped_duplicate",
    "results_skipped_existing",
)


def upgrade():
    zero = sa.text("0")
    op.create_table(
        "discovery_queries",
        key(),
        sa.Column("job_id", UUID, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("keyword", sa.String, nullable=False),
        sa.Column("location", sa.String, nullable=False),
        sa.Column("location_code", sa.Integer),
        sa.Column("category", sa.String),
        sa.Column("status", sa.String, nullable=False, server_default="pending"),
        *(sa.Column(name, sa.Integer, nullable=False, server_default=zero) for name in COUNTERS),
        sa.Column("error_message", sa.Text),
        sa.Column("query_metadata", sa.JSON),
        time("created_at"),
        time("updated_at"),
    )
    create_indexes(
        "discovery_queries",
        *("id", "job_id", "keyword", "location", "category", "status", "created_at"),
    )


def downgrade():
    op.drop_table("discovery_queries")
