"""What well-known AWS managed policies say about `sts:AssumeRole`; all that a name alone can tell.

Read from the documents as AWS published them (1,643 policies, August 2026, each statement matched against
`sts:AssumeRole`); the reference is https://docs.aws.amazon.com/aws-managed-policy/latest/reference/. AWS
changes its policies without notice, so only those stand here whose purpose settles the matter.
"""

import re
from typing import Final

from bot.domain.policy import EMPTY, Policy, parse


def managed_policy(arn: str) -> Policy | None:
    """What the policy says about `sts:AssumeRole`, the rest left out; None where a name cannot tell.

    Customer managed policies are never known by name.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        return None
    name = found["name"]
    # The documents were read in the commercial partition; these two are the same everywhere by their purpose.
    if found["partition"] == "aws" or name in ("AdministratorAccess", "AWSDenyAll"):
        return EMPTY if name in _SILENT else _SPEAKING.get(name)
    return None


def _says(effect: str, actions: str) -> Policy:
    statement = f'{{"Effect":"{effect}",{actions},"Resource":"*"}}'
    return parse(f'{{"Version":"2012-10-17","Statement":[{statement}]}}')


_ARN: Final = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):iam::aws:policy/(?:[\w-]+/)*(?P<name>[\w-]+)"
)
_SPEAKING: Final = {
    "AdministratorAccess": _says("Allow", '"Action":"*"'),
    # Its further statements allow a few actions of account, iam and organizations, so they change nothing here.
    "PowerUserAccess": _says("Allow", '"NotAction":["iam:*","organizations:*","account:*"]'),
    "AWSDenyAll": _says("Deny", '"Action":"*"'),
}
_SILENT: Final = frozenset(
    {
        # The job functions that Identity Center offers as predefined permission sets.
        "Billing",
        "DataScientist",
        "DatabaseAdministrator",
        "NetworkAdministrator",
        "ReadOnlyAccess",
        "SecurityAudit",
        "SupportUser",
        "SystemAdministrator",
        "ViewOnlyAccess",
        # What else people who work with data are often given.
        "AmazonAthenaFullAccess",
        "AmazonBedrockFullAccess",
        "AmazonBedrockReadOnly",
        "AmazonEC2ReadOnlyAccess",
        "AmazonRedshiftFullAccess",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "AmazonSageMakerFullAccess",
        "AmazonSageMakerReadOnly",
        "AWSBillingReadOnlyAccess",
        "AWSCloudShellFullAccess",
        "AWSGlueConsoleFullAccess",
        "CloudWatchFullAccess",
        "CloudWatchLogsReadOnlyAccess",
        "CloudWatchReadOnlyAccess",
        "IAMReadOnlyAccess",
    }
)
"""They neither allow nor deny `sts:AssumeRole`."""
