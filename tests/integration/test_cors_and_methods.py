"""Paths, verbs, OPTIONS and CORS of the endpoints that give tokens and codes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.expect import standing_api
from tests.support.stores import TEMPLATE
from tests.support.tokens import TOKEN_PATHS, WEB, envelope, error, spring_tokens

ALLOW = {"allow": "POST, OPTIONS"}
PAGE = "https://app.example.com"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
OTHER_METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE")
TOKEN_ENDPOINTS = (*TOKEN_PATHS, "/mobile/token", "/sign/token")
CODE_ENDPOINTS = ("/mobile/code/get", "/mobile/code/verify")


@pytest.fixture(scope="module")
def standing() -> Iterator[Api]:
    with standing_api() as opened:
        yield opened


@pytest.fixture(scope="module")
def paged(standing: Api) -> Api:
    """The same API, with an origin allowed."""
    gateway = replace(standing._gateway, origins=(PAGE,), cors=TEMPLATE.cors)
    return replace(standing, _gateway=gateway)


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_the_token_endpoint_has_four_paths(standing: Api, path: str) -> None:
    spring_tokens(standing.post(path, form={"grant_type": "client_credentials"}, basic=WEB), refresh=False)


@pytest.mark.parametrize("method", OTHER_METHODS)
@pytest.mark.parametrize("path", TOKEN_ENDPOINTS)
def test_a_token_endpoint_takes_no_other_method(standing: Api, path: str, method: str) -> None:
    answer = standing.call(method, path, form={"grant_type": "client_credentials"}, basic=WEB)
    assert answer == error(405, "invalid_request", "Use the method POST, OPTIONS", ALLOW)


@pytest.mark.parametrize("method", OTHER_METHODS)
@pytest.mark.parametrize("path", CODE_ENDPOINTS)
def test_a_code_endpoint_takes_no_other_method(standing: Api, path: str, method: str) -> None:
    before = standing.sent
    answer = standing.call(method, path, form={"mobile": "13312341239", "code": "123456"}, basic=WEB)
    assert answer == envelope(405, "请使用 POST, OPTIONS 方法", ALLOW)
    assert standing.sent == before


@pytest.mark.parametrize("path", [*TOKEN_ENDPOINTS, *CODE_ENDPOINTS])
def test_options_needs_no_token(standing: Api, path: str) -> None:
    assert standing.call("OPTIONS", path) == Answer(204, ALLOW, "")


@pytest.mark.parametrize("path", ["/", "/oauth", "/OAuth/Token", "/oauth/token/more", "/mobile", "/sign/token/x"])
def test_another_path_is_not_there(standing: Api, path: str) -> None:
    assert standing.post(path, form={"grant_type": "password"}) == Answer(404, NO_STORE, '{"message":"Not Found"}')


def test_health_answers_get_alone(standing: Api) -> None:
    assert standing.call("GET", "/health") == Answer(200, NO_STORE, '{"status":"ok"}')
    allow = {"allow": "GET, HEAD, OPTIONS"}
    assert standing.post("/health") == error(405, "invalid_request", "Use the method GET, HEAD, OPTIONS", allow)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/token/", "/mobile/code/get", "/sign/token"])
def test_no_origin_is_allowed_by_default(standing: Api, path: str) -> None:
    assert standing.call("OPTIONS", path, headers=PREFLIGHT) == Answer(204, ALLOW, "")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/token/", "/mobile/code/get", "/sign/token"])
def test_a_preflight_of_an_allowed_origin_is_granted(paged: Api, path: str) -> None:
    headers = {
        **ALLOW,
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "www-authenticate,retry-after,dpop-nonce",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization,content-type,dpop,x-requested-with",
        "access-control-max-age": "86400",
    }
    assert paged.call("OPTIONS", path, headers=PREFLIGHT) == Answer(204, headers, "")


def test_an_allowed_page_may_read_the_answer(paged: Api) -> None:
    form = {"grant_type": "client_credentials"}
    answer = paged.post("/oauth/token", form=form, basic=WEB, headers={"Origin": PAGE})
    assert answer.status == 200
    assert answer.headers == {
        **NO_STORE,
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "www-authenticate,retry-after,dpop-nonce",
    }


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", PAGE + ".evil.example", PAGE.upper()])
def test_another_page_may_not(paged: Api, origin: str) -> None:
    preflight = paged.call("OPTIONS", "/oauth/token", headers={**PREFLIGHT, "Origin": origin})
    assert preflight == Answer(204, ALLOW, "")
    answer = paged.post(
        "/oauth/token", form={"grant_type": "client_credentials"}, basic=WEB, headers={"Origin": origin}
    )
    assert (answer.status, answer.headers) == (200, NO_STORE)


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"])
@pytest.mark.parametrize("origins", [(PAGE,), ("*",)])
def test_caches_keep_a_copy_for_each_origin(
    standing: Api, monkeypatch: pytest.MonkeyPatch, path: str, origins: tuple[str, ...]
) -> None:
    """With and without an Origin: a cache has to know it before the first page of another origin asks."""
    opened = make_api(monkeypatch, standing.services.store, populated=False, cors_origins=origins)
    for headers in ({}, {"Origin": PAGE}):
        assert opened.call("GET", path, headers=headers).headers["vary"] == "Origin"


@pytest.mark.security("F32")
@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"])
def test_without_cors_the_answer_is_one_for_all(standing: Api, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    opened = make_api(monkeypatch, standing.services.store, populated=False)
    assert "vary" not in opened.call("GET", path).headers
