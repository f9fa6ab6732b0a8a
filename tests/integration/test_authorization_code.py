"""Redeeming an authorization code: the tokens, the retry, the second use, and all that it is bound to."""

from dataclasses import dataclass, replace
from typing import Any

import jwt as pyjwt
import pytest

from lingpai.accounts import ended_accounts
from lingpai.accounts.storage import DisableUser
from lingpai.authorization import codes, pushed_requests, request
from lingpai.authorization.model import AuthorizationError, Login
from lingpai.consents import service as consents
from lingpai.sessions import session_id
from lingpai.sessions.model import SessionKey
from tests.support.api import Answer, Api
from tests.support.browsers import API, CALLBACK, VERIFIER, browser_login, challenge, request_pairs, web_app
from tests.support.dialects import ISSUER
from tests.support.logs import LOGS

WEB_APP = ("web-app", "web-app-secret")
OTHER = "https://other.example"


@dataclass
class Browser:
    """A user who is logged in, and the client that gets codes for it."""

    api: Api
    login: Login

    def code(self, **changes: str | None) -> str:
        """A code for the request with these changes; `resource` may name two, with a space between."""
        resources = (changes.pop("resource", None) or "").split()
        pairs = [*request_pairs(**changes), *(("resource", resource) for resource in resources)]
        client, asked = request.read(self.api.services, pairs)
        code = codes.issue(self.api.services, client, asked, self.login)
        LOGS.hush("code", code)
        return code

    def redeem(self, code: str, basic: tuple[str, str] | None = WEB_APP, **changes: str) -> Answer:
        """The token request for the code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.api.post("/oauth/token", form={k: v for k, v in form.items() if v}, basic=basic)

    @property
    def sessions(self) -> set[SessionKey]:
        """The sessions of the user but for that of the browser."""
        found = self.api.services.store.sessions_of(self.login.user_id)
        return set(found) - {self.login.session}


@pytest.fixture
def browser(api: Api) -> Browser:
    store: Any = api.services.store
    for client in (
        web_app(),
        web_app("other-app", "other-app-secret"),
        web_app("third-app", "third-app-secret", first_party=False),
        web_app("spa", None, resources=()),
        web_app("signed", "signed-app-secret", token_format="jwt"),
    ):
        store.put_client(client)
    return Browser(api, browser_login(api.services, api.user_id("alice")))


def refused(answer: Answer) -> None:
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (
        400,
        "invalid_grant",
        "bad_authorization_code",
    )


def claims_of(token: str) -> Any:
    return pyjwt.decode(token, options={"verify_signature": False})


def test_the_tokens(browser: Browser) -> None:
    """RFC 6749 section 4.1.4, with the ID token of OpenID Connect Core section 3.1.3.3."""
    answer = browser.redeem(browser.code(scope="openid read"))
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
    assert (answer.json["token_type"], answer.json["expires_in"], answer.json["scope"]) == (
        "Bearer",
        3600,
        "openid read",
    )
    session = browser.api.services.store.get_session(*browser.sessions)
    assert session is not None
    assert (session.methods, session.auth_time) == (("pwd",), browser.login.auth_time)
    assert session.sid == session_id.of(browser.login.session)


def test_without_openid_there_is_no_id_token(browser: Browser) -> None:
    assert "id_token" not in browser.redeem(browser.code(scope="read")).json


def test_a_public_client(browser: Browser) -> None:
    code = browser.code(client_id="spa")
    answer = browser.redeem(code, basic=None, client_id="spa")
    assert answer.status == 200
    assert browser.api.post(
        "/oauth/token",
        form={"grant_type": "refresh_token", "refresh_token": answer.json["refresh_token"], "client_id": "spa"},
    ).json["id_token"]


@pytest.mark.security("RFC9700-2.1.1", "RFC9700-4.8")
@pytest.mark.parametrize(
    ("changes", "basic"),
    [
        ({"code_verifier": VERIFIER + "x"}, WEB_APP),
        ({"code_verifier": challenge()}, WEB_APP),
        ({"code_verifier": "é" * 50}, WEB_APP),
        ({"redirect_uri": "https://app.example/other"}, WEB_APP),
        ({"redirect_uri": "http://127.0.0.1/callback"}, WEB_APP),
        ({}, ("other-app", "other-app-secret")),
    ],
)
def test_what_the_code_is_bound_to(browser: Browser, changes: dict[str, str], basic: tuple[str, str]) -> None:
    """An injected or stolen code opens nothing (RFC 9700 sections 4.5 and 4.8), and still works for its client."""
    code = browser.code()
    refused(browser.redeem(code, basic, **changes))
    assert browser.redeem(code).status == 200
    browser.api.time.advance(codes.RETRY + 1)
    refused(browser.redeem(code, basic, **changes))
    assert len(browser.sessions) == 1


@pytest.mark.parametrize("name", ["code", "redirect_uri", "code_verifier"])
def test_what_has_to_be_there(browser: Browser, name: str) -> None:
    given = {"code": browser.code(), "basic": WEB_APP, name: ""}
    answer = browser.redeem(**given)  # type: ignore[arg-type]
    assert (answer.json["error"], answer.json["reason"]) == ("invalid_request", "missing_parameter")
    assert name in answer.json["error_description"]


@pytest.mark.parametrize("code", ["x", "A" * 43, "A" * 42 + "B", "é" * 43])
def test_a_code_that_was_never_issued(browser: Browser, code: str) -> None:
    refused(browser.redeem(code))


@pytest.mark.security("ASVS-10.4.3")
def test_a_code_is_good_for_a_minute(browser: Browser) -> None:
    code = browser.code()
    browser.api.time.advance(codes.LIFETIME)
    refused(browser.redeem(code))
    code = browser.code()
    browser.api.time.advance(codes.LIFETIME - 1)
    assert browser.redeem(code).status == 200


@pytest.mark.parametrize("client", ["web-app", "signed"])
def test_a_retry_has_the_same_answer(browser: Browser, client: str) -> None:
    """An answer may be lost: for 30 s the same client gets the same tokens again."""
    basic = (client, f"{client.removesuffix('-app')}-app-secret")
    code = browser.code(client_id=client)
    first = browser.redeem(code, basic)
    browser.api.time.advance(codes.RETRY)
    again = browser.redeem(code, basic)
    assert again.json == {**first.json, "expires_in": first.json["expires_in"] - codes.RETRY}
    assert len(browser.sessions) == 1


@pytest.mark.security("ASVS-10.4.2")
def test_the_same_code_later_ends_the_session(browser: Browser) -> None:
    """RFC 6749 section 4.1.2."""
    code = browser.code()
    tokens = browser.redeem(code).json
    browser.api.time.advance(codes.RETRY + 1)
    refused(browser.redeem(code))
    assert browser.sessions == set()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert browser.api.post("/oauth/token", form=form, basic=WEB_APP).json["error"] == "invalid_grant"


def test_a_retry_after_a_refresh_gets_nothing(browser: Browser) -> None:
    """Whoever has refreshed had the answer; nothing ends, because it may be a request that was slow."""
    code = browser.code()
    tokens = browser.redeem(code).json
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert browser.api.post("/oauth/token", form=form, basic=WEB_APP).status == 200
    refused(browser.redeem(code))
    assert len(browser.sessions) == 1


def test_a_code_cannot_outlive_its_login(browser: Browser) -> None:
    """The browser has logged out, or a new password has ended its session, while the code was on its way."""
    code = browser.code()
    browser.api.services.store.end_sessions((browser.login.session,))
    refused(browser.redeem(code))
    assert browser.sessions == set()


def test_a_code_cannot_outlive_its_account(browser: Browser) -> None:
    code = browser.code()
    browser.api.services.store.commit(DisableUser(browser.login.user_id))
    refused(browser.redeem(code))
    assert browser.sessions == set()


def test_a_code_ends_with_all_sessions_of_its_account(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there were too many to delete (`ended_accounts`)."""
    code = browser.code()
    services = browser.api.services
    monkeypatch.setattr(ended_accounts, "DELETED_AT_ONCE", 1)
    assert ended_accounts._mark(services, browser.login.user_id, None)
    browser.api.time.advance(services.settings.client_cache_ttl + 1)
    login = replace(browser.login)
    assert services.store.get_session(login.session) is not None
    browser.api.time.at -= services.settings.client_cache_ttl
    refused(browser.redeem(code))


