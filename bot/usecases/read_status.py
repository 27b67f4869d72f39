"""What a person has asked for and holds, and for approvers what waits for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import Code, Refusal
from bot.domain.messages import Story
from bot.domain.names import PermissionSetName, RoleName, SlackUserId
from bot.domain.request import AccessRequest, RequestId, Unreadable
from bot.domain.rules import ApproverSource, Rules
from bot.ports.people import People
from bot.ports.store import Store, Tx
from bot.usecases.admission import Admission
from bot.usecases.precheck import read_approvers
from bot.usecases.stories import stories_of, story_of

SHOWN = 20
"""Newest requests of a person, and oldest waiting ones: what one message holds."""

WAITING_LOOKED_AT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Newest first what is one's own, oldest first what waits for one's decision."""

    mine: tuple[Story, ...]
    waiting: tuple[Story, ...]
    unlisted: int = 0
    """How many more wait for one's decision, newer than those."""
    is_cut: bool = False
    """Whether so many wait that nobody counted them all: then there may be more still."""
    unreadable: tuple[Unreadable, ...] = ()
    """One's own requests of which a row cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatus:
    """Reads the store only, and Slack for who may see what."""

    store: Store
    rules: Rules
    admission: Admission
    people: People

    async def overview(self, user: SlackUserId) -> Overview:
        """One's own requests and grants, and what one could decide. Raises `Refusal`, `Unavailable`."""
        await self.admission.person(user)

        sets = await self._decides_in(user)
        (mine, unreadable), waiting = await self.store.run(
            lambda tx: (
                tx.requests_of(user, at_most=SHOWN),
                tx.pending_requests(at_most=WAITING_LOOKED_AT, of=sets) if sets else (),
            )
        )
        decidable = await self._decidable(waiting, user)

        def read(tx: Tx) -> Overview:
            stories, more = stories_of(tx, mine)
            asked, _ = stories_of(tx, decidable[:SHOWN])
            return Overview(
                mine=stories,
                waiting=asked,
                unlisted=max(len(decidable) - SHOWN, 0),
                is_cut=len(waiting) == WAITING_LOOKED_AT,
                unreadable=(*unreadable, *more),
            )

        return await self.store.run(read)

    async def one(self, user: SlackUserId, request_id: RequestId) -> Story:
        """One request, for its requester and those who may decide it; to others it does not exist."""
        await self.admission.person(user)
        story = await self.store.run(lambda tx: _story(tx, tx.seen_request(request_id)))
        asked = story.request.ask
        is_theirs = asked.requester == user
        if not is_theirs and not await self._may_decide(asked.permission_set, _roles(story.request), user):
            raise Refusal(Code.NOT_FOUND, id=story.request.label)
        return story

    async def _decides_in(self, user: SlackUserId) -> frozenset[PermissionSetName]:
        """The sets of which the person may decide some role; only what is asked for there can wait for them."""
        who: dict[frozenset[ApproverSource], bool] = {}
        found: set[PermissionSetName] = set()
        for name, offered in self.rules.sets.items():
            for rule in offered.by_role.values():
                sources = frozenset(rule.approver_sources)
                if sources not in who:
                    who[sources] = user in await read_approvers(self.people, rule)
                if who[sources]:
                    found.add(name)
        return frozenset(found)

    async def _decidable(self, requests: Sequence[AccessRequest], user: SlackUserId) -> list[AccessRequest]:
        """Those of others that the person may decide; what is asked for often is looked up once."""
        may: dict[tuple[PermissionSetName, frozenset[RoleName]], bool] = {}
        found = []
        for request in requests:
            what = request.ask.permission_set, _roles(request)
            if what not in may:
                may[what] = await self._may_decide(*what, user)
            if may[what] and request.ask.requester != user:
                found.append(request)
        return found

    async def _may_decide(
        self, permission_set: PermissionSetName, roles: frozenset[RoleName], user: SlackUserId
    ) -> bool:
        offered = self.rules.sets.get(permission_set)
        if offered is None:
            return False
        try:
            rule = offered.combined(roles)
        except Refusal:
            return False  # a role was taken out of the configuration: nobody decides it any more
        return user in await read_approvers(self.people, rule)


def _roles(request: AccessRequest) -> frozenset[RoleName]:
    return frozenset(target.role for target in request.ask.targets)


def _story(tx: Tx, request: AccessRequest) -> Story:
    story = story_of(tx, request.id)
    assert story is not None  # only a missing id gives none
    return story
