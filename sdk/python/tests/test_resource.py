"""lingpai_sdk.resource: which access tokens an API takes, what it asks the issuer, and how it answers."""

import asyncio
import base64
import hashlib
import hmac
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, Protocol

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lingpai_sdk import LingpaiSDKError
from lingpai_sdk.resource import (
    AccessToken,
    AsyncVerifier,
    InsufficientAuthentication,
    InsufficientScope,
    InvalidToken,
    MissingToken,
    Unavailable,
    VerificationError,
    Verifier,
    _core,
    _keys,
    _verifier,
    bearer_token,
)
from resource_support import API, BASIC, EC_KEY, ISSUER, OPAQUE, RSA_KEY, Both, Issuer, active, claims, public, unsigned
from resource_support import signed as sign

METADATA, KEYS, INTROSPECTION = "/.well-known/openid-configuration", "/jwks", "/introspect"
NOW = int(time.time())


class Make(Protocol):
    def __call__(self, **options: Any) -> Both: ...


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """An issuer whose clock is that of the verifiers' caches."""
    made = Issuer()
    clock = SimpleNamespace(time=lambda: made.now)
    for module in (_core, _verifier):
        monkeypatch.setattr(module, "time", clock)
    return made


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest, issuer: Issuer) -> Iterator[Make]:
    """Makes verifiers of one kind."""
    loop = asyncio.new_event_loop()
    yield lambda **options: Both(request.param, issuer, loop, **options)
    loop.close()


@pytest.fixture
def verifier(make: Make) -> Both:
    return make()


def refused(verifier: Both, token: str, **wanted: Any) -> str:
    """Why the token is refused, which must be InvalidToken."""
    with pytest.raises(InvalidToken) as caught:
        verifier.verify(token, **wanted)
    assert caught.value.status == 401
    return caught.value.description


# --- signed tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kid", "key", "alg"), [("rsa", RSA_KEY, "RS256"), ("ec", EC_KEY, "ES256")])
@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
def test_signed(verifier: Both, issuer: Issuer, kid: str, key: Any, alg: str, typ: str) -> None:
    given = claims(roles=["admin", "editor"], username="mei")
    found = verifier.verify(sign(given, key=key, alg=alg, kid=kid, typ=typ), scopes=["read"], roles=["admin"])
    assert found == AccessToken(
        subject="7",
        client_id="shop",
        scopes=("read", "write"),
        roles=("admin", "editor"),
        username="mei",
        expires_at=datetime.fromtimestamp(given["exp"], timezone.utc),
        audience=(API,),
        claims=given,
    )
    assert issuer.asked == [METADATA, KEYS]
    assert "mei" not in repr(found)


def test_little_in_it(verifier: Both) -> None:
    """Scope, roles and username may be missing; `aud` may be a list."""
    found = verifier.verify(sign(claims(scope=None, aud=["https://other.example", API])))
    assert (found.scopes, found.roles, found.username) == ((), (), None)
    assert found.audience == ("https://other.example", API)


def test_passport(make: Make) -> None:
    """Tokens of the dialect `passport` are of type JWT; their `aud` is the client."""
    given = claims(aud="2", jti="one", scopes=["read"], scope=None, client_id=None, nbf=NOW - 5)
    token = sign(given, typ="JWT", jti="one")
    found = make(audience="2").verify(token, scopes=["read"])
    assert (found.client_id, found.scopes, found.audience) == ("2", ("read",), ("2",))
    assert "not for this API" in refused(make(), token)
    assert "not an access token" in refused(make(audience="2"), sign({**given, "jti": "two"}, typ="JWT", jti="one"))


@pytest.mark.security("ASVS-9.2.2", "ASVS-10.3.1")
def test_id_token(make: Make) -> None:
    """It is signed by the same key, and its audience may be named like the API (RFC 9068 section 4, RFC 8725 3.12)."""
    given = claims(aud=API, auth_time=NOW, nonce="n", at_hash="h", sid="s", client_id=None, scope=None, jti=None)
    assert "not an access token" in refused(make(), sign(given, typ="JWT"))
    assert "not an access token" in refused(make(), sign(given, typ=None))
    assert "not an access token" in refused(make(), sign(given, typ="logout+jwt"))
    assert refused(make(), sign(given, typ="JWT", jti="x"))


