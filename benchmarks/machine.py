"""What a benchmark needs of the machine."""

from tests.support import stores


class CannotRun(Exception):
    """The benchmark cannot be run. The text says why."""


def require_dynamodb_local() -> None:
    """CannotRun where DynamoDB Local cannot run."""
    if (reason := stores.missing()) is not None:
        raise CannotRun(f"DynamoDB Local: {reason}")
