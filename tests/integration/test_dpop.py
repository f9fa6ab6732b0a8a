"""Tokens that are bound to a key of the client (RFC 9449): issued, refreshed, introspected, used at Lingpai's API."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from lingpai.authorization import codes, request
from lingpai.authorization.model import Login
from lingpai.clients.service import inconsistency, new_client
from lingpai.dpop import nonces
from lingpai.dpop import service as dpop
from lingpai.kernel import jws
from lingpai.kernel.clock import LEEWAY
from local import gateway
from tests.support.api import Answer, Api, make_api
from tests.support.browsers import CALLBACK, VERIFIER, browser_login, request_pairs, web_app
from tests.support.dialects import DJANGO, PASSPORT, sdk
from tests.support.dpop import ProofKey, claims_of
from tests.support.logs import LOGS
from tests.support.pages import Browser
from tests.support.tokens import STANDARD, WEB

PUBLIC = {"client_id": "public-client"}
BY_PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
ALGS = f'algs="{" ".join(jws.DPOP_ALGORITHMS)}"'


@dataclass
class House:
    """An API, the key of a client, and tokens that are bound to it."""

    api: Api
    key: ProofKey = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.new_key()

    def new_key(self, algorithm: str = "ES256") -> ProofKey:
        """The key of another client, whose clock is that of the API."""
        return ProofKey(self.api.services.clock.now, algorithm)

    def ask(self, key: ProofKey | None = None, basic: tuple[str, str] | None = None, **form: str) -> Answer:
        """A token request with a proof by this key; none for None."""
        headers = key.headers() if key else {}
        return self.api.post("/oauth/token", form=form, basic=basic, headers=headers)

    def log_in(self, basic: tuple[str, str] | None = None, **form: str) -> Any:
        """Alice's tokens for the public client, or the one of `basic`, bound to the key."""
        answer = self.ask(self.key, basic, **BY_PASSWORD, **({} if basic else PUBLIC), **form)
        assert (answer.status, answer.json.get("token_type")) == (200, "DPoP"), answer
        return answer.json

    def refresh(self, token: str, key: ProofKey | None = None, basic: tuple[str, str] | None = None) -> Answer:
        """A refresh, with a proof by this key."""
        client = {} if basic else PUBLIC
        return self.ask(key, basic, grant_type="refresh_token", refresh_token=token, **client)

    def introspect(self, token: str) -> Any:
        """What the resource server is told."""
        return self.api.post("/oauth/introspect", form={"token": token}, basic=STANDARD).json


@pytest.fixture
def house(api: Api) -> House:
    store: Any = api.services.store
    for client in (
        web_app(),
        web_app("spa", None, resources=()),
        web_app("signed", "signed-app-secret", token_format="jwt"),
        web_app("bound", "bound-app-secret", dpop_bound_access_tokens=True),
    ):
        store.put_client(client)
    return House(api)


def refused(answer: Answer, error: str, reason: str, status: int = 400) -> None:
    """A refusal of a token request (RFC 6749 section 5.2)."""
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (status, error, reason), answer


def challenged(answer: Answer, error: str, scheme: str = "DPoP") -> str:
    """A refusal of an access token (RFC 9449 section 7.1); gives its description."""
    assert (answer.status, answer.json["error"]) == (401, error), answer
    about_proof = {"reason"} if error in ("invalid_dpop_proof", "use_dpop_nonce") else set()
    assert set(answer.json) == {"error", "error_description"} | about_proof
    expected = f'{scheme} realm="lingpai", error="{error}"'
    assert answer.headers["www-authenticate"] in (f"{expected}, {ALGS}", f"{expected}, DPoP {ALGS}")
    said: str = answer.json["error_description"]
    return said


# --- token requests (sections 5 and 6)


GRANTS: dict[str, Callable[[House], dict[str, str]]] = {
    "password": lambda _: BY_PASSWORD,
    "client_credentials": lambda _: {"grant_type": "client_credentials"},
    "mobile": lambda house: {
        "grant_type": "urn:lingpai:grant:mobile-code",
        "mobile": "13312341234",
        "code": send_code(house.api),
    },
    "sign": lambda _: {"grant_type": "urn:lingpai:grant:sign", "sign": "an-openid"},
}


def send_code(api: Api) -> str:
    answer = api.post("/mobile/code/get", json_body={"mobile": "13312341234"}, basic=STANDARD)
    assert answer.status == 200, answer
    return api.last_code


@pytest.mark.security("RFC9449-5")
@pytest.mark.parametrize("grant", GRANTS)
def test_each_grant(house: House, grant: str) -> None:
    """Whatever the grant is, the token is bound to the key, and the answer says so."""
    answer = house.ask(house.key, STANDARD, **GRANTS[grant](house))
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP"), answer
    assert house.introspect(answer.json["access_token"])["cnf"] == {"jkt": house.key.jkt}


