"""`/docs` of the development server."""

from pathlib import Path

import pytest

from local import api_page
from local.api_page import with_page
from local.gateway import Reply, Request, message
from tests.support.stores import ROOT

OTHER = Reply(204)
ANSWER = with_page(lambda _: OTHER)


def headers(reply: Reply) -> dict[str, str]:
    return dict(reply.headers)


@pytest.mark.parametrize("target", ["/docs", "/docs/", "/docs?x"])
def test_the_page_asks_for_nothing_from_elsewhere(target: str) -> None:
    reply = ANSWER(Request("GET", target))
    assert (reply.status, headers(reply)["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"://" not in reply.body
    assert headers(reply)["content-security-policy"].startswith("default-src 'self';")


def test_the_document_is_the_one_in_docs() -> None:
    reply = ANSWER(Request("GET", "/docs/openapi.yaml"))
    assert (reply.status, headers(reply)["content-type"]) == (200, "application/yaml")
    assert reply.body == (ROOT / "docs" / "openapi.yaml").read_bytes()


def test_swagger_ui_is_served_where_it_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, script = "/docs/swagger-ui-bundle.js", tmp_path / "bundle.js"
    monkeypatch.setattr(api_page, "_FILES", {path: ("text/javascript", script)})
    assert ANSWER(Request("GET", path)) == message(404, "Not fetched yet: run `make swagger-ui`")
    script.write_text("1")
    assert ANSWER(Request("GET", path)).body == b"1"


def test_other_methods_and_paths() -> None:
    assert ANSWER(Request("POST", "/docs")).status == 405
    for target in ("/", "/docs/LICENSE", "/docs/../pyproject.toml", "/docs/%2e%2e/pyproject.toml", "/documents"):
        assert ANSWER(Request("GET", target)) is OTHER
