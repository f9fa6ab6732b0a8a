"""The client that sends a request, by its credentials in the Basic header or in the body (RFC 6749 section 2.3.1)."""

from collections.abc import Mapping

from lingpai.clients import authentication as client_login
from lingpai.clients.model import Client
from lingpai.http.request import Request, client_credentials
from lingpai.services import Services


def authenticated_client(services: Services, request: Request, given: Mapping[str, str]) -> Client:
    """The client; `given` are the parameters of the body. Errors as those of `client_login.authenticate`."""
    return client_login.authenticate(services, client_credentials(request, given), request.source_ip)
