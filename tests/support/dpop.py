"""DPoP proofs (RFC 9449) as a client makes them, right or with a fault."""

import base64
import functools
import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.support.api import Answer, Api
from tests.support.dialects import ISSUER
from tests.support.logs import LOGS

_numbers = itertools.count(1)


@functools.cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """An RSA key: made once, since that takes long."""
    return rsa.generate_private_key(exponent, bits)


def private_key(algorithm: str) -> Any:
    """A private key for the algorithm."""
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in ("RS256", "PS256"):
        return rsa_key()
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hash_of(token: str) -> str:
    """The `ath` of an access token (section 4.2)."""
    return b64(hashlib.sha256(token.encode()).digest())


@dataclass
class ProofKey:
    """The key of a client, whose clock `now` tells the seconds since 1970."""

    now: Callable[[], int]
    algorithm: str = "ES256"
    private: Any = None
    jwk: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.private = self.private or private_key(self.algorithm)
        known = get_default_algorithms()["EdDSA" if self.algorithm == "Ed25519" else self.algorithm]
        self.jwk = known.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk.pop("key_ops", None)

    @property
    def jkt(self) -> str:
        """The thumbprint (RFC 7638), computed without Lingpai."""
        members = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
        required = {name: self.jwk[name] for name in members[self.jwk["kty"]]}
        return b64(hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest())

    def proof(
        self,
        path: str = "/oauth/token",
        method: str = "POST",
        token: str | None = None,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A proof for this request; `claims` and `headers` are changes, None leaves one out."""
        payload = {
            "jti": f"proof {next(_numbers)}",
            "htm": method,
            "htu": ISSUER + path,
            "iat": self.now(),
            "ath": None if token is None else hash_of(token),
            **claims,
        }
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk, **(headers or {})}
        text = signed(header, payload, self.private, self.algorithm)
        LOGS.hush("DPoP proof", text)
        return text

    def headers(self, *arguments: Any, **changes: Any) -> dict[str, str]:
        """The header with `proof`."""
        return {"DPoP": self.proof(*arguments, **changes)}

    def call(self, api: Api, method: str, path: str, token: str) -> Answer:
        """A request with the token, by the scheme DPoP, and a proof."""
        headers = {"Authorization": f"DPoP {token}", "DPoP": self.proof(path, method, token)}
        return api.call(method, path, headers=headers)


def signed(header: dict[str, Any], payload: dict[str, Any], private: Any, algorithm: str) -> str:
    """A JWT with exactly this header and payload, but for members that are None."""
    parts = [{k: v for k, v in part.items() if v is not None} for part in (header, payload)]
    message = ".".join(b64(json.dumps(part).encode()) for part in parts)
    known = get_default_algorithms()["EdDSA" if algorithm == "Ed25519" else algorithm]
    return f"{message}.{b64(known.sign(message.encode(), private))}"


def claims_of(token: str) -> Any:
    """The claims of a signed token, not verified."""
    return pyjwt.decode(token, options={"verify_signature": False})
