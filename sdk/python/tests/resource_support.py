"""An issuer that answers as Lingpai does, with keys and a clock of its own; and both verifiers under one face."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from lingpai_sdk.resource import AccessToken, AsyncVerifier, Verifier

ISSUER = "https://id.example.com"
API = "https://orders.example.com"
OPAQUE = "A" * 22 + "." + "b" * 43
BASIC = ("orders", "orders-secret")

# Made once: RSA keys take a while.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public(kid: str, key: Any, **more: Any) -> dict[str, Any]:
    """The key as the issuer publishes it."""
    kind, alg = (ECAlgorithm, "ES256") if isinstance(key, ec.EllipticCurvePrivateKey) else (RSAAlgorithm, "RS256")
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": alg, **more}


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token; None leaves one out."""
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "exp": now + 300,
        "aud": API,
        "sub": "7",
        "client_id": "shop",
        "iat": now,
        "jti": "x",
        "scope": "read write",
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(
    given: dict[str, Any] | None = None, /, key: Any = RSA_KEY, alg: str = "RS256", kid: str = "rsa", **headers: Any
) -> str:
    """A token with these claims."""
    return jwt.encode(claims() if given is None else given, key, alg, {"typ": "at+jwt", "kid": kid, **headers})


def active(**changed: Any) -> dict[str, Any]:
    """The introspection of a good token; None leaves a member out."""
    now = int(time.time())
    whole = {
        "active": True,
        "client_id": "shop",
        "sub": "7",
        "sub_type": "user",
        "iat": now,
        "iss": ISSUER,
        "scope": "read write",
        "token_type": "Bearer",
        "exp": now + 300,
        "aud": API,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


@dataclass
class Issuer:
    """Answers what a verifier asks. `broken` gives the answer, or an error, instead."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [public("rsa", RSA_KEY), public("ec", EC_KEY)])
    metadata: dict[str, Any] = field(
        default_factory=lambda: {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/jwks",
            "introspection_endpoint": f"{ISSUER}/introspect",
        }
    )
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    broken: Callable[[str], httpx.Response | None] = lambda _: None
    now: float = field(default_factory=time.time)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """What the transport of httpx calls."""
        path = request.url.path
        self.asked.append(path)
        self.requests.append(request)
        instead = self.broken(path)
        if instead is not None:
            return instead
        if path == "/jwks":
            return httpx.Response(200, json={"keys": self.keys})
        if path == "/introspect":
            form = dict(parse_qsl(request.content.decode()))
            self.forms.append(form)
            return httpx.Response(200, json=self.tokens.get(form["token"], {"active": False}))
        assert path == "/.well-known/openid-configuration"
        return httpx.Response(200, json=self.metadata)

    def count(self, path: str) -> int:
        """How often it was asked for this."""
        return self.asked.count(path)

    def goes_down(self) -> None:
        """From now on it gives no answer."""

        def refuse(_: str) -> httpx.Response:
            raise httpx.ConnectTimeout("no connection")

        self.broken = refuse


class Both:
    """A verifier of either kind, whose `verify` waits for the answer."""

    def __init__(self, kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        arguments: dict[str, Any] = {"issuer": ISSUER, "audience": API, "introspect": BASIC, **options}
        transport = httpx.MockTransport(issuer)
        self._loop = loop
        self.verifier: Verifier | AsyncVerifier
        if kind == "sync":
            self.verifier = Verifier(**arguments, http=httpx.Client(transport=transport))
        else:
            self.verifier = AsyncVerifier(**arguments, http=httpx.AsyncClient(transport=transport))

    def verify(self, token: str, **wanted: Any) -> AccessToken:
        """As of the verifiers."""
        if isinstance(self.verifier, Verifier):
            return self.verifier.verify(token, **wanted)
        return self._loop.run_until_complete(self.verifier.verify(token, **wanted))


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: str = "") -> str:
    """A token with this header and any signature."""
    parts = [jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in (header, payload)]
    return ".".join([*parts, signature])
