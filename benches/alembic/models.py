"""The predecessor's models as far as Alembic looks at them.

They say less than the revisions do, as the predecessor's did: defaults are the
application's, columns are nullable, the foreign key of prospects has another
name and no action, and the key of a setting is unique by an index.
"""

import uuid

from sqlalchemy import JSON, DateTime, ForeignKey, Integer, Numeric, String, Text, func
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import declarative_base, mapped_column

Base = declarative_base()


def key():
    return mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4, index=True)


def created(**options):
    return mapped_column(DateTime(timezone=True), server_default=func.now(), **options)


def updated():
    return mapped_column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())


class Job(Base):
    __tablename__ = "jobs"

    id = key()
    user_id = mapped_column(UUID(as_uuid=True))
    job_type = mapped_column(String, nullable=False, index=True)
    params = mapped_column(JSON)
    status = mapped_column(String, default="pending", index=True)
    result = mapped_column(JSON)
    error_message = mapped_column(Text)
    created_at = created(index=True)
    updated_at = updated()


class DiscoveryQuery(Base):
    __tablename__ = "discovery_queries"

    id = key()
    job_id = mapped_column(UUID(as_uuid=True), ForeignKey("jobs.id"), nullable=False, index=True)
    keyword = mapped_column(String, nullable=False, index=True)
    location = mapped_column(String, nullable=False, index=True)
    location_code = mapped_column(Integer)
    category = mapped_column(String, index=True)
    status = mapped_column(String, default="pending", index=True)
    results_found = mapped_column(Integer, default=0)
    results_saved = mapped_column(Integer, default=0)
    results_skipped_duplicate = mapped_column(Integer, default=0)
    results_skipped_existing = mapped_column(Integer, default=0)
    error_message = mapped_column(Text)
    query_metadata = mapped_column(JSON)
    created_at = created(index=True)
    updated_at = updated()


class Prospect(Base):
    __tablename__ = "prospects"

    id = key()
    domain = mapped_column(String, nullable=False, index=True)
    page_url = mapped_column(Text)
    page_title = mapped_column(Text)
    contact_email = mapped_column(String, index=True)
    contact_method = mapped_column(String)
    da_est = mapped_column(Numeric(5, 2))
    score = mapped_column(Numeric(5, 2), default=0)
    outreach_status = mapped_column(String, default="pending", index=True)
    last_sent = mapped_column(DateTime(timezone=True))
    followups_sent = mapped_column(Integer, default=0)
    draft_subject = mapped_column(Text)
    draft_body = mapped_column(Text)
    discovery_query_id = mapped_column(
        UUID(as_uuid=True), ForeignKey("discovery_queries.id"), index=True
    )
    dataforseo_payload = mapped_column(JSON)
    hunter_payload = mapped_column(JSON)
    created_at = created(index=True)
    updated_at = updated()


class EmailLog(Base):
    __tablename__ = "email_logs"

    id = key()
    prospect_id = mapped_column(
        UUID(as_uuid=True), ForeignKey("prospects.id"), nullable=False, index=True
    )
    subject = mapped_column(Text)
    body = mapped_column(Text)
    response = mapped_column(JSON)
    sent_at = created(index=True)


class Setting(Base):
    __tablename__ = "settings"

    id = mapped_column(UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
    key = mapped_column(String, nullable=False, unique=True, index=True)
    value = mapped_column(JSON)
    created_at = created()
    updated_at = updated()
