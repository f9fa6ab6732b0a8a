"""Who may call the routes that register: see `lingpai.registration`."""

from collections.abc import Iterator
from contextlib import contextmanager

from lingpai import clients, registration
from lingpai.ports import Services
from lingpai.web import observability
from lingpai.web.request import Request, basic_credentials


@contextmanager
def registering(services: Services, request: Request) -> Iterator[str | None]:
    """The id of the client that registers somebody; None where anyone may register.

    LingpaiError where nobody may, or where the request has no client's credentials in its Basic header (RFC 7617).
    """
    if not registration.wants_client(services.settings):
        yield None
        return
    client = clients.authenticate(services.clients, basic_credentials(request))
    with observability.asked_by(client):
        registration.check_client(client)
        yield client.id
