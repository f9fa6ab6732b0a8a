"""A key of a client: its proofs, the server's nonces, and tokens that are bound to it (RFC 9449)."""

import hashlib
import importlib
import json
import sys
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lingpai_sdk import AsyncLingpai, BadAnswer, Lingpai, LingpaiSDKError, NextStep, Refused, Timeout
from lingpai_sdk.dpop import DPoPKey
from lingpai_sdk.resource import _proofs
from sdk_support import ACCESS, REFRESH, TOKENS, URL, USER, Blocking, Server, status

API = "https://orders.example.com"
BOUND = {**TOKENS, "token_type": "DPoP"}
DONE = {"authorization_code": "authorization-code-0001"}
MORE = {"error": "insufficient_authorization", "error_description": "d", "next": ["totp"], "auth_session": "s-0001"}
WANTS_NONCE = {"error": "use_dpop_nonce", "error_description": "The server wants a nonce"}


@pytest.fixture(params=["blocking", "asyncio"])
def client(request: pytest.FixtureRequest, server: Server) -> Any:
    """A client of either kind."""
    if request.param == "blocking":
        return Blocking(Lingpai(URL, "shop", http_client=server.http))
    return Blocking(AsyncLingpai(URL, "shop", http_client=server.async_http))


def begin(client: Any, key: DPoPKey) -> Any:
    return Blocking(client.challenge(dpop_key=key))


def claims(proof: str) -> dict[str, Any]:
    """The claims of a proof, which its own key must have signed."""
    header = jwt.get_unverified_header(proof)
    assert header.keys() == {"typ", "alg", "jwk"}
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert header["jwk"].keys() == {"crv", "kty", "x", "y"}
    found: dict[str, Any] = jwt.decode(proof, jwt.PyJWK(header["jwk"], "ES256"), ["ES256"])
    return found


# --- the key ---------------------------------------------------------------------------------------------


def test_proof() -> None:
    """What RFC 9449 section 4.2 wants, and nothing else."""
    key, before = DPoPKey(), int(time.time())
    first, second = (claims(key.proof("POST", f"{URL}/oauth/token?x=1#y")) for _ in range(2))
    assert first.keys() == {"jti", "htm", "htu", "iat"}
    assert (first["htm"], first["htu"]) == ("POST", f"{URL}/oauth/token")
    assert before <= first["iat"] <= time.time()
    assert first["jti"] != second["jti"]
    assert len(first["jti"]) == 22


def test_proof_for_a_token() -> None:
    """An API accepts it."""
    key = DPoPKey()
    proof = key.proof("GET", f"{API}/orders", ACCESS)
    checked = _proofs.check(proof, "GET", f"{API}/orders", ACCESS, time.time(), 0)
    assert checked.jkt == key.jkt
    with pytest.raises(ValueError, match=r"^access_token: "):
        key.proof("GET", API, "se cret")


def test_thumbprint() -> None:
    """RFC 7638."""
    key = DPoPKey()
    jwk = jwt.get_unverified_header(key.proof("GET", API))["jwk"]
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert key.jkt == jwt.utils.base64url_encode(hashlib.sha256(members.encode()).digest()).decode()


def test_a_key_that_is_kept() -> None:
    key = DPoPKey()
    assert DPoPKey(key.private_key).jkt == key.jkt
    assert DPoPKey().jkt != key.jkt
    with pytest.raises(ValueError, match=r"^private_key: must be on the curve P-256$"):
        DPoPKey(ec.generate_private_key(ec.SECP384R1()))


def test_repr() -> None:
    key = DPoPKey()
    secret = key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert repr(key) == f"DPoPKey(jkt={key.jkt!r})"
    assert secret.splitlines()[1] not in repr(key)


# --- requests to an API ----------------------------------------------------------------------------------


def test_request_to_an_api(server: Server) -> None:
    key = DPoPKey()
    server.says({"orders": []})
    server.http.get(f"{API}/orders?page=2", auth=key.auth(ACCESS))
    assert server.last.headers["authorization"] == f"DPoP {ACCESS}"
    _proofs.check(server.last.headers["dpop"], "GET", f"{API}/orders", ACCESS, time.time(), 0)
    with pytest.raises(ValueError, match=r"^access_token: "):
        key.auth("")


@pytest.mark.parametrize("code", [401, 403])
def test_nonce_of_an_api(server: Server, code: int) -> None:
    """Asked for by a challenge (RFC 9449 section 9); each server has its own."""
    key = DPoPKey()
    server.says(status(code, None, WWW_Authenticate='DPoP error="use_dpop_nonce"', DPoP_Nonce="n-1"), {"orders": []})
    answer = server.http.get(f"{API}/orders", auth=key.auth(ACCESS))
    assert (answer.status_code, len(server.requests)) == ((200, 2) if code == 401 else (403, 1))
    assert claims(key.proof("GET", f"{API}/other"))["nonce"] == "n-1"
    assert "nonce" not in claims(key.proof("GET", f"{URL}/other"))
    assert "nonce" not in claims(key.proof("GET", f"{API}:8443/other"))


# --- challenge, tokens, refresh --------------------------------------------------------------------------


