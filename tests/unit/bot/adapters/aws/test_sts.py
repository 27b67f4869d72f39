"""Reading tokens: nothing but what `aws eks get-token` makes is accepted, and nothing else is ever raised."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import quote, urlencode

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.aws.sts import hosts, read_token
from bot.domain.proof import Flaw, TokenRefused

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
GENUINE = {
    "Action": "GetCallerIdentity",
    "Version": "2011-06-15",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "ASIA" + "A" * 16 + "/20261122/eu-central-1/sts/aws4_request",
    "X-Amz-Date": "20261122T120000Z",
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
    "X-Amz-Security-Token": "IQoJb3JpZ2lu+/==",
    "X-Amz-Signature": "0" * 64,
}


def url(parameters: dict[str, str] | None = None, host: str = "sts.eu-central-1.amazonaws.com") -> str:
    return f"https://{host}/?{urlencode(parameters or GENUINE, quote_via=quote)}"


def token(text: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def flaw_of(text: str, *, partition: str = "aws") -> Flaw | None:
    try:
        found = read_token(text, partition=partition, not_before=NOON, now=NOON)
    except TokenRefused as refused:
        return refused.flaw
    assert found.host in hosts(partition)
    assert found.parameters.keys() == GENUINE.keys()
    return None


def test_the_genuine_one_is_read() -> None:
    found = read_token(token(url()), partition="aws", not_before=NOON, now=NOON)

    assert (found.host, found.parameters, found.signed_at) == (
        "sts.eu-central-1.amazonaws.com",
        GENUINE,
        NOON,
    )


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_addresses_are_those_that_boto3_signs_for(partition: str) -> None:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
    signed_for: dict[str, str] = {}
    for region in session.get_available_regions("sts", partition):
        for fips, dual_stack in product((False, True), repeat=2):
            config = Config(  # type: ignore[call-arg]  # one option is newer than the stubs
                use_fips_endpoint=fips,
                use_dualstack_endpoint=dual_stack,
                ignore_configured_endpoint_urls=True,
            )
            client = session.client("sts", region_name=region, config=config)
            signed_for[client.meta.endpoint_url.removeprefix("https://")] = region

    known = dict(hosts(partition))

    assert known.pop("sts.amazonaws.com", "us-east-1") == "us-east-1"
    assert known == signed_for


def test_the_global_address_belongs_to_one_partition() -> None:
    assert [name for name in PARTITIONS if "sts.amazonaws.com" in hosts(name)] == ["aws"]


def test_no_partition_takes_the_tokens_of_another() -> None:
    china = GENUINE | {"X-Amz-Credential": "ASIA" + "A" * 16 + "/20261122/cn-north-1/sts/aws4_request"}
    made = token(url(china, "sts.cn-north-1.amazonaws.com.cn"))

    assert flaw_of(made, partition="aws-cn") is None
    assert flaw_of(made) is Flaw.WRONG_ADDRESS


@pytest.mark.parametrize(
    ("off", "flaw"),
    [(-301, Flaw.TOO_OLD), (-299, None), (0, None), (299, None), (301, Flaw.TOO_NEW)],
)
def test_the_machines_clock_may_be_five_minutes_off(off: int, flaw: Flaw | None) -> None:
    signed = (NOON + timedelta(seconds=off)).strftime("%Y%m%dT%H%M%SZ")

    assert flaw_of(token(url(GENUINE | {"X-Amz-Date": signed}))) is flaw


@pytest.mark.parametrize("name", ["X-Amz-Expires", "X-Amz-Date", "X-Amz-Credential"])
def test_only_plain_digits_are_digits(name: str) -> None:
    foreign = GENUINE[name].translate({ord(str(digit)): 0x0660 + digit for digit in range(10)})

    assert flaw_of(token(url(GENUINE | {name: foreign}))) in {Flaw.WRONG_PARAMETERS, Flaw.WRONG_SCOPE}


@given(st.text())
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert flaw_of(text) in {Flaw.NOT_A_TOKEN, Flaw.TOO_LONG}


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_inside_a_token_is_taken_for_a_request(text: str) -> None:
    assert flaw_of(token(text)) in {Flaw.NOT_A_TOKEN, Flaw.WRONG_ADDRESS, Flaw.TOO_LONG}


@given(st.text(max_size=200))
def test_no_query_but_the_genuine_one_is_accepted(query: str) -> None:
    assert flaw_of(token(f"https://sts.eu-central-1.amazonaws.com/?{query}")) is not None


@given(
    st.dictionaries(st.sampled_from(sorted(GENUINE)) | st.text(max_size=12), st.text(max_size=40), min_size=1)
)
def test_other_parameters_are_refused_or_well_formed(changes: dict[str, str]) -> None:
    flaw = flaw_of(token(url(GENUINE | changes)))

    if changes.keys() - GENUINE.keys():
        assert flaw is not None
    for fixed in ("Action", "Version", "X-Amz-Algorithm", "X-Amz-SignedHeaders"):
        if changes.get(fixed, GENUINE[fixed]) != GENUINE[fixed]:
            assert flaw is not None


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_one_changed_character_never_raises_anything_else(place: int, character: str) -> None:
    genuine = url()
    place %= len(genuine)

    flaw_of(token(genuine[:place] + character + genuine[place + 1 :]))


@given(st.lists(st.sampled_from(sorted(GENUINE)), min_size=1, max_size=3), st.booleans())
def test_no_parameter_stands_twice_in_any_spelling(names: list[str], lower: bool) -> None:
    extra = "".join(f"&{name.lower() if lower else name}={quote(GENUINE[name])}" for name in names)

    assert flaw_of(token(url() + extra)) is Flaw.WRONG_PARAMETERS
