"""Requests and responses of the routes of codes (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from lingpai.http.api import Answer, Body, ClientFields, Done, Operation, legacy_refusals
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
    captcha: Annotated[str | None, Field(description="The solution of the captcha that was asked for.")] = None


class CaptchaRefusal(Answer):
    """A captcha has to be solved before the code is sent: repeat the request with its solution."""

    status: Literal[403]
    error: Annotated[str, Field(examples=["请先完成验证"])]
    reason: Literal["captcha_required"]
    captcha: Annotated[
        dict[str, Any],
        Field(
            description="What shows the captcha: `provider`, and the fields that docs/api.md lists for it.",
            examples=[{"provider": "altcha", "challenge": {"parameters": {}, "signature": ""}}],
        ),
    ]


class CodeGuess(Body):
    """A number and the code that was sent to it."""

    mobile: Mobile
    code: Annotated[str | int, Field(examples=["123456"])]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.get: Operation(
        "Send a code to a mobile number",
        Done,
        {**legacy_refusals(401), 403: CaptchaRefusal},
        CodeRequest,
        form=True,
        client="required",
    ),
    routes.verify: Operation("Tell whether a code is right", Done, legacy_refusals(), CodeGuess, form=True),
}

EXAMPLES: Mapping[str, Example] = {
    "mobile-code-get": Example("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB),
    "mobile-code-verify": Example("/mobile/code/verify", form=CODE_FIELDS, code=SentCode("+8613312341241")),
}
