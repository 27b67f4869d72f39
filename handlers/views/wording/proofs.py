"""Sentences about proofs: why a token shows nothing, and what to do then."""

from typing import assert_never

from bot.domain.errors import Code
from bot.domain.proof import Flaw
from handlers.views.wording.families import ProofCode
from handlers.views.wording.pen import Pen

AGAIN = "Press “Prove it” again for new commands."


def about_a_proof(code: ProofCode, pen: Pen) -> str:
    """The sentence of a refusal, in either markup."""
    match code:
        case Code.PROOF_REFUSED:
            flaw = str(pen.facts.get("flaw", ""))
            known = flaw in set(Flaw)
            return f"Not proved, because {because(Flaw(flaw if known else Flaw.NOT_A_TOKEN))}"
        case Code.PROOF_GONE:
            return (
                "These commands are not open any more, or never were: they are good for ten minutes and for the "
                f"person who asked for them. {AGAIN}"
            )
        case Code.NOTHING_TO_PROVE:
            return (
                f"There is nothing to prove{_about(pen)} now: no access that you asked for is open. "
                "“/workbench-access status” shows how your requests stand."
            )
        case _:
            assert_never(code)


def because(flaw: Flaw) -> str:  # noqa: C901 -- one arm per flaw
    """The reason and the remedy, as plain text that ends in a full stop; follows "because"."""
    match flaw:
        case Flaw.NOT_A_TOKEN:
            return "what came is not a token of “aws eks get-token”. Copy all of the commands and run them again."
        case Flaw.TOO_LONG:
            return "the token is longer than any that AWS makes. Copy all of the commands and run them again."
        case Flaw.WRONG_ADDRESS:
            return (
                "the token was not made for AWS STS. If your AWS CLI is set to an endpoint of your own, "
                "run the commands without that setting."
            )
        case Flaw.WRONG_PARAMETERS | Flaw.WRONG_HEADERS | Flaw.WRONG_SCOPE:
            return "the token is not what “aws eks get-token” makes. Run the commands as they are."
        case Flaw.TOO_OLD:
            return "the token is older than these commands. If you have just made it, the machine's clock is slow."
        case Flaw.TOO_NEW:
            return "the token comes from the future: the clock of your machine is fast. Set it, then run them again."
        case Flaw.NOT_BELIEVED:
            return (
                "AWS does not confirm the token: it was made for other commands, changed on the way, or is too old. "
                "Run the commands as they are."
            )
        case Flaw.SESSION_EXPIRED:
            return "your AWS session has expired. Run “aws sso login” and then the commands again."
        case Flaw.STRANGE_ANSWER:
            return "AWS answered something that could not be understood. Run the commands again in a minute."
        case Flaw.NO_ANSWER:
            return "AWS did not answer in time. Run the commands again in a minute."
        case Flaw.NOT_SSO:
            return (
                "the token belongs to no sign-in of IAM Identity Center. Use the profile of your permission set, "
                "not an IAM user or another role."
            )
        case Flaw.OTHER_PERSON:
            return (
                "the token belongs to somebody else's sign-in. Run the commands yourself, signed in as the person "
                "who asked for them."
            )
        case Flaw.OTHER_SET:
            return "you are signed in with another permission set. Use a profile of the one named above the commands."
        case Flaw.OTHER_ACCOUNT:
            return (
                "the token comes from another account. Use the profile of the account named in the commands."
            )
        case Flaw.OTHER_ROLE:
            return "the token comes from a role that was not asked for. Run the commands as they are."
        case Flaw.CLI_FAILED:
            return (
                "the AWS CLI made no token; it said why above. “AccessDenied”: AWS does not allow it, which may "
                "take a minute after a change. “could not be found” or “expired”: check the profile, or run "
                "“aws sso login”."
            )
        case Flaw.NO_TOKEN:
            return "no token for it came. Copy all of the commands and run them again."
        case Flaw.NO_IDENTITY:
            return (
                "no token of your own sign-in in that account came with it, so it does not show who did it. "
                "Run all of the commands together."
            )
        case Flaw.ALREADY_PROVED:
            return f"once is enough for the same commands. {AGAIN}"
        case _:
            assert_never(flaw)


def _about(pen: Pen) -> str:
    return f" for {pen.request}" if pen.has("label") else ""