@pytest.mark.parametrize("path", ["/mobile/token", "/sign/token"])
def test_at_the_other_token_endpoints(house: House, path: str) -> None:
    form = {"sign": "an-openid"} if path == "/sign/token" else {"mobile": "13312341234", "code": send_code(house.api)}
    answer = house.api.post(path, form=form, basic=STANDARD, headers=house.key.headers(path))
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP"), answer


@pytest.mark.security("RFC9449-6.2")
@pytest.mark.parametrize("basic", [None, STANDARD], ids=["public", "confidential"])
def test_introspection(house: House, basic: Any) -> None:
    found = house.introspect(house.log_in(basic)["access_token"])
    assert (found["active"], found["token_type"], found["cnf"]) == (True, "DPoP", {"jkt": house.key.jkt})
    bearer = house.ask(None, basic, **BY_PASSWORD, **({} if basic else PUBLIC)).json
    found = house.introspect(bearer["access_token"])
    assert (bearer["token_type"], found["token_type"], "cnf" in found) == ("Bearer", "Bearer", False)


@pytest.mark.security("RFC9449-6.1")
@pytest.mark.parametrize(
    ("basic", "form"),
    [
        (("jwt-client", "jwt-secret"), BY_PASSWORD),
        (("jwt-client", "jwt-secret"), {"grant_type": "client_credentials"}),
        (("machine-jwt", "machine-jwt-secret"), {"grant_type": "client_credentials"}),
    ],
    ids=["user", "client", "machine"],
)
def test_a_signed_token(house: House, basic: tuple[str, str], form: dict[str, str]) -> None:
    answer = house.ask(house.key, basic, **form)
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP"), answer
    token = answer.json["access_token"]
    assert claims_of(token)["cnf"] == {"jkt": house.key.jkt}
    assert house.introspect(token)["cnf"] == {"jkt": house.key.jkt}
    assert "cnf" not in claims_of(house.ask(None, basic, **form).json["access_token"])


@pytest.mark.parametrize("algorithm", jws.DPOP_ALGORITHMS)
def test_each_algorithm(house: House, algorithm: str) -> None:
    key = house.new_key(algorithm)
    answer = house.ask(key, STANDARD, grant_type="client_credentials")
    assert house.introspect(answer.json["access_token"])["cnf"] == {"jkt": key.jkt}


@pytest.mark.security("RFC9449-5.1")
def test_the_metadata(api: Api) -> None:
    told = api.call("GET", "/.well-known/oauth-authorization-server").json
    assert told["dpop_signing_alg_values_supported"] == ["ES256", "ES384", "EdDSA", "Ed25519", "PS256", "RS256"]


@pytest.mark.security("RFC9449-5.2")
def test_a_client_that_always_uses_dpop(house: House) -> None:
    """A record with `dpop_bound_access_tokens` gets nothing without a proof, at any door."""
    bound = ("bound", "bound-app-secret")
    refused(house.ask(None, bound, grant_type="client_credentials"), "invalid_dpop_proof", "dpop_required")
    answer = house.ask(house.key, bound, grant_type="client_credentials")
    assert answer.json["token_type"] == "DPoP"


def test_a_refresh_by_the_old_sdk(house: House) -> None:
    """`/oauth/refreshAccessToken` has no place for a proof: it refreshes no session that is bound, and ends none."""
    token = house.log_in()["refresh_token"]
    answer = house.api.post("/oauth/refreshAccessToken", form={"refresh_token": token})
    assert (answer.json["status"], "DPoP" in answer.json["msg"]) == (0, True), answer
    assert house.refresh(token, house.key).status == 200
    bearer = house.ask(None, None, **BY_PASSWORD, **PUBLIC).json["refresh_token"]
    store: Any = house.api.services.store
    public = store.get_client("public-client")
    store.put_client(replace(public, dpop_bound_access_tokens=True))
    house.api.time.advance(house.api.services.settings.client_cache_ttl)
    answer = house.api.post("/oauth/refreshAccessToken", form={"refresh_token": bearer})
    assert (answer.json["status"], "DPoP" in answer.json["msg"]) == (0, True), answer
    assert house.refresh(bearer, house.key).json["token_type"] == "DPoP"


@pytest.mark.parametrize(
    ("basic", "form"),
    [(WEB, {}), (None, DJANGO), (None, {**PASSPORT, "scope": ""}), (None, sdk(None))],
    ids=["spring", "django", "passport", "usercenter"],
)
def test_legacy_clients(house: House, basic: Any, form: dict[str, Any]) -> None:
    """Their answers cannot say that a token is bound: a proof is refused, and never silently ignored."""
    answer = house.ask(house.key, basic, **{**BY_PASSWORD, **form})
    assert "DPoP" in answer.body, answer
    assert "access" not in answer.body.lower()
    assert house.ask(None, basic, **{**BY_PASSWORD, **form}).status == 200 or basic is None


def test_the_record_of_a_legacy_client_has_no_dpop() -> None:
    client = new_client("x", "spring", "a-secret-of-some-length", dpop_bound_access_tokens=True)
    assert "dpop_bound_access_tokens" in (inconsistency(client) or "")


