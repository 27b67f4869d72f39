"""Accounts that our own rounds leave behind are brought level: what is known of them, and when to look."""

import sqlalchemy as sa
from alembic import op

from bot.adapters.storage.dialect import CleanText, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("permission_sets", sa.Column("level_at", Instant()))
    # A default in the database: a replica of the version before goes on writing rows without it.
    op.add_column("pushes", sa.Column("levelling", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "copies",
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("foreign_part", CleanText(), nullable=False),
        sa.Column("since", Instant()),
        sa.Column("accounts", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("permission_set", name=op.f("pk_copies")),
    )
