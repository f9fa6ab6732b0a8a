"""`/mobile/code/*` (seed 003): send and verify codes."""

from typing import cast, get_args

from lingpai.clients.request_authentication import authenticated_client, limited_address
from lingpai.http import envelope, observability
from lingpai.http.request import CLIENT, Request, parameters, require
from lingpai.http.response import Reply
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import invalid_request
from lingpai.services import Services
from lingpai.sms.model import Purpose
from lingpai.sms_codes import service as sms_codes


def get(services: Services, request: Request) -> Reply:
    """Send a code to `mobile`. The answer never tells whether the number has an account.

    Where a captcha is asked for, the request is repeated with its solution in `captcha`.
    """
    given = parameters(request, CLIENT | {"mobile", "purpose", "captcha"})
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        asked = sms_codes.SendRequest(
            _number(services, given), client.id, request.language, _purpose(given), given.get("captcha")
        )
        sms_codes.send(services, asked, limited_address(request, client))
    return envelope.done().about(client.id)


def verify(services: Services, request: Request) -> Reply:
    """Check that `code` is the one sent to `mobile`. It stays valid; the check counts as a guess."""
    given = parameters(request, {"mobile", "code"})
    number = _number(services, given)
    require(given, "code")
    sms_codes.verify(services, number, given["code"], request.source_ip)
    return envelope.done()


def _purpose(given: dict[str, str]) -> Purpose | None:
    """The only purpose of the code; None for a code that logs in and links a number to an account."""
    named = given.get("purpose")
    if named is None:
        return None
    if named not in get_args(Purpose):
        raise invalid_request(
            "wrong_type", name="purpose", zh=" login、link、reset 或 change", en="login, link, reset or change"
        )
    return cast("Purpose", named)


def _number(services: Services, given: dict[str, str]) -> str:
    require(given, "mobile")
    return phone_numbers.parse_mobile(given["mobile"], services.settings)


ROUTES = (
    envelope.legacy_json("/mobile/code/get", get),
    envelope.legacy_json("/mobile/code/verify", verify),
)
