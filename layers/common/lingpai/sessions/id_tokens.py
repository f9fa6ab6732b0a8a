"""ID tokens (OpenID Connect Core section 2): signed for the client of a session, and read as hints."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from lingpai.clients.model import Client
from lingpai.kernel import base64url, jws
from lingpai.kernel.errors import invalid_request
from lingpai.services import Services
from lingpai.sessions import login_methods, session_id
from lingpai.sessions.model import Session

# The scope that asks for an ID token (OpenID Connect Core section 3.1.2.1).
SCOPE = "openid"
# In seconds. A client reads it at once; as a hint it is good also later.
LIFETIME = 3600
# What it says beside `sub`.
CLAIMS = ("iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "acr", "at_hash", "sid")


@dataclass(frozen=True)
class Hint:
    """The claims of an ID token of ours: the user, the client, and the browser session (`sid`)."""

    user_id: int
    client_id: str
    sid: str | None


def is_wanted(session_scope: tuple[str, ...], user_id: int | None) -> bool:
    """Whether the tokens of a session with this scope come with an ID token."""
    return user_id is not None and SCOPE in session_scope


def sign(services: Services, client: Client, session: Session, access_token: str, nonce: str | None = None) -> str:
    """The ID token that comes with this access token of the session. The same gives the same, to the byte.

    `nonce` is that of the authorization request. A refreshed one has none (OpenID Connect Core section 12.2).
    """
    issued_at = session.rotated_at or session.created_at
    key = services.keys.signing(client.id_token_alg, issued_at)
    claims: dict[str, Any] = {
        "iss": services.issuer,
        "sub": str(session.key.user_id),
        "aud": client.id,
        "exp": issued_at + LIFETIME,
        "iat": issued_at,
        "nonce": nonce,
        **login_methods.claims(session.methods, session.auth_time),
        "at_hash": _half_hash(access_token),
        "sid": session.sid or session_id.of(session.key),
    }
    known = {name: value for name, value in claims.items() if value is not None}
    return jws.sign({"typ": "JWT", "kid": key.kid}, known, key.private, key.algorithm)


def read_hint(services: Services, token: str) -> Hint:
    """The claims of an `id_token_hint` that we signed, expired or not; LingpaiError `invalid_request` otherwise.

    OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2.
    """
    try:
        header = jws.read_header(token)
        key = services.keys.find(header["kid"])
        if key is None or header.get("typ") != "JWT":
            raise ValueError
        claims = orjson.loads(jws.verify(token, key.public, key.algorithm))
        # Access tokens have no `at_hash`: none of them passes for a hint.
        if claims["iss"] != services.issuer or not isinstance(claims["at_hash"], str):
            raise ValueError
        return Hint(int(claims["sub"]), str(claims["aud"]), claims.get("sid"))
    except (KeyError, TypeError, ValueError):
        raise invalid_request("bad_parameter", name="id_token_hint") from None


def _half_hash(access_token: str) -> str:
    """OpenID Connect Core section 3.1.3.6, for RS256 and ES256."""
    return base64url.encode(hashlib.sha256(access_token.encode("ascii")).digest()[:16])
