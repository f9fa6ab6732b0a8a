"""An OpenID provider: discovery, keys that it changes, and ID tokens, right and wrong."""

import functools
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.utils import base64url_encode

from tests.support.logs import LOGS
from tests.support.time import START

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"
AUDIENCE, OTHER_AUDIENCE = "our-app.example", "our-web.example"
NONCE = "n-0S6_WzA2Mj-raw"


def private_key(algorithm: str, number: int = 0) -> Any:
    """A key for the algorithm, the `number`th: made once, since RSA takes long."""
    return _made(algorithm, number)


@functools.cache
def _made(algorithm: str, number: int) -> Any:
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "RSA-1024":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505  too short, which is the point
        case _:
            return rsa.generate_private_key(65537, 2048)


def public_jwk(algorithm: str, kid: str | None, number: int = 0, **more: Any) -> dict[str, Any]:
    """The public half as the provider publishes it."""
    name = "RS256" if algorithm == "RSA-1024" else algorithm
    jwk = pyjwt.get_algorithm_by_name(name).to_jwk(private_key(algorithm, number).public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "use": "sig", "alg": name} | ({"kid": kid} if kid is not None else {}) | more


@dataclass
class OpenId:
    """A vendor (see `tests.support.vendor`). `keys` are what it publishes; its issuer is the address it is at."""

    issuer: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk("ES256", "one"), public_jwk("RS256", "rsa")])
    metadata: dict[str, Any] = field(default_factory=dict)
    _made: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, path: str, query: str) -> tuple[int, bytes]:
        """See `vendor.Vendor`."""
        if path == DISCOVERY:
            document = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}{KEYS}", **self.metadata}
            return 200, json.dumps({name: value for name, value in document.items() if value is not None}).encode()
        if path == KEYS:
            return 200, json.dumps({"keys": self.keys}).encode()
        return 404, b"{}"

    def token(
        self,
        subject: str = "subject-of-alice",
        *,
        algorithm: str = "ES256",
        kid: str | None = "one",
        number: int = 0,
        key: Any = None,
        headers: dict[str, Any] | None = None,
        at: int = START,
        **claims: Any,
    ) -> str:
        """An ID token; of `claims` those that are `...` are left out."""
        said = {"iss": self.issuer, "aud": AUDIENCE, "sub": subject, "iat": at - 5, "exp": at + 3600}
        said |= {"jti": str(next(self._made)), **claims}
        payload = {name: value for name, value in said.items() if value is not ...}
        named = {**({"kid": kid} if kid is not None else {}), **(headers or {})}
        signing = pyjwt.PyJWS()
        if algorithm == "Ed25519":
            signing.register_algorithm(algorithm, pyjwt.get_algorithm_by_name("EdDSA"))
        text = signing.encode(
            json.dumps(payload).encode(), key or private_key(algorithm, number), algorithm, headers=named
        )
        LOGS.hush("sign", text)
        LOGS.hush("subject", subject)
        return text


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64url_encode(part).decode() for part in parts)


def setting(issuer: str, **more: Any) -> str:
    """OIDC_PROVIDERS with this provider as `google`."""
    return json.dumps({"google": {"issuer": issuer, "audiences": [AUDIENCE, OTHER_AUDIENCE], **more}})
