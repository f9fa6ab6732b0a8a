"""Requests and responses of introspection, revocation, metadata, keys and the health check (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from lingpai.http.api import Answer, Body, ClientFields, OAuthError, Operation, Scope, oauth_refusals
from lingpai.http.example import READER, STANDARD, WEB_APP, Example
from lingpai.http.router import Endpoint
from lingpai.oauth import routes, user_info


class Token(ClientFields):
    """A token to introspect or to revoke."""

    token: Annotated[str, Field(description="An access token, a refresh token, or any other text.")]
    token_type_hint: Annotated[str, Field(description="Accepted and ignored.")] = ""


class StandardTokens(Answer):
    """The token response of RFC 6749 section 5.1."""

    access_token: str
    token_type: Annotated[
        Literal["Bearer", "bearer", "DPoP"],
        Field(description="`DPoP` if it is bound to the key of a proof (RFC 9449); else its case is the dialect's."),
    ]
    expires_in: Annotated[int, Field(examples=[3600])]
    refresh_token: str = ""
    scope: Scope = ""
    id_token: Annotated[str, Field(description="Where the scope has `openid`.")] = ""


class Confirmation(Answer):
    """The key that a token is bound to (RFC 9449 section 6)."""

    jkt: Annotated[str, Field(description="Its SHA-256 thumbprint (RFC 7638).")]


class Active(Answer):
    """The state of an active token (RFC 7662 section 2.2)."""

    active: Literal[True]
    client_id: Annotated[str, Field(examples=["standard-client"])]
    sub: Annotated[str, Field(description="The user's id; of a client's own token, the client's id.", examples=["7"])]
    sub_type: Literal["user", "client"]
    iat: int
    exp: int
    iss: Annotated[str, Field(examples=["https://id.example"])]
    auth_time: Annotated[int, Field(description="When the user logged in.")] = 0
    acr: Annotated[str, Field(description="The number of factors that the login proved.", examples=["1", "2"])] = ""
    amr: list[str] = Field(default=[], description="How the user logged in (RFC 8176).", examples=[["pwd"]])
    scope: Scope = ""
    token_type: Annotated[str, Field(description="`Bearer` or `DPoP` for an access token.", examples=["Bearer"])] = ""
    cnf: Annotated[Confirmation | None, Field(description="If it is bound to a key.")] = None
    aud: Annotated[
        str | list[str], Field(description="The audience, if the token is signed or was requested with `resource`.")
    ] = ""
    temporary: Annotated[bool, Field(description="True for a temporary token, which may only read.")] = False
    roles: list[str] = Field(default=[], description="Where the client's record asks for it.")
    username: Annotated[str, Field(description="Where the client's record asks for it.")] = ""


class NotActive(Answer):
    """The response for any other text."""

    active: Literal[False]


class PresentedToken(Body):
    """The access token, if it is not in the header."""

    access_token: str = ""


class UserInfo(Answer):
    """The claims that the token's scope requests (OpenID Connect Core section 5.1)."""

    sub: Annotated[str, Field(description="The user's id.", examples=["7"])]
    name: Annotated[str, Field(description="Scope `profile`.", examples=["Alice"])] = ""
    preferred_username: Annotated[str, Field(description="Scope `profile`.", examples=["alice"])] = ""
    picture: Annotated[str, Field(description="Scope `profile`: an https address.")] = ""
    gender: Annotated[str, Field(description="Scope `profile`.")] = ""
    birthdate: Annotated[str, Field(description="Scope `profile`: `YYYY-MM-DD`.")] = ""
    phone_number: Annotated[
        str, Field(description="Scope `phone`: the proven number.", examples=["+8613312341234"])
    ] = ""
    phone_number_verified: Annotated[bool, Field(description="Scope `phone`.")] = False
    roles: list[str] = Field(default=[], description="Scope `roles`.")


class BearerRefusal(Answer):
    """An error of the access token (RFC 6750 section 3), or of its proof (RFC 9449 section 7.1)."""

    error: Literal["unauthorized", "invalid_token", "insufficient_scope", "invalid_dpop_proof", "use_dpop_nonce"]
    error_description: str
    reason: Annotated[str, Field(description="Of an error of the proof.")] = ""


class Nothing(Answer):
    """An empty object."""


class Metadata(Answer):
    """The server metadata (RFC 8414 section 2, OpenID Connect Discovery section 3)."""

    issuer: Annotated[str, Field(examples=["https://id.example"])]
    authorization_endpoint: str
    pushed_authorization_request_endpoint: str
    authorization_challenge_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    token_endpoint_auth_methods_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    acr_values_supported: list[str]
    claims_supported: list[str]
    prompt_values_supported: list[str]
    ui_locales_supported: list[str]
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool


class Keys(Answer):
    """The keys that verify signed tokens (RFC 7517 section 5)."""

    keys: Annotated[list[dict[str, Any]], Field(description="One JWK for each key.")]


class Health(Answer):
    """The store answers."""

    status: Literal["ok"]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.introspect: Operation(
        "Introspect a token (RFC 7662)",
        Active | NotActive,
        oauth_refusals(401),
        Token,
        form=True,
        client="required",
    ),
    routes.revoke: Operation(
        "End the session that a token belongs to (RFC 7009)",
        Nothing,
        oauth_refusals(401),
        Token,
        form=True,
        client="required",
    ),
    user_info.user_info: Operation(
        "Return the claims about the user of an access token (OpenID Connect)",
        UserInfo,
        {400: OAuthError, 401: BearerRefusal, 403: BearerRefusal, 405: OAuthError, 413: OAuthError, 503: OAuthError},
        PresentedToken,
        form=True,
    ),
    routes.metadata: Operation(
        "Return the server metadata (RFC 8414, OpenID Connect Discovery)", Metadata, oauth_refusals()
    ),
    routes.jwks: Operation("Return the public keys that verify signed tokens (RFC 7517)", Keys, oauth_refusals()),
    routes.health: Operation("Check that the store answers", Health, oauth_refusals()),
}

EXAMPLES: Mapping[str, Example] = {
    "oauth-introspect": Example("/oauth/introspect", form={"token": "{token}"}, basic=STANDARD, caller=READER),
    "oauth-revoke": Example(
        "/oauth/revoke", form={"token": "{refresh_token}"}, basic=STANDARD, caller=READER, client_id=STANDARD[0]
    ),
    "oauth-userinfo": Example("/oauth/userinfo", form={"access_token": "{token}"}, caller=READER, client_id=WEB_APP[0]),
    "openid-metadata": Example("/.well-known/openid-configuration", method="GET"),
    "oauth-metadata": Example("/.well-known/oauth-authorization-server", method="GET"),
    "oauth-keys": Example("/.well-known/jwks.json", method="GET"),
    "health": Example("/health", method="GET"),
}
