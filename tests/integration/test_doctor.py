"""`lingpai doctor`, and where a command works: a stack, the local server, the tables that the environment names."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import moto
import pytest
from typer.testing import CliRunner

from lingpai.accounts import roles
from lingpai.clients.service import new_client
from lingpai.kernel.clock import Clock
from lingpai.signing_keys import service as signing_keys
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper
from local import dynamodb
from local.operator.app import app
from local.template import Table
from tests.architecture.test_template import RESOURCES
from tests.e2e.server import is_proxy, serving
from tests.support import aws, kms, stores
from tests.support.background import answering
from tests.support.kms import KEY_ARN
from tests.support.logs import LOGS
from tests.support.shell import Ended, Shell, a_shell
from tests.support.stores import TABLE_FIELDS, TEMPLATE
from tests.support.transfer import services_on

SEED = {
    "clients": [{"client_id": "web", "dialect": "passport"}],
    "roles": [{"id": 1, "roleName": "admin"}],
    "users": [],
}
DAY = 86400


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in filter(is_proxy, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield shell


@pytest.fixture
def cloud() -> Iterator[aws.Aws]:
    with aws.serving() as started:
        yield started


def findings(ended: Ended) -> dict[str, tuple[str, str]]:
    """State and text of each check."""
    return {each["check"]: (each["state"], each["text"]) for each in ended.json["checks"]}


def wrong(ended: Ended) -> dict[str, tuple[str, str]]:
    """Those that are not ok."""
    return {check: found for check, found in findings(ended).items() if found[0] != "ok"}


NAMES = tuple(table.name.removesuffix("Table").lower() for table in TEMPLATE.tables)


def healthy_tables(shell: Shell) -> list[str]:
    """What is said of tables that are as they should be."""
    lines = []
    for name in NAMES:
        lines += [("ok", f"table {name}", getattr(shell.store.settings, f"{name}_table"))]
        lines += [("ok", f"access {name}", "can be read")]
        lines += [("ok", f"ttl {name}", "by the attribute ttl")] if name in shell.EXPIRING else []
    return ["|".join(line) for line in lines]


def test_events_that_are_not_kept_for_long(shell: Shell) -> None:
    shell.settings["AUDIT_DAYS"] = "179"
    found = {check["check"]: check for check in shell.call("doctor", "--json").json["checks"]}
    assert found["audit"] == {
        "check": "audit",
        "state": "warn",
        "text": "events are kept for 179 days: AUDIT_DAYS (AuditDays) of 180 at least, where MLPS holds",
    }


# --- the local server --------------------------------------------------------------------------------------


def test_the_local_server_is_well(shell: Shell, tmp_path: Path) -> None:
    """On a DynamoDB that keeps its data; the whole answer, for people and for programs."""
    shell.turn_on_ttl()
    shell.settings["KEYS_FILE"] = str(tmp_path / "keys.json")
    kept = {
        name: shell.environment()[name] for name in ("DYNAMODB_ENDPOINT", "KEYS_FILE", *map(str.upper, TABLE_FIELDS))
    }
    with serving(tmp_path, SEED=str(shell.file("seed.json", json.dumps(SEED))), **kept) as server:
        shell.settings["PORT"] = str(server.port)
        ended = shell.run("doctor", "--local", "--json")
        people = shell.run("--local", "doctor")
    place = f"the local server at {server.url}"
    lines = [
        "ok|store|DynamoDB answers",
        "ok|clock|0 s behind the store's",
        *healthy_tables(shell),
        "ok|roles|admin is there",
        "ok|clients|1 enabled of 1",
        "ok|addresses|0 that clients may redirect to can be used",
        "ok|keys ES256|the key has signed for 0 days",
        "ok|keys RS256|the key has signed for 0 days",
        "ok|audit|events are kept for 400 days",
        "ok|pepper|can be read",
        "ok|sms|console: no message is delivered; SMS_PROVIDER names who shall",
        f"ok|health|{server.url} answers",
        f"ok|issuer|{server.url} answers, and names itself",
        "ok|jwks|2 keys are published",
        f"ok|pages|{server.url}/login answers",
    ]
    expected = [dict(zip(("state", "check", "text"), line.split("|"), strict=True)) for line in lines]
    assert (ended.code, ended.err) == (0, "")
    document = ended.json
    clock = document["checks"][1]["text"]
    assert clock in {"0 s behind the store's", "1 s ahead of the store's", "1 s behind the store's"}
    document["checks"][1]["text"] = expected[1]["text"]
    assert document == {"deployment": place, "ok": len(lines), "warn": 0, "fail": 0, "checks": expected}
    assert (people.code, people.err) == (0, "")
    shown = people.out.splitlines()
    assert [line.split()[0] for line in shown[:-1]] == ["ok"] * len(lines)
    assert shown[2].split() == ["ok", "table", "clients", shell.store.settings.clients_table]
    assert shown[-1] == f"{place}: {len(lines)} ok, 0 warn, 0 fail"


def test_the_embedded_store_is_reached(tmp_path: Path) -> None:
    """What `make run` holds in its own process: seen, changed, and known to its API at once."""
    with serving(tmp_path) as server:

        def call(*arguments: str) -> Ended:
            result = CliRunner().invoke(app, ["--local", *arguments], env={"PORT": str(server.port)})
            return Ended(result.exit_code, result.stdout, result.stderr)

        listed = call("client", "list", "--json")
        assert [client["client_id"] for client in listed.json["clients"]] == [
            *(
                "2",
                "23",
                "app-client",
                "django-app",
                "machine-client",
                "mobile-app",
                "native-app",
                "notes-api",
                "notes-app",
            ),
            *("report-app", "single-page-app", "standard-client", "web-app", "web-client"),
        ]
        secret = call("client", "create", "shop", "--dialect", "standard", "--json").json["client_secret"]
        LOGS.hush("client secret", secret)
        form = {"grant_type": "client_credentials"}
        assert server.post("/oauth/token", form=form, basic=f"shop:{secret}")[0] == 200
        again = call("client", "create", "shop", "--dialect", "standard")
        assert (again.code, again.out) == (1, "")
        server.log_in("alice", "correct horse battery")
        assert call("user", "disable", "alice", "--yes", "--json").json["ended"] == 1
        refused = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
        assert server.post("/oauth/token", form=refused, basic="web-client:web-secret")[0] == 400
        assert wrong(call("doctor", "--json")) == {}
        server.hush(secret)


def test_no_page_of_a_browser_reaches_the_embedded_store(tmp_path: Path) -> None:
    """It cannot send the header without leave, nor read under a name of its own."""
    import http.client

    with serving(tmp_path) as server:
        target = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
        here = {"Host": f"127.0.0.1:{server.port}"}
        for method, headers, status in (
            ("POST", {**target, **here}, 200),
            ("POST", here, 403),
            ("POST", {**target, "Host": "evil.example"}, 403),
            ("GET", {**target, **here}, 403),
            ("OPTIONS", {"Origin": "https://evil.example", **here}, 403),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.putrequest(method, "/_local/dynamodb/", skip_host=True)
            for name, value in {**headers, "Content-Length": "2"}.items():
                connection.putheader(name, value)
            connection.endheaders(b"{}")
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            assert answer.status == status, (method, headers)
            assert (b"TableNames" in body) == (status == 200)
            assert answer.getheader("access-control-allow-origin") is None


def test_no_local_server(tmp_path: Path) -> None:
    """It says what to do."""
    result = CliRunner().invoke(app, ["--local", "client", "list"], env={"PORT": "9"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "no local server answers at http://127.0.0.1:9: start it by `make run`, "
        "or say where it is: PORT=3001 lingpai …\n"
        "For a DynamoDB that keeps its data set DYNAMODB_ENDPOINT, here and for `make run`.\n"
    )
    result = CliRunner().invoke(app, ["--local", "client", "list"], env={"PORT": "x"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("PORT: 'x' is not a port")


# --- what is wrong -----------------------------------------------------------------------------------------


def test_nothing_is_there_yet(shell: Shell) -> None:
    """Each finding says what to do about it."""
    ended = shell.call("doctor", "--json")
    table = shell.store.settings.sessions_table
    ttl = f"what has expired is never deleted: turn on time to live of {table}, by the attribute ttl"
    found = wrong(ended)
    assert found.pop("ttl sessions") == ("warn", ttl)
    assert {check: state for check, (state, _) in found.items() if check.startswith("ttl")} == {
        f"ttl {name}": "warn" for name in shell.EXPIRING if name != "sessions"
    }
    assert {check: told for check, told in found.items() if not check.startswith("ttl")} == {
        "roles": ("warn", "there is no role admin, so nobody is an admin: `lingpai seed` makes roles"),
        "clients": ("warn", "there is no client, so nobody gets a token: `lingpai client create`"),
        "keys": ("warn", "there is no place for keys: name one by KEYS_KMS_KEY or KEYS_FILE"),
        "pepper": ("warn", "is not named here: CODE_PEPPER_SECRET, or --stack, says where it is"),
        "health": ("warn", "where the API answers is not known: --url says it"),
    }
    assert (ended.code, ended.json["fail"]) == (0, 0)


def test_roles_that_settings_name_and_that_are_missing(shell: Shell) -> None:
    shell.settings.update({"MFA_ROLES": "auditor", "PASSWORD_MAX_AGE_ROLES": "clerk"})
    found = wrong(shell.call("doctor", "--json"))
    assert found["second factors"] == ("warn", "there is no role auditor, which MFA_ROLES names")
    assert found["old passwords"] == ("warn", "there is no role clerk, which PASSWORD_MAX_AGE_ROLES names")


def test_tables_that_are_missing_or_others(shell: Shell) -> None:
    shell.settings.update({"USERS_TABLE": "None", "ROLES_TABLE": shell.store.settings.clients_table})
    ended = shell.call("doctor", "--json")
    found = findings(ended)
    assert ended.code == 1
    assert found["table users"] == (
        "fail",
        "there is no table None: deploy the stack, or name the right one (--stack, or its variable)",
    )
    other = shell.store.settings.clients_table
    assert found["table roles"] == (
        "fail",
        f"{other} has the key client_id (S), and needs book (S): it is not this service's table",
    )
    assert found["roles"][0] == "fail"
    assert found["table sessions"][0] == "ok"
    assert not {"access users", "access roles"} & set(found)


def test_keys_that_are_missing_or_old(shell: Shell, tmp_path: Path) -> None:
    services = services_on(shell.store)
    services.store.put_client(new_client("p", "passport", "s"))
    found = findings(shell.call("doctor", "--json"))
    said = "there is no place for keys, and clients are to get JWTs (RS256): name one by KEYS_KMS_KEY or KEYS_FILE"
    assert found["keys"] == ("fail", said)
    store = FileKeys(tmp_path / "keys.json")
    shell.settings["KEYS_FILE"] = str(tmp_path / "keys.json")
    signing_keys.rotate(store, LocalKeyWrapper(), Clock(time=lambda: time.time() - 181 * DAY), "ES256", lead=0)
    ended = shell.call("doctor", "--json")
    mend = "`lingpai keys rotate --algorithm"
    assert findings(ended)["keys RS256"] == ("fail", f"no key signs: {mend} RS256` makes one")
    assert findings(ended)["keys ES256"] == (
        "warn",
        f"the key has signed for 181 days, and none follows: {mend} ES256`",
    )
    assert ended.code == 1
    assert shell.call("keys", "rotate", "--yes").code == 0
    found = findings(shell.call("doctor", "--json"))
    assert found["keys ES256"] == ("ok", "the key has signed for 181 days, and the next one is published")
    assert found["keys RS256"] == ("ok", "the key has signed for 0 days")


@pytest.mark.security("F1")
def test_keys_that_nothing_wraps(shell: Shell) -> None:
    """What `sam local` uses is told of where a deployment has it."""
    shell.settings["KEYS_KMS_KEY"] = "local"
    found = findings(shell.call("doctor", "--json"))
    assert found["keys"] == (
        "warn",
        "KEYS_KMS_KEY=local: private halves lie in the table unwrapped, as for `sam local`",
    )


def test_an_api_that_is_not_there_or_another(shell: Shell, tmp_path: Path, cloud: aws.Aws) -> None:
    shell.settings["KEYS_FILE"] = str(tmp_path / "keys.json")
    signing_keys.first_keys(FileKeys(tmp_path / "keys.json"), LocalKeyWrapper(), Clock())
    down = findings(shell.call("doctor", "--url", "http://127.0.0.1:9", "--json"))
    assert down["health"] == down["jwks"] == ("fail", "no answer: [Errno 111] Connection refused")
    other = findings(shell.call("doctor", "--url", cloud.url, "--json"))
    assert other["health"] == ("fail", f"{cloud.url}/health answers 501")
    bad = findings(shell.call("doctor", "--url", "file:///etc/passwd", "--json"))
    assert bad["health"] == ("fail", "file:///etc/passwd/health is no address such as https://login.example.com")
    with serving(tmp_path) as server:
        foreign = findings(shell.call("doctor", "--url", server.url, "--json"))
    assert foreign["health"][0] == "ok"
    state, text = foreign["jwks"]
    assert state == "warn"
    assert text.startswith("the API does not publish ")
    assert text.endswith(": look again in 300 s; else it has other keys")


@contextmanager
def answering_like(paths: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The address of a server that answers these paths: content type and text, in which {url} is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = paths.get(self.path, ("text/plain", ""))
            body = text.replace("{url}", url).encode()
            self.send_response_only(200 if self.path in paths else 404)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with answering(Handler) as url:
        yield url


DISCOVERY, JWKS = "/.well-known/openid-configuration", "/.well-known/jwks.json"
LOGIN = ("text/html", '<link rel="stylesheet" href="/assets/pages.css" nonce="x">')


@pytest.mark.parametrize(
    ("answered", "text"),
    [
        ({}, "{url}/.well-known/openid-configuration answers 404: "),
        (
            {DISCOVERY: ("application/json", '{"issuer": "https://old.example"}')},
            "{url}/.well-known/openid-configuration names the issuer https://old.example, which clients refuse: ",
        ),
        (
            {DISCOVERY: ("application/json", '["{url}"]')},
            "{url}/.well-known/openid-configuration names the issuer None, which clients refuse: ",
        ),
        (
            {DISCOVERY: ("application/json", '{"issuer": "{url}/"}')},
            "{url}/.well-known/openid-configuration names the issuer {url}/, which clients refuse: ",
        ),
    ],
)
def test_metadata_of_another_issuer(shell: Shell, answered: dict[str, tuple[str, str]], text: str) -> None:
    """OpenID Connect Discovery section 4.3: the issuer in the metadata is the one that they were asked of."""
    with answering_like(answered) as url:
        ended = shell.call("doctor", "--url", url, "--json")
    said = text.replace("{url}", url) + "set ISSUER to the address that clients use"
    assert (ended.code, findings(ended)["issuer"]) == (1, ("fail", said))


def test_an_issuer_that_is_not_where_the_api_is(shell: Shell, tmp_path: Path) -> None:
    """The issuer of the settings is asked, and not the address of the API."""
    with serving(tmp_path) as server:
        shell.settings["ISSUER"] = "http://127.0.0.1:9"
        found = findings(shell.call("doctor", "--url", server.url, "--json"))
        assert found["health"][0] == "ok"
        said = "does not answer ([Errno 111] Connection refused): set ISSUER to the address that clients use"
        assert found["issuer"] == ("fail", f"http://127.0.0.1:9 {said}")
        assert found["pages"] == ("fail", "no answer: [Errno 111] Connection refused")
        shell.settings["ISSUER"] = server.url
        found = findings(shell.call("doctor", "--url", f"http://localhost:{server.port}", "--json"))
        assert found["issuer"] == ("ok", f"{server.url} answers, and names itself")
        assert found["pages"] == ("ok", f"{server.url}/login answers")
        shell.settings["ISSUER"] = f"http://localhost:{server.port}"
        state, text = findings(shell.call("doctor", "--url", server.url, "--json"))["issuer"]
        assert (state, f"names the issuer {server.url}, which clients refuse" in text) == ("fail", True)


def test_algorithms_without_a_published_key(shell: Shell, tmp_path: Path) -> None:
    """By the records: of ID tokens, and of signed access tokens. Disabled clients get none."""
    writer = services_on(shell.store).store
    back = ("https://shop.example/callback",)
    shop = new_client("shop", "standard", "s", grants=["authorization_code"], scopes=("openid",), redirect_uris=back)
    writer.put_client(shop)
    writer.put_client(replace(new_client("p", "passport", "s"), token_alg="ES256", disabled=True))
    keys = '{"keys": [{"kid": "one", "alg": "ES256"}]}'
    with answering_like({JWKS: ("application/json", keys)}) as url:
        told = findings(shell.call("doctor", "--url", url, "--json"))["jwks"]
        said = "no key of RS256 is published, and clients are to get tokens signed by it: `lingpai keys rotate"
        assert told == ("fail", f"{said} --algorithm RS256`")
        writer.put_client(replace(shop, id_token_alg="ES256"))
        assert findings(shell.call("doctor", "--url", url, "--json"))["jwks"] == ("ok", "1 keys are published")
    with answering_like({JWKS: ("application/json", '{"keys": ["one"]}')}) as url:
        told = findings(shell.call("doctor", "--url", url, "--json"))["jwks"]
    assert told == ("fail", "the API publishes no list of keys")


@pytest.mark.parametrize(
    ("answered", "state", "text"),
    [
        ({}, "fail", "{url}/login answers 404"),
        ({"/login": ("application/json", LOGIN[1])}, "fail", "{url}/login is no login page: route all paths"),
        ({"/login": ("text/html", "<h1>Welcome</h1>")}, "fail", "{url}/login is no login page: route all paths"),
        ({"/login": LOGIN}, "fail", "{url}/assets/pages.css answers 404"),
        (
            {"/login": LOGIN, "/assets/pages.css": ("text/html", "")},
            "fail",
            "{url}/assets/pages.css is no stylesheet: route all paths",
        ),
        ({"/login": LOGIN, "/assets/pages.css": ("text/css", "")}, "ok", "{url}/login answers"),
    ],
)
def test_pages_that_people_do_not_reach(
    shell: Shell, answered: dict[str, tuple[str, str]], state: str, text: str
) -> None:
    with answering_like(answered) as url:
        told = findings(shell.call("doctor", "--url", url, "--json"))["pages"]
    assert (told[0], told[1].removesuffix(" of this address here")) == (state, text.replace("{url}", url))


@pytest.mark.parametrize(
    ("secret", "uri", "reason"),
    [
        ("s", "https://*.shop.example/callback", "has a character that may not stand in an address, or a wildcard"),
        ("s", "http://shop.example/callback", "is no address that begins with https://"),
        ("s", "com.example.app:/callback", "is no address that begins with https://"),
        ("s", "https://shop.example/a/../callback", "has a path with a step up, or with an escaped separator"),
        (None, "javascript:alert(1)", "is no address that begins with https://, or with an app's scheme"),
    ],
)
def test_addresses_that_no_record_may_have(shell: Shell, secret: str | None, uri: str, reason: str) -> None:
    """RFC 9700 section 4.1.3, RFC 8252 section 7.1. A command refuses them; another tool may have written them."""
    writer = services_on(shell.store).store
    shop = new_client("shop", "standard", secret, redirect_uris=("https://shop.example/callback",))
    for changed in (replace(shop, redirect_uris=(uri,)), replace(shop, post_logout_redirect_uris=(uri,))):
        writer.put_client(changed)
        ended = shell.call("doctor", "--json")
        said = f"shop: {uri!r} {reason}: correct it in the seed file, and `lingpai seed`"
        assert (ended.code, findings(ended)["addresses"]) == (1, ("fail", said))
    writer.put_client(replace(shop, redirect_uris=(uri,), disabled=True))
    assert findings(shell.call("doctor", "--json"))["addresses"][0] == "ok"


def test_addresses_for_development(stack: Shell) -> None:
    """In a deployment a back end is not on its users' own machines; a native app is, and has no secret."""
    writer = services_on(stack.store).store
    here = ("http://127.0.0.1:8000/callback",)
    writer.put_client(new_client("native", "standard", None, redirect_uris=("com.example.app:/callback", *here)))
    arguments = ("doctor", "--stack", aws.STACK, "--json")
    ok = ("ok", "2 that clients may redirect to can be used")
    assert findings(stack.call(*arguments))["addresses"] == ok
    writer.put_client(new_client("shop", "standard", "s", redirect_uris=here))
    said = "shop: http://127.0.0.1:8000/callback: it is for development: take it out of the record in a deployment"
    assert findings(stack.call(*arguments))["addresses"] == ("warn", said)


