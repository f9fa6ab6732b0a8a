"""Read a proof: its form, its key and its signature (RFC 9449 section 4.3). It calls neither store nor clock."""

import re
from typing import Any

import orjson

from lingpai.dpop import keys, uris
from lingpai.dpop.model import Proof, ProofError
from lingpai.kernel import jws

# Characters. A proof with an RSA key of 4096 bits has half as many.
PROOF_MAX = 4096

_TYPE = "dpop+jwt"
# RFC 9449 section 8: NQCHAR of RFC 6749.
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def read(text: str) -> Proof:
    """The proof in the value of the header `DPoP`, if the key in it has signed it; else ProofError.

    A header that is sent twice arrives as one value with a comma, which is no token.
    """
    if len(text) > PROOF_MAX:
        raise ProofError(f"超过 {PROOF_MAX} 个字符", f"it is longer than {PROOF_MAX} characters")
    try:
        header = jws.read_header(text)
    except ValueError:
        raise ProofError("不是一个 JWT", "it is not one signed JWT") from None
    if header.get("typ") != _TYPE:
        raise ProofError(f"typ 不是 {_TYPE}", f"its typ is not {_TYPE}")
    algorithm = header.get("alg")
    if algorithm not in jws.DPOP_ALGORITHMS or "crit" in header:
        allowed = " ".join(jws.DPOP_ALGORITHMS)
        raise ProofError(f"alg 不受支持，可用：{allowed}", f"its alg is not supported, use one of {allowed}")
    key, jkt = keys.read(header.get("jwk"), algorithm)
    try:
        payload = jws.verify(text, key, algorithm)
    except ValueError:
        raise ProofError("签名不正确", "its signature is wrong") from None
    try:
        return _proof(jkt, orjson.loads(payload))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ProofError("缺少声明或声明无法读取", "a claim is missing or cannot be read") from None


def _proof(jkt: str, claims: dict[str, Any]) -> Proof:
    nonce = claims.get("nonce")
    if nonce is not None and not _NONCE.fullmatch(nonce):
        raise ValueError("nonce")
    return Proof(
        jkt=jkt,
        jti=_text(claims["jti"]),
        htm=_text(claims["htm"]),
        htu=uris.normalized(_text(claims["htu"])),
        iat=_seconds(claims["iat"]),
        ath=_text(claims["ath"]) if "ath" in claims else None,
        nonce=nonce,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def _seconds(value: object) -> int:
    """RFC 7519 section 2: a number, which may have a fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no time")  # noqa: TRY004  it is data, not an argument
    return int(value)
