"""Runs the migrations on the connection that `canonical.store.migrating` has opened."""

from alembic import context

from canonical.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