def test_the_issuer_of_a_stack(stack: Shell, cloud: aws.Aws) -> None:
    """Its parameter says it, and not the operator's environment."""
    stack.settings["ISSUER"] = "https://another.example"
    cloud.parameters["Issuer"] = "http://127.0.0.1:7"
    said = "does not answer ([Errno 111] Connection refused): set the parameter Issuer to the address that clients use"
    arguments = ("doctor", "--stack", aws.STACK, "--json")
    assert findings(stack.call(*arguments))["issuer"] == ("fail", f"http://127.0.0.1:7 {said}")
    cloud.parameters["Issuer"] = ""
    assert findings(stack.call(*arguments))["issuer"] == ("fail", f"http://127.0.0.1:9 {said}")


def test_a_pepper_that_protects_nothing(shell: Shell) -> None:
    shell.settings["CODE_PEPPER"] = "short-pepper"
    LOGS.hush("pepper", "short-pepper")
    ended = shell.call("doctor", "--json")
    assert findings(ended)["pepper"] == (
        "fail",
        "is too short: codes could be told from their hashes. Make a long one",
    )
    assert "short-pepper" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("ahead", "state", "text"),
    [
        (-100, "warn", "100 s ahead of the store's: set this machine's clock (NTP)"),
        (400, "fail", "400 s behind the store's: set this machine's clock (NTP)"),
    ],
)
def test_no_permissions_and_a_clock_that_is_wrong(
    shell: Shell, cloud: aws.Aws, ahead: float, state: str, text: str
) -> None:
    """What is denied is named, table by table; the time stands in the refusal."""
    shell.settings["DYNAMODB_ENDPOINT"] = cloud.url
    cloud.ahead = ahead
    ended = shell.call("doctor", "--json")
    found = findings(ended)
    assert ended.code == 1
    told = found["clock"]
    assert told[0] == state
    assert abs(int(told[1].split()[0]) - abs(ahead)) <= 2
    assert told[1].partition(" ")[2] == text.partition(" ")[2]
    for name in NAMES:
        table = getattr(shell.store.settings, f"{name}_table")
        for check, action in (("table", "DescribeTable"), ("access", "GetItem")):
            said = f"the caller lacks dynamodb:{action} on {table}: give it the permission"
            assert found[f"{check} {name}"] == ("fail", said)
    assert found["roles"][0] == found["clients"][0] == "fail"


