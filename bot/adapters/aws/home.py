"""Where the bot runs: which Identity Center, whose organisation, and whether it is the right place."""

from typing import Any

from bot.adapters.aws.client import AwsClient
from bot.domain.errors import Code, Misconfigured, Provisioning
from bot.domain.names import AccountId
from bot.ports.identity_center import Home

_PLACE = "Run the bot in the management account or in the delegated administrator of IAM Identity Center"


async def discover(aws: AwsClient) -> Home:
    """Three calls. Raises Misconfigured where permission sets cannot be changed from (aws.md §1.4)."""
    region = await aws.region()
    caller = await aws.call("sts", "GetCallerIdentity")
    instances = await _active_instances(aws)
    if not instances:
        raise Misconfigured([await _where_instead(aws, region)])
    organisation, management = await _organisation(aws)
    instance = _of_organisation(instances, management, caller["Account"])
    if instance is None:
        raise Misconfigured([_not_the_organisations(caller["Account"])])
    primary = instance.get("PrimaryRegion", region)
    if primary != region:
        raise Misconfigured([_wrong_region(region, primary)])
    arn = instance["InstanceArn"]
    return Home(
        partition=arn.split(":")[1],
        region=region,
        caller_account=AccountId(caller["Account"]),
        # The organisation's instance belongs to its management account, also when a delegate looks at it.
        management_account=AccountId(management or instance.get("OwnerAccountId") or caller["Account"]),
        instance_arn=arn,
        identity_store=instance["IdentityStoreId"],
        organisation=organisation,
    )


async def _active_instances(aws: AwsClient, **params: Any) -> list[dict[str, Any]]:
    instances = await aws.collect("sso-admin", "ListInstances", "Instances", **params)
    return [instance for instance in instances if instance.get("Status", "ACTIVE") == "ACTIVE"]


async def _organisation(aws: AwsClient) -> tuple[str | None, str | None]:
    """Its id and its management account; None where this role may not ask: nothing else needs the call."""
    try:
        answer = await aws.call("organizations", "DescribeOrganization")
    except Provisioning as error:
        if error.code in {Code.ACCESS_DENIED, Code.PROVISIONING_FAILED}:
            # PROVISIONING_FAILED: AWSOrganizationsNotInUseException; the instances tell the rest.
            return None, None
        raise
    found = answer["Organization"]
    return found.get("Id"), str(found["MasterAccountId"])


def _of_organisation(
    instances: list[dict[str, Any]], management: str | None, caller: str
) -> dict[str, Any] | None:
    """The organisation's instance among those of single accounts, which members may make for themselves."""
    if management is not None:
        return next((one for one in instances if one.get("OwnerAccountId", management) == management), None)
    if len(instances) == 1:
        return instances[0]
    return next((one for one in instances if one.get("OwnerAccountId") != caller), None)


async def _where_instead(aws: AwsClient, region: str) -> str:
    for instance in await _active_instances(aws, RegionScope="ALL_REGIONS"):
        if (primary := instance.get("PrimaryRegion", region)) != region:
            return _wrong_region(region, primary)
    return (
        f"AWS_DEFAULT_REGION: no IAM Identity Center is visible from Region {region}. {_PLACE}, "
        "and set the Region where it is enabled, for example AWS_DEFAULT_REGION=eu-central-1."
    )


def _not_the_organisations(account: str) -> str:
    return (
        f"AWS account {account}: only an account instance of IAM Identity Center was found, which has no "
        f"permission sets. {_PLACE}."
    )


def _wrong_region(region: str, primary: str) -> str:
    return (
        f"AWS_DEFAULT_REGION: the bot asks Region {region}, but permission sets can be changed only in the "
        f"primary Region of IAM Identity Center. Set AWS_DEFAULT_REGION={primary}."
    )
