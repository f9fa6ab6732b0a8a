"""docs/protect-your-api.md: its examples run as they stand, and decide about tokens of a real server."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.server import Server, environment, request, serving
from tests.support import npm
from tests.support.dpop import ProofKey
from tests.support.logs import LOGS
from tests.support.stores import ROOT

PAGE = (ROOT / "docs" / "protect-your-api.md").read_text("utf-8")
CHINESE = (ROOT / "docs" / "protect-your-api.zh-CN.md").read_text("utf-8")
ISSUER, API = "https://id.example.com", "https://orders.example.com"
RUNNER = ROOT / "tests" / "e2e" / "ask_app.py"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NJS = Path("/usr/lib/nginx/modules/ngx_http_js_module.so")
SPRING = ROOT / "tests" / "e2e" / "spring"
# Of Spring Boot's OAuth2ResourceServerProperties.
PROPERTIES = {
    "spring.security.oauth2.resourceserver.jwt.issuer-uri",
    "spring.security.oauth2.resourceserver.jwt.audiences",
    "spring.security.oauth2.resourceserver.opaquetoken.introspection-uri",
    "spring.security.oauth2.resourceserver.opaquetoken.client-id",
    "spring.security.oauth2.resourceserver.opaquetoken.client-secret",
}
SHOP, TILL = "shop:a long random secret of the shop", "till:a long random secret of the till"
_BLOCK = re.compile(r"^```(\w+)\n(?:(?:#|//) (\S+\.\w+)\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)
# Seconds for a server of an example to begin to answer, on a busy machine.
PATIENCE = 30.0


def blocks() -> dict[str, str]:
    """The page's blocks by the file that the first line of each names; the seed is `json`, the shell's `sh`."""
    found = _BLOCK.findall(PAGE)
    assert len(found) == PAGE.count("\n```") / 2
    return {name or kind: text for kind, name, text in found}


BLOCKS = blocks()


def seed() -> dict[str, Any]:
    """The page's records, with a user who is a clerk, and a client by which she logs in."""
    content: dict[str, Any] = json.loads(BLOCKS["json"])
    shop = content["clients"][0]
    content["clients"] += [
        {
            **{name: value for name, value in shop.items() if name != "redirect_uris"},
            "client_id": "people",
            "grant_types": ["password"],
            "scopes": ["openid", "orders:read", "orders:write"],
        },
        {
            "client_id": "short",
            "client_secret": "a long random secret",
            "dialect": "standard",
            "access_token_ttl": 1,
            "grant_types": ["client_credentials"],
            "scopes": ["orders:read"],
            "resources": [API],
        },
    ]
    content["roles"] = [{"id": 1, "roleName": "clerk"}]
    content["users"] = [{"username": "mei", "password": "plum blossom in june", "roles": ["clerk"]}]
    return content


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The local server with these records."""
    folder = tmp_path_factory.mktemp("protect")
    path = folder / "seed.json"
    path.write_text(json.dumps(seed()), "utf-8")
    with serving(folder, SEED=str(path)) as started:
        yield started


@dataclass(frozen=True, repr=False)
class Tokens:
    """What requests are sent with: values of Authorization. `id` is an ID token."""

    signed: str
    opaque: str
    clerk: str
    signed_elsewhere: str
    opaque_elsewhere: str
    write_only: str
    opaque_write_only: str
    expired: str
    id: str
    unsigned: str
    foreign: str
    bound: str
    opaque_bound: str


KEY = ProofKey(lambda: int(time.time()))


def issued(server: Server, basic: str, kind: str = "access_token", **form: str) -> str:
    """The Authorization with a token of the answer to the form."""
    return _issued(server, basic, kind, form, None)


def bound(server: Server, basic: str, **form: str) -> str:
    """As `issued`, an access token that is bound to KEY."""
    return _issued(server, basic, "access_token", form, KEY.proof(htu=f"{server.url}/oauth/token"))


def _issued(server: Server, basic: str, kind: str, form: dict[str, str], proof: str | None) -> str:
    asked = {"grant_type": "client_credentials", **form}
    status, tokens = server.post("/oauth/token", form=asked, basic=basic, dpop=proof)
    assert status == 200, tokens
    for name in ("access_token", "refresh_token", "id_token"):
        if name in tokens:
            LOGS.hush("token", tokens[name])
    return f"Bearer {tokens[kind]}"


@pytest.fixture(scope="module")
def tokens(server: Server) -> Tokens:
    read, write = {"scope": "orders:read"}, {"scope": "orders:write"}
    mei = {"grant_type": "password", "username": "mei", "password": "plum blossom in june", "resource": API}
    people = "people:a long random secret of the shop"
    expired = issued(server, "short:a long random secret", resource=API)
    signed = issued(server, SHOP, **read, resource=API)
    head, body, _ = signed.removeprefix("Bearer ").split(".")
    header = {**json.loads(base64.urlsafe_b64decode(head + "==")), "alg": "none"}
    none = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    found = Tokens(
        signed=signed,
        opaque=issued(server, TILL, **read, resource=API),
        clerk=issued(server, people, **mei, scope="orders:read orders:write"),
        signed_elsewhere=issued(server, SHOP, **read),
        opaque_elsewhere=issued(server, TILL, **read),
        write_only=issued(server, SHOP, **write, resource=API),
        opaque_write_only=issued(server, TILL, **write, resource=API),
        expired=expired,
        id=issued(server, people, "id_token", **{**mei, "scope": "openid orders:read"}),
        unsigned=f"Bearer {none}.{body}.",
        foreign=signed[:-8] + "AAAAAAAA",
        bound=bound(server, SHOP, **read, resource=API),
        opaque_bound=bound(server, TILL, **read, resource=API),
    )
    time.sleep(2)  # until `expired` is
    return found


# The subject of each good one: the client, or the user's id.
WHO = {"signed": "shop", "opaque": "till", "clerk": "[0-9]+"}
# How a request with each of them ends, and the error that its answer names.
GOOD = {"signed": (200, None), "opaque": (200, None), "clerk": (200, None)}
BAD = {
    "signed_elsewhere": (401, "invalid_token"),
    "opaque_elsewhere": (401, "invalid_token"),
    "write_only": (403, "insufficient_scope"),
    "opaque_write_only": (403, "insufficient_scope"),
    "expired": (401, "invalid_token"),
    "id": (401, "invalid_token"),
    "unsigned": (401, "invalid_token"),
    "foreign": (401, "invalid_token"),
    "bound": (401, "invalid_token"),
    "opaque_bound": (401, "invalid_token"),
}


def check(answers: dict[str, Any], expected: dict[str, tuple[int, str | None]]) -> None:
    """Fail unless each request was answered as expected: status, error, challenge, and who was let in."""
    assert {name: (status, body.get("error")) for name, (status, _, body) in answers.items()} == expected
    for name, (status, challenge, body) in answers.items():
        if status == 200:
            assert challenge is None
            assert re.fullmatch(WHO[name], body["subject"])
        else:
            begin = 'Bearer realm="api"' if name == "none" else f'Bearer error="{body["error"]}"'
            assert challenge.startswith(begin)
            assert challenge.count("Bearer") == 1
            assert ('scope="orders:read"' in challenge) == (status == 403 or name == "none")


def here(name: str, server: Server, **replaced: str) -> str:
    """The block, with this server in place of Lingpai's address."""
    text = BLOCKS[name].replace(ISSUER, server.url)
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def test_chinese_page() -> None:
    """It has the same blocks, tables and links, and as many headings of each level."""
    english, chinese = shape(PAGE), shape(CHINESE)
    assert len(english[0]) == len(BLOCKS)
    assert chinese == english