def test_a_store_that_is_not_there(shell: Shell) -> None:
    """The rest of the checks go on."""
    shell.settings["DYNAMODB_ENDPOINT"] = "http://127.0.0.1:9"
    ended = shell.call("doctor", "--json")
    assert ended.code == 1
    found = findings(ended)
    assert found["store"] == ("fail", 'Could not connect to the endpoint URL: "http://127.0.0.1:9/"')
    assert set(found) == {"store", "keys", "audit", "pepper", "sms", "health"}


def test_credentials_that_are_wrong(shell: Shell, cloud: aws.Aws) -> None:
    shell.settings["DYNAMODB_ENDPOINT"] = cloud.url
    cloud.denied = "UnrecognizedClientException"
    ended = shell.call("doctor", "--json")
    assert ended.code == 1
    state, text = findings(ended)["store"]
    assert (state, "UnrecognizedClientException" in text) == ("fail", True)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("13312341234", ("warn", "console keeps it, and delivers none")),
        ("12", ("fail", "not sent: This is not a valid mobile number")),
        ("+12015550123", ("fail", "not sent: Numbers of this country are not served")),
    ],
)
def test_a_message_is_sent_where_one_is_asked_for(shell: Shell, number: str, found: tuple[str, str]) -> None:
    ended = shell.call("doctor", "--send-test", number, "--json")
    assert findings(ended)["test message"] == found
    assert ended.code == (1 if found[0] == "fail" else 0)
    assert "test message" not in findings(shell.call("doctor", "--json"))