@pytest.mark.security("RFC9449-5", "RFC9449-4.3", "RFC9449-11.1")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "GET"}, "htm"),
        ({"htm": "post"}, "htm"),
        ({"path": "/oauth/token/"}, "htu"),
        ({"path": "/oauth/par"}, "htu"),
        ({"htu": "https://127.0.0.1:8443/oauth/token"}, "htu"),
        ({"htu": "http://127.0.0.1/oauth/token"}, "htu"),
        ({"htu": "https://evil.example/oauth/token"}, "htu"),
        ({"headers": {"typ": "JWT"}}, "typ"),
        ({"headers": {"alg": "none"}}, "alg"),
        ({"jti": None}, "claim"),
    ],
    ids=str,
)
def test_a_proof_that_is_not_for_this_request(house: House, changes: dict[str, Any], said: str) -> None:
    answer = house.api.post(
        "/oauth/token",
        form={"grant_type": "client_credentials"},
        basic=STANDARD,
        headers={"DPoP": house.key.proof(**changes), "Host": "evil.example"},
    )
    refused(answer, "invalid_dpop_proof", "bad_dpop_proof")
    assert said in answer.json["error_description"]
    assert answer.headers.get("www-authenticate") is None


@pytest.mark.parametrize("text", ["", " ", "x", "a.b.c"])
def test_what_is_no_proof(house: House, text: str) -> None:
    """An empty header is a header: it asks for a bound token."""
    answer = house.api.post(
        "/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD, headers={"DPoP": text}
    )
    refused(answer, "invalid_dpop_proof", "bad_dpop_proof")


@pytest.mark.security("RFC9449-4.3")
def test_two_headers(house: House) -> None:
    """API Gateway joins them by a comma; the same proof twice is no better."""
    proof = house.key.proof()
    for other in (house.key.proof(), proof):
        body = "grant_type=client_credentials&client_id=standard-client&client_secret=standard-secret"
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("DPoP", proof), ("dpop", other))
        asked = gateway.Request("POST", "/oauth/token", headers, body.encode(), "192.0.2.1")
        reply = gateway.answer(house.api._gateway, asked)
        assert (reply.status, json.loads(reply.body)["reason"]) == (400, "bad_dpop_proof")
    answer = house.api.post(
        "/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD, headers={"DPoP": proof}
    )
    assert answer.status == 200, "alone it is good"


def test_the_spelling_of_the_address(house: House) -> None:
    for uri in ("HTTPS://127.0.0.1:443/oauth/token?x=1#y", "https://127.0.0.1/./o%61uth/token"):
        answer = house.api.post(
            "/oauth/token",
            form={"grant_type": "client_credentials"},
            basic=STANDARD,
            headers=house.key.headers(htu=uri),
        )
        assert answer.status == 200, answer


@pytest.mark.security("RFC9449-11.1")
@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-dpop.LIFETIME - 1, False), (-dpop.LIFETIME, True), (0, True), (LEEWAY, True), (LEEWAY + 1, False), (1e9, False)],
)
def test_the_time_of_a_proof(house: House, seconds: float, good: bool) -> None:
    headers = house.key.headers(iat=house.api.time.at + seconds)
    answer = house.api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD, headers=headers)
    assert answer.status == (200 if good else 400)


@pytest.mark.security("RFC9449-11.1")
def test_a_proof_is_good_once(house: House) -> None:
    """Its `jti` is kept under the key and the address: nobody can use up another's."""
    headers = house.key.headers()

    def ask(headers: dict[str, str]) -> Answer:
        return house.api.post(
            "/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD, headers=headers
        )

    assert ask(headers).status == 200
    answer = ask(headers)
    refused(answer, "invalid_dpop_proof", "bad_dpop_proof")
    assert "used before" in answer.json["error_description"]
    assert ask(house.key.headers(jti="one")).status == 200
    assert ask(house.key.headers(jti="one", iat=house.api.time.at - 1)).status == 400
    assert ask(house.new_key().headers(jti="one")).status == 200
    assert (
        house.api.post(
            "/oauth/token/",
            form={"grant_type": "client_credentials"},
            basic=STANDARD,
            headers=house.key.headers("/oauth/token/", jti="one"),
        ).status
        == 200
    )


def test_the_mark_of_a_proof_outlives_it(house: House) -> None:
    """A proof from the future is refused as used as long as it is not too old."""
    headers = house.key.headers(iat=house.api.time.at + LEEWAY)
    form = {"grant_type": "client_credentials"}
    assert house.api.post("/oauth/token", form=form, basic=STANDARD, headers=headers).status == 200
    house.api.time.advance(dpop.LIFETIME + LEEWAY)
    answer = house.api.post("/oauth/token", form=form, basic=STANDARD, headers=headers)
    assert "used before" in answer.json["error_description"]
    house.api.time.advance(1)
    answer = house.api.post("/oauth/token", form=form, basic=STANDARD, headers=headers)
    assert "too old" in answer.json["error_description"]