def shape(page: str) -> tuple[list[str], list[str], int, list[str]]:
    """What a translation keeps: the blocks, the levels of the headings, the number of rows, the links elsewhere."""
    return (
        re.findall(r"^```.*?^```$", page, re.MULTILINE | re.DOTALL),
        re.findall(r"^#+(?= )", page, re.MULTILINE),
        len(re.findall(r"^\|", page, re.MULTILINE)),
        sorted(re.findall(r"\]\((?!#|protect-your-api)([^)]+)\)", page)),
    )


def test_lengths(tokens: Tokens) -> None:
    """They are what the page's table says."""
    assert "| about 800 characters | 66 characters |" in PAGE
    assert len(tokens.opaque.removeprefix("Bearer ")) == 66
    assert round(len(tokens.signed.removeprefix("Bearer ")), -2) == 800


# --- Python ----------------------------------------------------------------------------------------------


def python_app(folder: Path, server: Server, kind: str) -> str:
    """Write the page's app of this kind into the folder: what to import of it."""
    if kind not in {"django", "rest"}:
        (folder / f"{kind}_api.py").write_text(here(f"{kind}_api.py", server), "utf-8")
        return f"{kind}_api:app"
    settings = here("settings.py", server)
    views, urls = here("views.py", server), "{'GET': views.list_orders, 'POST': views.make_order}[r.method](r)"
    if kind == "rest":
        settings += here("rest_settings.py", server) + "MIDDLEWARE = []\n"
        views = here("rest_views.py", server)
        urls = "{'GET': views.ListOrders, 'POST': views.MakeOrder}[r.method].as_view()(r)"
    (folder / "project.py").write_text(
        "SECRET_KEY = 'of this test'\nROOT_URLCONF = 'urls'\nALLOWED_HOSTS = ['127.0.0.1']\n" + settings, "utf-8"
    )
    (folder / "views.py").write_text(views, "utf-8")
    (folder / "urls.py").write_text(
        f"from django.urls import path\nimport views\nurlpatterns = [path('orders', lambda r: {urls})]\n", "utf-8"
    )
    (folder / "wsgi.py").write_text(
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'project'\n"
        "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n",
        "utf-8",
    )
    return "wsgi:app"