def test_recovery_is_looked_at_on_aws(tmp_path: Path) -> None:
    """By moto, which knows of point-in-time recovery: on where it is on, and a fault where it is off."""
    there = [table.name for table in TEMPLATE.tables if table.recoverable and table.name != "SessionsTable"]
    recoverable = [name.removesuffix("Table").lower() for name in there]
    with moto.mock_aws():
        client = stores._client(None)
        dynamodb.create_tables(client, TEMPLATE.tables)
        for name in recoverable:
            client.call(
                "UpdateContinuousBackups",
                {
                    "TableName": f"{name.capitalize()}Table",
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                },
            )
        result = CliRunner().invoke(
            app, ["doctor", "--json"], env={"DYNAMODB_ENDPOINT": None, "AWS_REGION": "us-east-1"}
        )
    found = findings(Ended(result.exit_code, result.stdout, result.stderr))
    assert {check: told for check, told in found.items() if check.startswith("recovery")} == {
        **{f"recovery {name}": ("ok", "to a point in time") for name in recoverable},
        "recovery sessions": (
            "fail",
            "what is lost cannot be brought back: turn on point-in-time recovery of SessionsTable",
        ),
    }
    assert result.exit_code == 1


def test_which_tables_have_what() -> None:
    """The template says which tables expire and which can be recovered; doctor looks at those."""
    tables = {table.name: table for table in TEMPLATE.tables}
    for name in ("SessionsTable", "CodesTable", "CountersTable"):
        assert tables[name].ttl == "ttl", name
        assert tables[name].recoverable is (name == "SessionsTable")
    # What outlives the stack, and the keys.
    kept = [name for name in tables if RESOURCES[name]["DeletionPolicy"] != "Delete"]
    assert len(kept) >= 4
    for name in (*kept, "KeysTable"):
        assert tables[name].recoverable, name
    # Of what is kept, only tombstones and old events expire.
    assert {name for name in kept if tables[name].ttl is None} >= {"ClientsTable", "IdentitiesTable", "FactorsTable"}
    assert not Table("x", {}, None).recoverable


