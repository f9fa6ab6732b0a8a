"""DPoP proofs as they are read (RFC 9449 section 4.3): form, algorithm, key, signature, claims, address."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import get_default_algorithms

from lingpai.dpop import proofs, uris
from lingpai.dpop.model import ProofError
from lingpai.kernel import jws
from tests.support.dpop import ProofKey, b64, private_key, rsa_key, signed
from tests.support.time import START

pytestmark = pytest.mark.security("RFC9449-4.3")

# RFC 9449, figure 2: the proof; figure 8: its key's thumbprint.
RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik"
    "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR"
    "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE"
    "QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj"
    "oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia"
    "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg"
    "4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def key(algorithm: str = "ES256", private: Any = None) -> ProofKey:
    return ProofKey(lambda: START, algorithm, private)


def refused(text: str) -> str:
    with pytest.raises(ProofError) as error:
        proofs.read(text)
    return error.value.en


def test_the_example_of_the_rfc() -> None:
    found = proofs.read(RFC_PROOF)
    assert (found.jkt, found.jti, found.htm) == (RFC_JKT, "-BwC3ESc6acc2lTc", "POST")
    assert (found.htu, found.iat, found.ath, found.nonce) == (
        "https://server.example.com/token",
        1562262616,
        None,
        None,
    )


@pytest.mark.parametrize("algorithm", jws.DPOP_ALGORITHMS)
def test_each_algorithm(algorithm: str) -> None:
    ours = key(algorithm)
    assert proofs.read(ours.proof(ath="a", nonce="n")).jkt == ours.jkt


@pytest.mark.security("RFC9449-11.5", "RFC9449-11.6")
@pytest.mark.parametrize(
    "headers",
    [
        {"typ": None},
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"typ": "DPOP+JWT"},
        {"alg": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": "RS1"},
        {"alg": ["ES256"]},
        {"alg": {}},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
    ],
    ids=str,
)
def test_another_header(headers: dict[str, Any]) -> None:
    assert "typ" in (said := refused(key().proof(headers=headers))) or "alg" in said or "JWT" in said


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", RFC_PROOF + "=", f"{RFC_PROOF},{RFC_PROOF}"]
)
def test_what_is_not_one_token(text: str) -> None:
    """A header that is sent twice arrives with a comma."""
    assert "JWT" in refused(text)


def test_a_long_proof() -> None:
    assert "longer" in refused(key().proof(extra="x" * proofs.PROOF_MAX))
    assert proofs.read(key().proof(extra="x" * 2000)).htm == "POST"


def test_the_longest_key_fits() -> None:
    ours = key("PS256", rsa_key(4096))
    assert len(ours.proof(ath="x" * 43, nonce="x" * 27, htu="https://id.example/" + "x" * 200)) < proofs.PROOF_MAX
    assert proofs.read(ours.proof()).jkt == ours.jkt


def of_alg(algorithm: str, jwk: Any, private: Any = None, signer: str | None = None) -> str:
    payload = {"jti": "1", "htm": "POST", "htu": "https://id.example/", "iat": 1}
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}
    return signed(header, payload, private or private_key(signer or algorithm), signer or algorithm)


def test_the_key_has_to_be_one_for_the_algorithm() -> None:
    ec_key, okp_key, rsa_jwk = key("ES256"), key("EdDSA"), key("RS256")
    for algorithm, ours in (("RS256", ec_key), ("ES384", ec_key), ("EdDSA", rsa_jwk), ("ES256", okp_key)):
        assert "no key for its alg" in refused(of_alg(algorithm, ours.jwk))
    secp256k1 = ec.generate_private_key(ec.SECP256K1())
    jwk = {**ec_key.jwk, "crv": "secp256k1"}
    assert "no key for its alg" in refused(of_alg("ES256", jwk, secp256k1))


def test_a_symmetric_key_is_none() -> None:
    """The public key as the secret of an HMAC (RFC 8725 section 2.1)."""
    shared = b"k" * 32
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": {"kty": "oct", "k": b64(shared)}}
    assert "alg" in refused(signed(header, {"jti": "1"}, shared, "HS256"))
    assert "no key for its alg" in refused(of_alg("ES256", {"kty": "oct", "k": b64(shared)}))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_private_key(algorithm: str) -> None:
    ours = key(algorithm)
    known = get_default_algorithms()[algorithm]
    jwk = known.to_jwk(ours.private, as_dict=True)
    jwk.pop("key_ops", None)
    assert "private key" in refused(ours.proof(headers={"jwk": jwk}))
    assert "private key" in refused(ours.proof(headers={"jwk": {**ours.jwk, "d": "AQ"}}))
    assert "private key" in refused(ours.proof(headers={"jwk": {**ours.jwk, "k": ""}}))


@pytest.mark.parametrize("jwk", [None, "", [], 1, {}, {"kty": "EC"}, {"kty": "EC", "crv": "P-256"}])
def test_no_key(jwk: Any) -> None:
    assert "jwk" in refused(key().proof(headers={"jwk": jwk}))


@pytest.mark.parametrize(
    "changes",
    [
        {"x": None},
        {"y": 5},
        {"x": ["a"]},
        {"x": ""},
        {"x": "AA"},
        {"x": b64(bytes(31))},
        {"x": b64(bytes(33))},
        {"x": b64(bytes(32)), "y": b64(bytes(32))},
        {"x": b64(b"\1" * 32), "y": b64(b"\1" * 32)},
        {"x": "é"},
    ],
    ids=str,
)
def test_a_point_that_is_not_on_the_curve(changes: dict[str, Any]) -> None:
    ours = key()
    jwk = {name: value for name, value in {**ours.jwk, **changes}.items() if value is not None}
    assert "cannot be read" in refused(ours.proof(headers={"jwk": jwk}))


def test_another_spelling_of_a_key() -> None:
    """One key has one thumbprint: padding and unused bits would give it others."""
    ours = key()
    assert "cannot be read" in refused(ours.proof(headers={"jwk": {**ours.jwk, "x": ours.jwk["x"] + "="}}))
    last = ours.jwk["x"][-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = ours.jwk["x"][:-1] + alphabet[alphabet.index(last) ^ 1]
    assert base64.urlsafe_b64decode(other + "=") == base64.urlsafe_b64decode(ours.jwk["x"] + "=")
    assert "cannot be read" in refused(ours.proof(headers={"jwk": {**ours.jwk, "x": other}}))
    padded = b64(b"\0" + rsa_key().public_key().public_numbers().n.to_bytes(256))
    by_rsa = key("RS256")
    assert "cannot be read" in refused(by_rsa.proof(headers={"jwk": {**by_rsa.jwk, "n": padded}}))


def test_additional_members_do_not_change_the_thumbprint() -> None:
    ours = key()
    assert proofs.read(ours.proof(headers={"jwk": {"kid": "1", "use": "sig", **ours.jwk}})).jkt == ours.jkt


def rsa_jwk_of(modulus: int, exponent: int = 65537) -> dict[str, str]:
    size = (modulus.bit_length() + 7) // 8
    return {
        "kty": "RSA",
        "n": b64(modulus.to_bytes(size)),
        "e": b64(exponent.to_bytes((exponent.bit_length() + 7) // 8)),
    }


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_the_size_of_an_rsa_key(algorithm: str) -> None:
    """A short one is weak, and a long one takes long: it is refused before the signature is verified."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  it has to be refused
    assert "cannot be read" in refused(key(algorithm, short).proof())
    for bits in (2047, 4097, 8192):
        assert "cannot be read" in refused(of_alg(algorithm, rsa_jwk_of((1 << bits - 1) | 1)))
    # One of 65536 bits does not even fit.
    assert "longer" in refused(of_alg(algorithm, rsa_jwk_of((1 << 65535) | 1)))


