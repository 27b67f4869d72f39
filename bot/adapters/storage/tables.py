"""Every table, for both databases. `migrations/` creates them; a test holds the two against each other."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    false,
)

from bot.adapters.storage.dialect import CleanText, Instant

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

counters = Table(
    "counters",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("value", Integer, nullable=False),
)
"""`request`: the number of the newest request, without the gaps of a sequence; `ping`: grows when asked."""

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("status", CleanText, nullable=False),
    Column("requester", CleanText, nullable=False),
    Column("team", CleanText, nullable=False),
    Column("permission_set", CleanText, nullable=False),
    Column("targets", CleanText, nullable=False),
    Column("scope", CleanText, nullable=False),
    Column("span_us", BigInteger),
    Column("reason", CleanText, nullable=False),
    Column("form_key", CleanText, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("decide_by", Instant, nullable=False),
    Column("identity", CleanText),
    Column("facts", CleanText),
    Column("ruling", CleanText),
    UniqueConstraint("form_key"),
    Index(None, "requester", "id"),
    Index(None, "status", "id"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request", ForeignKey("requests.id"), nullable=False),
    Column("approver", CleanText, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("request", "approver"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("request", ForeignKey("requests.id"), nullable=False),
    Column("permission_set", CleanText, nullable=False),
    Column("account", CleanText, nullable=False),
    Column("role", CleanText, nullable=False),
    Column("role_arn", CleanText, nullable=False),
    Column("person", CleanText),
    Column("ends_at", Instant),
    Column("status", CleanText, nullable=False),
    Column("wanted_at", Instant, nullable=False),
    Column("written", Boolean, nullable=False),
    Column("already_allowed", Boolean, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("failure", CleanText),
    Column("end_cause", CleanText),
    Column("end_note", CleanText, nullable=False),
    Column("settled_at", Instant),
    Index(None, "request"),
    Index(None, "permission_set", "status"),
)

permission_sets = Table(
    "permission_sets",
    metadata,
    Column("permission_set", CleanText, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sids", CleanText, nullable=False),
    Column("document", CleanText),
    Column("read_back", Boolean, nullable=False, server_default=false()),
    # Nothing reads or writes it any more; it goes in the release after the one that stopped.
    Column("waiting", CleanText, nullable=False, server_default="[]"),
    Column("troubled_at", Instant),
    Column("stopped", CleanText),
    Column("level_at", Instant),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("permission_set", CleanText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", CleanText, nullable=False),
    Column("document", CleanText, nullable=False),
    Index(None, "permission_set", "id"),
)

pushes = Table(
    "pushes",
    metadata,
    Column("permission_set", CleanText, primary_key=True),
    Column("account", CleanText, primary_key=True),
    Column("status", CleanText, nullable=False),
    Column("document", CleanText, nullable=False),
    Column("held", CleanText),
    Column("everywhere", Boolean, nullable=False),
    Column("provisioning", CleanText),
    Column("started_at", Instant),
    Column("failure", CleanText),
    Column("levelling", Boolean, nullable=False, server_default=false()),
    Index(None, "status"),
)

copies = Table(
    "copies",
    metadata,
    Column("permission_set", CleanText, primary_key=True),
    Column("foreign_part", CleanText, nullable=False),
    Column("since", Instant),
    Column("accounts", CleanText, nullable=False),
)
"""Where a set was seen up to date, by the fingerprint of what others had written in its policy then."""

# The inbox and the outbox carry no foreign keys: a button of an older database may name a request that
# this one does not have, and that click must be stored and answered all the same.
clicks = Table(
    "clicks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("request", Integer, nullable=False),
    Column("by", CleanText, nullable=False),
    Column("team", CleanText, nullable=False),
    Column("channel", CleanText, nullable=False),
    Column("note", CleanText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("done_at", Instant),
)

messages = Table(
    "messages",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("request", Integer),
    Column("channel", CleanText, nullable=False),
    Column("thread_key", CleanText),
    Column("recipient", CleanText),
    Column("answer", CleanText),
    Column("outcome", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("ts", CleanText),
    Column("posted_channel", CleanText),
    Column("first_try_at", Instant),
    Column("last_try_at", Instant),
    Column("repetition", Boolean, nullable=False, server_default=false()),
    Column("by_dm", Boolean, nullable=False, server_default=false()),
    Column("turn_at", Instant),
    Column("queue", CleanText),
    Index(None, "queue", "turn_at"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("request", ForeignKey("requests.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("body", CleanText, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("id", CleanText, primary_key=True),
    Column("team", CleanText, nullable=False),
    Column("user", CleanText, nullable=False),
    Column("identity", CleanText, nullable=False),
    Column("sso_user", CleanText, nullable=False),
    Column("partition", CleanText, nullable=False),
    Column("permission_set", CleanText, nullable=False),
    Column("targets", CleanText, nullable=False),
    Column("request", Integer),
    Column("issued_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("closed_at", Instant),
    Index(None, "issued_at"),
)
"""Open questions "show that you can assume this"; the id is a hash of the nonce. Kept for a day."""

proofs = Table(
    "proofs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("challenge", CleanText, nullable=False),
    Column("user", CleanText, nullable=False),
    Column("permission_set", CleanText, nullable=False),
    Column("account", CleanText, nullable=False),
    Column("role", CleanText, nullable=False),
    Column("at", Instant, nullable=False),
    Column("only_me", Boolean, nullable=False),
    Column("sso_user", CleanText, nullable=False),
    Column("request", ForeignKey("requests.id")),
    UniqueConstraint("challenge", "account", "role"),
    Index(None, "user", "id"),
    Index(None, "only_me"),
)
"""Append-only; the challenge is not there any more after a day."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request", ForeignKey("requests.id")),
    Column("subject", CleanText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", CleanText, nullable=False),
    Column("actor", CleanText),
    Column("permission_set", CleanText),
    Column("account", CleanText),
    Column("role", CleanText),
    Column("detail", CleanText, nullable=False),
    UniqueConstraint("subject", "version"),
    Index(None, "request", "id"),
)
"""Append-only; (subject, version) is what keeps an event from being written twice."""

queues = Table(
    "queues",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("full_until", Instant, nullable=False),
)
"""How far each of Slack's limits is booked, for all replicas together; who waits in it stands in `messages`."""

replicas = Table(
    "replicas",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
"""Who serves: AWS's limits are shared by as many as were seen lately."""

work = Table(
    "work",
    metadata,
    Column("id", CleanText, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("key", CleanText, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("pokes", Integer, nullable=False),
    Column("asked_at", Instant),
    Column("lease", CleanText),
    Column("leased_until", Instant),
    Column("attempts", Integer, nullable=False),
    Column("error", CleanText, nullable=False),
    Index(None, "due_at"),
)
"""Timers, wake-ups and leases in one. `asked_at`: the earliest instant poked for since the last claim."""