# --- a stack -----------------------------------------------------------------------------------------------


@pytest.fixture
def stack(shell: Shell, cloud: aws.Aws) -> Shell:
    """A stack whose tables are those of the shell; the environment names none of them."""
    outputs = {f"{name.capitalize()}Table": getattr(shell.store.settings, f"{name}_table") for name in NAMES}
    queues = {name: f"http://127.0.0.1:9/{name}" for name in ("WebhooksQueue", "WebhooksFailedQueue")}
    cloud.outputs = {"ApiUrl": "http://127.0.0.1:9", **outputs, **queues, "KeysKey": KEY_ARN}
    cloud.parameters = {"DigestLogin": "true", "SmsProvider": "console", "Stage": "dev", "WechatAppsSecret": ""}
    cleared = {name.upper(): "" for name in TABLE_FIELDS}
    shell.settings.update(
        {
            **cleared,
            **cloud.environment("CLOUDFORMATION", "SECRETS_MANAGER"),
            "AWS_ENDPOINT_URL_DYNAMODB": shell.endpoint,
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "operator",
            "AWS_DEFAULT_REGION": "us-east-1",
            # Of another deployment, and so none of the stack's business.
            "DYNAMODB_ENDPOINT": "http://127.0.0.1:9",
            "CODE_PEPPER": "another pepper",
            "KEYS_FILE": "another.json",
            "SMS_PROVIDER": "aliyun",
        }
    )
    return shell


