"""The public key in the header of a proof (RFC 7517, RFC 7518 section 6), and its thumbprint (RFC 7638).

A key has one spelling: its numbers have no padding and no unused bits. So it has one thumbprint.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from lingpai.dpop.model import ProofError
from lingpai.kernel import base64url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    PublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey

# The bytes of a coordinate, by curve (RFC 7518 section 6.2.1.2).
_CURVES = {"P-256": 32, "P-384": 48}
# The key type and curve that each algorithm needs.
_KINDS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "PS256": ("RSA", None),
    "RS256": ("RSA", None),
}
# The members of private and symmetric keys (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
_SECRET = {"d", "dp", "dq", "k", "oth", "p", "q", "qi"}
# Bits of an RSA modulus: shorter ones are weak (RFC 7518 section 3.3), and long ones take long to verify.
_RSA_BITS = range(2048, 4097)
_RSA_EXPONENT = 65537


def read(jwk: object, algorithm: str) -> "tuple[PublicKey, str]":
    """The public key of a JWK for this algorithm, and its thumbprint; ProofError for any other."""
    kind = _KINDS.get(algorithm)
    if not isinstance(jwk, dict) or kind is None or (jwk.get("kty"), jwk.get("crv")) != kind:
        raise ProofError("jwk 与 alg 不符", "its jwk is no key for its alg")
    if _SECRET & jwk.keys():
        raise ProofError("jwk 含有私钥", "its jwk holds a private key")
    try:
        if kind[0] == "RSA":
            return _rsa(jwk), _thumbprint(jwk, "e", "kty", "n")
        if kind[0] == "EC":
            return _ec(jwk), _thumbprint(jwk, "crv", "kty", "x", "y")
        return _ed25519(jwk), _thumbprint(jwk, "crv", "kty", "x")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ProofError("jwk 无法读取", "its jwk cannot be read") from None


def _thumbprint(jwk: Mapping[str, Any], *names: str) -> str:
    """The thumbprint of the required members, which are in the order of RFC 7638 section 3."""
    members = orjson.dumps({name: jwk[name] for name in names})
    return base64url.encode(hashlib.sha256(members).digest())


def _rsa(jwk: Mapping[str, Any]) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    modulus, exponent = (int.from_bytes(_number(jwk[name])) for name in ("n", "e"))
    if modulus.bit_length() not in _RSA_BITS or exponent != _RSA_EXPONENT:
        raise ValueError("the size of an RSA key")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _ec(jwk: Mapping[str, Any]) -> "EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    size = _CURVES[jwk["crv"]]
    x, y = (_bytes(jwk[name]) for name in ("x", "y"))
    if len(x) != size or len(y) != size:
        raise ValueError("the size of a coordinate")
    curve = ec.SECP256R1() if size == _CURVES["P-256"] else ec.SECP384R1()
    # ValueError for a point that is not on the curve.
    return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()


def _ed25519(jwk: Mapping[str, Any]) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))


def _number(text: str) -> bytes:
    """The bytes of a number without leading zeros (RFC 7518 section 2, Base64urlUInt)."""
    found = _bytes(text)
    if found[:1] in (b"", b"\0"):
        raise ValueError("a leading zero")
    return found


def _bytes(text: str) -> bytes:
    found = base64url.decode(text)
    if base64url.encode(found) != text:
        raise ValueError("another spelling")
    return found