def test_login(server: Server, client: Any) -> None:
    """Every request has a proof of its own, by one key."""
    key = DPoPKey()
    challenge = begin(client, key)
    server.says(status(403, MORE), DONE, BOUND, BOUND)
    assert challenge.password("mei", "plum-blossom") == NextStep(next=("totp",))
    tokens = challenge.totp("654321")
    client.refresh(tokens.refresh_token, dpop_key=key)
    proofs = [claims(request.headers["dpop"]) for request in server.requests]
    paths = ["/oauth/challenge", "/oauth/challenge", "/oauth/token", "/oauth/token"]
    assert [(proof["htm"], proof["htu"]) for proof in proofs] == [("POST", URL + path) for path in paths]
    assert len({proof["jti"] for proof in proofs}) == 4
    keys = {json.dumps(jwt.get_unverified_header(request.headers["dpop"])["jwk"]) for request in server.requests}
    assert len(keys) == 1
    assert not [proof for proof in proofs if "ath" in proof]


def test_confidential_client(server: Server) -> None:
    """The proof stands beside the secret."""
    server.says(BOUND)
    Lingpai(URL, "shop", "shop-secret", http_client=server.http).refresh(REFRESH, dpop_key=DPoPKey())
    assert server.last.headers["authorization"].startswith("Basic ")
    assert "dpop" in server.last.headers


def test_current_user(server: Server) -> None:
    """Lingpai's own API takes such a token with a proof for it."""
    server.says({"status": 200, "message": USER})
    lingpai = Lingpai(URL, "shop", http_client=server.http)
    assert lingpai.current_user(ACCESS, dpop_key=DPoPKey()).username == "mei"
    assert server.last.headers["authorization"] == f"DPoP {ACCESS}"
    _proofs.check(server.last.headers["dpop"], "GET", f"{URL}/users/current", ACCESS, time.time(), 0)


@pytest.mark.parametrize("code", [400, 401])
def test_nonce(server: Server, client: Any, code: int) -> None:
    """The request is sent once more with it, and the next ones at once. A later nonce replaces it."""
    key = DPoPKey()
    challenge = begin(client, key)
    server.says(status(code, WANTS_NONCE, DPoP_Nonce="n-1"), status(403, MORE, DPoP_Nonce="n-2"))
    challenge.password("mei", "plum-blossom")
    first, second = server.requests
    assert first.content == second.content
    assert "nonce" not in claims(first.headers["dpop"])
    assert claims(second.headers["dpop"])["nonce"] == "n-1"
    assert claims(first.headers["dpop"])["jti"] != claims(second.headers["dpop"])["jti"]
    server.says(DONE, BOUND)
    challenge.totp("654321")
    assert [claims(request.headers["dpop"])["nonce"] for request in server.requests[2:]] == ["n-2", "n-2"]


def test_nonce_once(server: Server, client: Any) -> None:
    """A server that is never content is told as that."""
    server.says(*[status(400, WANTS_NONCE, DPoP_Nonce=f"n-{number}") for number in range(2)])
    with pytest.raises(Refused) as caught:
        begin(client, DPoPKey()).password("mei", "plum-blossom")
    assert (caught.value.code, len(server.requests)) == ("use_dpop_nonce", 2)


@pytest.mark.parametrize(
    "answer",
    [
        status(400, WANTS_NONCE),
        status(400, {"error": "invalid_dpop_proof"}, DPoP_Nonce="n-1"),
        status(400, [], DPoP_Nonce="n-1"),
        httpx.Response(400, text="[" * 100_000, headers={"DPoP-Nonce": "n-1"}),
        status(500, WANTS_NONCE, DPoP_Nonce="n-1"),
    ],
    ids=["no nonce", "another error", "no object", "no JSON", "a fault"],
)
def test_nothing_to_send_again(server: Server, client: Any, answer: httpx.Response) -> None:
    server.says(answer)
    with pytest.raises(Refused):
        begin(client, DPoPKey()).password("mei", "plum-blossom")
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["Bearer", None, 7])
def test_tokens_that_are_not_bound(server: Server, client: Any, kind: Any) -> None:
    """RFC 9449 section 5: they must not be taken for such as are."""
    server.says({**TOKENS, "token_type": kind})
    with pytest.raises(BadAnswer, match="the tokens are not bound to the key"):
        client.refresh(REFRESH, dpop_key=DPoPKey())


def test_repeats_have_proofs_of_their_own(server: Server, client: Any) -> None:
    """A proof is good once: also where the answer to the request was lost."""
    server.says(DONE, httpx.ReadError(""), httpx.ReadError(""), BOUND)
    begin(client, DPoPKey()).password("mei", "plum-blossom")
    proofs = [claims(request.headers["dpop"])["jti"] for request in server.requests]
    assert len(set(proofs)) == 4


@pytest.mark.parametrize("lost", [httpx.ReadTimeout(""), httpx.ReadError("")])
def test_lost_after_the_nonce(server: Server, client: Any, lost: Exception) -> None:
    """The step was sent then: it is not repeated."""
    server.says(status(400, WANTS_NONCE, DPoP_Nonce="n-1"), lost)
    with pytest.raises(LingpaiSDKError) as caught:
        begin(client, DPoPKey()).password("mei", "plum-blossom")
    assert getattr(caught.value, "sent", False)
    assert isinstance(caught.value, Timeout) == isinstance(lost, httpx.ReadTimeout)
    assert len(server.requests) == 2


def test_without_pyjwt(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """The rest of the package does not need it."""
    monkeypatch.setitem(sys.modules, "jwt", None)
    monkeypatch.delitem(sys.modules, "lingpai_sdk.dpop")
    server.says(status(403, MORE))
    assert Lingpai(URL, "shop", http_client=server.http).challenge().next_step() == NextStep(next=("totp",))
    with pytest.raises(ImportError):
        importlib.import_module("lingpai_sdk.dpop")