def test_a_stack_is_found_by_its_name(stack: Shell, cloud: aws.Aws) -> None:
    """Before or after the command; its tables, and its parameters."""
    path = stack.file("seed.json", json.dumps(SEED))
    seeded = stack.run("seed", str(path), "--stack", aws.STACK, "--json")
    assert (seeded.code, seeded.json, seeded.err) == (0, {"clients": 1, "roles": 1, "users": 0}, "")
    people = stack.run("--stack", aws.STACK, "seed", str(path))
    assert (people.code, people.out, people.err) == (0, "1 clients, 1 roles, 0 users are there\n", "")
    made = stack.call("user", "create", "mei", "--stack", aws.STACK, "--json")
    assert (made.code, made.json["digest_login"]) == (0, True)
    found = stack.store.get_client("web")
    assert found is not None
    assert replace(found, secret_hash=None).dialect == "passport"


def test_doctor_of_a_stack(stack: Shell, cloud: aws.Aws) -> None:
    """Its own pepper is read, and its own address asked."""
    LOGS.hush("pepper", str(cloud.secret))
    roles.save(services_on(stack.store), "admin")
    ended = stack.call("doctor", "--stack", aws.STACK, "--json")
    assert ended.json["deployment"] == f"the stack {aws.STACK}"
    found = findings(ended)
    assert found["pepper"] == ("ok", "can be read")
    assert found["health"] == ("fail", "no answer: [Errno 111] Connection refused")
    said = "console: no message is delivered; the parameter SmsProvider names who shall"
    assert found["sms"] == ("warn", said)
    schedule = "; the schedule should have made it: see the log of KeysFunction"
    for algorithm in signing_keys.ALGORITHMS:
        said = f"no key signs: `lingpai keys rotate --algorithm {algorithm}` makes one{schedule}"
        assert found[f"keys {algorithm}"] == ("warn", said)
    assert str(cloud.secret) not in ended.out + ended.err
    cloud.secret = None
    state, text = findings(stack.call("doctor", "--stack", aws.STACK, "--json"))["pepper"]
    assert state == "fail"
    assert "AccessDeniedException" in text


def test_the_keys_of_a_stack(stack: Shell, cloud: aws.Aws) -> None:
    """In its table, wrapped by its KMS, which is asked to make them and nothing else."""
    with kms.running() as running:
        stack.settings["AWS_ENDPOINT_URL_KMS"] = running.url
        made = stack.run("keys", "rotate", "--stack", aws.STACK, "--json")
        assert (made.code, made.err) == (0, "")
        es, rs = made.json["keys"]
        listed = stack.call("keys", "list", "--stack", aws.STACK, "--json")
        assert listed.json == {
            "keys": [{**key, "state": "signing", "signs_until": None, "published_until": None} for key in (es, rs)]
        }
        following = stack.call("keys", "rotate", "--algorithm", "ES256", "--stack", aws.STACK, "--json")
        assert (following.code, following.json["keys"][0]["number"]) == (0, 2)
        found = findings(stack.call("doctor", "--stack", aws.STACK, "--json"))
        assert found["keys ES256"] == ("ok", "the key has signed for 0 days, and the next one is published")
        assert found["keys RS256"] == ("ok", "the key has signed for 0 days")
        ring = signing_keys.KeyRing(stack.store, running.wrapper(), Clock(), 0)
        assert ring.signing("ES256", es["signs_from"]).kid == es["kid"]
        assert running.operations() == ["GenerateDataKeyPairWithoutPlaintext"] * 3 + ["Decrypt"]
        running.denied.add("GenerateDataKeyPairWithoutPlaintext")
        refused = stack.call("keys", "rotate", "--algorithm", "RS256", "--stack", aws.STACK)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("no key was made: KMS refuses: An error occurred (AccessDeniedException)")
    assert {(key.algorithm, key.number) for key in stack.store.load_keys()} == {
        ("ES256", 1),
        ("ES256", 2),
        ("RS256", 1),
    }