def test_a_proof_of_a_client_that_is_not_authenticated_costs_nothing(house: House) -> None:
    store: Any = house.api.services.store
    counters = store.counters
    before = {key for key in counters if key.startswith("dpop:")}
    answer = house.ask(house.key, ("standard-client", "wrong"), grant_type="client_credentials")
    assert answer.status == 401
    for changes in ({"htu": "https://evil.example/"}, {"iat": 1}, {"headers": {"jwk": house.new_key().jwk}}):
        house.api.post(
            "/oauth/token",
            form={"grant_type": "client_credentials"},
            basic=STANDARD,
            headers=house.key.headers(**changes),
        )
    assert {key for key in counters if key.startswith("dpop:")} == before


# --- refresh tokens (section 5)


@pytest.mark.security("RFC9449-5")
def test_the_refresh_token_of_a_public_client(house: House) -> None:
    """It is bound to the key: neither without a proof nor with another key does it give anything, or end anything."""
    first = house.log_in()
    refused(house.refresh(first["refresh_token"]), "invalid_dpop_proof", "dpop_required")
    refused(house.refresh(first["refresh_token"], house.new_key()), "invalid_grant", "wrong_dpop_key")
    second = house.refresh(first["refresh_token"], house.key)
    assert (second.status, second.json["token_type"]) == (200, "DPoP")
    assert house.introspect(second.json["access_token"])["cnf"] == {"jkt": house.key.jkt}
    third = house.refresh(second.json["refresh_token"], house.key)
    assert third.status == 200
    # Even a used token: the thief has no key, and does not end the session.
    house.api.time.advance(3600)
    refused(house.refresh(first["refresh_token"], house.new_key()), "invalid_grant", "wrong_dpop_key")
    refused(house.refresh(first["refresh_token"]), "invalid_dpop_proof", "dpop_required")
    assert house.refresh(third.json["refresh_token"], house.key).status == 200


def test_a_used_refresh_token_with_the_key_ends_the_session(house: House) -> None:
    """RFC 9700 section 4.14.2 holds as it does without DPoP."""
    first = house.log_in()
    second = house.refresh(first["refresh_token"], house.key).json
    house.refresh(second["refresh_token"], house.key)
    house.api.time.advance(3600)
    refused(house.refresh(first["refresh_token"], house.key), "invalid_grant", "bad_refresh_token")
    refused(house.refresh(second["refresh_token"], house.key), "invalid_grant", "bad_refresh_token")


def test_a_retry_needs_a_proof_of_its_own(house: House) -> None:
    """A lost answer comes again for the same token with a new proof by the same key (section 7.3)."""
    first = house.log_in()
    second = house.refresh(first["refresh_token"], house.key).json
    again = house.refresh(first["refresh_token"], house.key).json
    assert (again["access_token"], again["refresh_token"]) == (second["access_token"], second["refresh_token"])
    refused(house.refresh(first["refresh_token"], house.new_key()), "invalid_grant", "wrong_dpop_key")
    refused(house.refresh(first["refresh_token"]), "invalid_dpop_proof", "dpop_required")


def test_a_session_becomes_bound(house: House) -> None:
    """A public client that begins to send proofs: from then on its tokens are bound."""
    first = house.ask(None, None, **BY_PASSWORD, **PUBLIC).json
    second = house.refresh(first["refresh_token"], house.key).json
    assert second["token_type"] == "DPoP"
    found = house.introspect(first["access_token"])
    assert (found["token_type"], "cnf" in found) == ("Bearer", False)
    assert house.introspect(second["access_token"])["cnf"] == {"jkt": house.key.jkt}
    refused(house.refresh(second["refresh_token"]), "invalid_dpop_proof", "dpop_required")
    third = house.refresh(second["refresh_token"], house.key).json
    assert house.introspect(second["access_token"])["cnf"] == {"jkt": house.key.jkt}
    assert house.introspect(third["access_token"])["cnf"] == {"jkt": house.key.jkt}


def test_a_retry_does_not_bind(house: House) -> None:
    """The lost answer was a bearer token: the same answer cannot be one that is bound."""
    first = house.ask(None, None, **BY_PASSWORD, **PUBLIC).json
    assert house.refresh(first["refresh_token"]).status == 200
    refused(house.refresh(first["refresh_token"], house.key), "invalid_grant", "wrong_dpop_key")


@pytest.mark.security("RFC9449-5")
def test_the_refresh_token_of_a_confidential_client(house: House) -> None:
    """It is bound to the client alone: the key may change, but a bound session does not become a bearer's."""
    first = house.log_in(STANDARD)
    other = house.new_key()
    second = house.refresh(first["refresh_token"], other, STANDARD)
    assert (second.status, second.json["token_type"]) == (200, "DPoP")
    assert house.introspect(second.json["access_token"])["cnf"] == {"jkt": other.jkt}
    assert house.introspect(first["access_token"])["cnf"] == {"jkt": house.key.jkt}
    # A retry with a third key would get a token that is bound to the second one.
    refused(house.refresh(first["refresh_token"], house.new_key(), STANDARD), "invalid_grant", "wrong_dpop_key")
    refused(house.refresh(second.json["refresh_token"], None, STANDARD), "invalid_dpop_proof", "dpop_required")
    assert house.refresh(second.json["refresh_token"], house.key, STANDARD).status == 200


