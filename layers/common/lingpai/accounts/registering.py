"""Who may call the routes that register: see `lingpai.accounts.registration`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lingpai.accounts import registration
from lingpai.clients import authentication
from lingpai.clients.request_authentication import basic_credentials, limited_address
from lingpai.http import observability
from lingpai.http.request import Request
from lingpai.services import Services


@dataclass(frozen=True)
class Registrar:
    """The client that registers somebody, None where anyone may, and the address that this is counted for."""

    client_id: str | None
    address: str


@contextmanager
def registering(services: Services, request: Request) -> Iterator[Registrar]:
    """Who registers somebody by this request.

    LingpaiError where nobody may, or where it needs a client's credentials and has none in its Basic header (RFC 7617).
    """
    if not registration.wants_client(services.settings):
        yield Registrar(None, request.source_ip)
        return
    client = authentication.authenticate(services, basic_credentials(request), request.source_ip)
    with observability.log_client(client):
        registration.check_client(client)
        yield Registrar(client.id, limited_address(request, client))
