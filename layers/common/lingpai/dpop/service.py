"""Check the proof of a request (RFC 9449 section 4.3): at Lingpai's endpoints, and where its own API takes a token.

A proof is good once: its `jti` is counted under the key and the address, in one write, until the proof is too old.
"""

import hashlib
import hmac
from typing import TYPE_CHECKING

from lingpai.dpop import nonces, proofs, uris
from lingpai.dpop.model import Proof, ProofError
from lingpai.kernel import base64url
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import LingpaiError, invalid_dpop_proof, invalid_token, use_dpop_nonce

if TYPE_CHECKING:
    from lingpai.http.request import Request
    from lingpai.services import Services

# Lower case, as all names of headers in a `Request`.
HEADER = "dpop"
# Seconds after its `iat` in which a proof is accepted (RFC 9449 section 11.1).
LIFETIME = 300


def proven_key(services: "Services", request: "Request") -> str | None:
    """The thumbprint of the key that the request's proof shows possession of; None without the header. One call.

    LingpaiError `invalid_dpop_proof` or `use_dpop_nonce` (RFC 9449 sections 5 and 8).
    """
    if HEADER not in request.headers:
        return None
    proof = _checked(services, request, 400)
    _use(services, proof, 400)
    return proof.jkt


def check_token(services: "Services", request: "Request", token: str, jkt: str | None) -> None:
    """Check the proof of a request that presents an access token of Lingpai with the scheme DPoP. One call.

    `jkt` is the thumbprint of the key that the token is bound to. LingpaiError `invalid_token` if it is bound to none
    or another key, `invalid_dpop_proof` or `use_dpop_nonce` for the proof (RFC 9449 sections 7.1 and 9).
    """
    if jkt is None:
        raise invalid_token("not_dpop_bound")
    if HEADER not in request.headers:
        raise invalid_dpop_proof("dpop_required", 401)
    proof = _checked(services, request, 401)
    hashed = base64url.encode(hashlib.sha256(token.encode()).digest())
    if proof.ath is None or not hmac.compare_digest(proof.ath.encode(), hashed.encode()):
        raise _bad(401, "ath 与令牌不符", "its ath is not the hash of the access token")
    if proof.jkt != jkt:
        raise invalid_token("wrong_dpop_key")
    _use(services, proof, 401)


def _checked(services: "Services", request: "Request", status: int) -> Proof:
    """The proof, if it is for this request and recent."""
    try:
        proof = proofs.read(request.headers[HEADER])
    except ProofError as error:
        raise _bad(status, error.zh, error.en) from None
    if proof.htm != request.method:
        raise _bad(status, "htm 与请求方法不符", "its htm is not the method of the request")
    if proof.htu != uris.normalized(services.issuer + request.path):
        raise _bad(status, "htu 与请求地址不符", "its htu is not the address of the request below the issuer")
    if services.settings.dpop_nonce:
        if not nonces.is_recent(services, proof.nonce):
            raise use_dpop_nonce(nonces.current(services), status)
    elif not -LEEWAY <= services.clock.now() - proof.iat <= LIFETIME:
        raise _bad(status, "iat 过早或在将来", "its iat is too old or in the future")
    return proof


def _use(services: "Services", proof: Proof, status: int) -> None:
    """Use up the proof; LingpaiError if it was used before."""
    used = hashlib.sha256(f"{proof.jkt}\n{proof.htu}\n{proof.jti}".encode()).digest()
    # A proof is acceptable for LIFETIME after a time that may be LEEWAY ahead; the clocks of functions differ as much.
    ttl = services.clock.now() + max(LIFETIME, nonces.LIFETIME) + 2 * LEEWAY
    if not services.store.increment(f"dpop:{base64url.encode(used)}", {"used": 1}, ttl).done:
        raise _bad(status, "已使用过", "it was used before")


def _bad(status: int, zh: str, en: str) -> LingpaiError:
    return invalid_dpop_proof("bad_dpop_proof", status, zh=zh, en=en)