@pytest.mark.security("ASVS-10.7.3")
def test_a_code_cannot_outlive_the_consent_to_its_client(browser: Browser) -> None:
    """A code that the client has not redeemed yet when the user revokes the consent opens no session any more."""
    services, user_id = browser.api.services, browser.login.user_id
    third = web_app("third-app", first_party=False)
    basic = ("third-app", "third-app-secret")
    consents.grant(services, user_id, third, ("openid", "profile"))
    code = browser.code(client_id="third-app")
    consents.revoke(services, user_id, "third-app")
    refused(browser.redeem(code, basic))
    assert browser.sessions == set()
    consents.grant(services, user_id, third, ("openid", "profile"))
    redeemed = browser.redeem(browser.code(client_id="third-app"), basic)
    assert redeemed.status == 200
    consents.revoke(services, user_id, "third-app")
    assert browser.sessions == set()


def test_a_code_cannot_outlive_the_epoch_of_its_client(browser: Browser) -> None:
    code = browser.code()
    store: Any = browser.api.services.store
    before = store.get_client("web-app")
    assert store.change_client(before, replace(before, valid_from=browser.api.services.clock.now()))
    browser.api.services.clients._known.clear()  # type: ignore[attr-defined]
    refused(browser.redeem(code))


# --- resources (RFC 8707)