# --- authorization codes (section 10)


@dataclass
class Codes:
    """A user who is logged in in a browser, and codes for the client `spa` or another one."""

    house: House
    login: Login

    def issue(self, pairs: list[tuple[str, str]]) -> str:
        client, asked = request.read(self.house.api.services, pairs)
        code = codes.issue(self.house.api.services, client, asked, self.login)
        LOGS.hush("code", code)
        return code

    def code(self, client_id: str = "spa", **changes: str | None) -> str:
        return self.issue(request_pairs(client_id=client_id, **changes))

    def redeem(self, code: str, key: ProofKey | None, basic: Any = None, client_id: str = "spa") -> Answer:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.house.ask(key, basic, **form, **({} if basic else {"client_id": client_id}))

    def push(self, headers: dict[str, str], client_id: str = "spa", **changes: str | None) -> Answer:
        form = dict(request_pairs(client_id=client_id, **changes))
        answer = self.house.api.post("/oauth/par", form=form, headers=headers)
        if answer.status == 201:
            LOGS.hush("request_uri", answer.json["request_uri"])
        return answer

    def code_for(self, pushed: Answer) -> str:
        assert pushed.status == 201, pushed
        return self.issue([("client_id", "spa"), ("request_uri", pushed.json["request_uri"])])


@pytest.fixture
def flow(house: House) -> Codes:
    return Codes(house, browser_login(house.api.services, house.api.user_id("alice")))


def bad_code(answer: Answer) -> None:
    refused(answer, "invalid_grant", "bad_authorization_code")


@pytest.mark.security("RFC9449-10", "RFC9449-11.9")
def test_a_code_that_needs_a_key(flow: Codes) -> None:
    """A stolen code, even with its verifier, is nothing to whoever has not the key; it still works for its client."""
    key = flow.house.key
    code = flow.code(dpop_jkt=key.jkt)
    bad_code(flow.redeem(code, None))
    bad_code(flow.redeem(code, flow.house.new_key()))
    answer = flow.redeem(code, key)
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    bad_code(flow.redeem(code, flow.house.new_key()))
    flow.house.api.time.advance(codes.RETRY + 1)
    bad_code(flow.redeem(code, flow.house.new_key()))
    bad_code(flow.redeem(code, None))
    assert (
        flow.house.ask(
            key, None, grant_type="refresh_token", refresh_token=answer.json["refresh_token"], client_id="spa"
        ).status
        == 200
    ), "whoever lacks the key has not ended the session"


@pytest.mark.security("RFC9449-10")
@pytest.mark.parametrize("way", ["parameter", "pushed"])
def test_a_login_on_the_pages_keeps_the_key(flow: Codes, way: str) -> None:
    """From the authorization request through the login page to the code."""
    key = flow.house.key
    if way == "parameter":
        pairs = request_pairs(client_id="spa", dpop_jkt=key.jkt)
    else:
        pushed = flow.push(key.headers("/oauth/par"))
        pairs = [("client_id", "spa"), ("request_uri", pushed.json["request_uri"])]
    page = Browser(flow.house.api).log_in(target=f"/oauth/authorize?{urlencode(pairs)}")
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    LOGS.hush("code", code)
    bad_code(flow.redeem(code, flow.house.new_key()))
    bad_code(flow.redeem(code, None))
    assert flow.redeem(code, key).json["token_type"] == "DPoP"


def test_a_code_without_a_key(flow: Codes) -> None:
    """The tokens are bound to the key of the token request; the same request may be repeated, with the same key."""
    key = flow.house.key
    code = flow.code()
    first = flow.redeem(code, key)
    again = flow.redeem(code, key)
    assert first.json["access_token"] == again.json["access_token"]
    assert again.json["token_type"] == "DPoP"
    bad_code(flow.redeem(code, flow.house.new_key()))
    bad_code(flow.redeem(code, None))
    unbound = flow.code()
    assert flow.redeem(unbound, None).json["token_type"] == "Bearer"
    bad_code(flow.redeem(unbound, key))


def test_a_confidential_client(flow: Codes) -> None:
    for client_id, basic in (("web-app", ("web-app", "web-app-secret")), ("signed", ("signed", "signed-app-secret"))):
        answer = flow.redeem(flow.code(client_id, resource=None), flow.house.key, basic)
        assert (answer.status, answer.json["token_type"]) == (200, "DPoP"), answer
        assert flow.house.introspect(answer.json["access_token"])["cnf"] == {"jkt": flow.house.key.jkt}
        assert answer.json["id_token"]


