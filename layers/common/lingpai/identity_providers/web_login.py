"""The interface of a provider with a login in the browser (the authorization code flow)."""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity


@dataclass(frozen=True)
class Flow:
    """The values of one login: the same in the authorization request and in the token request.

    `state` is 64 letters and digits. `verifier` is the `code_verifier` of PKCE (RFC 7636 section 4.1).
    """

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class WebLogin(Protocol):
    """A provider with a login in the browser. `app` is the id of this server's app (the client) at the provider."""

    @property
    def label(self) -> str:
        """The provider's name on the pages."""
        ...

    def app(self, user_agent: str) -> str | None:
        """The app to use for this browser; None if there is none for it."""
        ...

    def issuer(self, app: str) -> str:
        """The `Identity.issuer` of users who log in by this app."""
        ...

    def address(self, app: str, flow: Flow) -> str:
        """The URL to redirect the browser to; LingpaiError 503 if the provider's metadata cannot be read."""
        ...

    def check_issuer(self, issuer: str | None) -> None:
        """Check `iss` of the answer: LingpaiError `invalid_grant` for another provider (RFC 9207 section 2.4)."""
        ...

    def redeem(self, client: Client, app: str, code: str, flow: Flow) -> Identity:
        """Redeem the code that the browser brought back; return the identity of the user at the provider.

        The code works once. `client` is the client of the pages at this server. Errors as of
        `IdentityProvider.resolve`.
        """
        ...
