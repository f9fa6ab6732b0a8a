"""Signed access tokens: claims, signing, verifying, and the public keys as JWKs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from lingpai.clients.model import Client
from lingpai.kernel import base64url, jws
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import invalid_token
from lingpai.services import Services
from lingpai.sessions import login_methods, session_id
from lingpai.sessions.model import Session, SessionKey
from lingpai.signing_keys.model import Key

# The only header parameters of our tokens: no key (`jwk`, `jku`, `x5u`), no `crit`.
_HEADERS = {"alg", "jti", "kid", "typ"}
# RFC 9068 section 2.1.
ACCESS_TOKEN = "at+jwt"


@dataclass(frozen=True)
class Claims:
    """The claims of a verified token. Times in seconds since 1970."""

    key: SessionKey
    hashed: bytes
    client_id: str
    audience: tuple[str, ...]
    scope: tuple[str, ...]
    issuer: str
    issued_at: int
    not_before: int
    expires_at: int
    epoch: int
    jkt: str | None = None


def sign(
    services: Services, client: Client, session: Session, hashed: bytes, about: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """The access token of the session as a JWT; `hashed` is the hash of its secret. Equal arguments give equal bytes.

    Its `jti` contains the session key and the hash, not the secret: in a log it reveals no token.

    Passport clients get the claims of seed 001, all others those of RFC 9068; `about` are the user's (`token_claims`).
    """
    issued_at = session.rotated_at or session.created_at
    key = services.keys.signing(client.token_alg, issued_at)
    jti = f"{session_id.of(session.key)}.{base64url.encode(hashed)}"
    user_id = session.key.user_id
    subject = client.id if user_id is None else str(user_id)
    expires_at = min(session.access_expires_at, session.ends_at)
    headers: dict[str, Any]
    claims: dict[str, Any]
    if client.dialect == "passport":
        headers = {"typ": "JWT", "jti": jti, "kid": key.kid}
        claims = {
            "aud": _recipients(services, client, session),
            "jti": jti,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "sub": subject,
            "scopes": list(session.access_scope),
            "iss": services.issuer,
        }
    else:
        headers = {"typ": ACCESS_TOKEN, "kid": key.kid}
        claims = {
            "iss": services.issuer,
            "exp": expires_at,
            "aud": _recipients(services, client, session),
            "sub": subject,
            "client_id": client.id,
            "iat": issued_at,
            "jti": jti,
        }
        # RFC 9068 section 2.2.3: a scope has one token at least (RFC 6749 section 3.3).
        if session.access_scope:
            claims["scope"] = " ".join(session.access_scope)
        claims |= login_methods.claims(session.methods, session.auth_time)
    if user_id is None and session.epoch:
        # Such a token has no stored session with the epoch: see `epochs`.
        claims["epoch"] = session.epoch
    if session.jkt is not None:
        # RFC 9449 section 6.1.
        claims["cnf"] = {"jkt": session.jkt}
    claims |= about
    return jws.sign(headers, claims, key.private, key.algorithm)


def _recipients(services: Services, client: Client, session: Session) -> str | list[str]:
    """The `aud` of the session's token: the requested resources (RFC 8707 section 2); a single one is a string."""
    found = session.access_audience or (audience(services, client),)
    return found[0] if len(found) == 1 else list(found)


def audience(services: Services, client: Client) -> str:
    """The audience of the client's signed tokens: AUDIENCE or the issuer; for Passport the client (seed 001)."""
    return client.id if client.dialect == "passport" else services.settings.audience or services.issuer


def verify(services: Services, token: str) -> Claims:
    """The claims of a valid token of ours; LingpaiError `invalid_token` for any other.

    The clock of the function that signed may have been ahead: the token may begin up to LEEWAY seconds from now. The
    expiry has no leeway.
    """
    claims, now = _read(services, token), services.clock.now()
    if claims.issuer != services.issuer or not claims.not_before - LEEWAY <= now < claims.expires_at:
        raise invalid_token()
    return claims


def _read(services: Services, token: str) -> Claims:
    """The claims of a token that we signed, expired or not; LingpaiError `invalid_token` for any other (RFC 8725).

    `kid` selects one of our keys, and the algorithm is the key's: the token's own `alg` is only compared.
    """
    try:
        header = jws.read_header(token)
        key = services.keys.find(header["kid"])
        if key is None or set(header) - _HEADERS:
            raise invalid_token()
        return _claims(header, orjson.loads(jws.verify(token, key.public, key.algorithm)))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise invalid_token() from None


def _claims(header: dict[str, Any], claims: dict[str, Any]) -> Claims:
    passport, recipients = header["typ"] == "JWT", claims["aud"]
    selected, _, hashed = claims["jti"].partition(".")
    key = session_id.parse(selected)
    if key is None:
        raise invalid_token()
    return Claims(
        key=key,
        hashed=base64url.decode(hashed),
        client_id=recipients if passport else claims["client_id"],
        audience=(recipients,) if isinstance(recipients, str) else tuple(recipients),
        scope=tuple(claims["scopes"] if passport else claims.get("scope", "").split()),
        issuer=claims["iss"],
        issued_at=int(claims["iat"]),
        not_before=int(claims.get("nbf", claims["iat"])),
        expires_at=int(claims["exp"]),
        epoch=int(claims.get("epoch", 0)),
        jkt=claims["cnf"]["jkt"] if "cnf" in claims else None,
    )


def public_keys(keys: tuple[Key, ...]) -> list[dict[str, Any]]:
    """The public keys as JWKs (RFC 7517 sections 4 and 5)."""
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    found = []
    for key in keys:
        algorithm = ECAlgorithm if key.algorithm == "ES256" else RSAAlgorithm
        public = algorithm.to_jwk(key.public, as_dict=True)
        public.pop("key_ops", None)
        found.append({**public, "kid": key.kid, "use": "sig", "alg": key.algorithm})
    return found