@pytest.mark.parametrize("jkt", ["x", "A" * 42, "A" * 44, "A" * 42 + "B", "=" * 43, "é" * 43])
def test_what_is_no_thumbprint(flow: Codes, jkt: str) -> None:
    answer = flow.push({}, dpop_jkt=jkt)
    refused(answer, "invalid_request", "bad_parameter")
    assert "dpop_jkt" in answer.json["error_description"]


@pytest.mark.security("RFC9449-10.1")
@pytest.mark.parametrize("way", ["parameter", "header", "both"])
def test_a_pushed_request(flow: Codes, way: str) -> None:
    key = flow.house.key
    headers = {} if way == "parameter" else key.headers("/oauth/par")
    pushed = flow.push(headers, dpop_jkt=None if way == "header" else key.jkt)
    code = flow.code_for(pushed)
    bad_code(flow.redeem(code, flow.house.new_key()))
    bad_code(flow.redeem(code, None))
    assert flow.redeem(code, key).json["token_type"] == "DPoP"


@pytest.mark.security("RFC9449-10.1")
def test_a_pushed_request_whose_two_keys_differ(flow: Codes) -> None:
    answer = flow.push(flow.house.key.headers("/oauth/par"), dpop_jkt=flow.house.new_key().jkt)
    refused(answer, "invalid_request", "wrong_dpop_jkt")


@pytest.mark.security("RFC9449-10.1")
def test_the_proof_of_a_pushed_request_is_checked(flow: Codes) -> None:
    key = flow.house.key
    for headers in (key.headers("/oauth/token"), key.headers("/oauth/par", headers={"alg": "none"}), {"DPoP": "x"}):
        refused(flow.push(headers), "invalid_dpop_proof", "bad_dpop_proof")
    headers = key.headers("/oauth/par")
    assert flow.push(headers).status == 201
    refused(flow.push(headers), "invalid_dpop_proof", "bad_dpop_proof")


# --- Lingpai's own API (section 7)


def standing_token(house: House, scope: str = "lingpai:account") -> str:
    token: str = house.log_in(STANDARD, scope=scope)["access_token"]
    return token


def openid_token(flow: Codes) -> str:
    token: str = flow.redeem(flow.code(), flow.house.key).json["access_token"]
    return token


@pytest.mark.security("RFC9449-7")
def test_a_route_of_the_api(house: House) -> None:
    token = standing_token(house)
    answer = house.key.call(house.api, "POST", "/users/current", token)
    assert answer.status == 200, answer


@pytest.mark.security("RFC9449-7")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo(flow: Codes, method: str) -> None:
    token = openid_token(flow)
    assert flow.house.key.call(flow.house.api, method, "/oauth/userinfo", token).json["sub"] == str(flow.login.user_id)


@pytest.mark.security("RFC9449-7")
def test_a_signed_token_at_the_api(flow: Codes) -> None:
    answer = flow.redeem(flow.code("signed", resource=None), flow.house.key, ("signed", "signed-app-secret"))
    token = answer.json["access_token"]
    assert flow.house.key.call(flow.house.api, "GET", "/oauth/userinfo", token).status == 200
    bearer = flow.house.api.call("GET", "/oauth/userinfo", bearer=token)
    challenged(bearer, "invalid_token", "Bearer")


@pytest.mark.security("RFC9449-7.2")
@pytest.mark.parametrize("path", ["/oauth/userinfo", "/users/current"])
def test_a_bound_token_is_no_bearer_token(flow: Codes, path: str) -> None:
    token = openid_token(flow) if path == "/oauth/userinfo" else standing_token(flow.house)
    for headers in ({}, flow.house.key.headers(path, "POST", token)):
        answer = flow.house.api.post(path, bearer=token, headers=headers)
        challenged(answer, "invalid_token", "Bearer")
        assert answer.headers["www-authenticate"].endswith(f", DPoP {ALGS}")
    if path == "/oauth/userinfo":
        challenged(flow.house.api.post(path, form={"access_token": token}), "invalid_token", "Bearer")


@pytest.mark.security("RFC9449-7.2")
@pytest.mark.parametrize("path", ["/user/checkOauthToken", "/user/getUserByToken", "/oauth/getTempToken"])
def test_a_bound_token_at_the_calls_of_the_old_sdk(house: House, path: str) -> None:
    """They take a bearer token, and one of them makes another one of it."""
    token = standing_token(house)
    answer = house.api.post(path, form={"accessToken": token})
    assert answer.json["status"] == 0, answer
    assert house.api.post("/oauth/destroyToken", form={"accessToken": token}).json["status"] == 1
    assert not house.introspect(token)["active"]


def test_revocation_needs_no_proof(house: House) -> None:
    token = standing_token(house)
    assert house.api.post("/oauth/revoke", form={"token": token}, basic=STANDARD).status == 200
    challenged(house.key.call(house.api, "POST", "/users/current", token), "invalid_token")


