"""Prove it: ask a person for tokens that only an assumed role can make, and remember what they show.

Tokens live in memory only, from the request that brings them to STS's answer. What is remembered is who, what
and when; it is written in one transaction with its audit line and the message that Slack owes.
"""

import asyncio
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from bot.domain.errors import Code, Refusal
from bot.domain.grant import GrantStatus
from bot.domain.messages import Answer, AuditEntry, MessageKind
from bot.domain.names import AccountId, PermissionSetName, SlackTeamId, SlackUserId
from bot.domain.proof import (
    Challenge,
    ChallengeId,
    Finding,
    Flaw,
    Proof,
    Report,
    Step,
    TokenRefused,
    choose,
    earliest,
    judge,
    place,
    shown_at,
    split,
)
from bot.domain.request import RequestId, Target
from bot.domain.rules import Rules
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import Directory, IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.store import Store, Tx
from bot.ports.token_verifier import TokenVerifier
from bot.usecases.admission import Admission
from bot.usecases.only_me import OnlyMe, granted_alone
from bot.usecases.transitions import card_key

log = get_logger(__name__)

NONCE_BYTES = 20
"""160 bits; in hex, since it stands in an address and in a command."""
_NONCE = re.compile(rf"[0-9a-f]{{{2 * NONCE_BYTES}}}", re.ASCII)

