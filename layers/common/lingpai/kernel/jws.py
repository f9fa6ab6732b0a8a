"""Signed tokens in the compact form (RFC 7515), by PyJWT: our own, and those of OpenID providers.

Whoever asks compares the times in the claims: PyJWT would compare them with the system's clock. PyJWT is imported when
the first token is signed or read, because it imports cryptography.
"""

import functools
import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from jwt import PyJWS

TOKEN_MAX = 16 * 1024
# PyJWT accepts padding, which RFC 7515 section 2 leaves out.
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# All asymmetric: neither `none` nor a shared secret. ES256 is added below.
_OF_PYJWT = ("ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
# What may sign the DPoP proofs of clients (RFC 9449 section 5.1).
DPOP_ALGORITHMS = ("ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256")


def sign(headers: dict[str, Any], claims: dict[str, Any], key: Any, algorithm: str) -> str:
    """The token of these claims, signed with a private key. The same gives the same, to the byte."""
    # In the order given, since clients of Passport are used to one.
    return _jws().encode(orjson.dumps(claims), key, algorithm, headers, sort_headers=False)


def read_header(token: str) -> dict[str, Any]:
    """The header of a token, not verified; ValueError for a text of another form."""
    import jwt as pyjwt

    if len(token) > TOKEN_MAX or not _SHAPE.fullmatch(token):
        raise ValueError("not a signed token")
    try:
        return _jws().get_unverified_header(token)
    except pyjwt.PyJWTError:
        raise ValueError("not a signed token") from None


def verify(token: str, key: Any, algorithm: str) -> bytes:
    """The payload of the token, if this key signed it with this algorithm; ValueError otherwise."""
    import jwt as pyjwt

    try:
        payload: bytes = _jws().decode(token, key, algorithms=[algorithm])
    except (pyjwt.PyJWTError, TypeError):
        raise ValueError("not signed with this key") from None
    return payload


@functools.cache
def _jws() -> "PyJWS":
    """PyJWT's signatures, and two algorithms that it has not: deterministic ES256, and Ed25519 by its new name."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from jwt import PyJWS
    from jwt.algorithms import ECAlgorithm

    ecdsa = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)

    class DeterministicES256(ECAlgorithm):
        """ES256 without a random number (RFC 6979), so that a repeated answer is the same."""

        def sign(self, msg: bytes, key: Any) -> bytes:
            # RFC 7518 section 3.4: both numbers, each in the 32 bytes of the curve.
            first, second = decode_dss_signature(key.sign(msg, ecdsa))
            return first.to_bytes(32) + second.to_bytes(32)

    jws = PyJWS(algorithms=_OF_PYJWT)
    jws.register_algorithm("ES256", DeterministicES256(ECAlgorithm.SHA256, ec.SECP256R1))
    # RFC 9864 names the curve; PyJWT knows the older name alone.
    jws.register_algorithm("Ed25519", jws.get_algorithm_by_name("EdDSA"))
    return jws
