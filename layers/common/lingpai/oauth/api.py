"""What introspection, revocation, metadata, keys and the health check take and answer (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from lingpai.http.api import Answer, ClientFields, Operation, Scope, oauth_refusals
from lingpai.http.example import READER, STANDARD, Example
from lingpai.http.router import Endpoint
from lingpai.oauth import routes


class Token(ClientFields):
    """A token to introspect or to revoke."""

    token: Annotated[str, Field(description="An access token, a refresh token, or any other text.")]
    token_type_hint: Annotated[str, Field(description="Taken and not needed.")] = ""


class StandardTokens(Answer):
    """The tokens as RFC 6749 section 5.1 has them."""

    access_token: str
    token_type: Annotated[Literal["Bearer", "bearer"], Field(description="Its case is the dialect's.")]
    expires_in: Annotated[int, Field(examples=[3600])]
    refresh_token: str = ""
    scope: Scope = ""


class Active(Answer):
    """What a good token is good for (RFC 7662 section 2.2)."""

    active: Literal[True]
    client_id: Annotated[str, Field(examples=["standard-client"])]
    sub: Annotated[str, Field(description="The user's id; of a client's own token, the client's id.", examples=["7"])]
    sub_type: Literal["user", "client"]
    iat: int
    exp: int
    iss: Annotated[str, Field(examples=["https://id.example"])]
    scope: Scope = ""
    token_type: Annotated[str, Field(description="`Bearer` for an access token.", examples=["Bearer"])] = ""
    aud: Annotated[str, Field(description="Of a signed token: whom it is for.")] = ""
    roles: list[str] = Field(default=[], description="Where the client's record asks for it.")
    username: Annotated[str, Field(description="Where the client's record asks for it.")] = ""


class NotActive(Answer):
    """What is told of any other text."""

    active: Literal[False]


class Nothing(Answer):
    """An empty object."""


class Metadata(Answer):
    """What the server is and offers (RFC 8414 section 2)."""

    issuer: Annotated[str, Field(examples=["https://id.example"])]
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]


class Keys(Answer):
    """The keys that verify signed tokens (RFC 7517 section 5)."""

    keys: Annotated[list[dict[str, Any]], Field(description="One JWK for each key.")]


class Health(Answer):
    """The store answers."""

    status: Literal["ok"]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.introspect: Operation(
        "Tell what a token is good for (RFC 7662)",
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
    routes.metadata: Operation("Tell what the server offers (RFC 8414)", Metadata, oauth_refusals()),
    routes.jwks: Operation("Give the public keys that verify signed tokens (RFC 7517)", Keys, oauth_refusals()),
    routes.health: Operation("Tell whether the store answers", Health, oauth_refusals()),
}

EXAMPLES: Mapping[str, Example] = {
    "oauth-introspect": Example("/oauth/introspect", form={"token": "{token}"}, basic=STANDARD, caller=READER),
    "oauth-revoke": Example(
        "/oauth/revoke", form={"token": "{refresh_token}"}, basic=STANDARD, caller=READER, client_id=STANDARD[0]
    ),
    "oauth-metadata": Example("/.well-known/oauth-authorization-server", method="GET"),
    "oauth-keys": Example("/.well-known/jwks.json", method="GET"),
    "health": Example("/health", method="GET"),
}