def introspected(browser: Browser, token: str) -> Any:
    return browser.api.post("/oauth/introspect", form={"token": token}, basic=WEB_APP).json


def refresh(browser: Browser, token: str, **form: str) -> Answer:
    given = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return browser.api.post("/oauth/token", form=given, basic=WEB_APP)


def test_resources_become_the_audience(browser: Browser) -> None:
    """They are kept through a refresh, and may be narrowed but never widened (section 2.2)."""
    tokens = browser.redeem(browser.code(resource=f"{API} {OTHER}")).json
    assert introspected(browser, tokens["access_token"])["aud"] == [API, OTHER]
    narrowed = refresh(browser, tokens["refresh_token"], resource=API).json
    assert introspected(browser, narrowed["access_token"])["aud"] == API
    assert introspected(browser, tokens["access_token"])["aud"] == [API, OTHER], "in its grace time"
    whole = refresh(browser, narrowed["refresh_token"]).json
    assert introspected(browser, whole["access_token"])["aud"] == [API, OTHER]


def test_a_code_may_be_narrowed(browser: Browser) -> None:
    code = browser.code(resource=f"{API} {OTHER}")
    tokens = browser.redeem(code, resource=OTHER).json
    assert introspected(browser, tokens["access_token"])["aud"] == OTHER
    assert introspected(browser, refresh(browser, tokens["refresh_token"]).json["access_token"])["aud"] == [API, OTHER]


@pytest.mark.parametrize("resource", [OTHER, "https://evil.example"])
def test_a_resource_is_never_added(browser: Browser, resource: str) -> None:
    code = browser.code(resource=API)
    assert browser.redeem(code, resource=resource).json["error"] == "invalid_target"
    tokens = browser.redeem(code).json
    assert refresh(browser, tokens["refresh_token"], resource=resource).json["error"] == "invalid_target"
    assert refresh(browser, tokens["refresh_token"], resource=API).status == 200


def test_a_token_for_a_resource_opens_nothing_here(browser: Browser) -> None:
    """Opaque or signed."""
    for client in (WEB_APP, ("signed", "signed-app-secret")):
        for resource, status in ((None, 200), (API, 403)):
            code = browser.code(client_id=client[0], scope="lingpai:account", resource=resource)
            token = browser.redeem(code, client).json["access_token"]
            assert browser.api.call("GET", "/users/current", bearer=token).status == status


def test_a_client_for_itself_names_its_resource(browser: Browser) -> None:
    for client in (WEB_APP, ("signed", "signed-app-secret")):
        form = {"grant_type": "client_credentials", "scope": "read", "resource": API}
        token = browser.api.post("/oauth/token", form=form, basic=client).json["access_token"]
        found = browser.api.post("/oauth/introspect", form={"token": token}, basic=client).json
        assert (found["active"], found["aud"]) == (True, API)
        bad = browser.api.post("/oauth/token", form={**form, "resource": "https://evil.example"}, basic=client)
        assert (bad.status, bad.json["error"], bad.json["reason"]) == (400, "invalid_target", "bad_resource")


def test_a_password_login_names_its_resource(browser: Browser) -> None:
    """RFC 8707 is about every grant."""
    store: Any = browser.api.services.store
    store.put_client(web_app("direct", "direct-app-secret", grants=("password", "refresh_token")))
    form = {"grant_type": "password", "username": "alice", "password": "correct horse battery", "scope": "read"}
    direct = ("direct", "direct-app-secret")
    token = browser.api.post("/oauth/token", form={**form, "resource": API}, basic=direct).json["access_token"]
    assert browser.api.post("/oauth/introspect", form={"token": token}, basic=direct).json["aud"] == API
    listed = browser.api.post("/oauth/token", json_body={**form, "resource": [API, OTHER]}, basic=direct)
    assert browser.api.post("/oauth/introspect", form={"token": listed.json["access_token"]}, basic=direct).json[
        "aud"
    ] == [API, OTHER]


def test_resource_may_be_sent_twice_at_the_token_endpoint(browser: Browser) -> None:
    """Unlike any other parameter (RFC 8707 section 2, RFC 6749 section 3.2)."""
    body = f"grant_type=client_credentials&scope=read&resource={API}&resource={OTHER}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    token = browser.api.post("/oauth/token", body=body, headers=headers, basic=WEB_APP).json["access_token"]
    assert introspected(browser, token)["aud"] == [API, OTHER]


# --- ID tokens


