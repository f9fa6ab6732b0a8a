"""Where counts of what happens go: into the log, as CloudWatch's embedded metrics, or nowhere."""

from lingpai.ports import Meter
from lingpai.settings import Settings


class EmfMeter:
    """Writes each count as one line of CloudWatch's embedded metric format, which costs no call.

    The service is a dimension of each: Powertools takes it from POWERTOOLS_SERVICE_NAME.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def count(self, name: str, **dimensions: str) -> None:
        """See `ports.Meter`."""
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

        metrics = EphemeralMetrics(namespace=self._namespace)
        for dimension, value in dimensions.items():
            metrics.add_dimension(dimension, value)
        metrics.add_metric(name, MetricUnit.Count, 1)
        metrics.flush_metrics()


class NoMeter:
    """Counts nothing: for a machine whose operator watches no metrics."""

    def count(self, name: str, **dimensions: str) -> None:
        """See `ports.Meter`."""


def meter(settings: Settings) -> Meter:
    """The meter that the settings ask for."""
    return EmfMeter(settings.metrics_namespace) if settings.metrics_namespace else NoMeter()