def test_a_schedule_that_stands_still(stack: Shell) -> None:
    """A stack's key is followed by the next after 90 days: doctor says where it is not."""
    with kms.running() as running:
        past = Clock(time=lambda: time.time() - 91 * DAY)
        signing_keys.first_keys(stack.store, running.wrapper(), past)
    found = findings(stack.call("doctor", "--stack", aws.STACK, "--json"))
    said = (
        "the key has signed for 91 days, and none follows: `lingpai keys rotate --algorithm ES256`"
        "; the schedule should have made it: see the log of KeysFunction"
    )
    assert found["keys ES256"] == ("warn", said)


def test_a_stack_whose_senders_are_not_the_operators(stack: Shell, cloud: aws.Aws) -> None:
    """What the functions send by does not stop the command; only a message for a test asks for it."""
    cloud.parameters["SmsProvider"] = "aliyun,sns"
    assert stack.run("client", "list", "--stack", aws.STACK, "--json").json == {"clients": []}
    found = findings(stack.call("doctor", "--stack", aws.STACK, "--send-test", "13312341234", "--json"))
    assert found["sms"] == ("ok", "aliyun,sns, by the functions' settings, which are not looked at")
    needed = ("ALIYUN_KEY_ID", "ALIYUN_KEY", "ALIYUN_SIGN_NAMES", "ALIYUN_TEMPLATES")
    state, text = found["test message"]
    assert (state, text.partition("ALIYUN")[0]) == (
        "fail",
        "not sent: this environment lacks what the functions have: ",
    )
    assert [line.partition(":")[0] for line in text.partition(" have: ")[2].split("; ")] == [*needed]
    cloud.parameters["SmsProvider"] = "console"
    found = findings(stack.call("doctor", "--stack", aws.STACK, "--send-test", "13312341234", "--json"))
    assert found["test message"] == ("warn", "console keeps it, and delivers none")


def test_the_sign_providers_of_a_stack(stack: Shell, cloud: aws.Aws) -> None:
    """Its parameters name them: a client may have those and no others."""
    create = ("client", "create", "mini", "--dialect", "standard", "--public", "--stack", aws.STACK)
    ended = stack.call(*create, "--sign-provider", "wechat")
    said = "sign_provider: there is no 'wechat' in this deployment's settings; there are: trusted\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)
    cloud.parameters["WechatAppsSecret"] = "arn:aws:secretsmanager:us-east-1:123456789012:secret:wechat-abcdef"
    assert stack.call(*create, "--sign-provider", "wechat").code == 0


@pytest.fixture
def chinese(stack: Shell, cloud: aws.Aws) -> Shell:
    """The stack in Beijing, as its operator left it after a first deployment."""
    stack.settings["AWS_DEFAULT_REGION"] = "cn-north-1"
    cloud.outputs["KeysKey"] = KEY_ARN.replace("arn:aws:", "arn:aws-cn:").replace("us-east-1", "cn-north-1")
    cloud.parameters |= {"SmsProvider": "aliyun,tencent", "Tracing": "Disabled", "SnapStart": "true"}
    return stack


def test_a_stack_in_china_is_found(chinese: Shell) -> None:
    """By the same commands; the region is told by the environment, and the key's ARN is of its partition."""
    seeded = chinese.run("seed", str(chinese.file("seed.json", json.dumps(SEED))), "--stack", aws.STACK, "--json")
    assert (seeded.code, seeded.json, seeded.err) == (0, {"clients": 1, "roles": 1, "users": 0}, "")
    listed = chinese.call("client", "list", "--stack", aws.STACK, "--json")
    assert [client["client_id"] for client in listed.json["clients"]] == ["web"]
    with kms.running() as running:
        chinese.settings["AWS_ENDPOINT_URL_KMS"] = running.url
        made = chinese.call("keys", "rotate", "--stack", aws.STACK, "--json")
        assert (made.code, made.err) == (0, "")


def of_china(ended: Ended) -> dict[str, tuple[str, str]]:
    """The findings that are about China."""
    return {check: found for check, found in findings(ended).items() if check.startswith("china")}