AT_ONCE = 8
"""Questions to STS under way; what more people bring waits its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is to be proved: what a request opened, or what `verify` has checked of one permission set."""

    request: RequestId | None = None
    permission_set: PermissionSetName | None = None
    account: AccountId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A new challenge and its nonce, which stands nowhere else."""

    challenge: Challenge
    nonce: str
    left_out: int
    """Roles that wait for the next challenge."""


def has_shape(nonce: str) -> bool:
    """Whether this could be a nonce of ours at all."""
    return _NONCE.fullmatch(nonce) is not None


def fingerprint(nonce: str) -> ChallengeId:
    """The id under which a nonce is known."""
    return ChallengeId(sha256(nonce.encode()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProof:
    """Make a challenge for one person and what this person asked for."""

    store: Store
    rules: Rules
    admission: Admission
    identity_center: IdentityCenter

    async def check(self, user: SlackUserId, about: About) -> None:
        """Refuse at once, without any network, whom the button does not belong to. Raises `Refusal`, `NotFound`."""
        await self.store.run(lambda tx: self._wanted(tx, user, about))

    async def __call__(self, user: SlackUserId, team: SlackTeamId, about: About, *, by_hand: bool) -> Opened:
        """Raises `Refusal` (also NOTHING_TO_PROVE), `NotFound`, and `Unavailable` when AWS cannot be asked."""
        person = await self.admission.person(user)
        identity = await self.identity_center.find_user(self.admission.email(person))
        home = await self.identity_center.home()
        nonce = secrets.token_hex(NONCE_BYTES)

        def start(tx: Tx) -> Opened:
            permission_set, wanted = self._wanted(tx, user, about)
            proved = {each.target for each in tx.proofs_of(user) if each.permission_set == permission_set}
            targets = choose(wanted, proved, by_hand=by_hand)
            challenge = Challenge(
                id=fingerprint(nonce),
                team=team,
                user=user,
                identity=identity.user_id,
                sso_user=identity.user_name,
                partition=home.partition,
                permission_set=permission_set,
                targets=targets,
                request=about.request,
                issued_at=tx.now,
            )
            tx.add_challenge(challenge)
            return Opened(challenge=challenge, nonce=nonce, left_out=len(wanted) - len(targets))

        opened = await self.store.run(start)
        log.info(
            "proof_begun",
            challenge=opened.challenge.id[:12],
            request=about.request,
            roles=len(opened.challenge.targets),
        )
        return opened

    def _wanted(self, tx: Tx, user: SlackUserId, about: About) -> tuple[PermissionSetName, frozenset[Target]]:
        """The permission set, and every role that it is worth to try."""
        if about.request is not None:
            request = tx.request(about.request)
            if request.ask.requester != user:
                raise Refusal(Code.NOT_YOURS, label=request.label)
            grants = tx.grants_of(request.id)
            active = frozenset(grant.target for grant in grants if grant.status is GrantStatus.ACTIVE)
            if not active:
                raise Refusal(Code.NOTHING_TO_PROVE, label=request.label)
            return request.ask.permission_set, active
        offered = self.rules.sets.get(about.permission_set) if about.permission_set is not None else None
        if about.permission_set is None or offered is None:
            raise Refusal(Code.SET_NOT_OFFERED, permission_set=about.permission_set or "")
        if about.account is not None:
            if not offered.offers(about.account):
                raise Refusal(Code.ACCOUNT_NOT_OFFERED, account=about.account)
            return about.permission_set, frozenset(
                Target(account=about.account, role=role) for role in offered.roles
            )
        requests = [
            request
            for request in tx.requests_of(user, at_most=50)[0]
            if request.ask.permission_set == about.permission_set
        ]
        asked = frozenset(target for request in requests for target in request.ask.targets)
        opened, _ = tx.grants_for({request.id for request in requests})
        active = frozenset(
            grant.target
            for grants in opened.values()
            for grant in grants
            if grant.status is GrantStatus.ACTIVE
        )
        if not asked:
            raise Refusal(Code.NOTHING_TO_PROVE)
        return about.permission_set, active or asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveAccess:
    """Look at the tokens that came for a challenge."""

    store: Store
    rules: Rules
    clock: Clock
    identity_center: IdentityCenter
    directory: Directory
    verifier: TokenVerifier
    members: MemberAccounts | None = None
    """None: no member role is configured, and nothing can be known of "Only me"."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def open(self, nonce: str, *, only: SlackUserId | None = None) -> Challenge:
        """The challenge, if it takes a delivery now. Raises `Refusal(PROOF_GONE)`, the same for every other.

        `only`: whoever brings it by Slack must be the person whom it asks.
        """
        if not has_shape(nonce):
            raise Refusal(Code.PROOF_GONE)
        found, now = await self.store.run(lambda tx: (tx.challenge(fingerprint(nonce)), tx.now))
        if found is None or not hmac.compare_digest(found.id, fingerprint(nonce)) or not found.takes(now):
            raise Refusal(Code.PROOF_GONE)
        if only is not None and found.user != only:
            raise Refusal(Code.PROOF_GONE)
        return found

    async def __call__(self, nonce: str, text: str) -> Report:
        """Count the attempt, ask AWS about every token, store what is proved.

        Raises `Refusal(PROOF_GONE)`. A failure of AWS is a finding, not an error.
        """
        await self.open(nonce)
        challenge = await self.store.run(lambda tx: tx.count_attempt(fingerprint(nonce)))
        if challenge is None:
            raise Refusal(Code.PROOF_GONE)
        delivery = split(text)
        tokens = delivery.tokens[: len(challenge.steps)]
        answers = await asyncio.gather(*(self._ask(challenge, nonce, token) for token in tokens))
        seen = [answer if isinstance(answer, Flaw) else answer[0] for answer in answers]
        if delivery.garbage or len(delivery.tokens) > len(tokens):
            seen.append(Flaw.NOT_A_TOKEN)
        signed = earliest(answer for answer in answers if not isinstance(answer, Flaw))
        report = await self._store(challenge, judge(challenge, seen, delivery.failed), signed)
        for finding in report.findings:
            log.info(
                "proof_checked",
                challenge=challenge.id[:12],
                request=challenge.request,
                account=finding.target.account if finding.target else None,
                role=finding.target.role if finding.target else None,
                flaw=finding.flaw,
            )
        return report

    async def _ask(self, challenge: Challenge, nonce: str, token: str) -> tuple[Step, datetime] | Flaw:
        """Which step the token answers, and when it was signed."""
        try:
            async with self._turns:
                caller = await self.verifier.who_made(
                    token, nonce=nonce, partition=challenge.partition, not_before=challenge.issued_at
                )
            return place(challenge, caller), caller.signed_at
        except TokenRefused as refused:
            return refused.flaw

    async def _store(
        self, challenge: Challenge, findings: tuple[Finding, ...], signed: Mapping[Step, datetime]
    ) -> Report:
        proved = [each.target for each in findings if each.target is not None and each.flaw is None]
        if not proved:
            return Report(challenge=challenge, findings=findings, at=self.clock.now())
        only_me = OnlyMe(clock=self.clock, identity_center=self.identity_center, members=self.members)
        alone = await only_me.alone(challenge, proved)
        names = {target.account: self.directory.account_name(target.account) for target in proved}

        def store(tx: Tx) -> Report:
            shown = {target: shown_at(challenge, target, signed, now=tx.now) for target in proved}
            new = {
                target: at
                for target, at in shown.items()
                if self._add(
                    tx,
                    challenge,
                    target,
                    at,
                    only_me=target in alone and granted_alone(tx, challenge, target),
                )
            }
            if new:
                _tell(tx, challenge, new, names, self.rules)
            if tx.proved_with(challenge.id) >= set(challenge.targets):
                tx.close_challenge(challenge.id)
            told = tuple(
                each
                if each.target is None or each.flaw is not None
                else Finding(target=each.target, at=new[each.target])
                if each.target in new
                else Finding(target=each.target, flaw=Flaw.ALREADY_PROVED)
                for each in findings
            )
            return Report(challenge=challenge, findings=told, at=tx.now)

        return await self.store.run(store)

    @staticmethod
    def _add(tx: Tx, challenge: Challenge, target: Target, at: datetime, *, only_me: bool) -> bool:
        proof = Proof(
            user=challenge.user,
            target=target,
            permission_set=challenge.permission_set,
            at=at,
            only_me=only_me,
            sso_user=challenge.sso_user,
            request=challenge.request,
        )
        if not tx.add_proof(challenge.id, proof):
            return False
        tx.audit(
            AuditEntry(
                request=challenge.request,
                subject=f"proof/{challenge.id[:16]}/{target.account}/{target.role}",
                version=1,
                at=tx.now,
                event="proof.proved",
                actor=challenge.user,
                permission_set=challenge.permission_set,
                account=target.account,
                role=target.role,
                # The two tokens come from one holder of the nonce, which need not be one person (aws.md §2.4).
                detail=f"self-attested pair of {at:%Y-%m-%dT%H:%M:%SZ}: {challenge.sso_user}",
            )
        )
        return True


def _tell(
    tx: Tx, challenge: Challenge, proved: Mapping[Target, datetime], names: dict[AccountId, str], rules: Rules
) -> None:
    """Slack owes one message: in the thread of the request, or to the person where there is none."""
    said = Answer(
        said="proved",
        facts=(
            ("by", challenge.user),
            ("permission_set", challenge.permission_set),
            *(
                fact
                for each, at in proved.items()
                for fact in (
                    # Holds for the targets after it.
                    ("at", int(at.timestamp())),
                    # A name comes last, since it may contain anything.
                    ("target", f"{each.account}/{each.role}/{names.get(each.account, '')}"),
                )
            ),
        ),
    )
    key = f"proof:{challenge.id[:16]}:{challenge.attempts}"
    if challenge.request is None:
        tx.owe(key, MessageKind.PROOF, challenge.user, answer=said)
    else:
        tx.owe(
            key,
            MessageKind.PROOF,
            rules.channel,
            request=challenge.request,
            thread_key=card_key(challenge.request),
            answer=said,
        )
