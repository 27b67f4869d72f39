"""What Prometheus scrapes: a leaf that counts and knows nothing else."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """A registry of its own, so that several bots in one process (tests, sandbox) do not share counts."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._aws = Counter(
            "workbench_access_aws_calls_total",
            "Calls to AWS, retries included",
            ["service", "operation", "outcome"],
            registry=self.registry,
        )
        self._aws_seconds = Histogram(
            "workbench_access_aws_call_seconds",
            "Duration of calls to AWS",
            ["service", "operation"],
            registry=self.registry,
        )
        self._ack_seconds = Histogram(
            "workbench_access_ack_seconds",
            "Time from a payload's arrival to its acknowledgement",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 2, 3),
            registry=self.registry,
        )
        self._due = Gauge(
            "workbench_access_work_due",
            "Pieces of work that are due and that nobody is at",
            registry=self.registry,
        )
        self._due_seconds = Gauge(
            "workbench_access_work_due_seconds",
            "How long the oldest of them has been due; NaN while the database does not answer",
            registry=self.registry,
        )
        self._ready = Gauge("workbench_access_ready", "1 while the bot accepts work", registry=self.registry)

    def aws_call(self, service: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one attempt."""
        self._aws.labels(service, operation, outcome).inc()
        self._aws_seconds.labels(service, operation).observe(seconds)

    def ack(self, seconds: float) -> None:
        """Observe one acknowledgement."""
        self._ack_seconds.observe(seconds)

    def backlog(self, due: float, oldest_seconds: float) -> None:
        """What the database says at a scrape; NaN for what it did not say."""
        self._due.set(due)
        self._due_seconds.set(oldest_seconds)

    def ready(self, is_ready: bool) -> None:
        self._ready.set(1 if is_ready else 0)

    def page(self) -> bytes:
        """The page for `GET /metrics`."""
        return generate_latest(self.registry)
