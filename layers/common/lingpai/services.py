"""Everything a use case may need, put together by `bootstrap`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingpai.clients.model import WaitingClient
    from lingpai.clients.storage import KnownClients
    from lingpai.identity_providers.provider import IdentityProvider
    from lingpai.kernel.clock import Clock
    from lingpai.kernel.meter import Meter
    from lingpai.oauth.dialect import Dialects
    from lingpai.settings import Settings
    from lingpai.signing_keys.storage import Keys
    from lingpai.sms.sender import Messenger
    from lingpai.store import Store


# Compared by identity, since `http.router` caches copies for an issuer under the original.
@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """Everything a use case may need, put together by `bootstrap`.

    `waiting_clients` are the clients that this process refuses after too many wrong secrets (`clients.authentication`).
    `pepper` returns the key for the digests of codes. `issuer` is the issuer of the tokens (RFC 8414 section 2).
    `proxy_secret` returns the secret that authenticates a trusted proxy; None if there is no such proxy.
    """

    settings: "Settings"
    clock: "Clock"
    store: "Store"
    clients: "KnownClients"
    sms: "Messenger"
    meter: "Meter"
    identity_providers: "Mapping[str, IdentityProvider]"
    pepper: Callable[[], bytes] = field(repr=False)
    keys: "Keys"
    dialects: "Dialects"
    issuer: str = ""
    waiting_clients: "dict[str, WaitingClient]" = field(default_factory=dict, repr=False)
    proxy_secret: Callable[[], str] | None = field(default=None, repr=False)
