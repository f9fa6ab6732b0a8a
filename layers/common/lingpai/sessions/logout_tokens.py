"""Logout tokens: OpenID Connect Back-Channel Logout 1.0 section 2.4."""

from typing import Any

from lingpai.clients.model import Client
from lingpai.kernel import base64url, jws
from lingpai.services import Services

# Section 2.4 recommends the type, so that no other token passes for one.
TYPE = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
# In seconds (section 4: two minutes at most). Each try has a token of its own.
LIFETIME = 120
_ID_BYTES = 16


def sign(services: Services, client: Client, user_id: int, sid: str) -> str:
    """The token that tells the client that the session `sid` of the user has ended, as its ID tokens call both."""
    now = services.clock.now()
    key = services.keys.signing(client.id_token_alg, now)
    claims: dict[str, Any] = {
        "iss": services.issuer,
        "sub": str(user_id),
        "aud": client.id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": base64url.encode(services.clock.random_bytes(_ID_BYTES)),
        "events": {EVENT: {}},
        "sid": sid,
    }
    return jws.sign({"typ": TYPE, "kid": key.kid}, claims, key.private, key.algorithm)
