"""Accounts that our rounds leave behind are brought level; challenges, proofs, and audit lines without a request."""

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
    op.create_table(
        "challenges",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("team", CleanText(), nullable=False),
        sa.Column("user", CleanText(), nullable=False),
        sa.Column("identity", CleanText(), nullable=False),
        sa.Column("sso_user", CleanText(), nullable=False),
        sa.Column("partition", CleanText(), nullable=False),
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("targets", CleanText(), nullable=False),
        sa.Column("request", sa.Integer()),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("closed_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
    )
    op.create_index(op.f("ix_challenges_issued_at"), "challenges", ["issued_at"])
    op.create_table(
        "proofs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("challenge", CleanText(), nullable=False),
        sa.Column("user", CleanText(), nullable=False),
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("account", CleanText(), nullable=False),
        sa.Column("role", CleanText(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("only_me", sa.Boolean(), nullable=False),
        sa.Column("sso_user", CleanText(), nullable=False),
        sa.Column("request", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proofs")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_proofs_request")),
        sa.UniqueConstraint("challenge", "account", "role", name=op.f("uq_proofs_challenge_account_role")),
    )
    op.create_index(op.f("ix_proofs_user_id"), "proofs", ["user", "id"])
    op.create_index(op.f("ix_proofs_only_me"), "proofs", ["only_me"])
    # A proof without a request has its line, too. SQLite changes a column only by writing the table anew.
    with op.batch_alter_table("audit") as audit:
        audit.alter_column("request", existing_type=sa.Integer(), nullable=True)
