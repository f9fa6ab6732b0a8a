"""Keys of clients, and DPoP proofs by them (RFC 9449)."""

import hashlib
import itertools
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import get_default_algorithms

from resource_support import API, RSA_KEY, claims, signed

PATH = "/orders"
_numbers = itertools.count()


def b64(raw: bytes) -> str:
    return jwt.utils.base64url_encode(raw).decode()


def private_key(algorithm: str) -> Any:
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in ("RS256", "PS256"):
        return RSA_KEY
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "ES384" else ec.SECP256R1())


class Key:
    """The key of a client, and proofs by it."""

    def __init__(self, algorithm: str = "ES256", private: Any = None) -> None:
        self.algorithm = algorithm
        self.private = private or private_key(algorithm)
        self.known = get_default_algorithms()["EdDSA" if algorithm == "Ed25519" else algorithm]
        self.jwk: dict[str, Any] = self.known.to_jwk(self.private.public_key(), as_dict=True)
        self.jwk.pop("key_ops", None)
        members = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
        required = {name: self.jwk[name] for name in members[self.jwk["kty"]]}
        self.jkt = b64(hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest())

    def proof(self, token: str, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A proof for POST /orders; None leaves a claim or a header out."""
        payload = {
            "jti": f"proof {next(_numbers)}",
            "htm": "POST",
            "htu": f"{API}{PATH}",
            "iat": int(time.time()),
            "ath": b64(hashlib.sha256(token.encode()).digest()),
            **changes,
        }
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk, **(headers or {})}
        parts = [{k: v for k, v in part.items() if v is not None} for part in (header, payload)]
        message = ".".join(b64(json.dumps(part).encode()) for part in parts)
        return f"{message}.{b64(self.known.sign(message.encode(), self.private))}"


KEY, OTHER = Key(), Key()


def bound(key: Key = KEY, **changed: Any) -> str:
    return signed(claims(cnf={"jkt": key.jkt}, **changed))
