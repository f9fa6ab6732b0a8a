"""Who may create accounts: the setting REGISTRATION.

`open`: anyone. `client`: clients with a secret, on behalf of their users. `off`: only admins, the operator and imports.
It applies to the registration routes, and to the first login by a code or a third party, which also creates an account.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.clients import authentication
from lingpai.clients.model import Client
from lingpai.clients.request_authentication import basic_credentials, limited_address
from lingpai.http import observability
from lingpai.http.request import Request
from lingpai.kernel.errors import forbidden, invalid_client, invalid_grant
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.accounts.settings import AccountSettings


@dataclass(frozen=True)
class Registrar:
    """The client that registers a user (None if anyone may), and the address that the limits count."""

    client_id: str | None
    address: str


@contextmanager
def registering(services: Services, request: Request) -> Iterator[Registrar]:
    """A block that registers a user: the registrar of the request.

    LingpaiError `access_denied` if registration is off. If clients have to register users, the client authenticates by
    a Basic header (RFC 7617), else LingpaiError `invalid_client`.
    """
    if services.settings.registration == "off":
        raise forbidden("registration_closed")
    if services.settings.registration == "open":
        yield Registrar(None, request.source_ip)
        return
    client = authentication.authenticate(services, basic_credentials(request), request.source_ip)
    with observability.log_client(client):
        if not client.confidential:
            raise invalid_client(dialect=client.dialect)
        yield Registrar(client.id, limited_address(request, client))


def check_first_login(settings: "AccountSettings", client: Client) -> None:
    """LingpaiError `invalid_grant` if a first login through this client may not create an account."""
    if settings.registration == "off" or (settings.registration == "client" and not client.confidential):
        raise invalid_grant("registration_closed")
