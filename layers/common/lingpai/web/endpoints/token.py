"""`/oauth/token`, `/mobile/token`, `/sign/token`: a client, a grant, and the answer in the client's dialect."""

from collections.abc import Mapping
from dataclasses import replace

from lingpai import clients, grants
from lingpai.errors import LingpaiError, invalid_client, invalid_request, unsupported_grant_type
from lingpai.ports import Services
from lingpai.web import dialects
from lingpai.web.dialects import Dialect
from lingpai.web.reply import Reply
from lingpai.web.request import Request, client_credentials, parameters


def oauth_token(services: Services, request: Request) -> Reply:
    """The token endpoint (RFC 6749 section 3.2): the grant is `grant_type`."""
    return _answer(services, request, None)


def mobile_token(services: Services, request: Request) -> Reply:
    """Seed 003: tokens for a number and the code sent to it."""
    return _answer(services, request, "mobile")


def sign_token(services: Services, request: Request) -> Reply:
    """Seed 003: tokens for an openId or another third party's id."""
    return _answer(services, request, "sign")


def _answer(services: Services, request: Request, grant: str | None) -> Reply:
    dialect = dialects.resembled(request)
    client_id = None
    try:
        given = parameters(request)
        credentials = client_credentials(request, given)
        if credentials is None:
            raise invalid_client()
        client = clients.authenticate(services.clients, credentials)
        client_id, dialect = client.id, dialects.of_record(client.dialect)
        grant = grant or _grant(dialect, given)
        reply = dialect.success(grants.run(services, client, grant, given))
    except LingpaiError as error:
        if error.dialect is not None:
            dialect = dialects.of_record(error.dialect)
        reply = replace(dialect.failure(error), error=error)
    return replace(reply, client_id=client_id, grant=grant)


def _grant(dialect: Dialect, given: Mapping[str, str]) -> str:
    asked = given.get("grant_type")
    if asked is None:
        raise invalid_request("missing_parameter", name="grant_type")
    if asked not in dialect.GRANT_TYPES:
        raise unsupported_grant_type(asked[:80])
    return dialect.GRANT_TYPES[asked]
