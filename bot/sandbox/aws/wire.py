"""The two wire protocols of the simulated services: JSON 1.1, and query parameters with XML."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.aws.errors import ServiceError

TARGETS = {
    "SWBExternalService": "sso-admin",
    "AWSIdentityStore": "identitystore",
    "AWSOrganizationsV20161128": "organizations",
}
VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam"}
NAMESPACES = {
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A call as it arrived: which service, which operation, with what."""

    service: str
    operation: str
    parameters: dict[str, Any]
    protocol: Literal["json", "query"]
    wants_json: bool = False
    """A query call that asked for its answer in JSON, as STS allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: str
    headers: dict[str, str]


def read_call(headers: Mapping[str, str], query: list[tuple[str, str]], body: bytes) -> Incoming | None:
    """None for what no simulated service understands."""
    prefix, dot, operation = headers.get("x-amz-target", "").rpartition(".")
    if dot:
        if prefix not in TARGETS:
            return None
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            return None
        return Incoming(service=TARGETS[prefix], operation=operation, parameters=parameters, protocol="json")
    form = dict(query) | dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    service = VERSIONS.get(form.get("Version", ""))
    if service is None or "Action" not in form:
        return None
    wants_json = "json" in headers.get("accept", "")
    return Incoming(
        service=service,
        operation=form["Action"],
        parameters=form,
        protocol="query",
        wants_json=wants_json and service == "sts",
    )


def members(parameters: Mapping[str, str], name: str) -> list[str]:
    """The values of a list parameter: Name.member.1, Name.member.2, …"""
    found: list[str] = []
    while (key := f"{name}.member.{len(found) + 1}") in parameters:
        found.append(parameters[key])
    return found


def _reply(status: int, body: str, kind: str, **headers: str) -> Reply:
    request_id = str(uuid.uuid4())
    return Reply(
        status=status, body=body, headers={"content-type": kind, "x-amzn-requestid": request_id, **headers}
    )


def success(call: Incoming, answer: dict[str, Any]) -> Reply:
    if call.protocol == "json":
        return _reply(200, json.dumps(answer, ensure_ascii=False), "application/x-amz-json-1.1")
    name = call.operation
    metadata: dict[str, Any] = {"RequestId": str(uuid.uuid4())}
    content: dict[str, Any]
    if call.wants_json:
        content = {f"{name}Response": {f"{name}Result": answer, "ResponseMetadata": metadata}}
        return _reply(200, json.dumps(content), "application/json")
    content = {f"{name}Result": answer, "ResponseMetadata": metadata}
    return _reply(
        200,
        f'<{name}Response xmlns="{NAMESPACES[call.service]}">{to_xml(content)}</{name}Response>',
        "text/xml",
    )


def failure(call: Incoming, error: ServiceError) -> Reply:
    if call.protocol == "json":
        content = {"__type": error.code, "Message": error.message, **error.fields}
        kind = f"{error.code}:http://internal.amazon.com/coral/com.amazonaws.{call.service.replace('-', '')}/"
        return _reply(
            error.status, json.dumps(content), "application/x-amz-json-1.1", **{"x-amzn-errortype": kind}
        )
    fault = "Receiver" if error.status >= 500 else "Sender"
    content = {
        "Error": {"Type": fault, "Code": error.code, "Message": error.message},
        "RequestId": str(uuid.uuid4()),
    }
    if call.wants_json:
        return _reply(error.status, json.dumps(content), "application/json")
    body = f'<ErrorResponse xmlns="{NAMESPACES[call.service]}">{to_xml(content)}</ErrorResponse>'
    return _reply(error.status, body, "text/xml")


def to_xml(value: Any) -> str:
    """Dictionaries as elements, lists as `member` elements, the rest as text."""
    if isinstance(value, dict):
        return "".join(f"<{key}>{to_xml(content)}</{key}>" for key, content in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{to_xml(content)}</member>" for content in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value))
