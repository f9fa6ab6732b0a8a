"""The deployment that a command works on: the stack's settings alone, whatever the environment names."""

import os

import pytest

from local import deployment
from local.deployment import Deployment
from local.operator import target

OLD = Deployment("old", "https://api.example", "us-east-1", {}, {}, {}, "arn:key", "console", {})


def test_a_stack_without_queues_has_none_of_another_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or events of the one would be kept in the audit table of the other."""
    monkeypatch.setattr(deployment, "find", lambda _: OLD)
    names = ("EVENTS_FAILED_QUEUE", "EVENT_BUS", "WEBHOOKS_QUEUE", "WEBHOOKS_FAILED_QUEUE")
    for name in names:
        monkeypatch.setenv(name, "of another deployment")
    with target.opened("old", local=False):
        assert [name for name in names if name in os.environ] == []
    assert os.environ["EVENT_BUS"] == "of another deployment"
