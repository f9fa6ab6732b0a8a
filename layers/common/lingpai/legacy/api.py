"""Requests and responses of the token endpoints, the UserCenter calls and `/User/Register` (docs/openapi.yaml).

The client's record names the dialect of token responses and errors.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from lingpai.accounts.api import User
from lingpai.http.api import Answer, Body, ClientFields, OAuthError, Operation, Resource, Scope, oauth_refusals
from lingpai.http.example import (
    CODE_FIELDS,
    DJANGO,
    MACHINE,
    PASSPORT,
    READER,
    STANDARD,
    USERCENTER,
    WEB,
    Account,
    Example,
    SentCode,
)
from lingpai.http.router import Endpoint
from lingpai.legacy import user_register, usercenter_routes
from lingpai.oauth import token_endpoint
from lingpai.oauth.api import StandardTokens

Username = Annotated[str | int, Field(description="A username or a mobile number.", examples=["alice"])]
Code = Annotated[str | int, Field(description="The six digits that were sent.", examples=["123456"])]
Mobile = Annotated[str | int, Field(examples=["13312341234"])]
Sign = Annotated[
    str,
    Field(
        description="A third party's id, the `js_code` of a mini-program, or an ID token: the client's record says it.",
        examples=["oGZUI0egBJY1zhBYw2KhdUfwVJJE"],
    ),
]
Nonce = Annotated[str, Field(description="The nonce that an ID token was asked for with.")]


class PasswordGrant(ClientFields):
    """A username and a password (RFC 6749 section 4.3)."""

    grant_type: Literal["password"]
    username: Username
    password: Annotated[str, Field(examples=["correct horse battery"])]
    scope: Scope = ""
    resource: Resource = ""


class AuthorizationCodeGrant(ClientFields):
    """A code that a browser has brought (RFC 6749 section 4.1.3, RFC 7636), by a `standard` client."""

    grant_type: Literal["authorization_code"]
    code: Annotated[str, Field(description="The code of the authorization response.")]
    redirect_uri: Annotated[str, Field(description="As in the authorization request.")]
    code_verifier: Annotated[str, Field(description="The verifier of its `code_challenge`.")]
    resource: Resource = ""


class RefreshGrant(ClientFields):
    """A refresh token (RFC 6749 section 6). `scope` and `resource` may narrow the access token."""

    grant_type: Literal["refresh_token"]
    refresh_token: str
    scope: Scope = ""
    resource: Resource = ""


class ClientCredentialsGrant(ClientFields):
    """A client for itself (RFC 6749 section 4.4)."""

    grant_type: Literal["client_credentials"]
    scope: Scope = ""
    resource: Resource = ""


class MobileCodeGrant(ClientFields):
    """A mobile number and the code that was sent to it, by a `standard` client."""

    grant_type: Literal["urn:lingpai:grant:mobile-code"]
    mobile: Mobile
    code: Code
    scope: Scope = ""
    resource: Resource = ""


class SignGrant(ClientFields):
    """A third party's credential of a user, from a `standard` client."""

    grant_type: Literal["urn:lingpai:grant:sign"]
    sign: Sign
    nonce: Nonce = ""
    scope: Scope = ""
    resource: Resource = ""


class UserCenterFields(ClientFields):
    """Further fields of a `usercenter` client, all ignored."""

    sysid: str | int = ""
    sysId: str | int = ""
    sys: str | int = ""


class DigestGrant(UserCenterFields):
    """A username and two digests of the password, by a `usercenter` client."""

    username: Username
    md5password: Annotated[str, Field(description="MD5 of the password, in hex.")]
    shapassword: Annotated[str, Field(description="SHA-1 of the password, in hex.")]


class ValidateCodeGrant(UserCenterFields):
    """A username and the code that was sent to its number, by a `usercenter` client."""

    username: Username
    validateCode: Code


class MobileToken(ClientFields):
    """A mobile number and the code that was sent to it."""

    mobile: Mobile
    code: Code
    scope: Scope = ""
    resource: Resource = ""


