"""moto's IAM API over an account's own backend. Imported on the first IAM call, moto is slow to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.request import Request
from moto.iam.responses import IamResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.iam.models import IAMBackend


class _AccountIam(IamResponse):
    """moto finds backends by account in a global table; here the backend is handed in, so that
    organisations in one process do not see each other's roles.
    """

    def __init__(self, backend: IAMBackend) -> None:
        super().__init__()
        self._own = backend

    @property
    def backend(self) -> IAMBackend:
        return self._own

    def get_current_account(self) -> str:
        return self._own.account_id


def dispatch(backend: IAMBackend, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """Status and XML of moto's answer. Raises NotImplementedError for what moto does not know."""
    request = Request.from_primitives("POST", url, dict(headers), body)
    status, _, content = _AccountIam(backend)._dispatch(request, url, request.headers)
    return status, content.decode() if isinstance(content, bytes) else content
