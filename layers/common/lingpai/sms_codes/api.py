"""Requests and responses of the routes of codes (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from lingpai.http.api import Body, ClientFields, Done, Operation, legacy_refusals
from lingpai.http.example import CODE_FIELDS, WEB, Example, SentCode
from lingpai.http.router import Endpoint
from lingpai.sms.model import Purpose
from lingpai.sms_codes import routes

Mobile = Annotated[str | int, Field(examples=["13312341234"])]


class CodeRequest(ClientFields):
    """A number that a code shall be sent to."""

    mobile: Mobile
    purpose: Annotated[
        Purpose | None, Field(description="What the code shall do; without it the code logs in and links.")
    ] = None


class CodeGuess(Body):
    """A number and the code that was sent to it."""

    mobile: Mobile
    code: Annotated[str | int, Field(examples=["123456"])]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.get: Operation(
        "Send a code to a mobile number", Done, legacy_refusals(401), CodeRequest, form=True, client="required"
    ),
    routes.verify: Operation("Tell whether a code is right", Done, legacy_refusals(), CodeGuess, form=True),
}

EXAMPLES: Mapping[str, Example] = {
    "mobile-code-get": Example("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB),
    "mobile-code-verify": Example("/mobile/code/verify", form=CODE_FIELDS, code=SentCode("+8613312341241")),
}