@pytest.mark.parametrize("kind", ["plain", "fastapi", "flask", "django", "rest"])
def test_python(server: Server, tokens: Tokens, tmp_path: Path, kind: str) -> None:
    """Each of the page's apps lets the right tokens in, and says what is wrong with the others."""
    target = python_app(tmp_path, server, kind)
    names = {**dict.fromkeys(vars(tokens)), "none": None}
    asked: list[Any] = [["GET", getattr(tokens, name, None)] for name in names]
    posts = [] if kind == "plain" else [["POST", tokens.clerk], ["POST", tokens.write_only], ["POST", tokens.signed]]
    ran = subprocess.run(  # noqa: S603 (our own page)
        [sys.executable, str(RUNNER), f"{tmp_path}/{target}"],
        input=json.dumps(asked + posts),
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    check(dict(zip(names, answers, strict=False)), {**GOOD, **BAD, "none": (401, "unauthorized")})
    if posts:
        assert [status for status, _, _ in answers[len(asked) :]] == [200, 403, 403]
        assert answers[len(asked)][2]["roles"] == ["clerk"]


@pytest.mark.security("RFC9449-7")
def test_bound_tokens(server: Server, tokens: Tokens) -> None:
    """The page's app takes them with their proofs, and bearer tokens as before; proofs are kept as the page shows."""
    kept: dict[str, int] = {}

    class Redis:
        """`SET name value NX EXAT time` of Redis."""

        def set(self, name: str, value: int, *, nx: bool, exat: int) -> bool | None:
            assert (value, nx) == (1, True)
            return None if name in kept else kept.setdefault(name, exat) == exat

    names: dict[str, Any] = {"__name__": "bound_api"}
    exec(here("shared_replay_cache.py", server), names)  # noqa: S102 (our own page)
    exec(here("bound_api.py", server), names)  # noqa: S102 (our own page)
    names["verifier"]._replay = names["RedisReplayCache"](Redis())

    def ask(authorization: str, proof: str | None = None) -> tuple[int, Any]:
        headers = {"Authorization": authorization, **({} if proof is None else {"DPoP": proof})}
        with httpx.Client(transport=httpx.WSGITransport(names["app"])) as client:
            answer = client.get("http://127.0.0.1:8080/orders?page=2", headers=headers)
        return answer.status_code, answer.json()

    with names["verifier"]:
        for bearer, subject in ((tokens.bound, "shop"), (tokens.opaque_bound, "till")):
            token = bearer.removeprefix("Bearer ")
            proof = KEY.proof(method="GET", token=token, htu=f"{API}/orders")
            assert ask(f"DPoP {token}", proof) == (200, {"subject": subject, "client": subject})
            assert ask(f"DPoP {token}", proof)[1]["error"] == "invalid_dpop_proof"
            assert ask(f"DPoP {token}")[1]["error"] == "invalid_dpop_proof"
            assert ask(bearer)[1]["error"] == "invalid_token"
        assert ask(tokens.signed)[0] == 200
    assert [name[:5] for name in kept] == ["dpop:", "dpop:"]
    assert min(kept.values()) > time.time() + 300


def test_readme_of_the_sdk(server: Server, tokens: Tokens) -> None:
    """The example of its section on verifying."""
    page = (ROOT / "sdk" / "python" / "README.md").read_text("utf-8").partition("## Verify access tokens\n")[2]
    source = page.partition("```python\n")[2].partition("```")[0]
    secret = "the secret of orders-api"
    assert secret in source
    names: dict[str, Any] = {}
    exec(source.replace(ISSUER, server.url).replace(secret, "a long random secret of the API"), names)  # noqa: S102 (our own page)
    with names["verifier"]:
        for token, expected in ((tokens.signed, (200, "shop")), (tokens.opaque, (200, "till"))):
            status, headers, body = names["authorize"]({"Authorization": token})
            assert (status, headers, body) == (expected[0], {}, {"user": expected[1]})
        for given, status in (({}, 401), ({"Authorization": tokens.write_only}, 403)):
            refused = names["authorize"](given)
            assert refused[0] == status
            assert refused[1]["WWW-Authenticate"].startswith("Bearer ")


# --- Node and nginx --------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], folder: Path, port: int, **variables: str) -> Iterator[str]:
    """The address of a server that runs until the context ends."""
    log = folder / "printed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 (our own page)
            command, cwd=folder, env=environment(**variables), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < until, log.read_text("utf-8")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        assert process.poll() is None, log.read_text("utf-8")
    finally:
        process.terminate()
        process.wait(timeout=10)
        LOGS.add(log.read_text("utf-8"))


def ask(url: str, tokens: Tokens) -> dict[str, Any]:
    """The answers to a request with each token, and with none."""
    answers = {}
    with httpx.Client(trust_env=False) as client:
        for name in (*vars(tokens), "none"):
            headers = {} if name == "none" else {"Authorization": getattr(tokens, name)}
            answer = client.get(f"{url}/orders", headers={**headers, "X-Subject": "somebody else"})
            answers[name] = (answer.status_code, answer.headers.get("www-authenticate"), answer.json())
    return answers


@pytest.mark.usefixtures("npm_clients")
def test_node(server: Server, tokens: Tokens, tmp_path: Path) -> None:
    """It takes signed tokens; an opaque one is no JWT."""
    (tmp_path / "orders.mjs").write_text(here("orders.mjs", server), "utf-8")
    (tmp_path / "node_modules").symlink_to(npm.OAUTH4WEBAPI.parents[2])
    port = free_port()
    with running([npm.NODE, "orders.mjs"], tmp_path, port, PORT=str(port)) as url:
        opaque = dict.fromkeys(("opaque", "opaque_write_only", "opaque_bound"), (401, "invalid_token"))
        check(ask(url, tokens), {**GOOD, **BAD, **opaque, "none": (401, "unauthorized")})


@pytest.mark.usefixtures("npm_clients")
def test_node_without_lingpai(tokens: Tokens, tmp_path: Path) -> None:
    """No keys, no verdict."""
    text = BLOCKS["orders.mjs"].replace(ISSUER, f"http://127.0.0.1:{free_port()}")
    (tmp_path / "orders.mjs").write_text(text, "utf-8")
    (tmp_path / "node_modules").symlink_to(npm.OAUTH4WEBAPI.parents[2])
    port = free_port()
    with running([npm.NODE, "orders.mjs"], tmp_path, port, PORT=str(port)) as url:
        assert ask(url, tokens)["signed"] == (503, None, {"error": "temporarily_unavailable"})


@contextmanager
def backend() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """The API behind nginx: tells who asks. Its port, and the headers of the requests that reached it."""
    reached: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps({"subject": self.headers["X-Subject"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield listening.server_address[1], reached
        finally:
            listening.shutdown()
            thread.join(timeout=10)


def nginx_files(folder: Path, server: Server, port: int, behind: int) -> list[str]:
    """Write the page's two files into the folder: the command that runs nginx on them."""
    conf = here(
        "nginx.conf",
        server,
        **{"/var/cache/nginx/introspection": f"{folder}/cache", "listen 80;": f"listen 127.0.0.1:{port};"},
        **{"127.0.0.1:8080": f"127.0.0.1:{behind}"},
    )
    # nginx's own folders may be root's.
    temporary = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    conf = conf.replace("http {", "\n".join(["http {", "access_log off;", *temporary]))
    (folder / "nginx.conf").write_text(conf, "utf-8")
    (folder / "lingpai.js").write_text(BLOCKS["lingpai.js"], "utf-8")
    (folder / "modules").symlink_to(NJS.parent)
    mine = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
    return [str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-e", f"{folder}/error.log", "-g", mine]


@pytest.fixture
def nginx() -> None:
    """nginx with njs, or the test is skipped; where REQUIRE_NGINX is set, it fails."""
    if NGINX is None or not NJS.exists():
        reason = "no nginx with njs on this machine: apt-get install nginx libnginx-mod-http-js"
        assert not os.environ.get("REQUIRE_NGINX"), reason
        pytest.skip(reason)


@pytest.mark.usefixtures("nginx")
def test_nginx(server: Server, tokens: Tokens, tmp_path: Path) -> None:
    """Only requests with a good token get through, with the user that the token names, and without the token."""
    port = free_port()
    with backend() as (behind, reached):
        command = nginx_files(tmp_path, server, port, behind)
        with running(command, tmp_path, port) as url:
            answers = ask(url, tokens)
            check(answers, {**GOOD, **BAD, "none": (401, "unauthorized")})
            assert len(reached) == len(GOOD)
            assert all("authorization" not in headers for headers in reached)
            assert "somebody else" not in [headers["x-subject"] for headers in reached]

            # Within ten seconds a revoked token is still taken: the answer is kept, under the hash of the token.
            request("POST", f"{server.url}/oauth/revoke", form={"token": tokens.opaque.split()[1]}, basic=TILL)
            assert ask(url, tokens)["opaque"][0] == 200
            kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
            assert b"KEY: " in kept
            assert tokens.signed.split()[1].encode() not in kept
    LOGS.add((tmp_path / "error.log").read_text("utf-8"))


@pytest.mark.usefixtures("nginx")
def test_nginx_without_lingpai(server: Server, tokens: Tokens, tmp_path: Path) -> None:
    """No answer lets nobody in."""
    port = free_port()
    with backend() as (behind, reached):
        command = nginx_files(tmp_path, server, port, behind)
        conf = tmp_path / "nginx.conf"
        conf.write_text(conf.read_text("utf-8").replace(server.url, f"http://127.0.0.1:{free_port()}"), "utf-8")
        with running(command, tmp_path, port) as url, httpx.Client(trust_env=False) as client:
            assert client.get(f"{url}/orders", headers={"Authorization": tokens.signed}).status_code == 500
        assert reached == []


def test_nginx_secret() -> None:
    """The header of the configuration is what the comment above it makes."""
    said = re.search(r"printf '%s' '([^']*)' \| base64\n.*\"Basic ([^\"]*)\"", BLOCKS["nginx.conf"])
    assert said is not None
    assert base64.b64encode(said[1].encode()).decode() == said[2]
    assert f"{said[1].split(':')[1]}" in BLOCKS["json"]


# --- Spring ----------------------------------------------------------------------------------------------


def test_spring_classes(tmp_path: Path) -> None:
    """The classes compile against the signatures of Spring Security 6.5.

    They do not run: the repository of Spring's packages cannot be reached where the tests run. tests/e2e/spring has
    the part of its API that they use, as stubs.
    """
    javac = shutil.which("javac")
    if javac is None:
        assert not os.environ.get("REQUIRE_NODE"), "no javac on the PATH"  # .ci/run needs Java as well
        pytest.skip("no javac on the PATH (Java 17 is needed)")
    names = [name for name in BLOCKS if name.endswith(".java")]
    assert sorted(names) == ["OpaqueTokens.java", "SignedTokens.java"]
    for name in names:
        (tmp_path / name).write_text(BLOCKS[name], "utf-8")
    options = ["-proc:none", "-Xlint:all,-serial", "-Werror", "-sourcepath", str(SPRING), "-d", str(tmp_path / "out")]
    ran = subprocess.run(  # noqa: S603 (our own page)
        [javac, *options, *names], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert {path.stem for path in (tmp_path / "out").glob("*.class")} == {"OpaqueTokens", "SignedTokens"}


def test_spring_properties() -> None:
    """The YAML sets properties of Spring Boot, those that the classes read; its values are the page's."""
    files = ("application.yml", "application-opaque.yml")
    found = {name: value for file in files for name, value in flat(yaml.safe_load(BLOCKS[file])).items()}
    assert set(found) == PROPERTIES
    read = re.findall(r'@Value\("\$\{(.+?)\}"\)', BLOCKS["SignedTokens.java"] + BLOCKS["OpaqueTokens.java"])
    assert set(read) == set(found)
    asked = f"{ISSUER}/oauth/introspect"
    assert sorted(found.values()) == sorted([ISSUER, API, asked, "orders-api", "a long random secret of the API"])


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """The values by their names with dots."""
    if not isinstance(content, dict):
        return {prefix: content}
    return {
        name: value
        for key, inner in content.items()
        for name, value in flat(inner, f"{prefix}.{key}".strip(".")).items()
    }


# --- the records and the shell ----------------------------------------------------------------------------


def test_shell(server: Server) -> None:
    """The page's curl gets a token for the API."""
    line = BLOCKS["sh"].replace("\\\n", " ").replace(ISSUER, server.url)
    ran = subprocess.run(  # noqa: S603 (our own page)
        ["/bin/sh", "-ec", line], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    LOGS.hush("token", told["access_token"])
    assert told["scope"] == "orders:read"
