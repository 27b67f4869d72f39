"""Member accounts over the read-only role in each: who is there, whom it trusts, and what IAM's simulator says.

Per account, at the floor of aws.md §6: AssumeRole (kept for its hour), GetRole for each Workbench role,
ListRoles and one SimulatePrincipalPolicy for all of them. GetRolePolicy comes on top only where the simulator
gives no clear yes, to tell which policy is to be mended: a yes already speaks of the policies that IAM holds.
A question may want it nevertheless, for the end of what an older version of the set allows.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from botocore.client import BaseClient

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.simulation import context_entries, decisions, mapping
from bot.domain.errors import AccessError, Code, Misconfigured, NotFound, Unavailable
from bot.domain.member_view import Decision, MemberView, Question, RoleSeen, SsoRole, Trouble
from bot.domain.names import AccountId, RoleArn, RoleName, role_arn
from bot.domain.strict_json import dump
from bot.domain.three_valued import Answer
from bot.ports.clock import Clock
from bot.ports.identity_center import Home

T = TypeVar("T")

SESSION_NAME: Final = "workbench-access"
INLINE_POLICY: Final = "AwsSSOInlinePolicy"
"""The name under which Identity Center keeps a set's inline policy in the roles that it makes."""
_SSO_PATH: Final = "/aws-reserved/sso.amazonaws.com/"
_RENEW_BEFORE: Final = timedelta(minutes=5)
_LASTS: Final = 3600
"""Seconds; AWS gives no more where one role assumes another (aws.md §0, fact 12)."""
_SESSIONS_KEPT: Final = 200
_LOOKS_KEPT: Final = 200
_AT_ONCE: Final = 4
"""Calls to one account at a time, so that an account that hangs does not take every thread."""
_PAGES: Final = 20