class SignToken(ClientFields):
    """A third party's credential of a user."""

    sign: Sign
    nonce: Nonce = ""
    scope: Scope = ""
    resource: Resource = ""


class DjangoFields(Answer):
    """The tokens of a `django` client."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(examples=[604800])]
    refresh_token: str = ""
    scope: Scope


class DjangoTokens(DjangoFields):
    """The tokens for a `django` client: under `text`, and flat beside it."""

    text: DjangoFields
    status_code: Literal[200]


class PassportTokens(Answer):
    """The tokens for a `passport` client."""

    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(examples=[31536000])]
    access_token: Annotated[str, Field(description="A JWT.")]
    refresh_token: str = ""


class UserCenterTokenFields(Answer):
    """The tokens of a `usercenter` client."""

    accessToken: str
    refreshToken: str = ""
    expires_in: Annotated[str, Field(examples=["86400"])]


class UserCenterTokens(Answer):
    """The tokens for a `usercenter` client: as JSON text, and as an object."""

    status: Literal[1]
    result: Annotated[str, Field(description="`data` as JSON text.")]
    data: UserCenterTokenFields
    msg: Annotated[str, Field(examples=["操作成功"])]


class UserCenterFailure(Answer):
    """A refusal for a `usercenter` client and of the UserCenter calls, with HTTP status 200."""

    status: Literal[0]
    msg: Annotated[str, Field(examples=["用户名或密码错误"])]


class PassportError(Answer):
    """A refusal for a `passport` client."""

    error: Annotated[str, Field(examples=["invalid_request"])]
    message: str
    hint: str = ""
    reason: str = ""


class AccessToken(Body):
    """An access token by any of its names; it may also be a bearer token."""

    accessToken: str = ""
    access_token: str = ""
    accesstoken: str = ""


class RefreshToken(ClientFields):
    """A refresh token by either of its names."""

    refresh_token: str = ""
    refreshToken: str = ""


class UserCenterResult(Answer):
    """Success; `result` is `success`, or a temporary token."""

    status: Literal[1]
    result: Annotated[str, Field(examples=["success"])]
    msg: str


class UserCenterUser(Answer):
    """The user of a token: as JSON text, and as an object."""

    status: Literal[1]
    user: Annotated[str, Field(description="`data` as JSON text.")]
    data: User
    msg: str


class Registration(Body):
    """A new account. `mobile` is unproven: it is stored in the profile, and cannot log in."""

    userName: Annotated[str | int, Field(examples=["lin"])]
    password: Annotated[str, Field(examples=["plum-blossom"])]
    mobile: Annotated[str | int, Field(examples=["13800138000"])] = ""


class RegistrationResult(Answer):
    """`code` 1 for a new account, 0 for a refusal."""

    code: Literal[0, 1]
    msg: Annotated[str, Field(examples=["返回成功"])]
    data: Literal[""]


class Registered(Answer):
    """The result of a registration."""

    result: RegistrationResult


TOKENS = DjangoTokens | PassportTokens | StandardTokens | UserCenterTokens | UserCenterFailure
REFUSALS = dict.fromkeys(oauth_refusals(401), OAuthError | PassportError)
OPERATIONS: Mapping[Endpoint, Operation] = {
    token_endpoint.oauth_token: Operation(
        "Issue tokens (RFC 6749 section 3.2)",
        TOKENS,
        REFUSALS,
        PasswordGrant
        | AuthorizationCodeGrant
        | RefreshGrant
        | ClientCredentialsGrant
        | MobileCodeGrant
        | SignGrant
        | DigestGrant
        | ValidateCodeGrant,
        form=True,
        client="required",
    ),
    token_endpoint.mobile_token: Operation(
        "Issue tokens for a mobile number and its code", TOKENS, REFUSALS, MobileToken, form=True, client="required"
    ),
    token_endpoint.sign_token: Operation(
        "Issue tokens for what a third party says of a user", TOKENS, REFUSALS, SignToken, form=True, client="required"
    ),
    usercenter_routes.check_token: Operation(
        "Tell whether an access token is good", UserCenterResult | UserCenterFailure, {}, AccessToken, form=True
    ),
    usercenter_routes.user_by_token: Operation(
        "Give the user of an access token", UserCenterUser | UserCenterFailure, {}, AccessToken, form=True
    ),
    usercenter_routes.destroy_token: Operation(
        "End the session of an access token", UserCenterResult | UserCenterFailure, {}, AccessToken, form=True
    ),
    usercenter_routes.refresh_token: Operation(
        "Replace the tokens of a session",
        UserCenterTokens | UserCenterFailure,
        {},
        RefreshToken,
        form=True,
        client="optional",
    ),
    usercenter_routes.temporary_token: Operation(
        "Make a token of five minutes that only reads", UserCenterResult | UserCenterFailure, {}, AccessToken, form=True
    ),
    user_register.register: Operation("Register an account as Django apps do", Registered, {}, Registration, form=True),
}

_NUMBER = Account(108, "example-number", mobile="+8613312341244")
_PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
# The MD5 and SHA-1 of alice's password.
_DIGESTS = {
    "md5password": "88e4ddd2402d92d50e1879d6ecd9ffd4",
    "shapassword": "98decc62ece399a22ed30d490ef333be7fde7385",
}
_OPENID = {"sign": "oGZUI0egBJY1zhBYw2KhdUfwVJJE"}


def _with_access_token(path: str) -> Example:
    """A UserCenter call with the reader's access token."""
    return Example(path, content={"accessToken": "{token}"}, caller=READER, client_id=USERCENTER["client_id"])