@pytest.mark.parametrize(("algorithm", "client_id"), [("RS256", "web-app"), ("ES256", "modern")])
def test_the_id_token(browser: Browser, algorithm: str, client_id: str) -> None:
    """OpenID Connect Core section 2, signed with a published key."""
    store: Any = browser.api.services.store
    if client_id == "modern":
        store.put_client(web_app("modern", "modern-app-secret", id_token_alg="ES256"))
    code = browser.code(client_id=client_id)
    tokens = browser.redeem(code, (client_id, f"{client_id.removesuffix('-app')}-app-secret")).json
    keys = browser.api.call("GET", "/.well-known/jwks.json").json["keys"]
    header = pyjwt.get_unverified_header(tokens["id_token"])
    key = next(key for key in keys if key["kid"] == header["kid"])
    assert (header["typ"], header["alg"], key["alg"]) == ("JWT", algorithm, algorithm)
    claims = pyjwt.decode(tokens["id_token"], pyjwt.PyJWK(key), [algorithm], audience=client_id, options=WITHOUT_TIME)
    now = browser.api.services.clock.now()
    digest = pyjwt.get_algorithm_by_name("RS256").compute_hash_digest(tokens["access_token"].encode())
    assert claims == {
        "iss": ISSUER,
        "sub": str(browser.login.user_id),
        "aud": client_id,
        "exp": now + 3600,
        "iat": now,
        "auth_time": browser.login.auth_time,
        "nonce": "a-nonce",
        "amr": ["pwd"],
        "acr": "1",
        "at_hash": pyjwt.utils.base64url_encode(digest[:16]).decode(),
        "sid": session_id.of(browser.login.session),
    }


WITHOUT_TIME: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


def test_a_refresh_gives_an_id_token_of_the_same_login(browser: Browser) -> None:
    """Section 12.2: the same `iss`, `sub`, `aud` and `auth_time`; no `nonce`; its own `iat`."""
    tokens = browser.redeem(browser.code()).json
    browser.api.time.advance(1000)
    refreshed = refresh(browser, tokens["refresh_token"]).json
    first, second = claims_of(tokens["id_token"]), claims_of(refreshed["id_token"])
    assert "nonce" not in second
    assert second["iat"] == first["iat"] + 1000
    for name in ("iss", "sub", "aud", "auth_time", "amr", "acr", "sid"):
        assert second[name] == first[name]
    assert "id_token" not in refresh(browser, refreshed["refresh_token"], scope="profile").json


@pytest.mark.security("ASVS-10.3.1")
def test_an_id_token_is_no_access_token(browser: Browser) -> None:
    """Nor the other way round: neither stands in for the other (OpenID Connect Core section 16.9)."""
    code = browser.code(client_id="signed", scope="openid lingpai:account")
    tokens = browser.redeem(code, ("signed", "signed-app-secret")).json
    assert browser.api.call("GET", "/users/current", bearer=tokens["access_token"]).status == 200
    assert browser.api.call("GET", "/users/current", bearer=tokens["id_token"]).status == 401
    assert introspected(browser, tokens["id_token"]) == {"active": False}
    with pytest.raises(AuthorizationError) as caught:
        request.read(browser.api.services, request_pairs(id_token_hint=tokens["access_token"]))
    assert caught.value.values == {"name": "id_token_hint"}


def test_an_id_token_is_a_hint(browser: Browser) -> None:
    """Also one that has expired (section 3.1.2.1)."""
    token = browser.redeem(browser.code()).json["id_token"]
    browser.api.time.advance(100_000)
    services = replace(browser.api.services, issuer=ISSUER)
    _, asked = request.read(services, request_pairs(id_token_hint=token))
    assert asked.subject == browser.login.user_id
    with pytest.raises(AuthorizationError):
        request.read(replace(services, issuer="https://other.example"), request_pairs(id_token_hint=token))
    header, payload, signature = token.split(".")
    with pytest.raises(AuthorizationError):
        request.read(services, request_pairs(id_token_hint=f"{header}.{payload}A.{signature}"))


# --- pushed requests


def test_a_pushed_request_gives_one_code(browser: Browser) -> None:
    """The page may be loaded again until then (RFC 9126 section 4); after that it is used up."""
    services = browser.api.services
    client = services.clients.get_client("web-app")
    assert client is not None
    uri = pushed_requests.push(services, client, request_pairs())
    LOGS.hush("request_uri", uri)
    _, asked = request.read(services, [("client_id", "web-app"), ("request_uri", uri)])
    assert browser.redeem(codes.issue(services, client, asked, browser.login)).status == 200
    with pytest.raises(AuthorizationError) as caught:
        codes.issue(services, client, asked, browser.login)
    assert caught.value.code == "invalid_request_uri"
