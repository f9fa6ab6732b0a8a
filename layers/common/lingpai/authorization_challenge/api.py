"""What the authorization challenge endpoint takes and answers (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from lingpai.authorization_challenge import routes
from lingpai.http.api import Answer, ClientFields, Operation, Resource, Scope, oauth_refusals
from lingpai.http.example import Example
from lingpai.http.router import Endpoint

_InBrowser = Annotated[str, Field(description="Takes effect in the browser, after `redirect_to_web`.")]


class ChallengeRequest(ClientFields):
    """One step of a login (draft-ietf-oauth-first-party-apps section 5.1).

    Without `auth_session` it has the parameters of an authorization request as well.
    """

    auth_session: Annotated[str, Field(description="That of the latest answer that had one.")] = ""
    response_type: Annotated[str, Field(description="`code`.", examples=["code"])] = ""
    code_challenge: Annotated[str, Field(description="BASE64URL(SHA256(code_verifier)), RFC 7636.")] = ""
    code_challenge_method: Annotated[str, Field(description="`S256`.", examples=["S256"])] = ""
    scope: Scope = ""
    nonce: str = ""
    resource: Resource = ""
    acr_values: str = ""
    max_age: Annotated[str, Field(description="In seconds. Each login here is a new one.")] = ""
    login_hint: str = ""
    prompt: Annotated[str, Field(description="`none` is refused.")] = ""
    id_token_hint: str = ""
    redirect_uri: Annotated[str, Field(description="Where a browser comes back to after `redirect_to_web`.")] = ""
    request_uri: Annotated[str, Field(description="A pushed request (RFC 9126).")] = ""
    dpop_jkt: Annotated[str, Field(description="The thumbprint of a DPoP key (RFC 9449 section 10).")] = ""
    state: _InBrowser = ""
    response_mode: _InBrowser = ""
    ui_locales: _InBrowser = ""
    request: Annotated[str, Field(description="Refused: it is not supported.")] = ""
    registration: Annotated[str, Field(description="Refused: it is not supported.")] = ""
    mobile: Annotated[str | int, Field(description="Where a code shall be sent to.", examples=["13312341234"])] = ""
    captcha: Annotated[str, Field(description="Beside `mobile`: the solution of the captcha.")] = ""
    code: Annotated[str | int, Field(description="The code that was sent.", examples=["123456"])] = ""
    username: Annotated[str, Field(description="Beside `password`.", examples=["alice"])] = ""
    password: str = ""
    js_code: Annotated[str, Field(description="The code of `wx.login`.")] = ""
    phone_code: Annotated[str, Field(description="Beside `js_code`: the code of `getPhoneNumber`.")] = ""
    id_token: Annotated[str, Field(description="An ID token of the client's OpenID provider.")] = ""
    id_token_nonce: Annotated[str, Field(description="Beside `id_token`: what it was asked for with.")] = ""
    passkey_options: Annotated[str, Field(description="Any value asks for the options of a passkey.")] = ""
    passkey: Annotated[str, Field(description="The authenticator's answer, as JSON.")] = ""
    totp: Annotated[str | int, Field(description="Second factor: a code of the authenticator app.")] = ""
    recovery_code: Annotated[str, Field(description="Second factor: a recovery code.")] = ""


class IssuedCode(Answer):
    """The login is complete (section 5.2.1)."""

    authorization_code: Annotated[str, Field(examples=["rGqkQ8NU2yQkCOq2pvYq0LRWbvN2Bv1Gd6H2c0uGk1E"])]


class MoreIsNeeded(Answer):
    """What may come next, or that the user has to log in in a browser (section 5.2.2)."""

    error: Literal["insufficient_authorization", "redirect_to_web", "access_denied"]
    error_description: str
    reason: str = ""
    next: list[str] = Field(default=[], description="The parameters that may come.", examples=[["code", "mobile"]])
    auth_session: Annotated[str, Field(description="For the next request.")] = ""
    auth_session_expires_in: Annotated[int, Field(description="In seconds.", examples=[600])] = 0
    resend_in: Annotated[int, Field(description="When another code can be asked for, in seconds.")] = 0
    captcha: dict[str, Any] = Field(default={}, description="What shows the captcha.")
    passkey_options: dict[str, Any] = Field(default={}, description="For `navigator.credentials.get` (WebAuthn).")
    request_uri: Annotated[str, Field(description="Of a pushed request (RFC 9126).")] = ""
    expires_in: Annotated[int, Field(description="The life of `request_uri`, in seconds.")] = 0


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.challenge: Operation(
        "Take one step of a login in an app without a browser",
        IssuedCode,
        {**oauth_refusals(401), 403: MoreIsNeeded},
        ChallengeRequest,
        form=True,
        client="required",
    ),
}

_REQUEST = {
    "client_id": "mobile-app",
    "response_type": "code",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
    "scope": "openid profile",
}
EXAMPLES: Mapping[str, Example] = {
    "oauth-challenge": Example("/oauth/challenge", form={**_REQUEST, "mobile": "13312341290"}, status=403),
    "oauth-challenge-password": Example(
        "/oauth/challenge", form={**_REQUEST, "username": "alice", "password": "correct horse battery"}
    ),
}
