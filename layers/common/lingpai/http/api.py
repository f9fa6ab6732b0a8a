"""Descriptions of routes for docs/openapi.yaml (`make openapi`): models of request bodies and responses.

Each feature describes its endpoints in the `OPERATIONS` of a module `api` beside its routes. No function imports these
modules: the endpoints read bodies with `http.request` and `http.fields`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field

Client = Literal["none", "optional", "required"]

Text = Annotated[str, Field(min_length=1)]
Scope = Annotated[str, Field(description="Scope tokens, separated by spaces.", examples=["read write"])]

Resource = Annotated[
    str | list[str],
    Field(description="An API that the token is for (RFC 8707); may be repeated.", examples=["https://api.example"]),
]


# A page for people, and its stylesheet and script.
Html = NewType("Html", str)
Css = NewType("Css", str)
JavaScript = NewType("JavaScript", str)
# A table as text (RFC 4180).
Csv = NewType("Csv", str)
# An answer without a body, whose `Location` leads on.
Redirect = NewType("Redirect", str)
# An answer without a body, since the caller has it already.
NotModified = NewType("NotModified", str)


class Body(BaseModel):
    """The fields of a request; those that a route does not know are ignored."""

    model_config = ConfigDict(extra="ignore")


class Answer(BaseModel):
    """The body of a response. It has no other fields."""

    model_config = ConfigDict(extra="forbid")


class ClientFields(Body):
    """A client's id and secret in the body, in place of HTTP Basic."""

    client_id: Annotated[str | int, Field(examples=["web-client"])] = ""
    clientId: Annotated[str | int, Field(description="Another name of `client_id`.")] = ""
    client_secret: Annotated[str, Field(examples=["web-secret"])] = ""


class Done(Answer):
    """Success without a result."""

    status: Literal[200]


class Message[T](Answer):
    """Success; `message` is the result."""

    status: Literal[200]
    message: T


class Refusal(Answer):
    """A refusal of seed 003's own endpoints: the HTTP status, and the text in the caller's language."""

    status: Annotated[int, Field(ge=400, examples=[400])]
    error: Annotated[str, Field(examples=["缺少参数 mobile"])]
    reason: Annotated[
        Literal["insufficient_scope", "recent_login_required"] | None, Field(description="Only with status 403.")
    ] = None


class OAuthError(Answer):
    """An error of RFC 6749 section 5.2. Front ends can translate by `reason`."""

    error: Annotated[str, Field(examples=["invalid_grant"])]
    error_description: Annotated[str, Field(examples=["Bad credentials"])]
    reason: Annotated[str, Field(examples=["bad_credentials"])] = ""


class BearerError(Answer):
    """An error of the access token (RFC 6750 section 3, RFC 9470 section 3), or of its proof (RFC 9449 section 7.1)."""

    error: Literal[
        "unauthorized", "invalid_token", "insufficient_user_authentication", "invalid_dpop_proof", "use_dpop_nonce"
    ]
    error_description: str
    reason: Annotated[str, Field(description="Of an error of the proof.")] = ""


@dataclass(frozen=True)
class Operation:
    """The request and the responses of an endpoint.

    `answer`, the values of `refusals` (by status) and `body` are types; `body` is None for no body. With `form` the
    body may also be a form or a multipart form. `client` tells whether the client has to authenticate. `status` is the
    status of `answer`.
    """

    summary: str
    answer: Any
    refusals: Mapping[int, Any] = field(default_factory=dict)
    body: Any = None
    form: bool = False
    client: Client = "none"
    status: int = 200


def legacy_refusals(*statuses: int) -> dict[int, Any]:
    """The refusals in the envelope of seed 003: those that every route has, and these."""
    return dict.fromkeys(sorted({400, 405, 413, 429, 503, *statuses}), Refusal)


def bearer_refusals(*statuses: int) -> dict[int, Any]:
    """The refusals of a route that needs an access token: those that all of them have, and these."""
    found = {**legacy_refusals(403, *statuses), 401: BearerError}
    return dict(sorted(found.items()))


def oauth_refusals(*statuses: int) -> dict[int, Any]:
    """The refusals of RFC 6749: those that every route has, and these."""
    return dict.fromkeys(sorted({400, 405, 413, 429, 503, *statuses}), OAuthError)
