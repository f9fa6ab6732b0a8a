"""What the checks of `lingpai doctor` look at, and what they find."""

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lingpai.health import model as health
from lingpai.health import texts
from lingpai.health.model import ClientList, Deployment, State
from lingpai.services import Services
from local import deployment, dynamodb
from local.operator.keys import place_of
from local.operator.target import Target
from local.seed import clients_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
    def deployment(self) -> Deployment:
        """The deployment as the checks see it that need no command."""
        services, stack, settings = self.services, self.target.stack, self.services.settings
        store = place_of(services)
        pepper = services.pepper if settings.code_pepper.get_secret_value() or settings.code_pepper_secret else None
        return Deployment(
            services=services,
            clients=functools.cache(lambda: ClientList(clients_of(services).list_clients())),
            keys=store.load_keys if store else None,
            pepper=(lambda: deployment.pepper(stack).encode()) if stack else pepper,
            senders=tuple(stack.senders.split(",")) if stack else settings.sms_provider,
            region=stack.region if stack else settings.aws_region,
            url=self.url,
            is_local=self.target.local,
            is_stack=stack is not None,
            tracing=stack.given.get("Tracing", "") if stack else None,
        )


def in_english(finding: health.Finding) -> Finding:
    """The finding as a line of the command."""
    return Finding(texts.label(finding, "en"), finding.state, texts.text(finding, "en"))


def verdict(check: str, good: bool, text: str, mend: str, otherwise: State = State.warn) -> Finding:
    """The check is ok and says `text` if `good`; otherwise it is `otherwise` and says `mend`."""
    return Finding(check, State.ok, text) if good else Finding(check, otherwise, mend)
