"""What Prometheus scrapes."""

from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    page = metrics.page().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_calls_to_aws_are_counted_by_service_operation_and_outcome() -> None:
    metrics = Metrics()
    for outcome in ("ok", "ok", "throttled"):
        metrics.aws_call("sso-admin", "PutInlinePolicy", outcome, 0.5)

    counted = samples(metrics)

    labels = (("operation", "PutInlinePolicy"), ("outcome", "ok"), ("service", "sso-admin"))
    assert counted["workbench_access_aws_calls_total", labels] == 2
    both = (("operation", "PutInlinePolicy"), ("service", "sso-admin"))
    assert counted["workbench_access_aws_call_seconds_count", both] == 3
    assert counted["workbench_access_aws_call_seconds_sum", both] == 1.5


def test_acknowledgements_fall_into_buckets_up_to_slacks_three_seconds() -> None:
    metrics = Metrics()
    metrics.ack(0.004)
    metrics.ack(2.5)

    counted = samples(metrics)

    def up_to(bound: str) -> float:
        return counted["workbench_access_ack_seconds_bucket", (("le", bound),)]

    assert (up_to("0.002"), up_to("0.005"), up_to("2.0"), up_to("3.0")) == (0, 1, 1, 2)


def test_readiness_is_one_or_zero() -> None:
    metrics = Metrics()
    ready = ("workbench_access_ready", ())
    assert samples(metrics)[ready] == 0

    metrics.ready(True)
    assert samples(metrics)[ready] == 1
    metrics.ready(False)
    assert samples(metrics)[ready] == 0


def test_two_bots_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.ready(True)

    assert samples(other)["workbench_access_ready", ()] == 0


def test_the_backlog_is_what_was_measured_last() -> None:
    metrics = Metrics()
    metrics.backlog(3, 12.5)

    counted = samples(metrics)

    assert counted["workbench_access_work_due", ()] == 3
    assert counted["workbench_access_work_due_seconds", ()] == 12.5