def present(house: House, path: str, token: str, proof: str | None, scheme: str = "DPoP") -> Answer:
    headers = {"Authorization": f"{scheme} {token}"} | ({} if proof is None else {"DPoP": proof})
    return house.api.post(path, headers=headers)


@pytest.mark.security("RFC9449-7.1", "RFC9449-4.3")
@pytest.mark.parametrize("path", ["/oauth/userinfo", "/users/current"])
def test_a_proof_that_is_not_for_this_token(flow: Codes, path: str) -> None:
    house = flow.house
    token = openid_token(flow) if path == "/oauth/userinfo" else standing_token(house)
    other = house.new_key()

    def said(error: str, proof: str | None) -> str:
        return challenged(present(house, path, token, proof), error)

    assert "required" in said("invalid_dpop_proof", None)
    assert "ath" in said("invalid_dpop_proof", house.key.proof(path))
    assert "ath" in said("invalid_dpop_proof", house.key.proof(path, token=token + "x"))
    assert "ath" in said("invalid_dpop_proof", house.key.proof(path, ath="é"))
    assert "htm" in said("invalid_dpop_proof", house.key.proof(path, "GET", token))
    assert "htu" in said("invalid_dpop_proof", house.key.proof("/oauth/token", token=token))
    assert "htu" in said("invalid_dpop_proof", house.key.proof(path + "/", token=token))
    assert "JWT" in said("invalid_dpop_proof", "x")
    assert "another DPoP key" in said("invalid_token", other.proof(path, token=token))
    mixed = house.key.proof(path, token=token, headers={"jwk": other.jwk})
    assert "signature" in said("invalid_dpop_proof", mixed)
    good = house.key.proof(path, token=token)
    assert present(house, path, token, good).status == 200
    assert "used before" in said("invalid_dpop_proof", good)
    assert present(house, path, token, house.key.proof(path, token=token), "dpop").status == 200


def test_a_token_that_is_not_bound(house: House) -> None:
    """With the scheme DPoP it is refused: nothing would check its proof against a key."""
    token = house.ask(None, STANDARD, **BY_PASSWORD, scope="lingpai:account").json["access_token"]
    assert "no key" in challenged(house.key.call(house.api, "POST", "/users/current", token), "invalid_token")
    assert house.api.post("/users/current", bearer=token).status == 200


def test_unknown_and_missing_tokens(house: House) -> None:
    challenged(house.key.call(house.api, "POST", "/users/current", "unknown"), "invalid_token")
    for value in ("DPoP", "DPoP "):
        answer = house.api.post("/users/current", headers={"Authorization": value})
        assert answer.headers["www-authenticate"] == f'DPoP realm="lingpai", {ALGS}'
        assert (answer.status, answer.json["error"]) == (401, "unauthorized")


def test_a_right_that_is_missing(house: House) -> None:
    """RFC 6750 section 3.1, with the scheme of the request."""
    answer = house.key.call(house.api, "POST", "/users/list", standing_token(house))
    assert answer.status == 403
    expected = f'DPoP realm="lingpai", error="insufficient_scope", scope="lingpai:admin", {ALGS}'
    assert answer.headers["www-authenticate"] == expected


def test_the_key_of_the_previous_access_token(house: House) -> None:
    """After a refresh with another key, the token before it stays good for the grace time, with its own key."""
    first = house.log_in(STANDARD, scope="lingpai:account")
    other = house.new_key()
    second = house.refresh(first["refresh_token"], other, STANDARD).json
    assert house.key.call(house.api, "POST", "/users/current", first["access_token"]).status == 200
    assert other.call(house.api, "POST", "/users/current", second["access_token"]).status == 200
    challenged(other.call(house.api, "POST", "/users/current", first["access_token"]), "invalid_token")
    challenged(house.key.call(house.api, "POST", "/users/current", second["access_token"]), "invalid_token")