@pytest.mark.security("ASVS-9.2.1", "ASVS-9.2.3", "RFC9700-4.9")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"exp": None}, "invalid"),
        ({"exp": "soon"}, "invalid"),
        ({"aud": "https://other.example"}, "not for this API"),
        ({"aud": None}, "invalid"),
        ({"aud": ISSUER}, "not for this API"),
        ({"iss": "https://evil.example"}, "invalid"),
        ({"iss": ISSUER + "/"}, "invalid"),
        ({"iss": None}, "invalid"),
        ({"iat": NOW + 3600}, "invalid"),
        ({"nbf": NOW + 3600}, "invalid"),
        ({"iat": None}, "invalid"),
        ({"sub": None}, "invalid"),
        ({"sub": 7}, "invalid"),
        ({"client_id": None}, "invalid"),
        ({"scope": ["read"]}, "invalid"),
        ({"roles": "admin"}, "invalid"),
        ({"roles": [1]}, "invalid"),
        ({"username": 5}, "invalid"),
    ],
)
def test_claims(verifier: Both, changed: dict[str, Any], why: str) -> None:
    assert why in refused(verifier, sign(claims(**changed)))


def test_leeway(make: Make) -> None:
    """The clocks may differ by it, and no more."""
    late = sign(claims(exp=int(time.time()) - 10))
    assert make().verify(late).subject == "7"
    assert "expired" in refused(make(leeway=0), late)


@pytest.mark.security("ASVS-9.1.2")
def test_none_and_hmac(verifier: Both, issuer: Issuer) -> None:
    """No token without a signature, and none whose secret is a public key (RFC 8725 sections 2.1 and 3.1)."""
    header = {"typ": "at+jwt", "kid": "rsa"}
    for alg in ("none", "None", "NONE", ""):
        assert "demands" in refused(verifier, unsigned({**header, "alg": alg}, claims()))
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    unproven = unsigned({**header, "alg": "HS256"}, claims()).rstrip(".")
    mac = hmac.digest(pem, unproven.encode(), hashlib.sha256)
    assert "demands" in refused(verifier, f"{unproven}.{jwt.utils.base64url_encode(mac).decode()}")
    assert issuer.asked == []


