"""`/openapi.json` and `/docs`: there only where API_DOCS is on, and nothing in them from elsewhere."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lingpai.api_docs import routes
from local import gateway
from tests.support import stores
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.stores import ROOT
from tools import swagger_ui, write_openapi

ASSETS = routes.ASSETS
BUNDLE, STYLE, START = (f"/docs/assets/{name}" for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"))
PATHS = ("/openapi.json", "/docs", BUNDLE, STYLE, START)
AGE = "public, max-age=3600"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def opened(monkeypatch: pytest.MonkeyPatch, **overrides: Any) -> Api:
    with stores.for_api() as store:
        return make_api(monkeypatch, store, populated=False, **overrides)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return opened(monkeypatch, api_docs=True, issuer="https://id.example")


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def raw(api: Api, path: str, encoding: str) -> gateway.Reply:
    """The answer as bytes, asked for in this encoding."""
    return gateway.answer(api._gateway, gateway.Request("GET", path, (("Accept-Encoding", encoding),)))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_without_the_setting_nothing_is_there(monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """As of any path that no route has."""
    api = opened(monkeypatch)
    assert api.call(method, path) == api.call(method, "/nowhere") == Answer(404, NO_STORE, '{"message":"Not Found"}')


def test_the_document_is_the_one_in_docs_with_the_issuer_as_its_server(api: Api) -> None:
    answer = api.call("GET", "/openapi.json")
    told = {**write_openapi.document(), "servers": [{"url": "https://id.example"}]}
    assert answer.json == json.loads(json.dumps(told))
    kept = {"content-type": "application/json", "cache-control": AGE, "etag": tag(answer.body.encode())}
    assert (answer.status, answer.headers) == (200, kept)


def test_the_server_is_the_address_that_was_called_where_there_is_no_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    api = opened(monkeypatch, api_docs=True, issuer="")
    issuer = api.call("GET", "/.well-known/openid-configuration").json["issuer"]
    assert api.call("GET", "/openapi.json").json["servers"] == [{"url": issuer}]


def test_the_page(api: Api) -> None:
    content = (ASSETS / "docs.html").read_bytes()
    assert api.call("GET", "/docs") == Answer(
        200,
        {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": POLICY,
            "referrer-policy": "no-referrer",
            "cache-control": AGE,
            "etag": tag(content),
        },
        content.decode(),
    )


def test_the_page_asks_for_what_is_here_alone(api: Api) -> None:
    """Each address in it and in its script is a path of ours, which is answered."""
    page, start = api.call("GET", "/docs").body, api.call("GET", START).body
    assert "://" not in page + start
    found = re.findall(r'(?:href|src|url)[=:] ?"([^"]+)"', page + start)
    assert set(found) == set(PATHS) - {"/docs"}
    assert [api.call("GET", path).status for path in found] == [200] * len(found)


@pytest.mark.parametrize(("path", "kind"), [(BUNDLE, "text/javascript"), (STYLE, "text/css")])
def test_swagger_ui_is_sent_compressed_to_whoever_takes_that(api: Api, path: str, kind: str) -> None:
    packed = (ASSETS / f"{path.rpartition('/')[2]}.gz").read_bytes()
    reply = raw(api, path, "br, gzip")
    headers = {name.lower(): value for name, value in reply.headers}
    assert (reply.status, reply.body) == (200, packed)
    assert (headers["content-encoding"], headers["content-type"]) == ("gzip", f"{kind}; charset=utf-8")
    assert (headers["vary"], headers["etag"], headers["cache-control"]) == ("Accept-Encoding", tag(packed), AGE)
    plain = raw(api, path, "identity")
    headers = {name.lower(): value for name, value in plain.headers}
    assert (plain.status, plain.body) == (200, gzip.decompress(packed))
    assert (headers["vary"], headers["etag"]) == ("Accept-Encoding", f'{tag(packed)[:-1]}-plain"')
    assert "content-encoding" not in headers
    # Lambda answers with 6 MB at most, of JSON.
    assert len(base64.b64encode(packed)) < 1_000_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("form", ["{}", "W/{}", '"another", {}'])
def test_what_the_caller_has_is_not_sent_again(api: Api, path: str, form: str) -> None:
    headers = dict(raw(api, path, "gzip").headers)
    known = {"If-None-Match": form.format(headers["ETag"]), "Accept-Encoding": "gzip"}
    answer = api.call("GET", path, headers=known)
    vary = {"vary": headers["Vary"]} if "Vary" in headers else {}
    assert answer == Answer(304, {"cache-control": AGE, "etag": headers["ETag"], **vary}, "")
    other = (("If-None-Match", '"another"'), ("Accept-Encoding", "gzip"))
    assert gateway.answer(api._gateway, gateway.Request("GET", path, other)).status == 200


@pytest.mark.parametrize("name", ["LICENSE", "", "openapi.json", "..%2fapi.py", "swagger-ui.css.gz"])
def test_no_other_file_is_there(api: Api, name: str) -> None:
    assert api.call("GET", f"/docs/assets/{name}") == Answer(404, NO_STORE, '{"message":"Not Found"}')


@pytest.mark.parametrize("path", PATHS)
def test_other_methods(api: Api, path: str) -> None:
    assert api.call("OPTIONS", path) == Answer(204, {"allow": "GET, HEAD, OPTIONS"}, "")
    refused = api.post(path)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_caches_keep_a_copy_for_each_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    api = opened(monkeypatch, api_docs=True, cors_origins=("https://app.example",))
    assert api.call("GET", "/openapi.json").headers["vary"] == "Origin"
    assert dict(raw(api, BUNDLE, "gzip").headers)["Vary"] == "Origin, Accept-Encoding"


def test_the_bundle_is_of_the_version_that_is_locked() -> None:
    package = json.loads((ROOT / "tools" / "swagger-ui" / "package.json").read_text("utf-8"))
    version = package["dependencies"]["swagger-ui-dist"]
    bundle = gzip.decompress((ASSETS / "swagger-ui-bundle.js.gz").read_bytes()).decode()
    assert f'"{version}"' in bundle


def test_what_is_put_into_the_layer(tmp_path: Path) -> None:
    """`make swagger-ui`: the same files give the same bytes."""
    package, assets, again = (tmp_path / name for name in ("package", "assets", "again"))
    for folder in (package, assets, again):
        folder.mkdir()
    for name in (*swagger_ui.COMPRESSED, *swagger_ui.NOTICES):
        (package / name).write_text(f"this is {name}", "utf-8")
    swagger_ui.write(package, assets)
    swagger_ui.write(package, again)
    written = {path.name: path.read_bytes() for path in assets.iterdir()}
    assert written == {path.name: path.read_bytes() for path in again.iterdir()}
    notice = written.pop("swagger-ui-NOTICE.txt").decode()
    assert notice == "this is NOTICE\nthis is swagger-ui-bundle.js.LICENSE.txt"
    assert {name: gzip.decompress(content).decode() for name, content in written.items()} == {
        "swagger-ui.css.gz": "this is swagger-ui.css",
        "swagger-ui-bundle.js.gz": "this is swagger-ui-bundle.js",
    }
