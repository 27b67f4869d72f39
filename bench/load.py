"""Signed payloads over raw keep-alive connections, from a process of its own: what Slack would measure.

    python -m bench.load < order.json

Each connection sends the next body as soon as the last answer is there; every request is signed when it is
sent and has a trigger id of its own. Prints the latencies as one line of JSON. Any answer but the expected one
is counted as bad. An HTTP library on this side would cost more than the bot does, hence the bare sockets.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import count
from math import ceil
from pathlib import Path

TRIGGER = "TRIGGERID"
"""Stands in a body where each request gets its own trigger id."""

CLICKED = "CLICKEDREQUEST"
"""Stands in a body where each request gets the next of `numbers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send; it ends after `seconds` or with the last of `numbers`, whichever comes first."""

    port: int
    secret: str
    body: str
    concurrency: int
    seconds: float
    expect: str = ""
    """Stands in every good answer's body."""
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of it."""

    latencies: list[float]
    """Seconds, in the order of the answers."""
    elapsed: float
    bad: list[str]
    first_at: float
    """Epoch seconds of the first request."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.elapsed

    def percentile(self, percent: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] * 1000


async def sent(order: Order) -> Run:
    """Carry an order out in a process of its own, so that nothing else in this one can be the slow part."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    out, _ = await process.communicate(json.dumps(asdict(order)).encode())
    run = Run(**json.loads(out))
    if run.bad or not run.latencies:
        raise RuntimeError(f"{len(run.bad)} bad answers, {len(run.latencies)} good ones: {run.bad[:3]}")
    return run


class _Sender:
    """The connections of one order, and what they have seen."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.latencies: list[float] = []
        self.bad: list[str] = []
        self._numbers = iter(order.numbers) if order.numbers else None
        self._serial = count(1)
        self._ends_at = time.monotonic() + order.seconds

    async def connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.order.port)
        try:
            while time.monotonic() < self._ends_at and (request := self._next()) is not None:
                begun = time.perf_counter()
                writer.write(request)
                status, body = await _answer(reader)
                self.latencies.append(time.perf_counter() - begun)
                if status != 200 or self.order.expect not in body:
                    self.bad.append(f"{status} {body[:200]}")
        finally:
            writer.close()

    def _next(self) -> bytes | None:
        """A signed request; None once every number is taken."""
        body = self.order.body.replace(TRIGGER, f"1.{next(self._serial)}.bench")
        if self._numbers is not None:
            number = next(self._numbers, None)
            if number is None:
                return None
            body = body.replace(CLICKED, str(number))
        timestamp = str(int(time.time()))
        base = f"v0:{timestamp}:{body}".encode()
        signature = hmac.new(self.order.secret.encode(), base, hashlib.sha256).hexdigest()
        head = (
            f"POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1:{self.order.port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"X-Slack-Request-Timestamp: {timestamp}\r\nX-Slack-Signature: v0={signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status.split(" ")[1]), body.decode()


async def _carry_out(order: Order) -> Run:
    sender = _Sender(order)
    first_at, begun = time.time(), time.monotonic()
    await asyncio.gather(*(sender.connection() for _ in range(order.concurrency)))
    elapsed = time.monotonic() - begun
    return Run(latencies=sender.latencies, elapsed=elapsed, bad=sender.bad[:20], first_at=first_at)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_carry_out(Order(**json.load(sys.stdin)))))))