@pytest.mark.security("ASVS-9.1.2")
def test_algorithm_of_the_key(make: Make, issuer: Issuer) -> None:
    """A token's `alg` must be allowed here, and be that of its key."""
    rs512 = sign(alg="RS512")
    assert "demands" in refused(make(), rs512)
    assert refused(make(algorithms=["RS256", "RS512"]), rs512) == "The access token is invalid"
    assert "demands" in refused(make(algorithms=["ES256"]), sign())
    assert refused(make(), sign(kid="ec")) == "The access token is invalid"
    issuer.keys = [{"kty": "oct", "kid": "rsa", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"}]
    assert "unknown key" in refused(make(), sign())


@pytest.mark.security("ASVS-9.1.1")
def test_forged(verifier: Both) -> None:
    """Another's key under a known name, and a changed token."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refused(verifier, sign(key=other)) == "The access token is invalid"
    head, body, signature = sign().split(".")
    _, richer, _ = sign(claims(scope="admin")).split(".")
    assert refused(verifier, f"{head}.{richer}.{signature}") == "The access token is invalid"
    assert refused(verifier, f"{head}.{body}.") == "The access token is invalid"


@pytest.mark.security("ASVS-9.1.3")
def test_header(verifier: Both, issuer: Issuer) -> None:
    """Nothing of the header leads to a key but `kid`; `crit` is not understood (RFC 8725 section 3.10)."""
    mine = ec.generate_private_key(ec.SECP256R1())
    for more in (
        {"jwk": public("mine", mine)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/certificate"},
    ):
        assert "unknown key" in refused(verifier, sign(key=mine, alg="ES256", kid="mine", **more))
    assert all(request.url.host == "id.example.com" for request in issuer.requests)
    assert "malformed" in refused(verifier, sign(crit=["exp"]))
    assert "demands" in refused(verifier, unsigned({"alg": "RS256", "typ": "at+jwt"}, claims(), "AAAA"))
    assert "malformed" in refused(verifier, unsigned({"alg": "RS256", "typ": "at+jwt", "kid": 5}, claims(), "AAAA"))


@pytest.mark.parametrize("token", ["", " ", "a b", "令牌", "..", "a.b.c", "A" * 20000, "a\n", "W" * 2000 + ".b.c"])
def test_malformed(verifier: Both, issuer: Issuer, token: str) -> None:
    assert "malformed" in refused(verifier, token)
    assert issuer.asked == []


def test_deep_header(verifier: Both) -> None:
    """A header that overflows the parser is malformed, not an error of the API."""
    deep = jwt.utils.base64url_encode(b"[" * 9000).decode()
    assert "malformed" in refused(verifier, f"{deep}.e30.AAAA")


def test_short_key(verifier: Both, issuer: Issuer) -> None:
    """RSA keys under 2048 bits sign nothing (RFC 7518 section 3.3)."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  that is the point
    issuer.keys.append(public("weak", weak))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = sign(key=weak, kid="weak")
    assert "unknown key" in refused(verifier, token)


# --- keys ------------------------------------------------------------------------------------------------


def test_keys_are_kept(verifier: Both, issuer: Issuer) -> None:
    for _ in range(3):
        verifier.verify(sign())
    issuer.now += _core.KEYS_TTL - 1
    verifier.verify(sign(key=EC_KEY, alg="ES256", kid="ec"))
    assert issuer.asked == [METADATA, KEYS]
    issuer.now += 1
    verifier.verify(sign())
    assert issuer.asked == [METADATA, KEYS, KEYS]


def test_rotation(verifier: Both, issuer: Issuer) -> None:
    """A new key is fetched when a token names it; a retired one is gone with the next fetch."""
    verifier.verify(sign())
    issuer.now += _keys.COOL_DOWN
    issuer.keys = [public("new", EC_KEY)]
    assert verifier.verify(sign(key=EC_KEY, alg="ES256", kid="new")).subject == "7"
    assert "unknown key" in refused(verifier, sign())
    assert issuer.asked == [METADATA, KEYS, KEYS]


def test_unknown_keys_do_not_drain(verifier: Both, issuer: Issuer) -> None:
    """However many names are tried, the issuer is asked once in a cool-down."""
    verifier.verify(sign())
    for number in range(20):
        assert "unknown key" in refused(verifier, sign(kid=f"guess-{number}"))
    assert issuer.count(KEYS) == 1
    issuer.now += _keys.COOL_DOWN
    for number in range(20):
        assert "unknown key" in refused(verifier, sign(kid=f"guess-{number}"))
    assert issuer.count(KEYS) == 2


def test_issuer_down(verifier: Both, issuer: Issuer) -> None:
    """Keys are good for a day without the issuer, which is asked at most each five seconds."""
    verifier.verify(sign())
    issuer.goes_down()
    issuer.now += _core.KEYS_TTL
    for _ in range(5):
        verifier.verify(sign())
    assert issuer.count(KEYS) == 2
    issuer.now += _keys.FAILURE_COOL_DOWN
    with pytest.raises(Unavailable):
        verifier.verify(sign(kid="new"))
    assert verifier.verify(sign()).subject == "7"
    issuer.now += _keys.STALE_LIMIT
    with pytest.raises(Unavailable) as caught:
        verifier.verify(sign())
    assert caught.value.headers()["Retry-After"] == "5"
    issuer.broken = lambda _: None
    issuer.now += _keys.FAILURE_COOL_DOWN
    assert verifier.verify(sign()).subject == "7"


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 503},
        {"status_code": 302, "headers": {"Location": "https://evil.example/"}},
        {"status_code": 200, "text": "<html>"},
        {"status_code": 200, "json": []},
        {"status_code": 200, "json": {"keys": 5}},
        {"status_code": 200, "json": {"issuer": "https://evil.example", "jwks_uri": "https://evil.example/jwks"}},
        {"status_code": 200, "json": {"issuer": ISSUER, "jwks_uri": "http://id.example.com/jwks"}},
        {"status_code": 200, "json": {"issuer": ISSUER, "jwks_uri": "https://[::1/"}},
        {"status_code": 200, "json": {"issuer": ISSUER}},
    ],
)
@pytest.mark.parametrize("path", [METADATA, KEYS])
def test_no_usable_answer(verifier: Both, issuer: Issuer, answer: dict[str, Any], path: str) -> None:
    issuer.broken = lambda asked: httpx.Response(**answer) if asked == path else None
    for _ in range(3):
        with pytest.raises(Unavailable):
            verifier.verify(sign())
    assert issuer.count(METADATA) == 1
    issuer.broken = lambda _: None
    issuer.now += _keys.FAILURE_COOL_DOWN
    assert verifier.verify(sign()).subject == "7"


