"""What everything is made of: the adapters as ports, and the use cases over them."""

from dataclasses import dataclass

from bot.config import Settings
from bot.domain.names import SlackTeamId
from bot.domain.rules import Rules
from bot.ports.clock import Clock
from bot.ports.identity_center import Directory, IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.notifier import Notifier
from bot.ports.people import People
from bot.ports.store import Store
from bot.ports.token_verifier import TokenVerifier
from bot.usecases.admission import Admission
from bot.usecases.decide_request import HandleClick, TellIncident
from bot.usecases.precheck import Precheck
from bot.usecases.prove_access import ProveAccess, StartProof
from bot.usecases.read_status import ReadStatus
from bot.usecases.record_click import RecordClick
from bot.usecases.remind import Remind
from bot.usecases.request_access import ExpireRequest, PrepareRequest, RequestAccess
from bot.usecases.self_check import SelfCheck
from bot.usecases.verify_change import VerifyChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The opened adapters, seen through their ports."""

    settings: Settings
    team: SlackTeamId
    """The Slack workspace that the bot lives in."""
    store: Store
    clock: Clock
    identity_center: IdentityCenter
    directory: Directory
    members: MemberAccounts | None
    people: People
    notifier: Notifier
    verifier: TokenVerifier

    @property
    def rules(self) -> Rules:
        return self.settings.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """One object per verb; each knows ports only."""

    admission: Admission
    precheck: Precheck
    request_access: RequestAccess
    prepare_request: PrepareRequest
    expire_request: ExpireRequest
    record_click: RecordClick
    handle_click: HandleClick
    tell_incident: TellIncident
    self_check: SelfCheck
    verify_change: VerifyChange
    read_status: ReadStatus
    remind: Remind
    start_proof: StartProof
    prove_access: ProveAccess


def use_cases(ports: Ports) -> UseCases:
    """Wire every use case to the ports that it needs."""
    store, clock, rules, people = ports.store, ports.clock, ports.rules, ports.people
    identity_center = ports.identity_center
    admission = Admission(people=people, rules=rules, team=ports.team)
    precheck = Precheck(
        identity_center=identity_center,
        members=ports.members,
        directory=ports.directory,
        people=people,
        store=store,
        clock=clock,
        rules=rules,
        admission=admission,
    )
    self_check = SelfCheck(
        identity_center=identity_center,
        members=ports.members,
        store=store,
        clock=clock,
        rules=rules,
        admission=admission,
    )
    return UseCases(
        admission=admission,
        precheck=precheck,
        request_access=RequestAccess(store=store, rules=rules),
        prepare_request=PrepareRequest(
            store=store, rules=rules, admission=admission, identity_center=identity_center, precheck=precheck
        ),
        expire_request=ExpireRequest(store=store, rules=rules),
        record_click=RecordClick(store=store),
        handle_click=HandleClick(
            store=store, rules=rules, admission=admission, people=people, identity_center=identity_center
        ),
        tell_incident=TellIncident(store=store),
        self_check=self_check,
        verify_change=VerifyChange(store=store, clock=clock, rules=rules, self_check=self_check),
        read_status=ReadStatus(store=store, rules=rules, admission=admission, people=people),
        remind=Remind(store=store),
        start_proof=StartProof(
            store=store, rules=rules, admission=admission, identity_center=identity_center
        ),
        prove_access=ProveAccess(
            store=store,
            rules=rules,
            clock=clock,
            identity_center=identity_center,
            directory=ports.directory,
            verifier=ports.verifier,
            members=ports.members,
        ),
    )
