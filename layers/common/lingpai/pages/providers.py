"""Logging in at a provider: the browser is sent there, and comes back with a code.

The login is stored in the table of pushed authorization requests, for LIFETIME seconds, and can be used once. Its key
is a digest of `state` and of a secret in a cookie of this browser. So a `state` from another browser finds nothing
(RFC 9700 section 4.7). The nonce and the PKCE verifier are derived from the same two values and are not stored. Each
provider has its own redirect URI. So a provider cannot pass off a code that another provider issued (RFC 9700 section
4.4).
"""

import hashlib
import re
from dataclasses import dataclass, field

from lingpai.authorization.model import PushedRequest
from lingpai.authorization.storage import PutPushedRequest, UsePushedRequest
from lingpai.browser_sessions.service import message_code
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.identity_providers.web_login import Flow
from lingpai.kernel.errors import forbidden
from lingpai.kernel.writes import Conflict
from lingpai.pages import onward
from lingpai.pages.client import CLIENT
from lingpai.pages.texts import Texts
from lingpai.pages.view import View
from lingpai.services import Services

# The path of the redirect URIs, without the provider's name at its end.
CALLBACK = "/login/callback/"
# Long enough to find the phone and scan a QR code, in seconds.
LIFETIME = 600

_STATE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Way:
    """A provider as the pages show it; `issuer` is the `Identity.issuer` of those who log in there."""

    name: str
    label: str
    issuer: str


@dataclass(frozen=True)
class Started:
    """A login that this browser has begun at a provider.

    `app` is the app id of the pages at the provider. `onward` is where the browser goes after the login. `session` is
    the browser session whose account the identity is linked to; empty for a login.
    """

    provider: str
    app: str
    onward: str
    session: str
    flow: Flow = field(repr=False)


def ways(services: Services, request: Request, texts: Texts) -> tuple[Way, ...]:
    """The providers that this browser can log in at."""
    agent = request.headers.get("user-agent", "")
    apps = ((name, provider, provider.app(agent)) for name, provider in services.web_logins.items())
    return tuple(
        Way(name, label_of(services, name, texts), provider.issuer(app))
        for name, provider, app in apps
        if app is not None
    )


def label_of(services: Services, name: str, texts: Texts) -> str:
    """The provider's name on the pages; for one without a login in the browser, its name in the settings."""
    if name == "wechat":
        return texts("wechat")
    return services.web_logins[name].label if name in services.web_logins else name


def start(page: View, name: str, session: str = "") -> Reply:
    """Redirect the browser to the provider; `session` is as in `Started`. One call to the store.

    LingpaiError `form_expired` for a provider that this browser cannot log in at, 503 if the provider does not answer.
    """
    services, request = page.services, page.request
    provider = services.web_logins.get(name)
    app = provider.app(request.headers.get("user-agent", "")) if provider else None
    if provider is None or app is None:
        raise forbidden("form_expired")
    secret = cookies.provider_secret(request) or services.clock.new_secret()
    state = services.clock.new_secret().hex()
    address = provider.address(app, _flow(services, name, secret, state))
    kept = (("provider", name), ("app", app), ("onward", page.onward), ("session", session))
    expires_at = services.clock.now() + LIFETIME
    services.store.commit(PutPushedRequest(PushedRequest(_digest(secret, state), CLIENT.id, kept, expires_at)))
    return onward.see_other(address, cookies.keep_provider_secret(request, secret, LIFETIME))


def take(services: Services, request: Request, name: str, state: str) -> Started:
    """Take the login that this browser has begun at this provider; it cannot be taken again. Two calls to the store.

    LingpaiError `form_expired` if it is unknown, used or expired, or belongs to another browser or provider.
    """
    secret = cookies.provider_secret(request)
    if secret is None or name not in services.web_logins or not _STATE.fullmatch(state):
        raise forbidden("form_expired")
    digest = _digest(secret, state)
    kept = services.store.get_pushed_request(digest)
    if kept is None or kept.expires_at <= services.clock.now() or dict(kept.parameters)["provider"] != name:
        raise forbidden("form_expired")
    try:
        services.store.commit(UsePushedRequest(digest))
    except Conflict:
        raise forbidden("form_expired") from None
    said = dict(kept.parameters)
    return Started(name, said["app"], said["onward"], said["session"], _flow(services, name, secret, state))


def _flow(services: Services, name: str, secret: bytes, state: str) -> Flow:
    return Flow(
        redirect_uri=f"{services.issuer}{CALLBACK}{name}",
        state=state,
        nonce=message_code(secret, "nonce", state),
        verifier=message_code(secret, "code_verifier", state),
    )


def _digest(secret: bytes, state: str) -> bytes:
    return hashlib.sha256(b"login at a provider" + secret + state.encode()).digest()