def test_unreadable_key(verifier: Both, issuer: Issuer) -> None:
    """It spoils no other (RFC 7517 section 5)."""
    unreadable: list[Any] = [5, {}, {"kty": "RSA", "kid": "a", "n": "!"}, {"kty": "EC", "crv": "P-0", "kid": "b"}]
    issuer.keys = [*unreadable, public("enc", RSA_KEY, use="enc"), *issuer.keys]
    assert verifier.verify(sign()).subject == "7"
    assert "unknown key" in refused(verifier, sign(kid="enc"))


def test_once_more(verifier: Both, issuer: Issuer) -> None:
    """A connection that the issuer had closed costs a second attempt, no answer."""

    def cut(_: str) -> httpx.Response | None:
        if len(issuer.asked) in {1, 3}:
            raise httpx.RemoteProtocolError("closed")
        return None

    issuer.broken = cut
    assert verifier.verify(sign()).subject == "7"
    assert issuer.asked == [METADATA, METADATA, KEYS, KEYS]


def test_threads_fetch_once(issuer: Issuer) -> None:
    """Twenty first requests at once bring one fetch, and each its answer."""
    slow = threading.Event()

    def wait(_: str) -> None:
        slow.wait(0.05)

    issuer.broken = wait
    with Verifier(ISSUER, API, http=httpx.Client(transport=httpx.MockTransport(issuer))) as verifier:
        token = sign()
        with ThreadPoolExecutor(20) as pool:
            assert {found.subject for found in pool.map(lambda _: verifier.verify(token), range(20))} == {"7"}
    assert issuer.asked == [METADATA, KEYS]


def test_who_has_a_key_does_not_wait(issuer: Issuer) -> None:
    """While one thread waits for newer keys, the others use those that are there."""
    fetching, answer = threading.Event(), threading.Event()
    with Verifier(ISSUER, API, http=httpx.Client(transport=httpx.MockTransport(issuer))) as verifier:
        verifier.verify(sign())
        issuer.now += _core.KEYS_TTL

        def wait(_: str) -> None:
            fetching.set()
            assert answer.wait(10)

        issuer.broken = wait
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(verifier.verify, sign())
            assert fetching.wait(10)
            assert verifier.verify(sign()).subject == "7"
            assert not slow.done()
            answer.set()
            assert slow.result(10).subject == "7"
    assert issuer.count(KEYS) == 2


def test_tasks_fetch_once(issuer: Issuer) -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        return issuer(request)

    async def run() -> list[AccessToken]:
        async with AsyncVerifier(
            ISSUER, API, http=httpx.AsyncClient(transport=httpx.MockTransport(answer))
        ) as verifier:
            first = await asyncio.gather(*(verifier.verify(sign()) for _ in range(20)))
            issuer.now += _core.KEYS_TTL
            return first + await asyncio.gather(*(verifier.verify(sign()) for _ in range(20)))

    assert len(asyncio.run(run())) == 40
    assert issuer.asked == [METADATA, KEYS, KEYS]


def test_cancelled_fetch(issuer: Issuer) -> None:
    """A request that is cancelled while it fetches the keys delays the others by five seconds at most."""
    hang = True

    async def answer(request: httpx.Request) -> httpx.Response:
        if hang:
            await asyncio.sleep(60)
        return issuer(request)

    async def run() -> None:
        nonlocal hang
        async with AsyncVerifier(
            ISSUER, API, http=httpx.AsyncClient(transport=httpx.MockTransport(answer))
        ) as verifier:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(verifier.verify(sign()), 0.01)
            hang = False
            issuer.now += _keys.FAILURE_COOL_DOWN
            assert (await verifier.verify(sign())).subject == "7"

    asyncio.run(run())


# --- opaque tokens ---------------------------------------------------------------------------------------


def test_opaque(verifier: Both, issuer: Issuer) -> None:
    answer = active(roles=["admin"], username="mei")
    issuer.tokens[OPAQUE] = answer
    found = verifier.verify(OPAQUE, scopes=["read", "write"], roles=["admin"])
    assert found == AccessToken(
        subject="7",
        client_id="shop",
        scopes=("read", "write"),
        roles=("admin",),
        username="mei",
        expires_at=datetime.fromtimestamp(answer["exp"], timezone.utc),
        audience=(API,),
        claims=answer,
    )
    assert issuer.asked == [METADATA, INTROSPECTION]
    assert issuer.forms == [{"token": OPAQUE, "token_type_hint": "access_token"}]
    basic = base64.b64encode(":".join(BASIC).encode()).decode()
    assert issuer.requests[-1].headers["authorization"] == f"Basic {basic}"


