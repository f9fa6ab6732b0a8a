"""Webhooks: which events go to which address. Times are whole seconds since 1970."""

from dataclasses import dataclass, field
from typing import Literal

from lingpai.aws.secret_wrapping import Kind

# The secrets that sign, each for its webhook alone.
SECRETS = Kind("lingpai webhook secret", "webhook")
# How long a replaced secret signs beside the new one.
OVERLAP = 24 * 3600

# Why a webhook gets nothing: its operator wants it so, or its receiver has answered 410 Gone.
Disabled = Literal["operator", "gone"]


@dataclass(frozen=True)
class Webhook:
    """A receiver of events.

    `types` are types of events, `user.*` for all of a group, and `*` for all. `secret` signs, and until
    `previous_until` so does `previous_secret`; both are wrapped (`aws.secret_wrapping`). `url` may hold a token of the
    receiver's, so it is not logged.
    """

    id: str
    url: str = field(repr=False)
    types: tuple[str, ...]
    secret: bytes = field(repr=False)
    created_at: int
    previous_secret: bytes | None = field(default=None, repr=False)
    previous_until: int = 0
    disabled: Disabled | None = None
    disabled_at: int = 0

    def wants(self, event_type: str) -> bool:
        """Whether it gets events of this type."""
        group = event_type.partition(".")[0]
        return self.disabled is None and not {"*", f"{group}.*", event_type}.isdisjoint(self.types)

    def live_secrets(self, now: int) -> tuple[bytes, ...]:
        """The wrapped secrets that sign at this time, the newest first."""
        if self.previous_secret is None or now >= self.previous_until:
            return (self.secret,)
        return (self.secret, self.previous_secret)
