"""`/User/Register` (seed 000): always HTTP 200, the result in `result.code`."""

from typing import Any

from lingpai.accounts import service as accounts
from lingpai.accounts.registration import registering
from lingpai.http.request import Request, parameters, require
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Route
from lingpai.kernel.errors import LingpaiError, invalid_request
from lingpai.kernel.messages import text
from lingpai.services import Services

PHONE_MAX = 32


def register(services: Services, request: Request) -> Reply:
    """Register `userName` with `password`; `mobile` is unproven, and is only stored in the profile."""
    with registering(services, request) as registrar:
        given = parameters(request, {"userName", "password", "mobile"}, trailing_commas=True)
        require(given, "userName", "password")
        phone = given.get("mobile")
        if phone is not None and len(phone) > PHONE_MAX:
            raise invalid_request("too_long", name="mobile", limit=PHONE_MAX)
        accounts.register(services, given["userName"], given["password"], registrar.address, phone)
    return json_reply(200, _result(1, "返回成功" if request.language == "zh" else "success")).about(registrar.client_id)


def refused(error: LingpaiError, request: Request) -> Reply:
    """`code` 0 and the reason in `msg`."""
    return json_reply(200, _result(0, text(error.reason, request.language, error.values)), error_headers(error))


def _result(code: int, message: str) -> dict[str, Any]:
    return {"result": {"code": code, "msg": message, "data": ""}}


ROUTES = (Route("/User/Register", register, refused),)
