"""What people can say to the bot: one object per conversation, each with the use cases that it needs."""

from collections.abc import Awaitable, Callable

import handlers
from bot.bootstrap.parts import Ports, UseCases
from bot.domain.diagnosis import Diagnosis
from bot.usecases.doctor import MayDiagnose
from handlers.app import SlackClient
from handlers.command import CommandConversation
from handlers.grants import GrantsConversation
from handlers.home import DIAGNOSIS_LASTS, HomeConversation
from handlers.jobs import Jobs
from handlers.middleware import Door
from handlers.modals import Modals
from handlers.people import FreshReads
from handlers.prove import ProveConversation
from handlers.request import RequestConversation
from handlers.respond import ResponseUrls
from handlers.review import ReviewConversation
from handlers.verify import VerifyConversation


def conversations(
    ports: Ports,
    do: UseCases,
    *,
    client: SlackClient,
    jobs: Jobs,
    respond: ResponseUrls,
    diagnose: Callable[[str], Awaitable[Diagnosis]],
) -> handlers.Conversations:
    """Every conversation of the routing table."""
    support = ports.rules.support
    request = RequestConversation(
        admission=do.admission,
        directory=ports.directory,
        precheck=do.precheck,
        request_access=do.request_access,
        rules=ports.rules,
        client=client,
        jobs=jobs,
        store=ports.store,
    )
    modals = Modals(client=client, support=support)
    grants = GrantsConversation(
        store=ports.store,
        read_status=do.read_status,
        record_click=do.record_click,
        modals=modals,
        jobs=jobs,
        respond=respond,
        support=support,
    )
    verify = VerifyConversation(
        self_check=do.self_check, directory=ports.directory, jobs=jobs, respond=respond, support=support
    )
    return handlers.Conversations(
        door=Door(admission=do.admission, jobs=jobs, respond=respond, client=client, support=support),
        command=CommandConversation(
            admission=do.admission,
            jobs=jobs,
            respond=respond,
            request=request,
            verify=verify,
            grants=grants,
            support=support,
        ),
        request=request,
        grants=grants,
        prove=ProveConversation(
            start_proof=do.start_proof,
            prove_access=do.prove_access,
            directory=ports.directory,
            client=client,
            jobs=jobs,
            respond=respond,
            # In Socket Mode nobody can be expected to reach us.
            public_url=ports.rules.public_url if ports.settings.slack_app_token is None else None,
            support=support,
        ),
        home=HomeConversation(
            read_status=do.read_status,
            may_diagnose=MayDiagnose(admission=do.admission, people=ports.people, rules=ports.rules),
            diagnoses=FreshReads(diagnose, ports.clock, DIAGNOSIS_LASTS),
            ping_aws=ports.identity_center.ping,
            client=client,
            jobs=jobs,
            clock=ports.clock,
            support=support,
        ),
        review=ReviewConversation(
            store=ports.store,
            rules=ports.rules,
            admission=do.admission,
            handle_click=do.handle_click,
            record_click=do.record_click,
            client=client,
            modals=modals,
            jobs=jobs,
            respond=respond,
            support=support,
        ),
    )