def test_the_issuer_and_not_the_host(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof is for the address that the metadata name, wherever the request arrived."""
    api = make_api(monkeypatch, api_store, issuer="https://id.example")
    house = House(api)
    form = {"grant_type": "client_credentials"}
    answer = api.post("/oauth/token", form=form, basic=STANDARD, headers=house.key.headers())
    refused(answer, "invalid_dpop_proof", "bad_dpop_proof")
    headers = house.key.headers(htu="https://id.example/oauth/token")
    assert api.post("/oauth/token", form=form, basic=STANDARD, headers=headers).status == 200


# --- nonces (sections 8 and 9)


@pytest.fixture
def nonced(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> House:
    """Where proofs need a nonce."""
    return House(make_api(monkeypatch, api_store, dpop_nonce=True))


def with_nonce(house: House, nonce: str | None, **changes: Any) -> Answer:
    headers = house.key.headers(nonce=nonce, **changes)
    return house.api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=STANDARD, headers=headers)


@pytest.mark.security("RFC9449-8", "RFC9449-11.3")
def test_a_nonce_is_demanded(nonced: House) -> None:
    """Section 8: 400 with the nonce; with it, the request is answered, and the answer has the next one (8.2)."""
    answer = with_nonce(nonced, None)
    refused(answer, "use_dpop_nonce", "use_dpop_nonce")
    nonce = answer.headers["dpop-nonce"]
    good = with_nonce(nonced, nonce)
    assert (good.status, good.json["token_type"]) == (200, "DPoP")
    assert with_nonce(nonced, good.headers["dpop-nonce"]).status == 200, "it may be used more than once"
    assert good.headers["cache-control"] == "no-store"


@pytest.mark.security("RFC9449-8")
def test_a_nonce_of_another_kind(nonced: House) -> None:
    """Made up, altered, of another server, or too old: each refusal has the one to use."""
    right = nonces.current(nonced.api.services)
    foreign = nonces.current(replace(nonced.api.services, pepper=lambda: b"of another server, 32 bytes long"))
    altered = right[:-1] + ("A" if right[-1] != "A" else "B")
    for nonce in ("x", right + "A", right[:-1], altered, foreign, right.swapcase(), "A" * 27):
        answer = with_nonce(nonced, nonce)
        refused(answer, "use_dpop_nonce", "use_dpop_nonce")
        assert answer.headers["dpop-nonce"] == right
    nonced.api.time.advance(nonces.LIFETIME)
    assert with_nonce(nonced, right).status == 200
    nonced.api.time.advance(1)
    answer = with_nonce(nonced, right)
    refused(answer, "use_dpop_nonce", "use_dpop_nonce")
    assert with_nonce(nonced, answer.headers["dpop-nonce"]).status == 200


@pytest.mark.security("RFC9449-11.2")
def test_a_nonce_tells_the_time(nonced: House) -> None:
    """The client's clock may be wrong (section 11.1); a proof made ahead is worth nothing without the nonce."""
    nonce = nonces.current(nonced.api.services)
    for seconds in (-1e6, 1e6):
        assert with_nonce(nonced, nonce, iat=nonced.api.time.at + seconds).status == 200
    ahead = nonced.key.headers(nonce=nonce, iat=nonced.api.time.at + 1000)
    nonced.api.time.advance(1000)
    form = {"grant_type": "client_credentials"}
    answer = nonced.api.post("/oauth/token", form=form, basic=STANDARD, headers=ahead)
    refused(answer, "use_dpop_nonce", "use_dpop_nonce")


@pytest.mark.security("RFC9449-11.1")
def test_with_a_nonce_too_a_proof_is_good_once(nonced: House) -> None:
    nonce = nonces.current(nonced.api.services)
    assert with_nonce(nonced, nonce, jti="one").status == 200
    nonced.api.time.advance(nonces.LIFETIME)
    answer = with_nonce(nonced, nonce, jti="one")
    assert "used before" in answer.json["error_description"]


@pytest.mark.security("RFC9449-9")
@pytest.mark.parametrize("path", ["/oauth/userinfo", "/users/current"])
def test_a_nonce_at_the_api(nonced: House, path: str) -> None:
    """Section 9: 401 with the challenge, and the nonce."""
    scope = "openid" if path == "/oauth/userinfo" else "lingpai:account"
    store: Any = nonced.api.services.store
    store.put_client(
        new_client("reads", "standard", "reads-secret", grants=("password",), scopes=("openid", "lingpai:account"))
    )
    headers = nonced.key.headers(nonce=nonces.current(nonced.api.services))
    basic = ("reads", "reads-secret")
    answer = nonced.api.post("/oauth/token", form={**BY_PASSWORD, "scope": scope}, basic=basic, headers=headers)
    token = answer.json["access_token"]
    answer = nonced.key.call(nonced.api, "POST", path, token)
    assert "nonce" in challenged(answer, "use_dpop_nonce")
    proof = nonced.key.proof(path, token=token, nonce=answer.headers["dpop-nonce"])
    assert present(nonced, path, token, proof).status == 200


def test_a_nonce_for_a_pushed_request(nonced: House) -> None:
    store: Any = nonced.api.services.store
    store.put_client(web_app("spa", None, resources=()))
    form = dict(request_pairs(client_id="spa"))
    answer = nonced.api.post("/oauth/par", form=form, headers=nonced.key.headers("/oauth/par"))
    refused(answer, "use_dpop_nonce", "use_dpop_nonce")
    headers = nonced.key.headers("/oauth/par", nonce=answer.headers["dpop-nonce"])
    answer = nonced.api.post("/oauth/par", form=form, headers=headers)
    LOGS.hush("request_uri", answer.json["request_uri"])
    assert answer.status == 201


def test_no_nonce_is_given_where_none_is_needed(house: House) -> None:
    """Section 11.3: whoever was given one would have to use it. One that a client sends is ignored."""
    answer = with_nonce(house, None)
    assert (answer.status, "dpop-nonce" in answer.headers) == (200, False)
    assert with_nonce(house, "of-an-earlier-setting").status == 200