def test_client_id_with_a_colon(make: Make, issuer: Issuer) -> None:
    """Basic cannot hold it."""
    issuer.tokens[OPAQUE] = active()
    make(introspect=("urn:x", "secret")).verify(OPAQUE)
    assert issuer.forms[0]["client_id"] == "urn:x"
    assert issuer.forms[0]["client_secret"] == "secret"
    assert "authorization" not in issuer.requests[-1].headers


@pytest.mark.security("ASVS-10.3.1")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"active": False}, "expired"),
        ({"active": "true"}, "expired"),
        (active(token_type=None), "not an access token"),  # a refresh token
        (active(temporary=True), "not an access token"),
        (active(iss="https://evil.example"), "another issuer"),
        (active(aud="https://other.example"), "not for this API"),
        (active(aud=None), "not for this API"),
        (active(exp=None), "invalid"),
        (active(sub=None), "invalid"),
        (active(scope=5), "invalid"),
    ],
)
def test_refused_introspection(verifier: Both, issuer: Issuer, answer: dict[str, Any], why: str) -> None:
    """Said once, it is believed for ten seconds."""
    issuer.tokens[OPAQUE] = answer
    assert why in refused(verifier, OPAQUE)
    assert why in refused(verifier, OPAQUE)
    assert issuer.count(INTROSPECTION) == 1
    issuer.now += _core.REFUSED_TTL
    issuer.tokens[OPAQUE] = active()
    assert verifier.verify(OPAQUE).subject == "7"


def test_without_resource(make: Make, issuer: Issuer) -> None:
    """A token for which no resource was asked is for the issuer, as a signed one is."""
    issuer.tokens[OPAQUE] = active(aud=None)
    assert make(audience=[API, ISSUER]).verify(OPAQUE).audience == (ISSUER,)
    assert make(audience=[API, ISSUER]).verify(sign(claims(aud=ISSUER))).audience == (ISSUER,)


def test_introspection_is_kept(verifier: Both, issuer: Issuer) -> None:
    """For a minute: so long a revoked token may be accepted."""
    issuer.tokens[OPAQUE] = active()
    verifier.verify(OPAQUE)
    issuer.tokens.clear()
    issuer.now += _core.CACHE_TTL - 1
    verifier.verify(OPAQUE)
    with pytest.raises(InsufficientScope):
        verifier.verify(OPAQUE, scopes=["admin"])
    assert issuer.asked == [METADATA, INTROSPECTION]
    issuer.now += 1
    assert "expired" in refused(verifier, OPAQUE)


def test_kept_until_it_expires(verifier: Both, issuer: Issuer) -> None:
    issuer.tokens[OPAQUE] = active(exp=int(time.time()) + 10)
    verifier.verify(OPAQUE)
    issuer.tokens.clear()
    issuer.now += 11
    assert "expired" in refused(verifier, OPAQUE)


def test_clock_put_back(verifier: Both, issuer: Issuer) -> None:
    """Nothing is kept longer because of it, and the issuer is asked at once."""
    issuer.tokens[OPAQUE] = active(exp=int(time.time()) + 90000)
    verifier.verify(OPAQUE)
    verifier.verify(sign())
    issuer.now -= 86400
    verifier.verify(OPAQUE)
    verifier.verify(sign())
    assert issuer.asked == [METADATA, INTROSPECTION, KEYS, INTROSPECTION, KEYS]


def test_kept_not_at_all(make: Make, issuer: Issuer) -> None:
    issuer.tokens[OPAQUE] = active()
    verifier = make(cache_ttl=0)
    verifier.verify(OPAQUE)
    verifier.verify(OPAQUE)
    assert issuer.count(INTROSPECTION) == 2