EXAMPLES: Mapping[str, Example] = {
    "token-password": Example("/oauth/token", form=_PASSWORD, basic=WEB),
    "token-refresh": Example(
        "/oauth/token",
        form={"grant_type": "refresh_token", "refresh_token": "{refresh_token}"},
        basic=WEB,
        caller=READER,
    ),
    "token-client-credentials": Example("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE),
    "token-mobile-code": Example(
        "/oauth/token",
        form={"grant_type": "urn:lingpai:grant:mobile-code", **CODE_FIELDS},
        basic=STANDARD,
        code=SentCode("+8613312341243", STANDARD[0]),
    ),
    "token-sign": Example("/oauth/token", form={"grant_type": "urn:lingpai:grant:sign", **_OPENID}, basic=STANDARD),
    "token-json": Example("/oauth/token", content={**_PASSWORD, "client_id": WEB[0], "client_secret": WEB[1]}),
    "token-passport": Example("/oauth/token", form={**PASSPORT, **_PASSWORD, "scope": ""}),
    "token-usercenter": Example("/oauth/token", content={**USERCENTER, "username": "alice", **_DIGESTS}),
    "token-usercenter-code": Example(
        "/oauth/token",
        content={**USERCENTER, "username": _NUMBER.name, "validateCode": "{code}"},
        about=_NUMBER,
        code=SentCode("+8613312341244"),
    ),
    "token-slash": Example("/oauth/token/", form=_PASSWORD, basic=WEB),
    "o-token": Example("/o/token", form={**DJANGO, **_PASSWORD}),
    "o-token-slash": Example("/o/token/", form={**DJANGO, **_PASSWORD}),
    "user-check-token": _with_access_token("/user/checkOauthToken"),
    "user-by-token": _with_access_token("/user/getUserByToken"),
    "oauth-destory-token": _with_access_token("/oauth/destoryToken"),
    "oauth-destroy-token": _with_access_token("/oauth/destroyToken"),
    "oauth-refresh-access-token": Example(
        "/oauth/refreshAccessToken",
        content={**USERCENTER, "refresh_token": "{refresh_token}"},
        caller=READER,
        client_id=USERCENTER["client_id"],
    ),
    "oauth-get-temp-token": _with_access_token("/oauth/getTempToken"),
    "mobile-token": Example("/mobile/token", form=CODE_FIELDS, basic=WEB, code=SentCode("+8613312341242")),
    "sign-token": Example("/sign/token", form=_OPENID, basic=WEB),
    "user-register": Example(
        "/User/Register", content={"userName": "lin", "password": "plum-blossom", "mobile": "13800138000"}
    ),
}
