"""Alembic's entry point; `schema.upgrade` hands in the connection and holds its transaction."""

from alembic import context

from bot.adapters.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
