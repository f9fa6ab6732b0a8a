"""`/mobile/code/*` (seed 003): send a code, and tell whether one is right."""

from lingpai import clients, codes, numbers
from lingpai.errors import invalid_request
from lingpai.model import Purpose
from lingpai.ports import Services
from lingpai.web import envelope, observability
from lingpai.web.reply import Reply
from lingpai.web.request import CLIENT, Request, client_credentials, parameters


def get(services: Services, request: Request) -> Reply:
    """Send a code to `mobile`. The answer never tells whether the number has an account."""
    given = parameters(request, CLIENT | {"mobile", "purpose"})
    client = clients.authenticate(services.clients, client_credentials(request, given))
    with observability.asked_by(client):
        number = _number(services, given)
        codes.send(services, number, client.id, request.source_ip, request.language, _purpose(given))
    return envelope.done().about(client.id)


def verify(services: Services, request: Request) -> Reply:
    """Whether `code` is the one sent to `mobile`. It stays good, and the asking counts as a guess."""
    given = parameters(request, {"mobile", "code"})
    number = _number(services, given)
    if "code" not in given:
        raise invalid_request("missing_parameter", name="code")
    codes.verify(services, number, given["code"], request.source_ip)
    return envelope.done()


def _purpose(given: dict[str, str]) -> Purpose:
    """What the code is for, which chooses the message: `login`, or `link` for the new number of an account."""
    match given.get("purpose", "login"):
        case "login":
            return "login"
        case "link":
            return "link"
        case _:
            raise invalid_request("wrong_type", name="purpose", zh=" login 或 link", en="login or link")


def _number(services: Services, given: dict[str, str]) -> str:
    if "mobile" not in given:
        raise invalid_request("missing_parameter", name="mobile")
    return numbers.parse_mobile(given["mobile"], services.settings)
