"""The endpoints that are the same in all dialects: introspection, revocation, metadata, keys, health check."""

from dataclasses import replace
from typing import Any, get_args

from lingpai.authorization.model import Prompt, ResponseMode
from lingpai.clients import epochs
from lingpai.clients.model import Client
from lingpai.clients.request_authentication import authenticated_client
from lingpai.http import observability
from lingpai.http.oauth_error import oauth
from lingpai.http.request import CLIENT, Request, parameters, require
from lingpai.http.response import Reply, json_reply
from lingpai.kernel import jws
from lingpai.kernel.errors import invalid_client
from lingpai.oauth import user_claims
from lingpai.oauth.grants import GRANT_TYPES
from lingpai.services import Services
from lingpai.sessions import access_tokens, id_tokens, jwt, login_methods, token_claims
from lingpai.sessions import service as sessions
from lingpai.sessions.model import Session

# Keys change rarely, and a new one is published a day before it signs.
_JWKS_AGE = {"Cache-Control": "public, max-age=3600"}

_TOKEN = CLIENT | {"token", "token_type_hint"}


def introspect(services: Services, request: Request) -> Reply:
    """The state of a token (RFC 7662), for a client with a secret.

    `{"active":false}` for any text that is not an active token, for another client's refresh token, and for another
    client's access token unless the caller's record has `introspect`.
    """
    given = parameters(request, _TOKEN)
    client = authenticated_client(services, request, given)
    if not client.confidential:
        # Section 2.1: the endpoint must require authorization, to prevent token scanning.
        raise invalid_client()
    token = _token(given)
    # Section 2.2: the response tells nothing more about a token that is not active. `token_type_hint` (section 2.1) is
    # not needed: the form of a token and its secret tell its kind.
    with observability.log_client(client):
        found = _introspected_access(services, client, token) or _introspected_refresh(services, client, token)
    return json_reply(200, found or {"active": False}).about(client.id)


def revoke(services: Services, request: Request) -> Reply:
    """End the session of a token (RFC 7009): 200 even if the token is unknown (section 2.2)."""
    given = parameters(request, _TOKEN)
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        access_tokens.revoke(services, _token(given), client)
    return json_reply(200, {}).about(client.id)


def metadata(services: Services, _: Request) -> Reply:
    """The server metadata: RFC 8414 section 2, OpenID Connect Discovery section 3. One document for both."""
    issuer = services.issuer
    methods = ["client_secret_basic", "client_secret_post"]
    answer = json_reply(
        200,
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth/authorize",
            "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
            # draft-ietf-oauth-first-party-apps section 8.
            "authorization_challenge_endpoint": f"{issuer}/oauth/challenge",
            "token_endpoint": f"{issuer}/oauth/token",
            "userinfo_endpoint": f"{issuer}/oauth/userinfo",
            "end_session_endpoint": f"{issuer}/oauth/logout",
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "scopes_supported": list(user_claims.SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": list(get_args(ResponseMode)),
            "grant_types_supported": sorted(GRANT_TYPES),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": [*methods, "none"],
            "dpop_signing_alg_values_supported": list(jws.DPOP_ALGORITHMS),
            "revocation_endpoint": f"{issuer}/oauth/revoke",
            "revocation_endpoint_auth_methods_supported": [*methods, "none"],
            "introspection_endpoint": f"{issuer}/oauth/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "acr_values_supported": [login_methods.ACR_ONE, login_methods.ACR_TWO],
            "claims_supported": [*id_tokens.CLAIMS, *(name for names in user_claims.SCOPES.values() for name in names)],
            "prompt_values_supported": list(get_args(Prompt)),
            "ui_locales_supported": ["zh", "en"],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            # Only pushed requests use `request_uri`. The default of this field is true.
            "request_uri_parameter_supported": False,
        },
    )
    return _vary_by_origin(services, answer)


def jwks(services: Services, _: Request) -> Reply:
    """The public keys that verify signed tokens (RFC 7517 section 5), the next ones included."""
    answer = json_reply(200, {"keys": jwt.public_keys(services.keys.published())})
    return _vary_by_origin(services, replace(answer, headers=_JWKS_AGE))


def health(services: Services, _: Request) -> Reply:
    """Whether the store answers: 200, or the 503 that every other endpoint would give."""
    services.store.look_up_client("health")
    return json_reply(200, {"status": "ok"})


def _vary_by_origin(services: Services, reply: Reply) -> Reply:
    """The response with `Vary: Origin` if CORS is on.

    API Gateway adds the origin that may read it, so a cache must keep one copy for each (Fetch standard, "CORS protocol
    and HTTP caches").
    """
    if not services.settings.cors_origins:
        return reply
    return replace(reply, headers={**reply.headers, "Vary": "Origin"})


def _token(given: dict[str, str]) -> str:
    require(given, "token")
    return given["token"]


def _introspected_access(services: Services, client: Client, token: str) -> dict[str, Any] | None:
    found = access_tokens.unless_refused(lambda: access_tokens.read(services, token))
    if found is None or not (client.introspect or found.session.client_id == client.id):
        return None
    session = found.session
    # RFC 9068 section 4: a resource server must check that it is in the audience.
    audience = {"aud": found.audience[0] if len(found.audience) == 1 else found.audience} if found.audience else {}
    return {
        **_claims(services, session),
        **_scope(session.access_scope),
        "token_type": "Bearer" if session.jkt is None else "DPoP",
        "exp": min(session.access_expires_at, session.ends_at),
        **audience,
        # RFC 9449 section 6.2.
        **({} if session.jkt is None else {"cnf": {"jkt": session.jkt}}),
        # Resource servers must know that it may only read.
        **({"temporary": True} if found.temporary else {}),
        **_user_claims(services, session),
    }


def _user_claims(services: Services, session: Session) -> dict[str, Any]:
    """The user's claims that the record of the token's own client allows."""
    client = services.clients.get_client(session.client_id)
    claims = token_claims.user_claims(services, client, session.key.user_id) if client else {}
    return dict(token_claims.of_session(services, session, claims))


def _introspected_refresh(services: Services, client: Client, token: str) -> dict[str, Any] | None:
    session = sessions.by_refresh_token(services.store, token, services.clock.now())
    if session is None or session.client_id != client.id or not epochs.is_current(services.clients, session):
        return None
    expires_at = min(session.refresh_expires_at, session.ends_at)
    return _claims(services, session) | {**_scope(session.scope), "exp": expires_at}


def _scope(scope: tuple[str, ...]) -> dict[str, str]:
    """RFC 7662 section 2.2; a scope has one token at least (RFC 6749 section 3.3), so an empty one is left out."""
    return {"scope": " ".join(scope)} if scope else {}


def _claims(services: Services, session: Session) -> dict[str, Any]:
    user_id = session.key.user_id
    return {
        "active": True,
        "client_id": session.client_id,
        "sub": session.client_id if user_id is None else str(user_id),
        "sub_type": "client" if user_id is None else "user",
        "iat": session.rotated_at or session.created_at,
        "iss": services.issuer,
        # RFC 9470 section 6.2.
        **login_methods.claims(session.methods, session.auth_time),
    }


ROUTES = (
    oauth("/oauth/introspect", introspect),
    oauth("/oauth/revoke", revoke),
    oauth("/.well-known/oauth-authorization-server", metadata, methods=("GET",)),
    oauth("/.well-known/openid-configuration", metadata, methods=("GET",)),
    oauth("/.well-known/jwks.json", jwks, methods=("GET",)),
    oauth("/health", health, methods=("GET",)),
)
