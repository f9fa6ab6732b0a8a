"""Everything a use case may need, put together by `bootstrap`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingpai.aws.secret_wrapping import SecretWrapper
    from lingpai.browser_sessions.model import Place
    from lingpai.captcha.provider import Captcha
    from lingpai.clients.model import WaitingClient
    from lingpai.clients.storage import KnownClients
    from lingpai.identity_providers.provider import IdentityProvider
    from lingpai.identity_providers.web_login import WebLogin
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
    `web_logins` are the providers that people log in at on the pages. `pepper` returns the key for the digests of
    codes. `totp_secrets` wraps the secrets of authenticator apps. `issuer` is the issuer of the tokens (RFC 8414
    section 2). `captcha` is asked for before codes are sent where a limit is near, `page_captcha` on the pages; None
    for none.
    `find_place` finds the place of an address; None without a database of places.
    `proxy_secret` returns the secret that authenticates a trusted proxy; None if there is no such proxy.
    `wechat_notices` returns what WeChat signs its notices with; None where none are taken.
    """

    settings: "Settings"
    clock: "Clock"
    store: "Store"
    clients: "KnownClients"
    sms: "Messenger"
    meter: "Meter"
    identity_providers: "Mapping[str, IdentityProvider]"
    web_logins: "Mapping[str, WebLogin]"
    pepper: Callable[[], bytes] = field(repr=False)
    keys: "Keys"
    totp_secrets: "SecretWrapper"
    dialects: "Dialects"
    issuer: str = ""
    captcha: "Captcha | None" = None
    page_captcha: "Captcha | None" = None
    find_place: "Callable[[str], Place | None] | None" = None
    waiting_clients: "dict[str, WaitingClient]" = field(default_factory=dict, repr=False)
    proxy_secret: Callable[[], str] | None = field(default=None, repr=False)
    wechat_notices: Callable[[], str] | None = field(default=None, repr=False)
