"""What the checks of `lingpai doctor` look at, and what they find."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import botocore.exceptions

from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from local import dynamodb, environment, template
from local.operator.target import Target
from local.seed import clients_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class State(StrEnum):
    """How serious a finding is."""

    ok = "ok"
    warn = "warn"
    fail = "fail"


@dataclass(frozen=True)
class Finding:
    """The result of a check; the text says how to mend a fault."""

    check: str
    state: State
    text: str


@dataclass(frozen=True)
class Case:
    """The deployment to check. `url` is the API's, if known; `send_test` is a number to send a message to."""

    target: Target
    services: Services
    url: str | None
    send_test: str | None = None

    @cached_property
    def client(self) -> "DynamoDBClient":
        """The client of the tables' store."""
        return dynamodb.connect(self.services.settings.aws_region)

    @cached_property
    def tables(self) -> tuple[template.Table, ...]:
        """The tables as the template describes them, with the names that they have in this deployment."""
        described = template.own().tables
        return tuple(environment.named(described, self.services.settings))

    @cached_property
    def algorithms(self) -> frozenset[str]:
        """The algorithms that enabled clients get tokens signed by; none if the records cannot be read.

        That they cannot be read is the finding of another check.
        """
        try:
            found = [client for client in clients_of(self.services).list_clients() if not client.disabled]
        except (LingpaiError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            return frozenset()
        access = {client.token_alg for client in found if client.token_format == "jwt"}
        return frozenset(access | {client.id_token_alg for client in found if "openid" in client.scopes})


def verdict(check: str, good: bool, text: str, mend: str, otherwise: State = State.warn) -> Finding:
    """The check is ok and says `text` if `good`; otherwise it is `otherwise` and says `mend`."""
    return Finding(check, State.ok, text) if good else Finding(check, otherwise, mend)
