"""Faults that can be put in the way of calls: errors, silence, lost connections.

`service` is boto3's name ("sso-admin") and `operation` the API's ("PutInlinePolicyToPermissionSet");
"*" stands for any. `times=None` means until `clear`. Faults are used up in the order they were set.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from bot.sandbox.aws.errors import ServiceError

Kind = Literal["error", "http", "hang", "hang-after", "hang-lost", "drop-before", "drop-after"]


@dataclass(slots=True, kw_only=True)
class Fault:
    service: str
    operation: str
    kind: Kind
    times: int | None
    code: str = ""
    message: str = ""
    status: int = 500
    seconds: float | None = None
    used: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let hanging calls go on, and no further call hang."""
        self.times = 0
        self.released.set()

    def error(self) -> ServiceError:
        return ServiceError(self.code, self.message, status=self.status)

    async def wait(self) -> None:
        """Hang: for so many seconds, or until released."""
        try:
            await asyncio.wait_for(self.released.wait(), self.seconds)
        except TimeoutError:
            return

    def fits(self, service: str, operation: str) -> bool:
        left = self.times is None or self.times > 0
        return left and self.service in {"*", service} and self.operation in {"*", operation}


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def _add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def fail(
        self,
        service: str,
        operation: str = "*",
        *,
        code: str = "InternalServerException",
        message: str = "Injected by the simulator.",
        status: int | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Answer the next `times` calls with this error instead of doing anything."""
        if status is None:
            status = 500 if code.startswith("Internal") else 400
        return self._add(
            Fault(
                service=service,
                operation=operation,
                kind="error",
                code=code,
                message=message,
                status=status,
                times=times,
            )
        )

    def http(self, service: str, operation: str = "*", *, status: int = 500, times: int | None = 1) -> Fault:
        """A bare HTTP error with a page of HTML, as from a load balancer."""
        return self._add(Fault(service=service, operation=operation, kind="http", status=status, times=times))

    def hang(
        self,
        service: str,
        operation: str = "*",
        *,
        seconds: float | None = None,
        times: int | None = 1,
        when: Literal["before", "after", "lost"] = "before",
    ) -> Fault:
        """Keep the next calls waiting for so long, or until `release`.

        `before` they have their effect and are answered; `after` the effect, and then the connection is cut;
        or `lost`: they never have one, and the connection is cut.
        """
        kind: Kind = "hang" if when == "before" else "hang-after" if when == "after" else "hang-lost"
        return self._add(Fault(service=service, operation=operation, kind=kind, seconds=seconds, times=times))

    def drop(
        self,
        service: str,
        operation: str = "*",
        *,
        when: Literal["before", "after"] = "before",
        times: int | None = 1,
    ) -> Fault:
        """Cut the connection before the call had its effect, or after it and before the answer."""
        kind: Kind = "drop-before" if when == "before" else "drop-after"
        return self._add(Fault(service=service, operation=operation, kind=kind, times=times))

    def take(self, service: str, operation: str) -> Fault | None:
        """The fault for this call, used up once."""
        for fault in self._faults:
            if fault.fits(service, operation):
                fault.used += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def clear(self) -> None:
        """No more faults; hanging calls go on."""
        for fault in self._faults:
            fault.release()
        self._faults.clear()
