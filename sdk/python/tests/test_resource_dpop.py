"""Tokens that are bound to a key (RFC 9449), verified by both verifiers and by the pieces for each framework."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import fastapi
import flask
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from lingpai_sdk.resource import (
    AccessToken,
    AsyncVerifier,
    InsufficientScope,
    InvalidProof,
    InvalidToken,
    MemoryReplayCache,
    MissingToken,
    VerificationError,
    Verifier,
)
from lingpai_sdk.resource import fastapi as for_fastapi
from lingpai_sdk.resource import flask as for_flask
from resource_dpop import KEY, OTHER, PATH, Key, b64, bound
from resource_support import API, BASIC, ISSUER, OPAQUE, Issuer, active, claims, signed

pytestmark = pytest.mark.security("RFC9449-7")
ALGS = 'algs="ES256 ES384 EdDSA Ed25519 PS256 RS256"'
INTERNAL = "http://10.0.0.1:8080"


class Front:
    """A verifier of either kind, with `base_url`, whose `verify_request` waits for the answer."""

    def __init__(self, kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        arguments: dict[str, Any] = {"issuer": ISSUER, "audience": API, "introspect": BASIC, "base_url": API, **options}
        transport = httpx.MockTransport(issuer)
        self.loop = loop
        self.verifier: Verifier | AsyncVerifier
        if kind == "sync":
            self.verifier = Verifier(**arguments, http=httpx.Client(transport=transport))
        else:
            self.verifier = AsyncVerifier(**arguments, http=httpx.AsyncClient(transport=transport))

    def ask(self, token: str, proof: str | None = None, scheme: str = "DPoP", **options: Any) -> AccessToken:
        """The verified token of a request with these headers."""
        arguments: dict[str, Any] = {"method": "POST", "path": PATH, "proof": proof, **options}
        if isinstance(self.verifier, Verifier):
            return self.verifier.verify_request(f"{scheme} {token}", **arguments)
        return self.loop.run_until_complete(self.verifier.verify_request(f"{scheme} {token}", **arguments))

    def verify(self, token: str) -> AccessToken:
        """As of the verifiers."""
        if isinstance(self.verifier, Verifier):
            return self.verifier.verify(token)
        return self.loop.run_until_complete(self.verifier.verify(token))

    def refusal(self, *arguments: Any, **options: Any) -> VerificationError:
        """The error of `ask`."""
        with pytest.raises(VerificationError) as error:
            self.ask(*arguments, **options)
        return error.value


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(tokens={OPAQUE: active(token_type="DPoP", cnf={"jkt": KEY.jkt})})


@pytest.fixture
def front(kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> Front:
    return Front(kind, issuer, loop)


def test_a_token_with_its_proof(front: Front) -> None:
    for token in (bound(), OPAQUE):
        for scheme in ("DPoP", "dpop"):
            found = front.ask(token, KEY.proof(token), scheme, scopes=["read"])
            assert (found.subject, found.jkt) == ("7", KEY.jkt)
    assert front.ask(signed(), scheme="Bearer").jkt is None


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"])
def test_each_algorithm(front: Front, algorithm: str) -> None:
    key = Key(algorithm)
    token = bound(key)
    assert front.ask(token, key.proof(token)).jkt == key.jkt


@pytest.mark.security("RFC9449-7.2")
def test_a_bound_token_is_no_bearer_token(front: Front) -> None:
    for token in (bound(), OPAQUE):
        error = front.refusal(token, KEY.proof(token), "Bearer")
        assert isinstance(error, InvalidToken)
        assert error.www_authenticate() == (
            'Bearer error="invalid_token", error_description="The access token is bound to a key: it needs the scheme'
            f' DPoP and a proof", DPoP {ALGS}'
        )


@pytest.mark.security("RFC9449-7.2")
def test_nor_for_an_api_that_does_not_take_dpop(kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> None:
    """Without `base_url`, and by `verify`, it is refused: nobody would check the proof."""
    front = Front(kind, issuer, loop, base_url=None)
    for token in (bound(), OPAQUE):
        assert isinstance(front.refusal(token, KEY.proof(token), "Bearer"), InvalidToken)
        error = front.refusal(token, KEY.proof(token))
        assert isinstance(error, MissingToken)
        assert error.www_authenticate() == 'Bearer realm="api"'
        with pytest.raises(InvalidToken, match="bound to a key"):
            front.verify(token)
    assert front.ask(signed(), scheme="Bearer").subject == "7"


def test_a_token_that_is_not_bound(front: Front) -> None:
    error = front.refusal(signed(), KEY.proof(signed()))
    assert "no key" in error.description
    assert (error.www_authenticate() or "").startswith('DPoP error="invalid_token"')


def test_a_token_that_is_bound_in_another_way(front: Front, issuer: Issuer) -> None:
    """To a certificate (RFC 8705), or in no way at all: what this package cannot check, it refuses."""
    for number, cnf in enumerate(({"x5t#S256": "x"}, {}, "x", {"jkt": 5}, None)):
        token = signed({**claims(), "cnf": cnf})
        opaque = f"{OPAQUE[:-1]}{number}"
        issuer.tokens[opaque] = {**active(token_type="DPoP"), "cnf": cnf}
        for text in (token, opaque):
            for scheme in ("Bearer", "DPoP"):
                assert isinstance(front.refusal(text, KEY.proof(text), scheme), InvalidToken)


@pytest.mark.parametrize("token_type", ["Bearer", "DPoP"])
def test_the_type_and_the_key_go_together(front: Front, issuer: Issuer, token_type: str) -> None:
    issuer.tokens[OPAQUE] = active(token_type=token_type, cnf={"jkt": KEY.jkt} if token_type == "Bearer" else None)
    for scheme in ("Bearer", "DPoP"):
        assert isinstance(front.refusal(OPAQUE, KEY.proof(OPAQUE), scheme), InvalidToken)


@pytest.mark.security("RFC9449-7.1", "RFC9449-4.3", "RFC9449-11.5", "RFC9449-11.6")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"htm": "GET"}, "method"),
        ({"htm": "post"}, "method"),
        ({"htm": None}, "method"),
        ({"htu": f"{API}/orders/"}, "address"),
        ({"htu": f"{API}/Orders"}, "address"),
        ({"htu": f"{API}/orders%2f"}, "address"),
        ({"htu": "https://orders.example.com:8443/orders"}, "address"),
        ({"htu": "http://orders.example.com/orders"}, "address"),
        ({"htu": "https://orders.example.com.evil.example/orders"}, "address"),
        ({"htu": "https://user@orders.example.com/orders"}, "address"),
        ({"htu": "/orders"}, "address"),
        ({"htu": None}, "address"),
        ({"htu": 5}, "address"),
        ({"iat": None}, "too old"),
        ({"iat": True}, "too old"),
        ({"iat": "now"}, "too old"),
        ({"iat": 0}, "too old"),
        ({"iat": time.time() + 1e6}, "too old"),
        ({"ath": None}, "access token"),
        ({"ath": "é"}, "access token"),
        ({"ath": b64(hashlib.sha256(b"another").digest())}, "access token"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 5}, "jti"),
        ({"jti": "\ud800"}, "jti"),
        ({"iat": 10**400}, "too old"),
        ({"iat": float("inf")}, "too old"),
        ({"iat": float("nan")}, "too old"),
        ({"ath": "\ud800"}, "access token"),
        ({"htu": "\ud800"}, "address"),
        ({"htu": "https://[::1/"}, "address"),
        ({"headers": {"alg": ["ES256"]}}, "type"),
        ({"headers": {"alg": {}}}, "type"),
        ({"headers": {"kid": 5}}, "JWT"),
        ({"headers": {"jwk": {**KEY.jwk, "kty": ["EC"]}}}, "no public key"),
        ({"headers": {"jwk": {**KEY.jwk, "x": 5}}}, "no public key"),
        ({"headers": {"typ": "JWT"}}, "type"),
        ({"headers": {"typ": None}}, "type"),
        ({"headers": {"alg": "none"}}, "type"),
        ({"headers": {"alg": "HS256"}}, "type"),
        ({"headers": {"alg": "RS512"}}, "type"),
        ({"headers": {"crit": ["b64"]}}, "JWT"),
        ({"headers": {"crit": []}}, "JWT"),
        ({"headers": {"alg": "RS256"}}, "no public key"),
        ({"headers": {"jwk": None}}, "no public key"),
        ({"headers": {"jwk": {"kty": "oct", "k": "AA"}}}, "no public key"),
        ({"headers": {"jwk": {**KEY.jwk, "d": "AA"}}}, "no public key"),
        ({"headers": {"jwk": {**KEY.jwk, "x": KEY.jwk["x"] + "="}}}, "no public key"),
        ({"headers": {"jwk": {**KEY.jwk, "x": "é"}}}, "no public key"),
        ({"headers": {"jwk": {**KEY.jwk, "y": KEY.jwk["x"]}}}, "read"),
        ({"headers": {"jwk": OTHER.jwk}}, "signature"),
        ({"extra": "x" * 4096}, "not one signed JWT"),
    ],
)
def test_a_bad_proof(front: Front, changes: dict[str, Any], said: str) -> None:
    token = bound()
    error = front.refusal(token, KEY.proof(token, **changes))
    assert isinstance(error, InvalidProof)
    assert said in error.description
    assert (error.status, error.code) == (401, "invalid_dpop_proof")
    challenge = error.www_authenticate() or ""
    assert challenge.startswith('DPoP error="invalid_dpop_proof", error_description="')
    assert challenge.endswith(ALGS)
    assert error.headers()["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.b.c,a.b.c", "é"])
def test_what_is_no_proof(front: Front, text: str) -> None:
    assert isinstance(front.refusal(bound(), text), InvalidProof)


def test_no_proof(front: Front) -> None:
    error = front.refusal(bound())
    assert (type(error), error.description) == (InvalidProof, "The request has no DPoP proof")


def test_two_proofs(front: Front) -> None:
    """A header that is sent twice arrives with a comma."""
    token = bound()
    assert isinstance(front.refusal(token, f"{KEY.proof(token)},{KEY.proof(token)}"), InvalidProof)


def test_a_proof_by_another_key(front: Front) -> None:
    token = bound()
    error = front.refusal(token, OTHER.proof(token))
    assert (type(error), "another key" in error.description) == (InvalidToken, True)


def test_the_sizes_of_rsa_keys(front: Front) -> None:
    short = Key("RS256", rsa.generate_private_key(65537, 1024))  # noqa: S505  it has to be refused
    token = bound(short)
    assert "no public key" in front.refusal(token, short.proof(token)).description
    key = Key("RS256")
    for changed in (
        {"n": b64(b"\1" + bytes(512))},
        {"n": b64(b"\0" + bytes(256))},
        {"n": ""},
        {"e": "AQ"},
        {"e": "Aw"},
    ):
        proof = key.proof(token, headers={"jwk": {**key.jwk, **changed}})
        assert "no public key" in front.refusal(token, proof).description


def test_spellings_of_the_address(front: Front) -> None:
    token = bound()
    for htu in ("HTTPS://Orders.Example.com:443/orders?x=1#y", f"{API}/./o%72ders", f"{API}/x/../orders"):
        assert front.ask(token, KEY.proof(token, htu=htu)).subject == "7"
    proof = KEY.proof(token, htu=f"{API}/%E8%AE%A2%E5%8D%95")
    assert front.ask(token, proof, path="/%e8%ae%a2%e5%8d%95").subject == "7"
    assert "address" in front.refusal(token, KEY.proof(token), path="/orders%").description


def test_an_api_below_a_path(kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> None:
    """As behind a proxy that takes the first part of the path away."""
    front = Front(kind, issuer, loop, base_url=f"{API}/v1/")
    token = bound()
    assert front.ask(token, KEY.proof(token, htu=f"{API}/v1/orders")).subject == "7"
    assert "address" in front.refusal(token, KEY.proof(token)).description


def test_the_time_of_a_proof(front: Front) -> None:
    token = bound()
    for seconds in (-280, 0, 20):
        assert front.ask(token, KEY.proof(token, iat=time.time() + seconds)).subject == "7"
    for seconds in (-320, 60):
        assert "too old" in front.refusal(token, KEY.proof(token, iat=time.time() + seconds)).description


@pytest.mark.security("RFC9449-11.1")
def test_a_proof_is_good_once(front: Front) -> None:
    token = bound()
    proof = KEY.proof(token, jti="one")
    assert front.ask(token, proof).jkt == KEY.jkt
    assert "used before" in front.refusal(token, proof).description
    assert "used before" in front.refusal(token, KEY.proof(token, jti="one", iat=time.time() - 1)).description
    other = bound(OTHER)
    assert front.ask(other, OTHER.proof(other, jti="one")).jkt == OTHER.jkt, "nobody uses up another's"
    elsewhere = KEY.proof(token, jti="one", htu=f"{API}/elsewhere")
    assert front.ask(token, elsewhere, path="/elsewhere").jkt == KEY.jkt


def test_a_proof_that_is_refused_is_not_used_up(front: Front) -> None:
    token = bound()
    assert isinstance(front.refusal(token, OTHER.proof(token, jti="two")), InvalidToken)
    assert front.ask(token, KEY.proof(token, jti="two")).jkt == KEY.jkt


def test_a_missing_scope(front: Front) -> None:
    token = bound()
    error = front.refusal(token, KEY.proof(token), scopes=["admin"])
    assert isinstance(error, InsufficientScope)
    assert (error.www_authenticate() or "").startswith('DPoP error="insufficient_scope"')


def test_a_missing_token(front: Front) -> None:
    error = front.refusal("", scheme="Basic", scopes=["read"])
    assert isinstance(error, MissingToken)
    assert error.www_authenticate("https://api.example/meta") == (
        f'Bearer realm="api", scope="read", resource_metadata="https://api.example/meta", DPoP {ALGS}'
    )
    assert isinstance(front.refusal("", scheme="DPoP"), InvalidToken)


def test_a_replay_cache_of_ones_own(kind: str, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> None:
    """It is told until when to keep a key, which is a hash; with asyncio it may be awaited."""
    kept: dict[str, float] = {}

    class Own:
        def add(self, key: str, expires_at: float) -> bool:
            return kept.setdefault(key, expires_at) is expires_at

    class AsyncOwn:
        async def add(self, key: str, expires_at: float) -> bool:
            await asyncio.sleep(0)
            return Own().add(key, expires_at)

    token = bound()
    for cache in (Own(),) if kind == "sync" else (Own(), AsyncOwn()):
        front = Front(kind, issuer, loop, replay_cache=cache)
        proof = KEY.proof(token)
        before = time.time()
        assert front.ask(token, proof).jkt == KEY.jkt
        assert "used before" in front.refusal(token, proof).description
        assert all(len(key) == 43 for key in kept)
        assert list(kept.values())[-1] >= before + 330


def test_the_memory_of_a_process() -> None:
    cache = MemoryReplayCache(size=2)
    assert [cache.add(key, 1) for key in ("a", "b", "a", "c")] == [True, True, False, True]
    assert [cache.add(key, 1) for key in ("c", "b")] == [False, False]
    assert cache.add("a", 1), "the oldest was forgotten"


@pytest.mark.security("RFC9449-11.1")
def test_32_threads_use_a_proof_once(issuer: Issuer) -> None:
    verifier = Verifier(
        ISSUER, API, base_url=API, introspect=BASIC, http=httpx.Client(transport=httpx.MockTransport(issuer))
    )
    token = bound()
    proof, barrier = KEY.proof(token), threading.Barrier(32, timeout=60)

    def ask(_: int) -> bool:
        barrier.wait()
        try:
            verifier.verify_request(f"DPoP {token}", method="POST", path=PATH, proof=proof)
        except InvalidProof:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(ask, range(32))) == 1


# --- the frameworks; Django is in test_resource_frameworks.py, which has its settings


Ask = Callable[[str, list[tuple[str, str]]], tuple[int, dict[str, Any], str]]


def asking_fastapi(issuer: Issuer, loop: asyncio.AbstractEventLoop) -> Ask:
    http = httpx.AsyncClient(transport=httpx.MockTransport(issuer))
    verifier = AsyncVerifier(ISSUER, API, introspect=BASIC, base_url=API, http=http)
    app = fastapi.FastAPI()
    for_fastapi.install(app)
    reader = for_fastapi.require(verifier, scopes=["read"])

    @app.post("/orders/{number}")
    async def order(number: str, token: Annotated[AccessToken, fastapi.Depends(reader)]) -> dict[str, Any]:
        return {"subject": token.subject, "number": number}

    async def run(path: str, headers: list[tuple[str, str]]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.post(f"{INTERNAL}{path}?x=1", headers=headers)

    def ask(path: str, headers: list[tuple[str, str]]) -> tuple[int, dict[str, Any], str]:
        answer = loop.run_until_complete(run(path, headers))
        return answer.status_code, answer.json(), answer.headers.get("www-authenticate", "")

    return ask


def asking_flask(issuer: Issuer, _: asyncio.AbstractEventLoop) -> Ask:
    http = httpx.Client(transport=httpx.MockTransport(issuer))
    verifier = Verifier(ISSUER, API, introspect=BASIC, base_url=API, http=http)
    app = flask.Flask("orders")
    for_flask.install(app)

    @app.post("/orders/<number>")
    @for_flask.require(verifier, scopes=["read"])
    def order(number: str) -> dict[str, Any]:
        return {"subject": flask.g.access_token.subject, "number": number}

    def ask(path: str, headers: list[tuple[str, str]]) -> tuple[int, dict[str, Any], str]:
        answer = app.test_client().post(f"{path}?x=1", base_url=INTERNAL, headers=headers)
        return answer.status_code, answer.get_json(), answer.headers.get("WWW-Authenticate", "")

    return ask


@pytest.mark.parametrize("made_by", [asking_fastapi, asking_flask])
@pytest.mark.parametrize("path", ["/orders/1", "/orders/a%20b", "/orders/%E8%AE%A2", "/orders/a:b@c!$&'()*+,;=~"])
def test_frameworks(made_by: Any, path: str, issuer: Issuer, loop: asyncio.AbstractEventLoop) -> None:
    """The request arrives by another address than the public one, as behind a proxy."""
    ask: Ask = made_by(issuer, loop)
    token = bound()
    authorization = ("Authorization", f"DPoP {token}")
    proof = KEY.proof(token, htu=f"{API}{path}")
    status, content, _ = ask(path, [authorization, ("DPoP", proof)])
    assert (status, content.get("subject")) == (200, "7"), content
    status, content, challenge = ask(path, [authorization, ("DPoP", proof)])
    assert (status, content["error_description"]) == (401, "The DPoP proof was used before")
    assert challenge.startswith('DPoP error="invalid_dpop_proof"')
    other = KEY.proof(token, htu=f"{INTERNAL}{path}")
    assert (
        ask(path, [authorization, ("DPoP", other)])[1]["error_description"] == "The DPoP proof is for another address"
    )
    twice = [("DPoP", KEY.proof(token, htu=f"{API}{path}")) for _ in range(2)]
    assert ask(path, [authorization, *twice])[1]["error"] == "invalid_dpop_proof"
    assert ask(path, [("Authorization", f"Bearer {token}")])[1]["error"] == "invalid_token"
    assert ask(path, [authorization])[1]["error_description"] == "The request has no DPoP proof"
    loop.run_until_complete(loop.shutdown_default_executor())
