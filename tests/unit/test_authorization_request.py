"""Authorization requests: what is read, what is an error page, what goes back to the client."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai import bootstrap
from lingpai.authorization import prompts, pushed_requests, request, response
from lingpai.authorization.model import AuthorizationError, AuthorizationRequest, Login
from lingpai.kernel.errors import LingpaiError, login_required
from lingpai.services import Services
from lingpai.sessions.model import SessionKey
from lingpai.signing_keys.stores import MemoryKeys
from tests.support.api import signing_keys
from tests.support.browsers import API, CALLBACK, challenge, request_pairs, web_app
from tests.support.memory_store import MemoryStore
from tests.support.stores import settings
from tests.support.time import START, Time

Pairs = list[tuple[str, str]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def services(time: Time) -> Services:
    store = MemoryStore()
    for client in (
        web_app(),
        web_app("plain", resources=()),
        web_app("native", None, redirect_uris=("com.example.app:/cb", "http://127.0.0.1/cb")),
        replace(web_app("disabled"), disabled=True),
        web_app("without", grants=("refresh_token",)),
    ):
        store.put_client(client)
    built = bootstrap.build(settings(), store, time.clock(), MemoryKeys(*signing_keys()))
    return replace(built, issuer="https://id.example")


def refused(services: Services, pairs: Pairs) -> AuthorizationError:
    """The refusal that goes back to the client."""
    with pytest.raises(AuthorizationError) as caught:
        request.read(services, pairs)
    return caught.value


def error_page(services: Services, pairs: Pairs) -> LingpaiError:
    """The refusal that is an error page: the browser is not sent anywhere."""
    with pytest.raises(LingpaiError) as caught:
        request.read(services, pairs)
    assert not isinstance(caught.value, AuthorizationError)
    return caught.value


def test_a_request_with_everything(services: Services) -> None:
    pairs = request_pairs(
        response_mode="form_post",
        prompt="login consent",
        max_age="0",
        login_hint="alice",
        ui_locales="zh-CN en",
        acr_values="1 2",
        display="page",
        unknown="1",
    )
    client, found = request.read(services, [*pairs, ("resource", API), ("resource", "https://other.example")])
    assert client.id == "web-app"
    assert found == AuthorizationRequest(
        client_id="web-app",
        redirect_uri=CALLBACK,
        code_challenge=challenge(),
        scope=("openid", "profile"),
        response_mode="form_post",
        state="a-state",
        nonce="a-nonce",
        prompt=frozenset({"login", "consent"}),
        max_age=0,
        login_hint="alice",
        ui_locales=("zh-CN", "en"),
        resource=(API, "https://other.example"),
        acr_values=("1", "2"),
    )
    assert "a-state" not in repr(found)
    assert "a-nonce" not in repr(found)


def test_a_request_with_what_it_needs(services: Services) -> None:
    """Without scope it asks for all of the client's but those that open Lingpai's own API."""
    _, found = request.read(services, request_pairs(scope=None, state="", nonce=None, prompt=""))
    assert found.scope == ("openid", "profile", "phone", "roles", "read")
    assert (found.state, found.nonce, found.prompt, found.max_age, found.resource) == (
        None,
        None,
        frozenset(),
        None,
        (),
    )


@pytest.mark.parametrize(
    ("client_id", "redirect_uri"),
    [
        ("native", "com.example.app:/cb"),
        ("native", "http://127.0.0.1:51004/cb"),
        ("web-app", "http://127.0.0.1:3000/callback"),
    ],
)
def test_a_native_app(services: Services, client_id: str, redirect_uri: str) -> None:
    _, found = request.read(services, request_pairs(client_id=client_id, redirect_uri=redirect_uri))
    assert found.redirect_uri == redirect_uri


@pytest.mark.security("RFC9700-2.1", "ASVS-10.4.1")
@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"client_id": None}, "invalid_request", "missing_parameter"),
        ({"client_id": "nobody"}, "invalid_client", "unknown_client"),
        ({"client_id": "x" * 3000}, "invalid_client", "unknown_client"),
        ({"client_id": "disabled"}, "invalid_client", "unknown_client"),
        ({"redirect_uri": None}, "invalid_request", "missing_parameter"),
        ({"redirect_uri": ""}, "invalid_request", "missing_parameter"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request", "bad_redirect_uri"),
        ({"redirect_uri": CALLBACK + "/../evil"}, "invalid_request", "bad_redirect_uri"),
        ({"redirect_uri": CALLBACK + "\r\nX: y"}, "invalid_request", "bad_redirect_uri"),
        ({"client_id": "native"}, "invalid_request", "bad_redirect_uri"),
    ],
)
def test_no_redirect_while_the_client_or_its_address_are_in_doubt(
    services: Services, changes: dict[str, Any], code: str, reason: str
) -> None:
    error = error_page(services, request_pairs(**changes, response_type="token"))
    assert (error.code, error.reason) == (code, reason)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "request_uri"])
def test_a_client_or_address_sent_twice_is_an_error_page(services: Services, name: str) -> None:
    pairs = [*request_pairs(), *([(name, dict(request_pairs())[name])] if name != "request_uri" else [(name, "x")] * 2)]
    assert error_page(services, pairs).reason == "duplicate_parameter"


@pytest.mark.security("ASVS-10.4.12", "ASVS-10.6.1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "later"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "9" * 40}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://app.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"id_token_hint": "eyJ.eyJ.x"}, "invalid_request"),
        ({"nonce": "x" * 3000}, "invalid_request"),
        ({"nonce": "a\nb"}, "invalid_request"),
        ({"client_id": "without"}, "unauthorized_client"),
    ],
)
def test_what_goes_back_to_the_client(services: Services, changes: dict[str, Any], code: str) -> None:
    error = refused(services, request_pairs(**changes))
    assert (error.code, error.redirect_uri, error.response_mode, error.state) == (code, CALLBACK, "query", "a-state")


@pytest.mark.security("RFC9700-2.1.1", "RFC9700-4.8", "ASVS-10.4.6")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge": "short"},
        {"code_challenge": challenge() + "="},
        {"code_challenge": challenge()[:-1] + "+"},
    ],
)
@pytest.mark.parametrize("client_id", ["web-app", "plain"])
def test_no_client_goes_without_pkce(services: Services, client_id: str, changes: dict[str, Any]) -> None:
    """A request that an attacker has changed cannot turn it off (RFC 9700 section 4.8.2, PKCE downgrade)."""
    error = refused(services, request_pairs(client_id=client_id, **changes))
    assert (error.code, error.reason) == ("invalid_request", "challenge_required")


@pytest.mark.parametrize(
    "name", ["state", "scope", "response_type", "code_challenge", "nonce", "prompt", "response_mode"]
)
def test_a_parameter_that_is_sent_twice(services: Services, name: str) -> None:
    """Who reads the first one, and who the last, might see two requests."""
    value = dict(request_pairs(prompt="login", response_mode="query"))[name]
    error = refused(services, [*request_pairs(prompt="login", response_mode="query"), (name, value)])
    assert (error.code, error.reason, error.values) == ("invalid_request", "duplicate_parameter", {"name": name})
    assert error.state == (None if name == "state" else "a-state")


def test_the_answer_to_a_bad_request_comes_as_it_was_asked_for(services: Services) -> None:
    error = refused(services, request_pairs(response_mode="form_post", scope="nothing"))
    assert error.response_mode == "form_post"


def test_a_state_that_could_split_the_answer_is_left_out(services: Services) -> None:
    error = refused(services, request_pairs(state="a\r\nSet-Cookie: x=y"))
    assert (error.code, error.reason, error.state) == ("invalid_request", "control_character", None)


def test_resources_are_ignored_where_the_record_has_none(services: Services) -> None:
    _, found = request.read(services, request_pairs(client_id="plain", resource="https://any.example"))
    assert found.resource == ()


# --- pushed requests


def push(services: Services, client_id: str = "web-app", **changes: Any) -> Pairs:
    client = services.clients.get_client(client_id)
    assert client is not None
    pairs = request_pairs(client_id=client_id, **changes)
    request.check(services, client, pairs)
    return [("client_id", client_id), ("request_uri", pushed_requests.push(services, client, pairs))]


def test_a_pushed_request_stands_for_its_parameters(services: Services) -> None:
    """All others are ignored (RFC 9126 section 4). It may be shown again until its code is issued."""
    pairs = push(services)
    for _ in range(2):
        _, found = request.read(services, [*pairs, ("scope", "read"), ("state", "other"), ("redirect_uri", "evil:/")])
        assert (found.scope, found.state, found.redirect_uri) == (("openid", "profile"), "a-state", CALLBACK)
        assert found.pushed is not None


def test_a_pushed_request_of_another_client(services: Services) -> None:
    _, (_, uri) = push(services)
    assert error_page(services, [("client_id", "plain"), ("request_uri", uri)]).code == "invalid_request_uri"


def test_a_pushed_request_expires(services: Services, time: Time) -> None:
    pairs = push(services)
    time.advance(pushed_requests.LIFETIME - 1)
    request.read(services, pairs)
    time.advance(1)
    assert error_page(services, pairs).code == "invalid_request_uri"


@pytest.mark.parametrize("reference", ["", "x", "A" * 42, "A" * 43, "A" * 44, "*" * 43, "A" * 43 + "\n"])
def test_a_reference_that_was_never_given(services: Services, reference: str) -> None:
    pairs = [("client_id", "web-app"), ("request_uri", pushed_requests.URN + reference)]
    assert error_page(services, pairs).code == "invalid_request_uri"


# --- what the user has to do first


def login(user_id: int = 1, ago: int = 100) -> Login:
    return Login(user_id, ("pwd",), START - ago, SessionKey(user_id, bytes(8)), START - ago)


@pytest.mark.parametrize(
    ("changes", "found", "missing", "done", "step"),
    [
        ({}, None, (), (), "login"),
        ({}, login(), (), (), None),
        ({}, login(), ("read",), (), "consent"),
        ({"prompt": "login"}, login(ago=0), (), (), "login"),
        ({"prompt": "login"}, login(ago=0), (), ("login",), None),
        ({"prompt": "login"}, None, (), ("login",), "login"),
        ({"prompt": "select_account"}, login(), (), (), "select_account"),
        ({"prompt": "select_account"}, login(), (), ("select_account",), None),
        ({"prompt": "select_account"}, login(), (), ("login",), None),
        ({"prompt": "consent"}, login(), (), (), "consent"),
        ({"prompt": "consent"}, login(), (), ("consent",), None),
        ({"prompt": "login consent"}, login(), (), (), "login"),
        ({"prompt": "login consent"}, login(), (), ("login",), "consent"),
        ({"prompt": "login consent"}, login(), ("read",), ("login", "consent"), None),
        ({"max_age": "100"}, login(), (), (), None),
        ({"max_age": "99"}, login(), (), (), "login"),
        ({"max_age": "0"}, login(ago=1), (), ("login",), None),
        ({"prompt": "none"}, login(), (), (), None),
        ({"prompt": "none"}, None, (), (), "login_required"),
        ({"prompt": "none"}, login(), ("read",), (), "consent_required"),
        ({"prompt": "none", "max_age": "10"}, login(), (), (), "login_required"),
    ],
)
def test_what_the_user_has_to_do(
    services: Services, changes: dict[str, Any], found: Login | None, missing: Any, done: Any, step: str | None
) -> None:
    _, asked = request.read(services, request_pairs(**changes))
    if step is None or not step.endswith("_required"):
        assert prompts.next_step(asked, found, missing, START, done=done) == step
    else:
        with pytest.raises(AuthorizationError) as caught:
            prompts.next_step(asked, found, missing, START, done=done)
        assert (caught.value.code, caught.value.redirect_uri) == (step, CALLBACK)


def test_the_answer_is_about_the_user_of_the_hint(services: Services) -> None:
    """OpenID Connect Core section 3.1.2.2: about nobody else, whatever was done."""
    _, asked = request.read(services, request_pairs())
    asked = replace(asked, subject=1)
    assert prompts.next_step(asked, login(1), (), START) is None
    assert prompts.next_step(asked, login(2), (), START, done=("login", "select_account")) == "login"


def test_a_user_who_refuses(services: Services) -> None:
    _, asked = request.read(services, request_pairs())
    assert prompts.denied(asked).code == "access_denied"


# --- responses


@pytest.mark.security("RFC9700-2.1")
def test_the_answers_name_the_issuer(services: Services) -> None:
    """Good ones and refusals (RFC 9207): the client sees which server has answered (mix-up attack)."""
    _, asked = request.read(services, request_pairs())
    good = response.success(services, asked, "the-code")
    bad = response.failure(services, request.refusal(asked, login_required()))
    assert (good.status, good.body, good.headers["Cache-Control"]) == (303, "", "no-store")
    assert good.headers["Location"] == f"{CALLBACK}?code=the-code&state=a-state&iss=https%3A%2F%2Fid.example"
    assert parse_qs(urlsplit(bad.headers["Location"]).query) == {
        "error": ["login_required"],
        "error_description": ["The user has to log in"],
        "state": ["a-state"],
        "iss": ["https://id.example"],
    }


def test_a_redirect_uri_with_a_query(services: Services) -> None:
    _, asked = request.read(services, request_pairs(state=None))
    asked = replace(asked, redirect_uri="https://app.example/?a=b")
    location = response.success(services, asked, "c").headers["Location"]
    assert location == "https://app.example/?a=b&code=c&iss=https%3A%2F%2Fid.example"


def test_the_form_that_posts_itself(services: Services) -> None:
    """What the client sent is text in it, whatever it says; its script runs by the nonce of this answer alone."""
    _, asked = request.read(services, request_pairs(response_mode="form_post", state="\"'><script>alert(1)</script>"))
    first, second = (response.success(services, asked, "the-code") for _ in range(2))
    assert first.status == 200
    assert "<script>alert" not in first.body
    assert 'value="&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in first.body
    assert f'<form method="post" action="{CALLBACK}">' in first.body
    assert '<input type="hidden" name="code" value="the-code">' in first.body
    assert '<input type="hidden" name="iss" value="https://id.example">' in first.body
    policy = first.headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in first.body
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy != second.headers["Content-Security-Policy"]
    assert first.headers["Referrer-Policy"] == "no-referrer"
