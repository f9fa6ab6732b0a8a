"""What the route of pushed requests takes and answers (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from lingpai.authorization import routes
from lingpai.http.api import Answer, ClientFields, Operation, Resource, Scope, oauth_refusals
from lingpai.http.example import WEB_APP, Example
from lingpai.http.router import Endpoint


class AuthorizationRequest(ClientFields):
    """The parameters of an authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1)."""

    response_type: Literal["code"]
    redirect_uri: Annotated[str, Field(examples=["http://127.0.0.1:8000/callback"])]
    code_challenge: Annotated[
        str,
        Field(
            description="BASE64URL(SHA256(code_verifier)), RFC 7636.",
            examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        ),
    ]
    code_challenge_method: Literal["S256"]
    dpop_jkt: Annotated[str, Field(description="The thumbprint of a DPoP key (RFC 9449 section 10).")] = ""
    scope: Scope = ""
    state: str = ""
    nonce: str = ""
    response_mode: Literal["query", "form_post"] = "query"
    prompt: Annotated[str, Field(description="`none`, or any of `login`, `consent` and `select_account`.")] = ""
    max_age: Annotated[str, Field(description="In seconds.")] = ""
    login_hint: str = ""
    id_token_hint: str = ""
    ui_locales: str = ""
    acr_values: str = ""
    resource: Resource = ""
    request: Annotated[str, Field(description="Refused: it is not supported.")] = ""
    request_uri: Annotated[str, Field(description="Refused here (RFC 9126 section 2.1).")] = ""
    registration: Annotated[str, Field(description="Refused: it is not supported.")] = ""


class Pushed(Answer):
    """The reference to a pushed request."""

    request_uri: Annotated[
        str, Field(examples=["urn:ietf:params:oauth:request_uri:7mYgl2Yy6Yd3qzVqUkTXLNsV3TeCyBRf6uHkKbwSVfM"])
    ]
    expires_in: Annotated[int, Field(examples=[600])]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.push: Operation(
        "Send an authorization request ahead (RFC 9126)",
        Pushed,
        oauth_refusals(401),
        AuthorizationRequest,
        form=True,
        client="required",
        status=201,
    ),
}

EXAMPLES: Mapping[str, Example] = {
    "oauth-par": Example(
        "/oauth/par",
        form={
            "response_type": "code",
            "redirect_uri": "http://127.0.0.1:8000/callback",
            "scope": "openid profile",
            "state": "af0ifjsldkj",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        },
        basic=WEB_APP,
        status=201,
    ),
}