def test_doctor_of_a_stack_in_china(chinese: Shell, cloud: aws.Aws) -> None:
    """What the region lacks is not asked of it; the address of AWS needs a filing, and is not the users'."""
    well = {
        "china sms": ("ok", "none of the senders is a service of AWS"),
        "china tracing": ("ok", "X-Ray is off"),
        "china snapshots": ("ok", "cn-north-1 has none for Python; the template makes none there"),
    }
    own = ("ok", "login.example.cn; it needs an ICP filing (备案) with the region's operator")
    doctor = ("doctor", "--stack", aws.STACK, "--json")
    assert of_china(chinese.call(*doctor, "--url", "https://login.example.cn")) == {**well, "china domain": own}
    cloud.parameters |= {"SmsProvider": "aliyun,sns,aws", "Tracing": "Active"}
    amazons = (
        "a1b2c3.execute-api.cn-north-1.amazonaws.com.cn is AWS's, which answers only where the account has an ICP "
        "filing (备案): file for a domain of your own and deploy with DomainName (docs/aws-china.md)"
    )
    address = "https://a1b2c3.execute-api.cn-north-1.amazonaws.com.cn"
    ended = chinese.call(*doctor, "--url", address)
    assert ended.code == 1
    assert of_china(ended) == {
        **well,
        "china sms": (
            "fail",
            "sns, aws cannot send: AWS has no SMS in cn-north-1. Take aliyun or tencent (docs/aws-china.md)",
        ),
        "china tracing": ("warn", "Lambda has no X-Ray in cn-north-1: deploy with Tracing=Disabled"),
        "china domain": ("warn", amazons),
    }


def test_doctor_speaks_of_china_only_there(stack: Shell) -> None:
    assert of_china(stack.call("doctor", "--stack", aws.STACK, "--json")) == {}


def test_doctor_of_tables_in_china(shell: Shell) -> None:
    """Named by the environment, whose settings have the senders; a store at an address of its own is nowhere."""
    shell.settings |= {"AWS_REGION": "cn-northwest-1"}
    assert of_china(shell.call("doctor", "--json")) == {}
    shell.settings |= {
        "DYNAMODB_ENDPOINT": "",
        "AWS_ENDPOINT_URL_DYNAMODB": shell.endpoint,
        "AWS_ACCESS_KEY_ID": "operator",
        "AWS_SECRET_ACCESS_KEY": "operator",
    }
    found = of_china(shell.call("doctor", "--json"))
    assert found == {"china sms": ("ok", "none of the senders is a service of AWS")}


def test_a_stack_that_is_none(stack: Shell, cloud: aws.Aws) -> None:
    ended = stack.call("client", "list", "--stack", "other")
    assert (ended.code, ended.out) == (2, "")
    assert "Stack with id other does not exist" in ended.err
    for output in ("KeysKey", "CodesTable"):
        del cloud.outputs[output]
        ended = stack.call("client", "list", "--stack", aws.STACK)
        said = f"{aws.STACK}: is no stack of this service: it has no output {output}\n"
        assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_the_environment_is_as_it_was(stack: Shell) -> None:
    """A command within this process changes nothing of it."""
    before = dict(os.environ)
    for arguments in (("client", "list", "--stack", aws.STACK), ("client", "list", "--stack", "other")):
        stack.call(*arguments)
        assert dict(os.environ) == before


def test_a_seed_that_is_wrong(shell: Shell) -> None:
    """Nothing is written, and each line tells where it is."""
    wrong_seed: Any = {"clients": [{"client_id": "web"}], "users": [{"username": "x", "roles": ["none"]}]}
    path = shell.file("seed.json", json.dumps(wrong_seed))
    ended = shell.call("seed", str(path))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"{path}: clients[0] (web): dialect: is missing\n"
    assert shell.store.list_clients() == ()


@pytest.mark.security("F18")
def test_a_seed_does_not_undo_what_was_decided_since(shell: Shell) -> None:
    """Rotated secrets and disabled clients stay, unless told to overwrite; ids of deleted roles are not reused."""
    content: Any = {
        "clients": [{"client_id": "shop", "dialect": "standard", "client_secret": "the secret of the file"}],
        "roles": [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "editor"}],
    }
    path = str(shell.file("seed.json", json.dumps(content)))
    assert shell.call("seed", path).err == ""
    first = shell.store.get_client("shop")
    assert shell.call("client", "disable", "shop", "--yes").code == 0
    roles.delete(services_on(shell.store), 2)
    ended = shell.call("seed", path)
    assert (ended.code, ended.out) == (0, "1 clients, 2 roles, 0 users are there\n")
    assert ended.err == (
        "the client shop keeps its own secret, or stays disabled: `lingpai seed --overwrite` changes that\n"
        "the role editor has the id 3: the one in the file may have been another role's\n"
    )
    disabled = shell.store.get_client("shop")
    assert disabled is not None
    assert first is not None
    assert disabled.disabled
    assert shell.call("seed", path, "--overwrite").err == ""
    # What was issued before it was disabled stays refused.
    assert disabled.valid_from > 0
    assert shell.store.get_client("shop") == replace(first, valid_from=disabled.valid_from)


@pytest.mark.security("F18")
def test_a_seed_with_a_short_secret(shell: Shell) -> None:
    """What is stored is a fast hash of it, so a short one is taken only when asked."""
    secret = "fifteen letters"
    content = {"clients": [{"client_id": "shop", "dialect": "standard", "client_secret": secret}]}
    path = str(shell.file("seed.json", json.dumps(content)))
    ended = shell.call("seed", path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{path}: the secret of shop has fewer than 16 characters: ")
    assert "--allow-short-secrets" in ended.err
    assert secret not in ended.err
    assert shell.store.list_clients() == ()
    assert shell.call("seed", path, "--allow-short-secrets").code == 0
    assert shell.store.get_client("shop") is not None
