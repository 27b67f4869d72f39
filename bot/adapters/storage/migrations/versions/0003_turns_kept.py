"""A message keeps its turn, its tries and its mark; the column `waiting` of a permission set is left to itself."""

import sqlalchemy as sa
from alembic import op

from bot.adapters.storage.dialect import CleanText, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("last_try_at", Instant()))
    # Defaults in the database: a replica of the version before goes on writing rows without them.
    op.add_column(
        "messages", sa.Column("repetition", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("messages", sa.Column("by_dm", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("turn_at", Instant()))
    op.add_column("messages", sa.Column("queue", CleanText()))
    op.create_index(op.f("ix_messages_queue_turn_at"), "messages", ["queue", "turn_at"])
    # Nothing writes or reads it from here on, but a replica of the version before does, as a JSON list: the
    # column is dropped a release later. SQLite changes a column only by writing the table anew.
    with op.batch_alter_table("permission_sets") as sets:
        sets.alter_column("waiting", existing_type=CleanText(), existing_nullable=False, server_default="[]")
