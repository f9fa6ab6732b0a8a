"""Logins at the use cases, without HTTP: authenticated, and answered with tokens."""

from lingpai.authentication import federated, password, sms_code
from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity
from lingpai.oauth.issuing import issue
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions.model import TokenSet
from lingpai.sms_codes.model import Presenter


def by_password(
    services: Services, client: Client, scope: tuple[str, ...], name: str, given: str, address: str
) -> TokenSet:
    """Tokens for a name and its password."""
    return issue(services, _asked(client), scope, password.authenticate(services, name, given, address))


def by_code(
    services: Services, client: Client, scope: tuple[str, ...], number: str, code: str, presenter: Presenter
) -> TokenSet:
    """Tokens for a number and the code sent to it."""
    return issue(services, _asked(client), scope, sms_code.authenticate(services, client, number, code, presenter))


def by_identity(
    services: Services, client: Client, scope: tuple[str, ...], identity: Identity, number: str | None = None
) -> TokenSet:
    """Tokens for an identity that a third party has proven, and a number if it has proven one."""
    return issue(services, _asked(client), scope, federated.authenticate(services, client, identity, number))


def _asked(client: Client) -> TokenRequest:
    return TokenRequest(client, None, {}, "192.0.2.1")
