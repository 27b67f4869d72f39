"""Deletes what nobody needs any more, a bounded number of rows at a time. Parts of a transaction."""

from datetime import datetime

from sqlalchemy import Connection, Delete, delete, func, select

from bot.adapters.storage.tables import clicks, snapshots


def forget_clicks(connection: Connection, *, done_before: datetime, at_most: int) -> int:
    """Delete clicks that were handled before an instant; how many that were.

    The newest stays, however old: SQLite gives the number of the last row again once it is gone, and a number
    names the answer to a click for ever.
    """
    newest = select(func.max(clicks.c.id)).scalar_subquery()
    old = select(clicks.c.id).where(clicks.c.done_at < done_before, clicks.c.id < newest)
    return _delete(
        connection, delete(clicks).where(clicks.c.id.in_(old.order_by(clicks.c.id).limit(at_most)))
    )


def forget_snapshots(connection: Connection, *, taken_before: datetime, keep: int, at_most: int) -> int:
    """Delete policies as they were before an instant, but never the newest `keep` of a set; how many that were."""
    gone = 0
    table = snapshots.c
    for name in connection.scalars(select(table.permission_set).distinct()).all():
        theirs = table.permission_set == name
        # The oldest one that is kept for its number.
        oldest = connection.scalar(
            select(table.id).where(theirs).order_by(table.id.desc()).offset(keep - 1).limit(1)
        )
        if oldest is None or gone >= at_most:
            continue
        old = select(table.id).where(theirs, table.id < oldest, table.at < taken_before)
        some = old.order_by(table.id).limit(at_most - gone)
        gone += _delete(connection, delete(snapshots).where(table.id.in_(some)))
    return gone


def _delete(connection: Connection, statement: Delete) -> int:
    return connection.execute(statement).rowcount