@pytest.mark.parametrize("exponent", [1, 2, 3, 65536, (1 << 2000) | 1])
def test_the_exponent_of_an_rsa_key(exponent: int) -> None:
    """With 1, every text is its own signature; a long one takes long."""
    modulus = rsa_key().public_key().public_numbers().n
    assert "cannot be read" in refused(of_alg("RS256", rsa_jwk_of(modulus, exponent)))


def test_the_signature() -> None:
    ours, other = key(), key()
    assert "signature" in refused(ours.proof(headers={"jwk": other.jwk}))
    head, payload, signature = ours.proof().split(".")
    changed = b64(json.dumps({"jti": "1", "htm": "GET", "htu": "https://id.example/", "iat": 1}).encode())
    assert "signature" in refused(f"{head}.{changed}.{signature}")
    assert "signature" in refused(f"{head}.{payload}.{b64(bytes(64))}")
    assert "signature" in refused(f"{head}.{payload}.{signature}AAAA")


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
@pytest.mark.parametrize("value", [None, "", True, [], {}])
def test_each_claim_has_to_be_there(name: str, value: Any) -> None:
    assert "claim" in refused(key().proof(**{name: value}))


@pytest.mark.parametrize(
    "claims",
    [
        {"jti": 5},
        {"iat": "1767600000"},
        {"iat": 1e400},
        {"iat": 10**400},
        {"jti": "\ud800"},
        {"ath": "\ud800"},
        {"htu": "/oauth/token"},
        {"ath": 5},
        {"ath": ""},
        {"nonce": 5},
        {"nonce": ""},
        {"nonce": 'a"b'},
        {"nonce": "a b"},
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_claim_of_another_kind(claims: dict[str, Any]) -> None:
    assert "claim" in refused(key().proof(**claims))


@pytest.mark.parametrize("payload", [b"", b"1", b"[]", b"null", b'"jti"', b'{"jti":"\\ud800"}', b"\xff"])
def test_a_payload_that_is_no_object(payload: bytes) -> None:
    ours = key()
    header = b64(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": ours.jwk}).encode())
    message = f"{header}.{b64(payload)}"
    signature = b64(get_default_algorithms()["ES256"].sign(message.encode(), ours.private))
    assert refused(f"{message}.{signature}")


def test_a_time_may_have_a_fraction() -> None:
    assert proofs.read(key().proof(iat=1767600000.9)).iat == 1767600000


NORMAL = "https://id.example/oauth/token"


@pytest.mark.parametrize(
    "uri",
    [
        NORMAL,
        "HTTPS://ID.Example/oauth/token",
        "https://id.example:443/oauth/token",
        "https://id.example:/oauth/token",
        NORMAL + "?x=1",
        NORMAL + "#y",
        "https://id.example/o%61uth/token",
        "https://id.example/./oauth/../oauth/token",
        "https://id.example/%2e/oauth/x/%2E%2e/token",
    ],
)
def test_spellings_of_one_address(uri: str) -> None:
    """RFC 3986 sections 6.2.2 and 6.2.3."""
    assert uris.normalized(uri) == NORMAL


@pytest.mark.parametrize(
    "uri",
    [
        "http://id.example/oauth/token",
        "https://id.example:8443/oauth/token",
        "https://id.example.evil.example/oauth/token",
        "https://id.example./oauth/token",
        "https://id.example/oauth/token/",
        "https://id.example/oauth//token",
        "https://id.example/OAuth/token",
        "https://id.example/oauth%2ftoken",
        "https://id.example/oauth/token;x",
        "https://id.example/oauth\\token",
        "https://evil.example/?https://id.example/oauth/token",
    ],
)
def test_other_addresses(uri: str) -> None:
    assert uris.normalized(uri) != NORMAL


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "id.example/oauth/token",
        "//id.example/oauth/token",
        "ftp://id.example/",
        "javascript:alert(1)",
        "https:///oauth/token",
        "https://",
        "https://user@id.example/oauth/token",
        "https://id.example@evil.example/oauth/token",
        "https://id.example:x/oauth/token",
        "https://id.example:99999/oauth/token",
        "https://id.example/%",
        "https://id.example/%zz",
        "https://id.example/a b",
        "https://id.example/\n",
        "https://id.ex\tample/",
        "https://id.example/é",
        "https://[::1/",
    ],
)
def test_no_address(uri: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        uris.normalized(uri)


def test_more_addresses() -> None:
    assert uris.normalized("https://id.example") == "https://id.example/"
    assert uris.normalized("http://[::1]:80/a%3ab") == "http://[::1]/a%3Ab"
    assert uris.normalized("http://127.0.0.1:8000/a/..") == "http://127.0.0.1:8000/"
    assert uris.normalized("https://id.example/../..") == "https://id.example/"
