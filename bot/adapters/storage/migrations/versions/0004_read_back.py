"""Whether the remembered policy was read from AWS since our last Put, or only sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A default in the database: a replica of the version before goes on writing rows without it.
    op.add_column(
        "permission_sets", sa.Column("read_back", sa.Boolean(), nullable=False, server_default=sa.false())
    )
