"""Runs Alembic on the URL that `-x url=…` gives."""

import sqlalchemy
from alembic import context

from models import Base

engine = sqlalchemy.create_engine(
    context.get_x_argument(as_dictionary=True)["url"], poolclass=sqlalchemy.pool.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