_LookKey = tuple[AccountId, str, tuple[RoleName, ...], str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    client: BaseClient
    until: datetime


class AwsMemberAccounts:
    """See `bot.ports.member_account`. Close before the client that it uses."""

    def __init__(
        self, aws: AwsClient, clock: Clock, *, role: RoleName, home: Callable[[], Awaitable[Home]]
    ) -> None:
        """`aws` should have threads of its own: a crowd of silent accounts must not keep others waiting."""
        self._aws = aws
        self._clock = clock
        self._role = role
        self._home = home
        self._sessions: dict[AccountId, _Session] = {}
        self._entering: dict[AccountId, asyncio.Task[BaseClient]] = {}
        self._looks: dict[_LookKey, tuple[datetime, MemberView]] = {}

    async def close(self) -> None:
        """End what is under way."""
        entering = list(self._entering.values())
        for task in entering:
            task.cancel()
        await asyncio.gather(*entering, return_exceptions=True)

    async def enter(self, account: AccountId) -> None:
        await self._client(account, fresh=True)

    async def look(
        self, question: Question, *, within: float = 8.0, max_age: timedelta = timedelta(0)
    ) -> MemberView:
        key = (
            question.account,
            question.permission_set,
            question.roles,
            question.person,
            question.with_policy,
        )
        kept = self._looks.get(key)
        if kept is not None and kept[0] + max_age > question.at:
            return kept[1]
        until = asyncio.get_running_loop().time() + within
        client = await _answer(self._client(question.account), until)
        if isinstance(client, Trouble):
            return MemberView.closed(question, client)
        view = await _Look(aws=self._aws, client=client, question=question, until=until).view(
            (await self._home()).partition
        )
        if view.sso_trouble is not None and view.sso_trouble.code is Code.ACCESS_DENIED:
            # The session may be of a role that has been made anew since: the next look enters again.
            self._drop(question.account)
        if view.trouble is None:
            self._looks.pop(key, None)
            self._looks[key] = (question.at, view)
            while len(self._looks) > _LOOKS_KEPT:
                self._looks.pop(next(iter(self._looks)))
        return view

    async def _client(self, account: AccountId, *, fresh: bool = False) -> BaseClient:
        """An IAM client in the account. Callers that come together share one AssumeRole."""
        known = self._sessions.get(account)
        if known is not None and not fresh and self._clock.now() < known.until:
            return known.client
        entering = self._entering.get(account)
        if entering is None:
            entering = asyncio.create_task(self._assume(account), name=f"enter:{account}")
            self._entering[account] = entering
            entering.add_done_callback(lambda task: self._entered(account, task))
        # Somebody else may wait for it too: being late here must not cancel it there.
        return await asyncio.shield(entering)

    def _entered(self, account: AccountId, task: "asyncio.Task[BaseClient]") -> None:
        self._entering.pop(account, None)
        if not task.cancelled():
            task.exception()  # Whoever still waits reads it; nobody may be left to.

    async def _assume(self, account: AccountId) -> BaseClient:
        home = await self._home()
        answer = await _typed(
            self._aws.call(
                "sts",
                "AssumeRole",
                RoleArn=role_arn(home.partition, account, self._role),
                RoleSessionName=SESSION_NAME,
                DurationSeconds=_LASTS,
            )
        )
        found = mapping(answer.get("Credentials"))
        keys = {
            "aws_access_key_id": found.get("AccessKeyId"),
            "aws_secret_access_key": found.get("SecretAccessKey"),
            "aws_session_token": found.get("SessionToken"),
        }
        ends = found.get("Expiration")
        if not isinstance(ends, datetime) or not all(isinstance(key, str) and key for key in keys.values()):
            raise _unreadable("AssumeRole")
        client = await self._aws.client_as("iam", cast("dict[str, str]", keys))
        self._drop(account)
        self._sessions[account] = _Session(client=client, until=ends - _RENEW_BEFORE)
        while len(self._sessions) > _SESSIONS_KEPT:
            self._drop(next(iter(self._sessions)))
        return client

    def _drop(self, account: AccountId) -> None:
        session = self._sessions.pop(account, None)
        if session is not None:
            self._aws.forget(session.client)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look into one account, within its time."""

    aws: AwsClient
    client: BaseClient
    question: Question
    until: float
    """On the loop's clock."""

    async def view(self, partition: str) -> MemberView:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(call: Coroutine[Any, Any, T]) -> T | Trouble:
            return await _answer(_after(turns, call), self.until)

        account = self.question.account
        asked = {name: role_arn(partition, account, name) for name in self.question.roles}
        sso_role, roles = await asyncio.gather(
            in_turn(self._sso_role()),
            asyncio.gather(*(in_turn(self._role(name, arn)) for name, arn in asked.items())),
        )
        seen = {
            name: RoleSeen(exists=Answer.UNKNOWN, trouble=each) if isinstance(each, Trouble) else each
            for name, each in zip(asked, roles, strict=True)
        }
        if isinstance(sso_role, Trouble):
            return MemberView(account=account, roles=seen, sso_trouble=sso_role, simulation_trouble=sso_role)
        if sso_role is None:
            return MemberView(account=account, roles=seen)
        decided = await _answer(self._simulate(sso_role, asked), self.until) if asked else {}
        if isinstance(decided, Trouble):
            return MemberView(account=account, roles=seen, sso_role=sso_role, simulation_trouble=decided)
        held: str | None = None
        is_clear = all(each.allowed and not each.missing for each in decided.values())
        if self.question.with_policy or not is_clear:
            found = await _answer(self._inline_policy(sso_role), self.until)
            held = None if isinstance(found, Trouble) else found
        return MemberView(account=account, roles=seen, sso_role=sso_role, decisions=decided, held=held)

    async def _role(self, name: RoleName, arn: RoleArn) -> RoleSeen:
        """IAM finds roles by name under any path; what people are granted is the ARN without one."""
        try:
            answer = await self._call("GetRole", RoleName=name)
        except NotFound:
            return RoleSeen(exists=Answer.NO)
        role = mapping(answer.get("Role"))
        found = role.get("Arn")
        if (
            role.get("RoleName") != name
            or not isinstance(found, str)
            or "AssumeRolePolicyDocument" not in role
        ):
            raise _unreadable("GetRole")
        if found != arn:
            return RoleSeen(exists=Answer.NO, instead=found)
        return RoleSeen(exists=Answer.YES, trust=_text(role["AssumeRolePolicyDocument"]))

    async def _sso_role(self) -> SsoRole | None:
        """The set's own role; None where there is none."""
        wanted = re.compile(
            rf"AWSReservedSSO_{re.escape(self.question.permission_set)}_[0-9a-f]{{16}}", re.ASCII
        )
        found = [
            SsoRole(
                name=RoleName(str(role["RoleName"])),
                arn=RoleArn(str(role["Arn"])),
                id=str(role.get("RoleId") or ""),
            )
            async for role in self._pages("ListRoles", "Roles", PathPrefix=_SSO_PATH, MaxItems=1000)
            if wanted.fullmatch(str(role.get("RoleName"))) and isinstance(role.get("Arn"), str)
        ]
        if len(found) > 1:
            # Identity Center makes one; which of several a person gets cannot be seen from here.
            names = ", ".join(role.name for role in found[:3])
            raise Unavailable(
                Code.AWS_UNAVAILABLE, operation="iam:ListRoles", reason=f"several roles: {names}"
            )
        return found[0] if found else None

    async def _simulate(
        self, sso_role: SsoRole, asked: Mapping[RoleName, RoleArn]
    ) -> dict[RoleName, Decision]:
        """One call for all roles. A role that IAM says nothing about raises `Unavailable`."""
        results = [
            result
            async for result in self._pages(
                "SimulatePrincipalPolicy",
                "EvaluationResults",
                PolicySourceArn=sso_role.arn,
                ActionNames=["sts:AssumeRole"],
                ResourceArns=sorted(asked.values()),
                ContextEntries=context_entries(self.question, sso_role),
            )
        ]
        by_arn = decisions(results, sorted(asked.values()))
        if len(by_arn) < len(set(asked.values())):
            raise _unreadable("SimulatePrincipalPolicy")
        return {name: by_arn[arn] for name, arn in asked.items()}

    async def _inline_policy(self, sso_role: SsoRole) -> str:
        try:
            answer = await self._call("GetRolePolicy", RoleName=sso_role.name, PolicyName=INLINE_POLICY)
        except NotFound:
            return ""
        if "PolicyDocument" not in answer:
            raise _unreadable("GetRolePolicy")
        return _text(answer["PolicyDocument"])

    async def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        return await _typed(self.aws.call("iam", operation, through=self.client, **params))

    async def _pages(
        self, operation: str, member: str, **params: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The items of all pages; what is no object is left out, and no page comes twice."""
        for _ in range(_PAGES):
            answer = await self._call(operation, **params)
            items = answer.get(member)
            if not isinstance(items, list):
                raise _unreadable(operation)
            for item in items:
                if isinstance(item, dict):
                    yield item
            marker = answer.get("Marker")
            if not answer.get("IsTruncated"):
                return
            if not isinstance(marker, str) or marker == params.get("Marker"):
                break
            params["Marker"] = marker
        raise _unreadable(operation)


async def _answer(call: Coroutine[Any, Any, T], until: float) -> T | Trouble:
    """What the call gives in time, or why it gives nothing."""
    try:
        async with asyncio.timeout_at(until):
            return await call
    except TimeoutError:
        return Trouble(code=Code.AWS_UNAVAILABLE, detail="no answer in time")
    except AccessError as error:
        return Trouble.of(error)
    except Misconfigured as error:
        return Trouble(code=Code.ACCESS_DENIED, detail=str(error))


async def _after(turns: asyncio.Semaphore, call: Coroutine[Any, Any, T]) -> T:
    try:
        async with turns:
            return await call
    finally:
        call.close()  # where the time ran out before its turn


async def _typed(call: Awaitable[dict[str, Any]]) -> Mapping[str, Any]:
    """botocore's parsers raise plain errors at an answer that is well-formed and makes no sense."""
    try:
        return mapping(await call)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unavailable(Code.AWS_UNAVAILABLE, reason="an answer that cannot be read") from error


def _unreadable(operation: str) -> AccessError:
    return Unavailable(
        Code.AWS_UNAVAILABLE,
        operation=f"iam:{operation}",
        reason=f"an answer to {operation} that cannot be read",
    )


def _text(document: object) -> str:
    """botocore parses policies where it can; the domain wants their text."""
    return document if isinstance(document, str) else dump(cast("Mapping[str, object]", document))
