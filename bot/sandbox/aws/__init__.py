"""An AWS organisation that exists only here: for tests and the sandbox, over HTTP, with stock clients.

org = AwsOrganisation()
async with AwsDouble(org) as aws:
    boto3.client("sso-admin", …)  # with aws.bot_environment()
"""

from importlib.util import find_spec

if find_spec("moto") is None:
    raise ImportError("the AWS simulator needs moto: pip install 'workbench-access[sandbox]'", name="moto")

from bot.sandbox.aws.access import Decision
from bot.sandbox.aws.calls import Call, CallLog
from bot.sandbox.aws.clock import ManualClock
from bot.sandbox.aws.faults import Fault, Faults
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Behaviour, Email
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.sessions import BOT_KEY, BOT_SECRET, Credentials

__all__ = [
    "BOT_KEY",
    "BOT_SECRET",
    "AwsDouble",
    "AwsOrganisation",
    "Behaviour",
    "Call",
    "CallLog",
    "Credentials",
    "Decision",
    "Email",
    "Fault",
    "Faults",
    "ManualClock",
]
