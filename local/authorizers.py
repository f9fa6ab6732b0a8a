"""The authorizers of an HTTP API, as API Gateway has them.

In: a route and the request's event. Out: the reply that refuses the request, or the value of
`requestContext.authorizer` for the function.

Sources: "Control access to HTTP APIs with JWT authorizers", "Troubleshooting issues with HTTP API JWT authorizers" and
"Control access to HTTP APIs with AWS Lambda authorizers" in the API Gateway Developer Guide. AWS documents the
`WWW-Authenticate` of a JWT authorizer by one example, a wrong audience. Here other errors have no description.
"""

import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jwt

from local.gateway import ACCOUNT_ID, API_ID, Authorize, Invoke, Reply, message
from local.template import Authorizer, JwtAuthorizer, LambdaAuthorizer, Route

# "Currently, only RSA-based algorithms are supported."
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")
# "API Gateway can cache the public key for two hours." Seconds.
KEYS_TTL = 2 * 3600
_TIMEOUT = 5.0
# The claims are checked by `_refusal`, since PyJWT has a clock of its own.
_SIGNATURE_ALONE: Any = {f"verify_{claim}": False for claim in ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")}

_log = logging.getLogger(__name__)


def make_authorize(
    authorizers: Mapping[str, Authorizer], invoke: Invoke, now: Callable[[], float] = time.time
) -> Authorize:
    """Return the function that runs a route's authorizer. `now` returns the seconds since the epoch."""
    asks = {
        name: _ask_function(each, invoke, now) if isinstance(each, LambdaAuthorizer) else _check_token(each, now)
        for name, each in authorizers.items()
    }

    def authorize(route: Route, event: dict[str, Any]) -> Reply | dict[str, Any] | None:
        return None if route.authorizer is None else asks[route.authorizer](route, event)

    return authorize


# --- Lambda authorizers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Decision:
    """The decision of a Lambda authorizer, and when the cached copy expires."""

    allows: bool
    context: Mapping[str, Any]
    ends_at: float


def _ask_function(authorizer: LambdaAuthorizer, invoke: Invoke, now: Callable[[], float]) -> Authorize:
    kept: dict[tuple[str, ...], _Decision] = {}

    def authorize(_: Route, event: dict[str, Any]) -> Reply | dict[str, Any]:
        identity = tuple(event["headers"].get(name, "") for name in authorizer.headers)
        if not all(identity):
            # The function is not invoked.
            return message(401, "Unauthorized")
        decision = kept.get(identity)
        if decision is None or now() >= decision.ends_at:
            result = invoke(authorizer.function, authorizer_event(event, identity))
            decision = _read_decision(result, now() + authorizer.ttl)
            if authorizer.ttl:
                # There is one entry for each token. Expired ones are removed here, to bound the memory.
                for old in [key for key, each in kept.items() if now() >= each.ends_at]:
                    kept.pop(old, None)
                kept[identity] = decision
        return {"lambda": dict(decision.context)} if decision.allows else message(403, "Forbidden")

    return authorize


def authorizer_event(event: Mapping[str, Any], identity: tuple[str, ...]) -> dict[str, Any]:
    """Return the event of payload format 2.0 for a Lambda authorizer."""
    path = event["rawPath"].removeprefix("/")
    arn = f"arn:aws:execute-api:us-east-1:{ACCOUNT_ID}:{API_ID}/$default/{event['requestContext']['http']['method']}"
    request = {name: value for name, value in event.items() if name not in {"body", "isBase64Encoded"}}
    return {**request, "type": "REQUEST", "routeArn": f"{arn}/{path}", "identitySource": list(identity)}


def _read_decision(result: object, ends_at: float) -> _Decision:
    """Read a simple response; raise ValueError for anything else, which API Gateway answers with 500."""
    match json.loads(json.dumps(result)):
        case {"isAuthorized": bool(allows), "context": dict(context)}:
            return _Decision(allows, context, ends_at)
        case {"isAuthorized": bool(allows), **rest} if "context" not in rest:
            return _Decision(allows, {}, ends_at)
        case _:
            raise ValueError("a Lambda authorizer's result is not a simple response of payload format 2.0")


# --- JWT authorizers ------------------------------------------------------------------------------------------------


class _InvalidTokenError(Exception):
    """A token is not accepted. A text, if there is one, is sent as `error_description`."""


def _check_token(authorizer: JwtAuthorizer, now: Callable[[], float]) -> Authorize:
    keys: list[jwt.PyJWKClient] = []

    def authorize(route: Route, event: dict[str, Any]) -> Reply | dict[str, Any]:
        given = event["headers"].get(authorizer.header, "")
        scheme, _, rest = given.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else given
        if not token:
            return _unauthorized("Bearer")
        try:
            # The metadata are fetched at the first request, the keys again when they are older than KEYS_TTL.
            if not keys:
                keys.append(jwt.PyJWKClient(_jwks_uri(authorizer.issuer), lifespan=KEYS_TTL, timeout=_TIMEOUT))
            claims = _verified(token, keys[0])
            _check_claims(claims, authorizer, now())
        except (jwt.PyJWTError, OSError, ValueError, _InvalidTokenError) as error:
            _log.info("a JWT authorizer refuses a token: %s", type(error).__name__)
            described = f' error_description="{error}"' if isinstance(error, _InvalidTokenError) and str(error) else ""
            return _unauthorized(f'Bearer scope="{" ".join(route.scopes)}" error="invalid_token"{described}')
        scopes = _scopes(claims)
        if route.scopes and not set(route.scopes) & set(scopes):
            return message(403, "Forbidden")
        told = {name: _as_text(value) for name, value in claims.items()}
        return {"jwt": {"claims": told, "scopes": scopes if route.scopes else None}}

    return authorize


def _unauthorized(challenge: str) -> Reply:
    refusal = message(401, "Unauthorized")
    return replace(refusal, headers=(*refusal.headers, ("www-authenticate", challenge)))


def _jwks_uri(issuer: str) -> str:
    """The `jwks_uri` of the issuer's metadata (OpenID Connect Discovery 1.0 section 4)."""
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310 (the template's issuer)
        metadata = json.load(answer)
    return str(metadata["jwks_uri"])


def _verified(token: str, keys: jwt.PyJWKClient) -> dict[str, Any]:
    """The claims of the token, whose signature is verified with a published RSA key."""
    kid = jwt.get_unverified_header(token).get("kid")
    if not isinstance(kid, str):
        raise _InvalidTokenError
    key = keys.get_signing_key(kid)
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=list(RSA_ALGORITHMS), options=_SIGNATURE_ALONE)
    return claims


def _check_claims(claims: Mapping[str, Any], authorizer: JwtAuthorizer, now: float) -> None:
    """Check `iss`, `exp`, `nbf`, `iat` and `aud`; a token without `aud` has its `client_id` checked instead."""
    if claims.get("iss") != authorizer.issuer:
        raise _InvalidTokenError
    audience = claims["aud"] if "aud" in claims else claims.get("client_id")
    if not any(each in authorizer.audience for each in (audience if isinstance(audience, list) else [audience])):
        raise _InvalidTokenError("the token does not have a valid audience")
    if not _seconds(claims, "exp", 0) > now:
        raise _InvalidTokenError
    if not (_seconds(claims, "nbf", 0) <= now and _seconds(claims, "iat", 0) <= now):
        raise _InvalidTokenError


def _seconds(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _InvalidTokenError
    return value


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """The scopes in `scope` or `scp`: a string with spaces, or a list."""
    value = claims.get("scope", claims.get("scp", ""))
    return value.split() if isinstance(value, str) else [str(scope) for scope in value]


def _as_text(value: object) -> str:
    """A claim as the function receives it. AWS does not document the form of lists; users report `[a b]`."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{' '.join(map(_as_text, value))}]"
        case _:
            return str(value)