def test_few_are_kept(make: Make, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was not used for longest goes; refused ones push out no good ones."""
    monkeypatch.setattr(_core, "CACHE_SIZE", 2)
    verifier = make()
    first, second, third = (letter * 22 + "." + "b" * 43 for letter in "ABC")
    issuer.tokens = dict.fromkeys((first, second, third), active())
    for token in (first, second, first, third, first):
        verifier.verify(token)
    for number in range(5):
        refused(verifier, f"{number}" * 22)
    verifier.verify(first)
    assert [form["token"] for form in issuer.forms[:3]] == [first, second, third]
    assert issuer.count(INTROSPECTION) == 8
    verifier.verify(second)
    assert issuer.count(INTROSPECTION) == 9


def test_signed_only(make: Make, issuer: Issuer) -> None:
    """Without a client of its own an API cannot ask, and a signed token is never asked for."""
    assert "signed access tokens only" in refused(make(introspect=None), OPAQUE)
    assert issuer.asked == []
    make().verify(sign())
    assert issuer.count(INTROSPECTION) == 0


def test_introspection_fails(verifier: Both, issuer: Issuer) -> None:
    """No answer is no verdict: it is not kept."""
    issuer.tokens[OPAQUE] = active()
    for answer, wait in (
        (httpx.Response(401), "5"),
        (httpx.Response(429, headers={"Retry-After": "17"}), "17"),
        (httpx.Response(500), "5"),
        (httpx.Response(200, text="active"), "5"),
    ):
        issuer.broken = lambda path, answer=answer: answer if path == INTROSPECTION else None  # type: ignore[misc]
        with pytest.raises(Unavailable) as caught:
            verifier.verify(OPAQUE)
        assert caught.value.headers()["Retry-After"] == wait
    issuer.goes_down()
    with pytest.raises(Unavailable):
        verifier.verify(OPAQUE)
    issuer.broken = lambda _: None
    assert verifier.verify(OPAQUE).subject == "7"


def test_secret_goes_nowhere_else(verifier: Both, issuer: Issuer) -> None:
    issuer.tokens[OPAQUE] = active()
    issuer.metadata["introspection_endpoint"] = "http://evil.example/introspect"
    with pytest.raises(Unavailable):
        verifier.verify(OPAQUE)
    assert issuer.count(INTROSPECTION) == 0


# --- scopes, roles, answers ------------------------------------------------------------------------------


@pytest.mark.security("ASVS-10.3.2")
@pytest.mark.parametrize(
    ("wanted", "header"),
    [
        ({"scopes": ["read", "admin"]}, ', scope="read admin"'),
        ({"roles": ["admin"]}, ""),
        ({"roles": ["user", "admin"], "scopes": ["read"]}, ', scope="read"'),
    ],
)
def test_insufficient(verifier: Both, wanted: dict[str, list[str]], header: str) -> None:
    """All scopes and all roles are needed."""
    with pytest.raises(InsufficientScope) as caught:
        verifier.verify(sign(claims(roles=["user"])), **wanted)
    error = caught.value
    assert error.status == 403
    said = error.www_authenticate()
    assert said is not None
    assert said.startswith('Bearer error="insufficient_scope", error_description="')
    assert said.endswith(f'"{header}')


@pytest.mark.security("RFC9470-3")
@pytest.mark.parametrize("form", ["signed", "introspected"])
@pytest.mark.parametrize(
    ("login", "wanted", "challenge"),
    [
        ({"acr": "2"}, {"acr": "2"}, None),
        ({"acr": "1"}, {"acr": "2"}, 'acr_values="2"'),
        ({"acr": "1"}, {"acr": ["2", "1"]}, None),
        ({}, {"acr": ["3", "2"]}, 'acr_values="3 2"'),
        ({"auth_time": -590}, {"max_age": 600}, None),
        ({"auth_time": -610}, {"max_age": 600}, 'max_age="600"'),
        ({}, {"max_age": 600}, 'max_age="600"'),
        ({"auth_time": -610, "acr": "2"}, {"acr": "2", "max_age": 600}, 'acr_values="2", max_age="600"'),
        ({"acr": "1"}, {}, None),
    ],
)
def test_the_login_of_the_user(
    verifier: Both, issuer: Issuer, form: str, login: dict[str, Any], wanted: dict[str, Any], challenge: str | None
) -> None:
    """RFC 9470 section 3: what the client has to ask for is in the challenge."""
    told = {name: int(time.time()) + value if name == "auth_time" else value for name, value in login.items()}
    issuer.tokens[OPAQUE] = active(**told)
    token = sign(claims(**told)) if form == "signed" else OPAQUE
    if challenge is None:
        assert verifier.verify(token, **wanted).subject == "7"
        return
    with pytest.raises(InsufficientAuthentication) as caught:
        verifier.verify(token, **wanted)
    assert caught.value.status == 401
    assert caught.value.www_authenticate() == (
        'Bearer error="insufficient_user_authentication", '
        f'error_description="A different authentication level is required", {challenge}'
    )


def test_one_text_is_no_list(verifier: Both) -> None:
    """`scopes="admin"` would ask for five letters."""
    for wanted in ({"scopes": "read"}, {"roles": "admin"}):
        with pytest.raises(TypeError, match="must be a list"):
            verifier.verify(sign(), **wanted)


def test_answers() -> None:
    """RFC 6750 section 3, RFC 9728 section 5.1."""
    metadata = "https://orders.example.com/.well-known/oauth-protected-resource"
    invalid, missing, busy = InvalidToken("It is bad"), MissingToken("There is none"), Unavailable("Later", 2.6)
    assert invalid.headers() == {
        "Cache-Control": "no-store",
        "WWW-Authenticate": 'Bearer error="invalid_token", error_description="It is bad"',
    }
    assert invalid.www_authenticate(metadata) == (
        f'Bearer error="invalid_token", error_description="It is bad", resource_metadata="{metadata}"'
    )
    assert missing.www_authenticate() == 'Bearer realm="api"'
    wanting = MissingToken("There is none", ["read", "write"])
    assert wanting.www_authenticate(metadata) == (
        f'Bearer realm="api", scope="read write", resource_metadata="{metadata}"'
    )
    assert missing.www_authenticate(metadata) == f'Bearer realm="api", resource_metadata="{metadata}"'
    assert invalid.body == {"error": "invalid_token", "error_description": "It is bad"}
    assert missing.body["error"] == "unauthorized"
    assert (busy.status, busy.headers()) == (503, {"Cache-Control": "no-store", "Retry-After": "3"})
    assert InsufficientScope("No", ['a"b']).www_authenticate() == (
        'Bearer error="insufficient_scope", error_description="No", scope="a\\"b"'
    )
    with pytest.raises(ValueError, match="resource_metadata"):
        invalid.www_authenticate("https://x\r\nSet-Cookie: a=b")
    for error in (
        invalid,
        missing,
        busy,
        InsufficientScope("No", ["read"]),
        InsufficientAuthentication("No", ["2"], 5),
    ):
        assert isinstance(error, VerificationError)
        assert isinstance(error, LingpaiSDKError)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (our own)


@pytest.mark.parametrize("header", ["Bearer abc.def", "bearer abc.def", "BEARER   abc.def ", " Bearer abc.def"])
def test_bearer_token(header: str) -> None:
    assert bearer_token(header) == "abc.def"


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearerabc", "abc"])
def test_no_bearer_token(header: str | None) -> None:
    with pytest.raises(MissingToken):
        bearer_token(header)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer 令", "Bearer =a"])
def test_bad_bearer_token(header: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        bearer_token(header)
    assert caught.value.code == "invalid_token"


# --- arguments, secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://id.example.com"},
        {"issuer": "id.example.com"},
        {"audience": ""},
        {"audience": []},
        {"algorithms": []},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"leeway": -1},
        {"introspect": ("", "secret")},
        {"introspect": ("id", "")},
    ],
)
@pytest.mark.parametrize("kind", [Verifier, AsyncVerifier])
def test_arguments(kind: Callable[..., object], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+: "):
        kind(**{"issuer": ISSUER, "audience": API, **wrong})


def test_nothing_secret_is_shown(verifier: Both, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in logs of any level, nor in a repr or an error."""
    caplog.set_level(logging.DEBUG)
    issuer.tokens[OPAQUE] = active(username="mei")
    token = sign()
    shown = [repr(verifier.verify(OPAQUE)), repr(verifier.verify(token)), repr(verifier.verifier)]
    issuer.goes_down()
    issuer.now += _core.KEYS_TTL
    for bad in (OPAQUE, token + "A"):
        with pytest.raises(VerificationError) as caught:
            verifier.verify(bad)
        shown += [repr(caught.value), str(caught.value)]
    assert "keys of" in caplog.text
    everything = "".join(shown) + caplog.text
    for secret in (OPAQUE, token, BASIC[1], "mei"):
        assert secret not in everything
