"""Wrong client secrets are counted by the address that they come from, at every route that takes one."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from lingpai import bootstrap
from tests.support.api import Answer, Api, make_api
from tests.support.dialects import passport_error
from tests.support.stores import ROOT
from tests.support.tokens import BAD_CLIENT, BAD_SPRING_CLIENT, STANDARD, WEB, calls

pytestmark = pytest.mark.security("F18")

HOUR = 3600
OWN = {"grant_type": "client_credentials"}
LIMIT = 3
LIMITS: dict[str, Any] = {"limit_client_ip": LIMIT, "limit_client_net": 2 * LIMIT}
ELSEWHERE = "198.51.100.7"


@pytest.fixture
def api(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> Api:
    return make_api(monkeypatch, api_store, **LIMITS, registration="client")


def ask(api: Api, client: tuple[str, str], **more: str) -> Answer:
    return api.post("/oauth/token", form=OWN, basic=client, **more)


def too_many(answer: Answer) -> bool:
    return answer.status == 429 and 0 < int(answer.headers["retry-after"]) <= HOUR


ROUTES: dict[str, Callable[[Api, tuple[str, str]], Answer]] = {
    "/oauth/token": ask,
    "/mobile/token": lambda api, client: api.post("/mobile/token", form={"mobile": "1", "code": "2"}, basic=client),
    "/sign/token": lambda api, client: api.post("/sign/token", form={"sign": "x"}, basic=client),
    "/mobile/code/get": lambda api, client: api.post("/mobile/code/get", form={"mobile": "1"}, basic=client),
    "/users/pwd/reset": lambda api, client: api.post("/users/pwd/reset", form={"mobile": "1"}, basic=client),
    "/oauth/introspect": lambda api, client: api.post("/oauth/introspect", form={"token": "x"}, basic=client),
    "/oauth/revoke": lambda api, client: api.post("/oauth/revoke", form={"token": "x"}, basic=client),
    "/users/register": lambda api, client: api.post("/users/register", json_body={}, basic=client),
}


@pytest.mark.parametrize("path", ROUTES)
def test_wrong_secrets_are_counted_at_every_route(api: Api, path: str) -> None:
    """Also where they are given for a client that is not known: the answers are the same."""
    for number in range(LIMIT):
        assert ROUTES[path](api, ("web-client" if number else "nobody", f"guess {number}")).status == 401
    assert too_many(ROUTES[path](api, ("web-client", "a last wrong guess")))
    assert too_many(ask(api, ("nobody", "a last wrong guess")))


def test_they_are_counted_in_the_answer_of_usercenter(api: Api) -> None:
    body = {"refresh_token": "x", "client_id": "web-client", "client_secret": "a first wrong guess"}
    told = [api.post("/oauth/refreshAccessToken", json_body=body).json["msg"] for _ in range(LIMIT + 1)]
    assert told == [*["客户端认证失败"] * LIMIT, "登录失败次数过多，请稍后再试"]


def test_the_right_secret_is_no_better_an_answer(api: Api) -> None:
    """Who could see it answered would go on guessing. After the hour it is taken."""
    for number in range(LIMIT + 1):
        ask(api, ("web-client", f"guess {number}"))
    assert too_many(ask(api, WEB))
    api.time.advance(HOUR)
    assert ask(api, WEB).status == 200


def test_no_spelling_of_the_id_is_another_client(api: Api) -> None:
    """Form-decoded (RFC 6749 section 2.3.1) they are one, so the right secret waits under each of them."""
    for number in range(LIMIT + 1):
        ask(api, ("web-client", f"guess {number}"))
    assert too_many(ask(api, ("web%2Dclient", WEB[1])))
    assert too_many(ask(api, ("%77eb-client", WEB[1])))


def test_another_process_is_told_by_the_first_wrong_secret(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is the store's, and is looked at once a secret is wrong."""
    for number in range(LIMIT + 1):
        ask(api, ("web-client", f"guess {number}"))
    other = make_api(monkeypatch, api.services.store, populated=False, **LIMITS)
    assert too_many(ask(other, ("web-client", "a last wrong guess")))
    assert too_many(ask(other, WEB))
    monkeypatch.setattr(bootstrap, "services", lambda: api.services)


def test_others_are_not_kept_out(api: Api) -> None:
    """Not the client's own back end elsewhere, nor other clients behind the same address."""
    for number in range(LIMIT + 1):
        ask(api, ("web-client", f"guess {number}"))
    assert ask(api, WEB, source_ip=ELSEWHERE).status == 200
    assert ask(api, STANDARD).status == 200
    assert ask(api, ("standard-client", "wrong")).status == 429


def test_the_network_around_it_has_a_limit_too(api: Api) -> None:
    statuses = [ask(api, ("nobody", "x"), source_ip=f"192.0.2.{number}").status for number in range(2, 10)]
    assert statuses == [401] * (2 * LIMIT) + [429] * (8 - 2 * LIMIT)


def test_what_is_no_guess_is_not_counted(api: Api) -> None:
    """A client without its secret, and a public one."""
    for _ in range(2 * LIMIT):
        assert api.post("/oauth/token", form={**OWN, "client_id": "web-client"}) == BAD_SPRING_CLIENT
        assert api.post("/oauth/token", form={**OWN, "client_id": "nobody"}) == BAD_CLIENT
        assert ask(api, ("public-client", "anything")).status == 400
        assert ask(api, WEB).status == 200
    assert ask(api, ("web-client", "a first wrong guess")).status == 401


def test_trusted_addresses_are_not_limited(api_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trusting = make_api(monkeypatch, api_store, limit_client_ip=1, trusted_addresses=("192.0.2.0/24",))
    assert {ask(trusting, ("web-client", f"guess {number}")).status for number in range(4)} == {401}


def test_it_is_told_in_the_clients_dialect(api: Api) -> None:
    for number in range(LIMIT):
        ask(api, ("2", f"guess {number}"))
    for _ in range(2):
        answer = ask(api, ("2", "a last wrong guess"))
        text = "Too many failed attempts: wait before the next"
        content = passport_error(429, "too_many_requests", text)
        assert (answer.status, answer.body) == (429, content.body)


@pytest.mark.moto
def test_a_right_secret_takes_no_call_and_a_wrong_one_takes_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(api, WEB)
    operations = calls(monkeypatch, api)
    ask(api, WEB)
    assert operations == ["PutItem"]
    operations.clear()
    ask(api, ("web-client", "a first wrong guess"))
    assert operations == ["UpdateItem"]


def test_no_endpoint_proves_a_client_uncounted() -> None:
    """`clients.authentication` is the one way in."""
    web = (ROOT / "layers" / "common" / "lingpai" / "web").rglob("*.py")
    assert [path.name for path in web if re.search(r"\bclients\.authenticate\(", path.read_text("utf-8"))] == []
