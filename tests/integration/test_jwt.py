"""Signed access tokens: what stands in them, what ends them, and every forgery refused (RFC 7515, 8725, 9068)."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lingpai.clients.service import new_client
from lingpai.kernel.errors import unavailable
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.service import KeyRing
from tests.support.api import Api, make_api, signing_keys
from tests.support.dialects import (
    BY_PASSWORD,
    GRACE,
    ISSUER,
    JWT,
    MACHINE_JWT,
    PASSPORT,
    RETRY,
    YEAR,
    decode,
    encode,
    introspected,
    is_good,
    parts,
    passport_tokens,
    signed_tokens,
)
from tests.support.expect import refuses_token, standing_api
from tests.support.time import START
from tests.support.tokens import STANDARD, TOKEN, calls, opens, refresh, remove_client, stored

PASSPORT_CLIENT = (PASSPORT["client_id"], PASSPORT["client_secret"])
HOUR = 3600
CLIENT_CREDENTIALS = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One for all: no test here changes what another one sees."""
    with standing_api() as opened:
        store: Any = opened.services.store
        grants = ("password", "refresh_token")
        store.put_client(new_client("3", "passport", "refreshing-secret", grants=grants, scopes=("read", "write")))
        yield opened


def kept_key(algorithm: str) -> StoredKey:
    return next(key for key in signing_keys() if key.algorithm == algorithm)


def private_key(algorithm: str) -> Any:
    return serialization.load_der_private_key(kept_key(algorithm).private or b"", None)


def public_pem(algorithm: str) -> bytes:
    public = private_key(algorithm).public_key()
    pem: bytes = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem


def machine_token(api: Api, **form: str) -> str:
    answer = api.post("/oauth/token", form={**CLIENT_CREDENTIALS, **form}, basic=MACHINE_JWT)
    assert answer.status == 200, answer
    token: str = answer.json["access_token"]
    return token


# --- what stands in them --------------------------------------------------------------------------------------


def test_a_token_of_seed_001(api: Api) -> None:
    """Header and claims as Passport's, in its order, with `kid` and `iss` beside them."""
    token = passport_tokens(api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD}))["access_token"]
    header, claims = parts(token)
    now = api.services.clock.now()
    assert list(header.items()) == [
        ("typ", "JWT"),
        ("alg", "RS256"),
        ("jti", claims["jti"]),
        ("kid", kept_key("RS256").kid),
    ]
    assert list(claims.items()) == [
        ("aud", "2"),
        ("jti", header["jti"]),
        ("iat", now),
        ("nbf", now),
        ("exp", now + YEAR),
        ("sub", str(api.user_id("alice"))),
        ("scopes", []),
        ("iss", ISSUER),
    ]
    verified = pyjwt.decode(
        token,
        public_pem("RS256"),
        algorithms=["RS256"],
        audience="2",
        options={"verify_nbf": False, "verify_iat": False},
    )
    assert verified == claims


@pytest.mark.security("ASVS-9.2.4")
def test_a_token_of_rfc_9068(api: Api) -> None:
    """Section 2.1: `typ` is at+jwt; section 2.2: iss, exp, aud, sub, client_id, iat and jti must be there."""
    token = signed_tokens(api, scope="write")["access_token"]
    header, claims = parts(token)
    now = api.services.clock.now()
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": kept_key("ES256").kid}
    assert claims == {
        "iss": ISSUER,
        "exp": now + HOUR,
        "aud": ISSUER,
        "sub": str(api.user_id("alice")),
        "client_id": "jwt-client",
        "iat": now,
        "jti": claims["jti"],
        # Section 2.2.3: the scope that was granted.
        "scope": "write",
        # Section 2.2.1.
        "auth_time": now,
        "acr": "1",
        "amr": ["pwd"],
    }
    options: Any = {"verify_iat": False}
    assert pyjwt.decode(token, public_pem("ES256"), ["ES256"], audience=ISSUER, options=options) == claims


