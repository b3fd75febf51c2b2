"""jobs, prospects and email_logs"""

import sqlalchemy as sa
from alembic import op

from columns import UUID, create_indexes, key, time

revision = "000000000000"
down_revision = None


def upgrade():
    op.create_table(
        "jobs",
        key(),
        sa.Column("user_id", UUID),
        sa.Column("job_type", sa.String, nullable=False),
        sa.Column("params", sa.JSON),
        sa.Column("status", sa.String, nullable=False, server_default="pending"),
        sa.Column("result", sa.JSON),
        sa.Column("error_message", sa.Text),
        time("created_at"),
        time("updated_at"),
    )
    create_indexes("jobs", "id", "job_type", "status", "created_at")
    op.create_table(
        "prospects",
        key(),
        sa.Column("domain", sa.String, nullable=False),
        sa.Column("page_url", sa.Text),
        sa.Column("page_title", sa.Text),
        sa.Column("contact_email", sa.String),
        sa.Column("contact_method", sa.String),
        sa.Column("da_est", sa.Numeric(5, 2)),
        sa.Column("score", sa.Numeric(5, 2), server_default="0"),
        sa.Column("outreach_status", sa.String, server_default="pending"),
        time("last_sent", default=False),
        sa.Column("followups_sent", sa.Integer, server_default=sa.text("0")),
        sa.Column("draft_subject", sa.Text),
        sa.Column("draft_body", sa.Text),
        sa.Column("dataforseo_payload", sa.JSON),
        sa.Column("hunter_payload", sa.JSON),
        time("created_at"),
        time("updated_at"),
    )
    create_indexes("prospects", "id", "domain", "contact_email", "outreach_status", "created_at")
    op.create_table(
        "email_logs",
        key(),
        sa.Column("prospect_id", UUID, sa.ForeignKey("prospects.id"), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("body", sa.Text),
        sa.Column("response", sa.JSON),
        time("sent_at"),
    )
    create_indexes("email_logs", "id", "prospect_id", "sent_at")


def downgrade():
    for table in ("email_logs", "prospects", "jobs"):
        op.drop_table(table)
