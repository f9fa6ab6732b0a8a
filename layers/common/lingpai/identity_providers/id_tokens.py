"""ID tokens of others: what an OpenID provider says of somebody, checked (OpenID Connect Core 1.0 section 3.1.3.7).

Nothing that a token says of its key or algorithm is believed (RFC 8725): the key is one that the provider publishes,
and the algorithm one that this key is for. All of them are asymmetric.
"""

import hashlib
import hmac
import itertools
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lingpai.kernel import jws
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import LingpaiError, invalid_grant, invalid_request

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import OidcProvider

KEYS_MAX = 100
SUBJECT_MAX = 255
_ED25519 = {"EdDSA", "Ed25519"}
# By the key's type and curve (RFC 7518 section 3.1, RFC 8037 section 3.1).
_ALGORITHMS = {
    ("RSA", None): {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    ("EC", "P-256"): {"ES256"},
    ("EC", "P-384"): {"ES384"},
    ("EC", "P-521"): {"ES512"},
    # One algorithm by its old name and by that of RFC 9864.
    ("OKP", "Ed25519"): _ED25519,
}
# How an ID token may call itself: RFC 7515 section 4.1.9 allows the short form. What has a type of its own (RFC 8725
# section 3.11), an access token (`at+jwt`) or a logout token (`logout+jwt`), is none.
_TYPES = {"jwt", "application/jwt"}
# Claims by which providers that give all their tokens the header type JWT tell them apart (Keycloak, Cognito).
_KINDS = {"typ": "id", "token_use": "id"}
# RFC 7518 section 3.3; what is longer only costs time.
_RSA_BITS = range(2048, 8193)


@dataclass(frozen=True)
class PublicKey:
    """A key that a provider signs with, and the algorithms that it may be used with."""

    kid: str | None
    algorithms: frozenset[str]
    key: Any = field(repr=False)


@dataclass(frozen=True)
class Presented:
    """A token with the values of its header, not verified."""

    text: str = field(repr=False)
    algorithm: str
    kid: str | None

    @property
    def fingerprint(self) -> str:
        """A hash that is the same for all encodings of the token: an ECDSA signature has more than one."""
        signed = self.text.rpartition(".")[0]
        return hashlib.sha256(signed.encode()).hexdigest()


@dataclass(frozen=True)
class Claims:
    """The claims of a verified token: the subject, and until when the token is accepted."""

    subject: str = field(repr=False)
    good_until: int


def read_keys(content: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWK set (RFC 7517) that can verify a token; ValueError where it is none, or has none."""
    listed = _object(content).get("keys")
    if not isinstance(listed, list):
        raise ValueError("no JWK set")  # noqa: TRY004  it is the content that is wrong
    usable = (key for key in map(_public_key, listed) if key is not None)
    found = tuple(itertools.islice(usable, KEYS_MAX))
    if not found:
        raise ValueError("a JWK set without a usable key")
    return found


def _public_key(jwk: object) -> PublicKey | None:
    """The key, or None for one of another kind: RFC 7517 section 5 says to pass those over."""
    import jwt as pyjwt

    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    kty, curve, kid, named = (jwk.get(name) for name in ("kty", "crv", "kid", "alg"))
    if not all(isinstance(text, str | None) for text in (kty, curve, kid, named)):
        return None
    algorithms = _ALGORITHMS.get((str(kty), None if kty == "RSA" else curve), set())
    if named is not None and not (named in _ED25519 and algorithms == _ED25519):
        algorithms = algorithms & {named}
    if not algorithms:
        return None
    public = {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")}
    try:
        key = pyjwt.PyJWK(public, algorithm="EdDSA" if kty == "OKP" else min(algorithms)).key
    except Exception:  # noqa: BLE001  whatever is wrong with one key says nothing of the others
        return None
    if kty == "RSA" and key.key_size not in _RSA_BITS:
        return None
    return PublicKey(kid, frozenset(algorithms), key)


def present(token: str) -> Presented:
    """The token with what stands in its header; LingpaiError `invalid_grant` for what is none."""
    try:
        header = jws.read_header(token)
    except ValueError:
        raise _bad() from None
    if not _is_id_token_type(header.get("typ")):
        raise _bad()
    algorithm, kid = header.get("alg"), header.get("kid")
    known = {name for names in _ALGORITHMS.values() for name in names}
    # RFC 7515 section 4.1.11: an extension that must be understood, and is not.
    if not isinstance(algorithm, str) or algorithm not in known or "crit" in header or not isinstance(kid, str | None):
        raise _bad()
    return Presented(token, algorithm, kid)


def _is_id_token_type(typ: object) -> bool:
    """Whether a header type (None: there is none) is that of an ID token."""
    return typ is None or (isinstance(typ, str) and typ.lower() in _TYPES)


def choose(keys: tuple[PublicKey, ...], token: Presented) -> PublicKey | None:
    """The key that the token names; without a `kid`, the only key (OpenID Connect Core 1.0 section 10.1)."""
    fitting = [key for key in keys if token.algorithm in key.algorithms and token.kid in (None, key.kid)]
    return fitting[0] if len(fitting) == 1 else None


def check(
    token: Presented, key: PublicKey, provider: "OidcProvider", audiences: tuple[str, ...], nonce: str | None, now: int
) -> Claims:
    """The claims of the token, if the provider signed it for one of `audiences`, with this nonce, and it is valid now.

    LingpaiError `invalid_grant` otherwise, or `invalid_request` if a required nonce is missing.
    """
    try:
        claims = _object(jws.verify(token.text, key.key, token.algorithm))
    except ValueError:
        raise _bad() from None
    _check_kind(claims)
    _check_parties(claims, provider, audiences)
    good_until = _check_times(claims, provider, now)
    _check_nonce(claims, provider, nonce)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX or not _is_plain(subject):
        raise _bad()
    return Claims(subject, good_until)


def _check_kind(claims: dict[str, Any]) -> None:
    """LingpaiError for claims of another kind of token, such as a logout token or an access token.

    Claims `events` make a token a security event (RFC 8417, OpenID Connect Back-Channel Logout 1.0 section 2.4).
    """
    kinds = {name: claims[name] for name in _KINDS if name in claims}
    if "events" in claims or any(str(kind).lower() != _KINDS[name] for name, kind in kinds.items()):
        raise _bad()


def _check_parties(claims: dict[str, Any], provider: "OidcProvider", audiences: tuple[str, ...]) -> None:
    """Issuer, audience and authorized party. Every audience must be ours, since others could present the token, too."""
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise _bad()
    party = claims.get("azp")
    trusted = {*provider.audiences, *provider.authorized_parties}
    if (
        claims.get("iss") not in (provider.issuer, *provider.issuer_aliases)
        or not set(named) & set(audiences)
        or set(named) - set(provider.audiences)
        or (party is None and len(named) > 1)
        or (party is not None and (not isinstance(party, str) or party not in trusted))
    ):
        raise invalid_grant("id_token_foreign")


def _check_times(claims: dict[str, Any], provider: "OidcProvider", now: int) -> int:
    """Until when the token is accepted; LingpaiError if it has expired, or is not valid yet."""
    issued_at, expires_at = _time(claims, "iat"), _time(claims, "exp")
    not_before = _time(claims, "nbf") if "nbf" in claims else issued_at
    begun = max(issued_at, not_before) <= now + LEEWAY
    if not begun or now >= expires_at + LEEWAY or expires_at - now > provider.token_life_max:
        raise invalid_grant("id_token_expired")
    return expires_at + LEEWAY


def _time(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad()
    return value


def _check_nonce(claims: dict[str, Any], provider: "OidcProvider", nonce: str | None) -> None:
    """The nonce is that of the token: as it is, or as its SHA-256 in hex, which Apple's apps give to Apple.

    A token with a nonce works with it alone, and a nonce with a token that has it.
    """
    kept = claims.get("nonce")
    if kept is None and nonce is None and provider.nonce == "if_present":
        return
    if nonce is None:
        raise invalid_request("missing_parameter", name="nonce")
    if not isinstance(kept, str):
        raise invalid_grant("bad_nonce")
    given, expected = nonce.encode(), kept.encode("utf-8", "surrogatepass")
    hashed = hmac.compare_digest(hashlib.sha256(given).hexdigest().encode(), expected)
    same = hmac.compare_digest(given, expected) and provider.nonce != "hashed"
    if not (hashed or same):
        raise invalid_grant("bad_nonce")


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object; ValueError for anything else."""
    try:
        found = json.loads(content, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  it is the content that is wrong
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _is_plain(text: str) -> bool:
    """OpenID Connect Core 1.0 section 2: a subject is ASCII."""
    return text.isascii() and text.isprintable()


def _bad() -> LingpaiError:
    return invalid_grant("bad_id_token")