def test_the_token_of_a_client_for_itself(api: Api) -> None:
    """RFC 9068 section 2.2: `sub` is the client where no user is involved."""
    _, claims = parts(machine_token(api))
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("machine-jwt", "machine-jwt", "read")


@pytest.mark.security("RFC9700-2.3")
def test_the_audience_is_a_setting(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9068 section 3: a default resource indicator, here the API that the deployment guards."""
    guarding = make_api(
        monkeypatch,
        api.services.store,
        populated=False,
        audience="https://api.example.com",
        issuer="https://id.example",
    )
    _, claims = parts(signed_tokens(guarding)["access_token"])
    assert (claims["aud"], claims["iss"]) == ("https://api.example.com", "https://id.example")


@pytest.mark.security("ASVS-7.2.3")
def test_no_two_tokens_are_the_same(api: Api) -> None:
    assert len({machine_token(api) for _ in range(10)}) == 10
    assert len({parts(machine_token(api))[1]["jti"] for _ in range(10)}) == 10


def test_a_jti_is_no_token(api: Api) -> None:
    """It stands in logs and in other people's databases. What it names is the session and a hash: no proof."""
    tokens = signed_tokens(api)
    jti = parts(tokens["access_token"])[1]["jti"]
    selector, _, hashed = jti.partition(".")
    assert TOKEN.fullmatch(jti), "it looks like one"
    for text in (jti, f"{selector}.{encode(hashlib.sha256(decode(hashed)).digest())}"):
        assert not is_good(api, text)
        assert api.post("/oauth/destoryToken", json_body={"accessToken": text}).status == 200
        assert api.post("/oauth/revoke", form={"token": text}, basic=JWT).status == 200
    assert is_good(api, tokens["access_token"])
    assert refresh(api, jti, JWT).status == 400


# --- their life -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [JWT, ("3", "refreshing-secret")], ids=["ES256", "RS256"])
def test_a_retry_of_a_refresh_gives_the_same_pair_to_the_byte(api: Api, client: tuple[str, str]) -> None:
    """ECDSA as everyone does it would draw a number and sign anew."""
    first = signed_tokens(api, client)
    second = refresh(api, first["refresh_token"], client)
    assert refresh(api, first["refresh_token"], client) == second
    api.time.advance(GRACE)
    later = refresh(api, first["refresh_token"], client).json
    assert {**later, "expires_in": later["expires_in"] + GRACE} == second.json
    assert second.json["access_token"] != first["access_token"]
    assert is_good(api, second.json["access_token"])


def test_the_token_before_a_refresh_is_good_for_the_grace_time(api: Api) -> None:
    first = signed_tokens(api)
    second = refresh(api, first["refresh_token"], JWT).json
    api.time.advance(GRACE)
    assert is_good(api, first["access_token"])
    api.time.advance(1)
    assert not is_good(api, first["access_token"])
    assert is_good(api, second["access_token"])


def test_a_narrowed_token_says_so_and_does_so(api: Api) -> None:
    first = signed_tokens(api)
    second = refresh(api, first["refresh_token"], JWT, scope="read").json
    assert parts(second["access_token"])[1]["scope"] == "read"
    assert introspected(api, second["access_token"])["scope"] == "read"
    assert introspected(api, first["access_token"])["scope"] == "read write"


@pytest.mark.security("ASVS-7.4.1")
@pytest.mark.parametrize("end", ["destroyed", "revoked", "revoked by its refresh token", "reuse", "account deleted"])
def test_a_token_of_a_user_dies_with_its_session(api: Api, end: str) -> None:
    """Long before it expires, and though its signature is right."""
    assert api.post("/users/register", json_body={"username": end, "password": "a good password"}).status == 200
    tokens, other = (signed_tokens(api, username=end, password="a good password") for _ in range(2))
    access = tokens["access_token"]
    assert is_good(api, access)
    match end:
        case "destroyed":
            api.post("/oauth/destoryToken", json_body={"accessToken": access})
        case "revoked":
            api.post("/oauth/revoke", form={"token": access}, basic=JWT)
        case "revoked by its refresh token":
            api.post("/oauth/revoke", form={"token": tokens["refresh_token"]}, basic=JWT)
        case "reuse":
            refresh(api, tokens["refresh_token"], JWT)
            api.time.advance(RETRY + 1)
            refresh(api, tokens["refresh_token"], JWT)
        case _:
            api.post("/users/delete", json_body={"id": api.user_id(end)}, bearer=api.admin())
    refuses_token(api.post("/users/current", bearer=access))
    assert introspected(api, access) == {"active": False}
    assert refresh(api, tokens["refresh_token"], JWT).status == 400
    assert is_good(api, other["access_token"]) is (end != "account deleted")


def test_a_token_that_stands_alone_is_revoked_by_its_jti(api: Api) -> None:
    """Listed until it would have expired; the client's other tokens live."""
    token, other = machine_token(api), machine_token(api)
    assert introspected(api, token)["active"]
    assert api.post("/oauth/revoke", form={"token": token}, basic=MACHINE_JWT).status == 200
    assert introspected(api, token) == {"active": False}
    refuses_token(api.post("/users/current", bearer=token))
    assert introspected(api, other)["active"]


def test_the_token_of_a_client_that_is_gone_acts_no_more(api: Api) -> None:
    store: Any = api.services.store
    store.put_client(new_client("leaving", "standard", "a-secret", token_format="jwt"))
    token = api.post("/oauth/token", form=CLIENT_CREDENTIALS, basic=("leaving", "a-secret")).json["access_token"]
    assert api.post("/users/current", bearer=token).status == 403, "a client, and no user"
    remove_client(api, "leaving")
    api.time.advance(60)
    refuses_token(api.post("/users/current", bearer=token))


# --- what they cost -------------------------------------------------------------------------------------------


def calls_of(api: Api, act: Callable[[], object]) -> list[str]:
    """What `act` asks the store for: on moto, the operations of DynamoDB."""
    with pytest.MonkeyPatch.context() as patch:
        seen = calls(patch, api)
        act()
    return seen


@pytest.mark.moto
def test_a_token_for_itself_is_issued_without_a_call_and_checked_with_one(
    api_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make_api(monkeypatch, api_store)
    token = machine_token(api)
    before = stored(api)
    assert calls_of(api, lambda: machine_token(api)) == []
    assert stored(api) == before
    check = {"accessToken": token}
    assert calls_of(api, lambda: api.post("/user/checkOauthToken", json_body=check)) == ["GetItem"]
    revoke = {"token": token}
    assert calls_of(api, lambda: api.post("/oauth/revoke", form=revoke, basic=MACHINE_JWT)) == ["PutItem"]


@pytest.mark.moto
def test_a_users_token_costs_what_an_opaque_one_does(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(monkeypatch, api_store)
    tokens = signed_tokens(api)
    check = {"accessToken": tokens["access_token"]}
    assert calls_of(api, lambda: signed_tokens(api)) == ["BatchGetItem", "GetItem", "TransactWriteItems"]
    assert calls_of(api, lambda: api.post("/user/checkOauthToken", json_body=check)) == ["GetItem"]
    assert calls_of(api, lambda: refresh(api, tokens["refresh_token"], JWT)) == ["UpdateItem"]
    revoke = {"token": tokens["refresh_token"]}
    assert calls_of(api, lambda: api.post("/oauth/revoke", form=revoke, basic=JWT)) == ["PutItem"]


# --- forgeries ------------------------------------------------------------------------------------------------


def signed(header: Any, claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """A JWS of whatever is given, by whatever signs."""

    def part(content: Any) -> str:
        return encode(content if isinstance(content, bytes) else json.dumps(content).encode())

    start = f"{part(header)}.{part(claims)}"
    return f"{start}.{encode(sign(start.encode()))}"


def es256(key: Any) -> Callable[[bytes], bytes]:
    algorithm = pyjwt.get_algorithm_by_name("ES256")
    return lambda message: algorithm.sign(message, key)


def rs256(key: Any) -> Callable[[bytes], bytes]:
    algorithm = pyjwt.get_algorithm_by_name("RS256")
    return lambda message: algorithm.sign(message, key)


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, hashlib.sha256)


def ours(algorithm: str = "ES256") -> Callable[[bytes], bytes]:
    """Signed with the deployment's own key, as nobody outside could: so only what is under test is wrong."""
    return (es256 if algorithm == "ES256" else rs256)(private_key(algorithm))


OTHER_EC = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(params=["a user's", "a client's own"])
def good(request: pytest.FixtureRequest, api: Api) -> str:
    """A token that is good, to be altered."""
    token: str = signed_tokens(api)["access_token"] if request.param == "a user's" else machine_token(api)
    assert introspected(api, token)["active"]
    return token


def refused(api: Api, token: str) -> None:
    """By everything that takes a token; and the store is not even asked, let alone told to end something."""
    for client, _ in (JWT, STANDARD):
        api.services.clients.get_client(client)

    def ask() -> None:
        refuses_token(api.post("/users/current", bearer=token))
        assert introspected(api, token) == {"active": False}
        for path in ("/user/checkOauthToken", "/user/getUserByToken", "/oauth/getTempToken"):
            answer = api.post(path, json_body={"accessToken": token})
            assert answer.json == {"status": 0, "msg": "令牌无效或已过期"}
        assert api.post("/oauth/revoke", form={"token": token}, basic=JWT).json == {}
        assert api.post("/oauth/destoryToken", json_body={"accessToken": token}).json["status"] == 1

    assert calls_of(api, ask) == []


def test_the_way_they_are_made_here_makes_good_ones(api: Api, good: str) -> None:
    """Or the refusals below would say nothing."""
    header, claims = parts(good)
    assert introspected(api, signed(header, claims, ours()))["active"]


@pytest.mark.security("ASVS-9.1.2")
@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", [b"", b"x" * 64], ids=["unsigned", "signed"])
def test_alg_none(api: Api, good: str, name: str, signature: bytes) -> None:
    """RFC 8725 section 3.2."""
    header, claims = parts(good)
    refused(api, signed({**header, "alg": name}, claims, lambda _: signature))


@pytest.mark.security("ASVS-9.1.2")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_hs256_with_the_public_key(api: Api, good: str, algorithm: str) -> None:
    """RFC 8725 section 2.1: what everybody may read is no secret, in whichever encoding."""
    header, claims = parts(good)
    public = private_key(algorithm).public_key()
    header = {**header, "alg": "HS256", "kid": kept_key(algorithm).kid}
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (public_pem(algorithm), public_pem(algorithm).strip(), der, header["kid"].encode(), b""):
        refused(api, signed(header, claims, hs256(secret)))


def test_one_algorithm_under_the_key_of_another(api: Api, good: str) -> None:
    """RFC 8725 section 3.1: a key goes with one algorithm, and the header does not choose."""
    header, claims = parts(good)
    ec_kid, rsa_kid = kept_key("ES256").kid, kept_key("RS256").kid
    refused(api, signed({**header, "alg": "RS256", "kid": ec_kid}, claims, ours("RS256")))
    refused(api, signed({**header, "alg": "ES256", "kid": rsa_kid}, claims, ours("ES256")))
    refused(api, signed({**header, "alg": "RS256", "kid": ec_kid}, claims, ours("ES256")))
    refused(api, signed({**header, "alg": "ES256", "kid": rsa_kid}, claims, ours("RS256")))


@pytest.mark.security("ASVS-9.1.2")
@pytest.mark.parametrize(
    "name", ["RS384", "RS512", "PS256", "ES384", "EdDSA", "HS512", "es256", "A128KW", None, 1, ["ES256"]]
)
def test_any_other_algorithm(api: Api, good: str, name: object) -> None:
    header, claims = parts(good)
    refused(api, signed({**header, "alg": name}, claims, ours()))


def test_a_header_without_an_algorithm_or_a_key(api: Api, good: str) -> None:
    header, claims = parts(good)
    for lacking in ("alg", "kid"):
        refused(api, signed({name: value for name, value in header.items() if name != lacking}, claims, ours()))


def test_a_foreign_key_under_a_foreign_id(api: Api, good: str) -> None:
    header, claims = parts(good)
    refused(api, signed({**header, "kid": "their-key"}, claims, es256(OTHER_EC)))
    refused(api, signed({**header, "kid": "their-key"}, claims, ours()))


@pytest.mark.security("ASVS-9.1.3")
def test_a_foreign_key_under_our_id(api: Api, good: str) -> None:
    header, claims = parts(good)
    refused(api, signed(header, claims, es256(OTHER_EC)))


@pytest.mark.parametrize(
    "kid",
    [None, 1, True, ["x"], {"x": "y"}, "", "../../../dev/null", "' OR 1=1 --", "\x00", "k" * 10000],
    ids=range(10),
)
def test_a_key_id_of_any_kind(api: Api, good: str, kid: object) -> None:
    """It is looked up among the keys, and nowhere else."""
    header, claims = parts(good)
    refused(api, signed({**header, "kid": kid}, claims, ours()))


def jwk_of(key: Any) -> Any:
    return pyjwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True)


@pytest.mark.security("ASVS-9.1.3")
@pytest.mark.parametrize(
    "brought",
    [
        {"jwk": jwk_of(OTHER_EC)},
        {"jku": "https://attacker.example/keys.json"},
        {"x5u": "https://attacker.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"x5t": "x"},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"x": "y"},
    ],
    # Not the key: each process has another one.
    ids=lambda brought: "jwk" if "jwk" in brought else str(brought),
)
def test_a_header_that_brings_its_own(api: Api, good: str, brought: dict[str, Any]) -> None:
    """RFC 8725 section 3.10, RFC 7515 section 4.1.11: refused with their signature and even with ours."""
    header, claims = parts(good)
    for sign in (es256(OTHER_EC), ours()):
        refused(api, signed({**header, **brought}, claims, sign))


@pytest.mark.security("RFC9700-4.9")
@pytest.mark.parametrize(
    "changes",
    [
        {"exp": START - 1},
        {"nbf": START + 10 * YEAR},
        {"iat": START + 10 * YEAR},
        {"iss": "https://another.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": None},
    ],
    ids=str,
)
def test_a_time_or_an_issuer_that_is_not_now_and_here(api: Api, good: str, changes: dict[str, Any]) -> None:
    """RFC 8725 section 3.8; RFC 9068 section 4; even under our own signature."""
    header, claims = parts(good)
    refused(api, signed(header, {**claims, **changes}, ours()))


@pytest.mark.security("F25", "ASVS-9.2.1")
def test_it_expires_to_the_second(api: Api) -> None:
    """As an opaque one does, and as it and its answers say: leeway would call it active after its own `exp`."""
    token = machine_token(api)
    _, claims = parts(token)
    assert claims["exp"] == api.services.clock.now() + HOUR
    api.time.advance(HOUR - 1)
    assert introspected(api, token)["active"]
    assert introspected(api, token)["exp"] == claims["exp"] == api.services.clock.now() + 1
    api.time.advance(1)
    refused(api, token)


@pytest.mark.security("F25", "ASVS-9.2.1")
@pytest.mark.parametrize("ahead", [1, 30, 31])
def test_it_may_be_issued_by_a_clock_that_is_ahead(api: Api, good: str, ahead: int) -> None:
    """Of another function, by half a minute."""
    header, claims = parts(good)
    at = api.services.clock.now() + ahead
    token = signed(header, {**claims, "iat": at, "nbf": at, "exp": at + HOUR}, ours())
    if ahead <= 30:
        assert introspected(api, token)["active"]
    else:
        refused(api, token)


def test_another_deployment_refuses_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same keys and the same tables, but another name."""
    token = signed_tokens(api)["access_token"]
    other = make_api(monkeypatch, api.services.store, populated=False, issuer="https://other.example")
    refuses_token(other.post("/users/current", bearer=token))


@pytest.mark.security("ASVS-9.1.1")
def test_other_claims_under_the_same_signature(api: Api, good: str) -> None:
    """Another subject, more scope, a later end, and not a space more than was signed."""
    header, claims = parts(good)
    _, _, signature = good.split(".")
    for changes in ({"sub": "1"}, {"scope": "read write admin"}, {"exp": claims["exp"] + 1}, {"jti": "x"}, {}):
        refused(api, signed(header, {**claims, **changes, " ": ""}, lambda _: decode(signature)))


@pytest.mark.security("ASVS-9.1.1")
def test_every_part_is_signed(api: Api, good: str) -> None:
    """One letter changed in any of them."""
    for at in (0, good.index("."), good.index(".") + 5, good.rindex("."), good.rindex(".") + 5, len(good) - 5):
        letter = "A" if good[at] != "A" else "B"
        token = good[:at] + letter + good[at + 1 :]
        assert introspected(api, token) == {"active": False}


def test_a_signature_is_there_and_whole(api: Api, good: str) -> None:
    start, _, signature = good.rpartition(".")
    for ending in ("", signature[:-2], signature + "AA", signature * 2, "A" * 86):
        refused(api, f"{start}.{ending}")


def test_a_signature_has_one_spelling(api: Api, good: str) -> None:
    """The spare bits of its last character are zero: with another one there the bytes are the same."""
    other = "BRhx"["AQgw".index(good[-1])]
    assert decode(good.rpartition(".")[2][:-1] + other) == decode(good.rpartition(".")[2])
    assert not is_good(api, good[:-1] + other)


def test_zero_is_no_signature(api: Api, good: str) -> None:
    """r and s of ECDSA must not be zero."""
    header, claims = parts(good)
    refused(api, signed(header, claims, lambda _: bytes(64)))


@pytest.mark.parametrize(
    "token",
    [
        "..",
        "...",
        "a.b.c",
        "a..c",
        ".e30.",
        "e30.e30.e30",
        "W10.W10.W10",
        "bnVsbA.bnVsbA.bnVsbA",
        "!.!.!",
        "%00.%00.%00",
        " . . ",
        "eyJ.eyJ.eyJ",
        "A" * 2000 + "." + "A" * 2000 + "." + "A" * 2000,
    ],
    ids=range(13),
)
def test_what_looks_like_one(api: Api, token: str) -> None:
    refused(api, token)


def test_a_token_is_three_parts(api: Api, good: str) -> None:
    """One more, one less, or encrypted (five)."""
    first, second, third = good.split(".")
    for token in (
        f"{first}.{second}",
        f"{good}.",
        f".{good}",
        f"{good}.{third}",
        f"{good}..",
        f"{first}{second}.{third}",
    ):
        assert introspected(api, token) == {"active": False}
        refuses_token(api.post("/users/current", bearer=token))


@pytest.mark.parametrize("part", ["header", "claims"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 5000], ids=range(8))
def test_parts_that_are_no_json_object(api: Api, good: str, part: str, content: bytes) -> None:
    """Even under our own signature: an answer, and no fault."""
    header, claims = parts(good)
    token = signed(content, claims, ours()) if part == "header" else signed(header, content, ours())
    assert introspected(api, token) == {"active": False}
    refuses_token(api.post("/users/current", bearer=token))


def test_a_huge_token(api: Api, good: str) -> None:
    """Refused without work worth the name; what is larger than a body may be is not even read."""
    header, claims = parts(good)
    huge = signed({**header, "kid": "k" * 30000}, {**claims, "x": "y" * 10000}, ours())
    assert introspected(api, huge) == {"active": False}
    answer = api.post("/oauth/introspect", form={"token": "e30." * 20000}, basic=JWT)
    assert answer.status == 413


def test_a_name_twice(api: Api, good: str) -> None:
    """RFC 8725 section 2.4: some parsers take the first, others the last. Neither reading gets through."""
    header, claims = parts(good)
    _, _, signature = good.split(".")
    for doubled in (
        b'{"alg":"none",' + json.dumps(header).encode()[1:],
        json.dumps(header).encode()[:-1] + b',"alg":"none"}',
    ):
        for sign in (es256(OTHER_EC), lambda _: decode(signature), lambda _: b""):
            refused(api, signed(doubled, claims, sign))
    refused(api, signed(json.dumps(header).encode()[:-1] + b',"alg":"none"}', claims, ours()))
    refused(api, signed(json.dumps(header).encode()[:-1] + b',"kid":"theirs"}', claims, ours()))
    twice = b'{"sub":"1",' + json.dumps(claims).encode()[1:]
    for sign in (es256(OTHER_EC), lambda _: decode(signature)):
        refused(api, signed(header, twice, sign))


@pytest.mark.security("ASVS-9.2.2")
def test_a_signed_token_refreshes_nothing_and_a_refresh_token_opens_nothing(api: Api) -> None:
    tokens = signed_tokens(api)
    assert refresh(api, tokens["access_token"], JWT).status == 400
    refuses_token(api.post("/users/current", bearer=tokens["refresh_token"]))
    assert is_good(api, tokens["access_token"])


def test_the_token_is_not_taken_from_elsewhere(api: Api, good: str) -> None:
    """With another encoding of the same bytes, white space in it, or padding."""
    first, second, third = good.split(".")
    for token in (f"{first}=.{second}.{third}", f"{first}. {second}.{third}", f"{good}=", f"{good}==", f"{good}\u200b"):
        assert introspected(api, token) == {"active": False}


def test_an_rsa_key_of_another(api: Api) -> None:
    token = passport_tokens(api.post("/oauth/token", form={**PASSPORT, **BY_PASSWORD}))["access_token"]
    header, claims = parts(token)
    theirs = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused(api, signed(header, claims, rs256(theirs)))
    refused(api, signed({**header, "typ": "at+jwt"}, claims, rs256(theirs)))
    assert opens(api, {"access_token": token})["username"] == "alice"


def test_a_deployment_without_keys_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 for who wants a signed token; everyone else is served."""
    monkeypatch.setattr("tests.support.api.signing_keys", tuple)
    bare = make_api(monkeypatch, api.services.store, populated=False)
    answer = bare.post("/oauth/token", form=CLIENT_CREDENTIALS, basic=MACHINE_JWT)
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert bare.token()
    assert bare.call("GET", "/.well-known/jwks.json").json == {"keys": []}


def test_without_a_key_nothing_is_written(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal comes before the session, the code and the rotation, not after them."""
    first = signed_tokens(api)

    def none(*_: Any) -> Any:
        raise unavailable("no_signing_key")

    monkeypatch.setattr(KeyRing, "signing", none)
    before = stored(api)
    for form in (
        {"grant_type": "password", "username": "alice", "password": "correct horse battery"},
        {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]},
        {"grant_type": "client_credentials"},
    ):
        assert api.post("/oauth/token", form=form, basic=JWT).status == 503
    assert stored(api) == before


def test_a_token_made_of_a_revoked_ones_id_is_unknown(api: Api) -> None:
    token = machine_token(api)
    assert api.post("/oauth/revoke", form={"token": token}, basic=MACHINE_JWT).status == 200
    selector = parts(token)[1]["jti"].partition(".")[0]
    for made in (f"{selector}.{'A' * 43}", f"{selector}.{'A' * 48}"):
        refuses_token(api.post("/users/current", bearer=made))
        assert introspected(api, made) == {"active": False}
        assert api.post("/oauth/revoke", form={"token": made}, basic=MACHINE_JWT).status == 200
        form = {"grant_type": "refresh_token", "refresh_token": made}
        assert api.post("/oauth/token", form=form, basic=JWT).status == 400
