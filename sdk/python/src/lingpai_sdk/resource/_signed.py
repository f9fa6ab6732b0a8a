"""Signed access tokens (RFC 9068, and those of the dialect `passport`), verified by the rules of RFC 8725."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import jwt

from lingpai_sdk.resource._errors import InvalidToken
from lingpai_sdk.resource._tokens import AccessToken

# Only algorithms with public keys: with HMAC, the API could also make tokens.
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_OPTIONS: Any = {"require": ["iss", "sub", "aud", "exp", "iat"]}


@dataclass(frozen=True)
class Policy:
    """The requirements for a token: its `iss`, one of the `audiences` in `aud`, one of the `algorithms`.

    `leeway` is the allowed difference of the clocks, in seconds.
    """

    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    leeway: float


def is_signed(token: str) -> bool:
    """Whether the token has the three parts of a JWS (RFC 7515 section 7.1); an opaque one has two."""
    return token.count(".") == 2


def key_id(policy: Policy, token: str) -> str:
    """The `kid` of the token, before its signature is verified; InvalidToken if the header is not acceptable."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError):
        raise InvalidToken("The access token is malformed") from None
    kid = header.get("kid")
    if header.get("alg") not in policy.algorithms or "crit" in header or not isinstance(kid, str):
        raise InvalidToken("The access token is not signed as this API demands")
    if not (_is_rfc9068(header) or _is_passport(header)):
        raise InvalidToken("The token is not an access token")
    return kid


def read(policy: Policy, token: str, key: jwt.PyJWK) -> AccessToken:
    """The token, if this key signed it and its claims satisfy the policy (RFC 9068 section 4); else InvalidToken."""
    try:
        whole = jwt.decode_complete(
            token,
            key,
            algorithms=sorted(policy.algorithms & {key.algorithm_name}),
            issuer=policy.issuer,
            audience=sorted(policy.audiences),
            leeway=policy.leeway,
            options=_OPTIONS,
        )
        return _access_token(whole["header"], whole["payload"])
    except jwt.ExpiredSignatureError:
        raise InvalidToken("The access token has expired") from None
    except jwt.InvalidAudienceError:
        raise InvalidToken("The access token is not for this API") from None
    except (jwt.PyJWTError, AttributeError, LookupError, OverflowError, TypeError, ValueError, RecursionError):
        raise InvalidToken("The access token is invalid") from None


def keys(document: object) -> dict[str, jwt.PyJWK]:
    """The keys of a JWK set (RFC 7517 section 5) by `kid`; ValueError if the document is not a JWK set.

    A key that cannot be read, is not for signatures, or is too short (RFC 7518 section 3.3) is skipped.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("no JWK set")  # noqa: TRY004  it is data, not an argument
    found = {}
    for each in listed:
        if not isinstance(each, dict) or each.get("kty") not in _KEY_TYPES or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each)
        except (jwt.PyJWTError, TypeError, ValueError, KeyError):
            continue
        kid = each.get("kid")
        too_short = key.Algorithm.check_key_length(key.key) is not None
        if isinstance(kid, str) and key.algorithm_name in ASYMMETRIC and not too_short:
            found[kid] = key
    return found


def _is_rfc9068(header: Mapping[str, Any]) -> bool:
    return isinstance(header.get("typ"), str) and header["typ"].lower() in _TYPES


def _is_passport(header: Mapping[str, Any]) -> bool:
    """Whether it is a Passport access token. ID tokens have `typ` `JWT` too, but no `jti` in the header."""
    return header.get("typ") == "JWT" and isinstance(header.get("jti"), str)


def _access_token(header: Mapping[str, Any], claims: Mapping[str, Any]) -> AccessToken:
    audience = claims["aud"]
    if _is_rfc9068(header):
        client_id, scopes = claims["client_id"], claims.get("scope", "").split(" ")
    else:
        # Dialect `passport`: `aud` is the client's id, `scopes` a list. An ID token has neither `jti` nor `scopes`.
        if claims["jti"] != header["jti"] or not isinstance(claims["scopes"], list):
            raise InvalidToken("The token is not an access token")
        client_id, scopes = audience, claims["scopes"]
    return access_token({**claims, "client_id": client_id}, scopes, audience)


def access_token(claims: Mapping[str, Any], scopes: list[str], audience: str | list[str]) -> AccessToken:
    """The token with these claims; LookupError, TypeError, ValueError, OSError or OverflowError for bad claims."""
    username = claims.get("username")
    if "cnf" in claims:
        # RFC 9449 section 6. Another way to bind a token is none that this package could check.
        _text(claims["cnf"]["jkt"])
    return AccessToken(
        subject=_text(claims["sub"]),
        client_id=_text(claims["client_id"]),
        scopes=tuple(scope for scope in _texts(scopes) if scope),
        roles=_texts(claims.get("roles", [])),
        username=None if username is None else _text(username),
        expires_at=datetime.fromtimestamp(claims["exp"], timezone.utc),
        audience=(audience,) if isinstance(audience, str) else _texts(audience),
        claims=claims,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return tuple(_text(each) for each in value)
