"""Ids in AWS's shapes, the same in every run, none of them a real one or a secret."""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict

NAMESPACE = uuid.UUID("5a6db0c5-0000-4000-8000-000000000000")


class Identifiers:
    """Counts per kind, so that equal names made twice (a deleted and re-created role) differ."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)

    def hex16(self, kind: str) -> str:
        return hashlib.sha256(self._next(kind).encode()).hexdigest()[:16]

    def uuid(self, kind: str) -> str:
        return str(uuid.uuid5(NAMESPACE, self._next(kind)))

    def access_key(self) -> str:
        """Twenty characters as STS makes them: ASIA and the count of sessions so far."""
        self._counts["key"] += 1
        return f"ASIASANDBOX{self._counts['key']:09d}"

    def _next(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{kind}#{self._counts[kind]}"
