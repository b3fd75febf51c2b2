"""prospects.discovery_query_id"""

import sqlalchemy as sa
from alembic import op

from columns import UUID, create_indexes

revision = "556b79de2825"
down_revision = "add_discovery_query"

COMMENT = "Foreign key reference to discovery_queries.id"


def upgrade():
    op.add_column("prospects", sa.Column("discovery_query_id", UUID, comment=COMMENT))
    op.create_foreign_key(
        "fk_prospects_discovery_query_id",
        "prospects",
        "discovery_queries",
        ["discovery_query_id"],
        ["id"],
        ondelete="SET NULL",
    )
    create_indexes("prospects", "discovery_query_id")


def downgrade():
    op.drop_column("prospects", "discovery_query_id")
