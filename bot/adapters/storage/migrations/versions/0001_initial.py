"""The first schema."""

import sqlalchemy as sa
from alembic import op

from bot.adapters.storage.dialect import CleanText, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", CleanText(), nullable=False),
        sa.Column("requester", CleanText(), nullable=False),
        sa.Column("team", CleanText(), nullable=False),
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("targets", CleanText(), nullable=False),
        sa.Column("scope", CleanText(), nullable=False),
        sa.Column("span_us", sa.BigInteger()),
        sa.Column("reason", CleanText(), nullable=False),
        sa.Column("form_key", CleanText(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("decide_by", Instant(), nullable=False),
        sa.Column("identity", CleanText()),
        sa.Column("facts", CleanText()),
        sa.Column("ruling", CleanText()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("form_key", name=op.f("uq_requests_form_key")),
    )
    op.create_index(op.f("ix_requests_requester_id"), "requests", ["requester", "id"])
    op.create_index(op.f("ix_requests_status_id"), "requests", ["status", "id"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request", sa.Integer(), nullable=False),
        sa.Column("approver", CleanText(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_approvals_request")),
        sa.UniqueConstraint("request", "approver", name=op.f("uq_approvals_request_approver")),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("request", sa.Integer(), nullable=False),
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("account", CleanText(), nullable=False),
        sa.Column("role", CleanText(), nullable=False),
        sa.Column("role_arn", CleanText(), nullable=False),
        sa.Column("person", CleanText()),
        sa.Column("ends_at", Instant()),
        sa.Column("status", CleanText(), nullable=False),
        sa.Column("wanted_at", Instant(), nullable=False),
        sa.Column("written", sa.Boolean(), nullable=False),
        sa.Column("already_allowed", sa.Boolean(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("failure", CleanText()),
        sa.Column("end_cause", CleanText()),
        sa.Column("end_note", CleanText(), nullable=False),
        sa.Column("settled_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_grants_request")),
    )
    op.create_index(op.f("ix_grants_permission_set_status"), "grants", ["permission_set", "status"])
    op.create_index(op.f("ix_grants_request"), "grants", ["request"])
    op.create_table(
        "permission_sets",
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sids", CleanText(), nullable=False),
        sa.Column("document", CleanText()),
        sa.Column("waiting", CleanText(), nullable=False),
        sa.Column("troubled_at", Instant()),
        sa.Column("stopped", CleanText()),
        sa.PrimaryKeyConstraint("permission_set", name=op.f("pk_permission_sets")),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", CleanText(), nullable=False),
        sa.Column("document", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index(op.f("ix_snapshots_permission_set_id"), "snapshots", ["permission_set", "id"])
    op.create_table(
        "pushes",
        sa.Column("permission_set", CleanText(), nullable=False),
        sa.Column("account", CleanText(), nullable=False),
        sa.Column("status", CleanText(), nullable=False),
        sa.Column("document", CleanText(), nullable=False),
        sa.Column("held", CleanText()),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("provisioning", CleanText()),
        sa.Column("started_at", Instant()),
        sa.Column("failure", CleanText()),
        sa.PrimaryKeyConstraint("permission_set", "account", name=op.f("pk_pushes")),
    )
    op.create_index(op.f("ix_pushes_status"), "pushes", ["status"])
    op.create_table(
        "clicks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("request", sa.Integer(), nullable=False),
        sa.Column("by", CleanText(), nullable=False),
        sa.Column("team", CleanText(), nullable=False),
        sa.Column("channel", CleanText(), nullable=False),
        sa.Column("note", CleanText(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("done_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
    )
    op.create_table(
        "messages",
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("request", sa.Integer()),
        sa.Column("channel", CleanText(), nullable=False),
        sa.Column("thread_key", CleanText()),
        sa.Column("recipient", CleanText()),
        sa.Column("answer", CleanText()),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("ts", CleanText()),
        sa.Column("posted_channel", CleanText()),
        sa.Column("first_try_at", Instant()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_messages")),
    )
    op.create_table(
        "outcomes",
        sa.Column("request", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("body", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("request", "number", name=op.f("pk_outcomes")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_outcomes_request")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request", sa.Integer(), nullable=False),
        sa.Column("subject", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", CleanText(), nullable=False),
        sa.Column("actor", CleanText()),
        sa.Column("permission_set", CleanText()),
        sa.Column("account", CleanText()),
        sa.Column("role", CleanText()),
        sa.Column("detail", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_audit_request")),
        sa.UniqueConstraint("subject", "version", name=op.f("uq_audit_subject_version")),
    )
    op.create_index(op.f("ix_audit_request_id"), "audit", ["request", "id"])
    op.create_table(
        "queues",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("full_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queues")),
    )
    op.create_table(
        "replicas",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_replicas")),
    )
    op.create_table(
        "work",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("pokes", sa.Integer(), nullable=False),
        sa.Column("asked_at", Instant()),
        sa.Column("lease", CleanText()),
        sa.Column("leased_until", Instant()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
    )
    op.create_index(op.f("ix_work_due_at"), "work", ["due_at"])
    counters = sa.table("counters", sa.column("name", CleanText), sa.column("value", sa.Integer))
    op.bulk_insert(counters, [{"name": "request", "value": 0}, {"name": "ping", "value": 0}])
