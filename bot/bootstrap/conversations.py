"""What people can say to the bot: one object per conversation, each with the use cases that it needs."""

import handlers
from bot.bootstrap.parts import Ports, UseCases
from handlers.app import SlackClient
from handlers.command import CommandConversation
from handlers.grants import GrantsConversation
from handlers.jobs import Jobs
from handlers.middleware import Door
from handlers.request import RequestConversation
from handlers.respond import ResponseUrls
from handlers.review import ReviewConversation
from handlers.verify import VerifyConversation


def conversations(
    ports: Ports, do: UseCases, *, client: SlackClient, jobs: Jobs, respond: ResponseUrls
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
    grants = GrantsConversation(
        store=ports.store,
        read_status=do.read_status,
        record_click=do.record_click,
        client=client,
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
        review=ReviewConversation(
            store=ports.store,
            rules=ports.rules,
            admission=do.admission,
            handle_click=do.handle_click,
            record_click=do.record_click,
            client=client,
            jobs=jobs,
            respond=respond,
            support=support,
        ),
    )
