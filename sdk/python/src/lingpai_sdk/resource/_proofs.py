"""DPoP proofs (RFC 9449): how a request presents its access token, and the check of the proof. No I/O."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt.algorithms import get_default_algorithms

from lingpai_sdk.resource._errors import InvalidProof
from lingpai_sdk.resource._tokens import bearer_token

# The key type and curve that each accepted algorithm needs.
KINDS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "PS256": ("RSA", None),
    "RS256": ("RSA", None),
}
ALGORITHMS = tuple(KINDS)
# Seconds after its `iat` in which a proof is accepted, and characters that it may have.
LIFETIME = 300
_PROOF_MAX = 4096

# The members of a public key that its thumbprint covers, in order (RFC 7638 section 3.2), and those of other keys.
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_NOT_PUBLIC = {"d", "dp", "dq", "k", "oth", "p", "q", "qi"}
# The bytes of x and y, by curve.
_COORDINATES = {"P-256": 32, "P-384": 48, "Ed25519": 32}
# The bits of an RSA modulus, and the only exponent, 65537.
_MODULUS_BITS = range(2048, 4097)
_EXPONENT = "AQAB"

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


@dataclass(frozen=True)
class Presented:
    """The access token of a request, and the scheme that it is presented with: `Bearer` or `DPoP`."""

    scheme: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Proof:
    """A checked proof: the thumbprint of its key, and the text by which its reuse is recognized."""

    jkt: str
    use: str = field(repr=False)


def presented(authorization: str | None, scopes: Iterable[str], *, dpop: bool) -> Presented:
    """The token in the header `Authorization`; the scheme DPoP counts only where the API takes it.

    MissingToken, with these scopes, if there is none; InvalidToken if a bearer token is malformed.
    """
    scheme, _, token = (authorization or "").strip().partition(" ")
    if dpop and scheme.lower() == "dpop":
        return Presented("DPoP", token.strip())
    return Presented("Bearer", bearer_token(authorization, scopes))


def check(text: str | None, method: str, uri: str, token: str, now: float, leeway: float) -> Proof:
    """The proof in the header `DPoP`, if it is one for this request and token (RFC 9449 section 4.3).

    `text` is the value of the header, None without one; several values are joined by a comma. InvalidProof for a proof
    that is not acceptable. That it was not used before remains to be checked.
    """
    if text is None:
        raise InvalidProof("The request has no DPoP proof")
    jwk, claims = _verified(text)
    jkt = _b64(_sha256(json.dumps({name: jwk[name] for name in _MEMBERS[jwk["kty"]]}, separators=(",", ":"))))
    jti, htm, htu, iat, ath = (claims.get(name) for name in ("jti", "htm", "htu", "iat", "ath"))
    if not isinstance(jti, str) or not jti or not _is_text(jti):
        raise InvalidProof("The DPoP proof has no jti")
    if htm != method:
        raise InvalidProof("The DPoP proof is for another method")
    address = _normalized(uri)
    if address is None or not isinstance(htu, str) or _normalized(htu) != address:
        raise InvalidProof("The DPoP proof is for another address")
    # Compared as it is: a difference with a very long number would overflow.
    if isinstance(iat, bool) or not isinstance(iat, (int, float)) or not now - LIFETIME <= iat <= now + leeway:
        raise InvalidProof("The DPoP proof is too old, or from the future")
    expected = _b64(_sha256(token)).encode()
    if not isinstance(ath, str) or not hmac.compare_digest(ath.encode(errors="replace"), expected):
        raise InvalidProof("The DPoP proof is for another access token")
    return Proof(jkt, _b64(_sha256(f"{jkt}\n{address}\n{jti}")))


def _verified(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The public key and the claims of a proof that the key has signed."""
    if len(text) > _PROOF_MAX or not _JWT.fullmatch(text):
        raise InvalidProof("The DPoP header is not one signed JWT")
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.InvalidTokenError, RecursionError):
        raise InvalidProof("The DPoP header is not one signed JWT") from None
    algorithm, jwk = header.get("alg"), header.get("jwk")
    if header.get("typ") != "dpop+jwt" or algorithm not in ALGORITHMS or "crit" in header:
        raise InvalidProof("The DPoP proof is not of a type and algorithm that this API accepts")
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != KINDS[algorithm] or not _is_public(jwk):
        raise InvalidProof("The DPoP proof holds no public key for its algorithm")
    # PyJWT knows Ed25519 by its older name alone (RFC 9864).
    known = get_default_algorithms()["EdDSA" if algorithm == "Ed25519" else algorithm]
    message, _, signature = text.rpartition(".")
    try:
        key = known.from_jwk(dict(jwk))
        if not known.verify(message.encode(), key, base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))):
            raise InvalidProof("The signature of the DPoP proof is wrong")
        payload = message.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
        raise InvalidProof("The DPoP proof cannot be read") from None
    if not isinstance(claims, dict):
        raise InvalidProof("The DPoP proof cannot be read")
    return jwk, claims


def _is_public(jwk: Mapping[str, Any]) -> bool:
    """Whether it is a public key of an accepted size, spelled in the one way (RFC 7518 section 2)."""
    if _NOT_PUBLIC & jwk.keys():
        return False
    if jwk["kty"] == "RSA":
        modulus = _bytes(jwk.get("n"))
        has_size = int.from_bytes(modulus, "big").bit_length() in _MODULUS_BITS
        return has_size and modulus[0] != 0 and jwk.get("e") == _EXPONENT
    size = _COORDINATES[jwk["crv"]]
    names = ("x", "y") if jwk["kty"] == "EC" else ("x",)
    return all(len(_bytes(jwk.get(name))) == size for name in names)


def _bytes(text: object) -> bytes:
    """The bytes of base64url; none for anything that is not, or is spelled in another way."""
    if not isinstance(text, str) or not text.isascii():
        return b""
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    return found if _b64(found) == text else b""


def _is_text(value: str) -> bool:
    """Whether it holds no lone surrogate, which JSON can spell and UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _normalized(uri: str) -> str | None:
    """The address without query and fragment, in one spelling (RFC 3986 section 6.2); None for no http address."""
    if not (uri.isascii() and uri.isprintable()) or " " in uri or _BAD_ESCAPE.search(uri):
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    at = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{at}{_path(parts.path)}"


def _path(path: str) -> str:
    kept: list[str] = []
    segments = _ESCAPE.sub(_unescaped, path).split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()
