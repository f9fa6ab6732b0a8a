"""What consents need from a store: they are kept with the account, so they end with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lingpai.kernel.writes import Write

# The scopes that a user has consented to, by client id. The client that was consented to last is the last one.
Given = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class SaveConsents(Write):
    """The account's consents `before` become `after`. Fails where they are others by now, or where the account is gone.

    Their order counts.
    """

    user_id: int
    before: Given
    after: Given


class Consents(Protocol):
    """The consents of accounts."""

    def get_consents(self, user_id: int) -> Given:
        """The account's consents; sees all writes before it."""
        ...
