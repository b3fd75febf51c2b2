"""settings"""

import sqlalchemy as sa
from alembic import op

from columns import create_indexes, key, time

revision = "4b9608290b5d"
down_revision = "000000000000"


def upgrade():
    op.create_table(
        "settings",
        key(),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.JSON),
        time("created_at"),
        time("updated_at"),
        sa.UniqueConstraint("key", name="uq_settings_key"),
    )
    create_indexes("settings", "key")


def downgrade():
    op.drop_table("settings")
