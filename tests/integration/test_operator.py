"""`lingpai client | user | keys | prefix` on DynamoDB Local: what each writes, says, refuses, and ends with."""

import base64
import contextlib
import getpass
import importlib.metadata
import json
import os
import pty
import pwd
import re
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lingpai.accounts import identities, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import Profile, User
from lingpai.clients import service as clients
from lingpai.clients.model import Client
from lingpai.clients.service import Credentials, hash_secret, new_client
from lingpai.consents import service as consents
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.sessions import rotation
from lingpai.sessions import service as sessions
from lingpai.signing_keys import service as signing_keys
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.stores import FileKeys, LocalKeyWrapper
from lingpai.sms import budget
from lingpai.store import DynamoStore
from tests.support import logins
from tests.support.authenticator import set_up
from tests.support.logs import LOGS
from tests.support.samples import a_client
from tests.support.shell import Ended, Shell, a_shell
from tests.support.transfer import services_on

SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
MOBILE = "+8613312341234"
PASSWORD = "correct horse battery"
STANDARD = new_client("shop", "standard", "the-secret", scopes=("read", "write"))
WEB = new_client("web", "spring", "web-secret", scopes=("web",))


@pytest.fixture
def shell(dynamodb_endpoint: str, tmp_path: Path) -> Iterator[Shell]:
    with a_shell(dynamodb_endpoint, tmp_path) as shell:
        yield shell


@pytest.fixture
def services(shell: Shell) -> Services:
    """The services on the same tables, at the time that it is."""
    return services_on(shell.store)


def same(ended: Ended, code: int, out: str, err: str) -> None:
    """It ended like that, and said that and nothing else."""
    assert (ended.code, ended.out, ended.err) == (code, out, err)


def hushed(secret: str) -> str:
    """No line that anything logs shows it."""
    assert SECRET.fullmatch(secret)
    LOGS.hush("made by the command", secret)
    return secret


def authenticated(services: Services, client_id: str, secret: str | None) -> Client | None:
    """The client, if it is let in."""
    try:
        return clients.authenticate(services.store, Credentials(client_id, secret))
    except LingpaiError:
        return None


def at(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


# --- the audit trail ---------------------------------------------------------------------------------------


def test_the_cause_is_the_command(shell: Shell) -> None:
    """Its words, and who called it."""
    shell.store.put_client(STANDARD)
    assert shell.run("client", "disable", "shop", "--yes").code == 0
    key = {"client_id": {"S": "shop"}}
    item = shell.store.call("GetItem", TableName=shell.store.settings.clients_table, Key=key)["Item"]
    assert cause.read(item["cause"]["S"]) == Cause("client disable", actor=f"operator:{getpass.getuser()}")


def test_the_cause_of_a_user_without_a_name(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry in /etc/passwd."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    shell.store.put_client(STANDARD)
    assert shell.call("client", "disable", "shop", "--yes").code == 0
    key = {"client_id": {"S": "shop"}}
    item = shell.store.call("GetItem", TableName=shell.store.settings.clients_table, Key=key)["Item"]
    assert cause.read(item["cause"]["S"]) == Cause("client disable", actor="operator:54321")


# --- what is typed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("user", "show", "\udcff"),
        ("user", "create", "mei", "--role", "\udcff"),
        ("client", "disable", "\udcff", "--yes"),
        ("audit", "--client", "\udcff"),
    ],
)
def test_what_is_not_of_the_systems_encoding(shell: Shell, words: tuple[str, ...]) -> None:
    """As what a terminal of GBK sends to a system of UTF-8."""
    told = "an argument is not of this system's encoding, which is UTF-8 in most places\n"
    assert shell.run(*words) == Ended(2, "", told)


@pytest.mark.parametrize(
    "words", [("--stack", "", "client", "list"), ("client", "--stack", "", "list"), ("client", "list", "--stack", "")]
)
def test_a_stack_without_a_name(shell: Shell, words: tuple[str, ...]) -> None:
    """As of a variable that is not set. It does not mean the tables that the environment names."""
    shell.store.put_client(STANDARD)
    ended = shell.run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("--stack: is empty\n")


# --- clients -----------------------------------------------------------------------------------------------

SHOP = {
    "client_id": "shop",
    "dialect": "standard",
    "confidential": True,
    "disabled": False,
    "grant_types": ["client_credentials", "mobile"],
    "scopes": ["read", "write"],
    "access_token_ttl": 60,
    "refresh_token_ttl": 120,
    "session_ttl": 180,
    "token_format": "jwt",
    "token_alg": "RS256",
    "roles": ["admin"],
    "sign_provider": "trusted",
    "sign_app": "wx1",
    "api": None,
    "introspect": True,
    "claims": ["roles", "username"],
    "valid_from": 0,
    "codes_from": ["web-client"],
    "forwards_address": True,
    "redirect_uris": ["https://shop.example/callback", "http://127.0.0.1:8000/callback"],
    "post_logout_redirect_uris": ["https://shop.example/"],
    "first_party": True,
    "name": "The shop",
    "logo": "https://shop.example/logo.png",
    "colour": "#1d4ed8",
    "terms": "https://shop.example/terms",
    "policy": "https://shop.example/privacy",
    "id_token_alg": "ES256",
    "resources": ["https://orders.example", "urn:example:stock"],
    "dpop_bound_access_tokens": True,
    "mfa": "ignore",
    "backchannel_logout_uri": "https://shop.example/backchannel-logout",
    "backchannel_logout_session_required": True,
}
CREATE_SHOP = (
    *("client", "create", "shop", "--dialect", "standard", "--access-ttl", "60", "--refresh-ttl", "120"),
    *(
        "--grant",
        "client_credentials",
        "--grant",
        "urn:lingpai:grant:mobile-code",
        "--scope",
        "read",
        "--scope",
        "write",
    ),
    *("--session-ttl", "180", "--token-format", "jwt", "--token-alg", "RS256", "--role", "admin"),
    *("--sign-provider", "trusted", "--sign-app", "wx1", "--resource-server"),
    *("--claim", "roles", "--claim", "username", "--codes-from", "web-client", "--forwards-address"),
    *("--redirect-uri", "https://shop.example/callback", "--redirect-uri", "http://127.0.0.1:8000/callback"),
    *("--post-logout-redirect-uri", "https://shop.example/", "--first-party", "--name", "The shop"),
    *("--logo", "https://shop.example/logo.png", "--colour", "#1d4ed8", "--id-token-alg", "ES256"),
    *("--terms", "https://shop.example/terms", "--policy", "https://shop.example/privacy"),
    *("--resource", "https://orders.example", "--resource", "urn:example:stock", "--dpop-bound-access-tokens"),
    *("--mfa", "ignore"),
    *("--backchannel-logout-uri", "https://shop.example/backchannel-logout", "--backchannel-logout-session-required"),
)


def test_a_client_from_first_to_last(shell: Shell, services: Services) -> None:
    """By the process itself; what its secret is stands on standard output, once, and in no table."""
    made = shell.run(*CREATE_SHOP, "--json")
    assert (made.code, made.err) == (0, "there is no role admin yet: until there is, it gives the client nothing\n")
    first = hushed(made.json["client_secret"])
    assert made.json == {**SHOP, "client_secret": first}
    client = services.store.get_client("shop")
    assert client is not None
    assert client.secret_hash == hash_secret(first)
    raw = str(shell.store.call("Scan", TableName=shell.store.settings.clients_table)["Items"])
    assert "shop" in raw
    assert first not in raw

    listed = shell.run("client", "list", "--json")
    assert (listed.code, listed.json, listed.err) == (0, {"clients": [SHOP]}, "")

    rotated = shell.run("client", "rotate-secret", "shop", "--yes", "--json")
    second = hushed(rotated.json["client_secret"])
    moved = rotated.json["valid_from"]
    assert moved > 0
    assert (rotated.code, rotated.json) == (0, {**SHOP, "client_secret": second, "valid_from": moved})
    assert rotated.err == "the functions know it within 60 s\n"
    assert services.store.get_client("shop") == replace(client, secret_hash=hash_secret(second), valid_from=moved)
    assert authenticated(services, "shop", first) is None
    assert authenticated(services, "shop", second) is not None

    off = shell.run("client", "disable", "shop", "--yes", "--json")
    assert (off.code, off.json) == (0, {"client_id": "shop", "disabled": True, "changed": True})
    assert authenticated(services, "shop", second) is None
    again = shell.run("client", "disable", "shop", "--json")
    assert (again.code, again.json, again.err) == (0, {"client_id": "shop", "disabled": True, "changed": False}, "")
    on = shell.run("client", "enable", "shop", "--json")
    assert (on.code, on.json) == (0, {"client_id": "shop", "disabled": False, "changed": True})
    assert authenticated(services, "shop", second) is not None


def test_clients_for_people(shell: Shell) -> None:
    made = shell.call("client", "create", "shop", "--dialect", "standard")
    secret = hushed(made.out.split()[3])
    same(
        made,
        0,
        f"client_id      shop\nclient_secret  {secret}\ndialect        standard\n",
        "Save the secret now. It is not shown again: only its hash is stored.\n",
    )
    same(
        shell.call("client", "create", "[bold]app", "--dialect", "usercenter", "--public"),
        0,
        "client_id      [bold]app\nclient_secret  – (public)\ndialect        usercenter\n",
        "",
    )
    same(shell.call("client", "disable", "shop", "--yes"), 0, "the client shop is disabled\n", KNOWN)
    same(
        shell.call("client", "list"),
        0,
        "id         dialect     kind          grants                            scopes  tokens   roles  state\n"
        "[bold]app  usercenter  public        mobile password refresh_token     –       86400 s  –      enabled\n"
        "shop       standard    confidential  client_credentials refresh_token  –       3600 s   –      disabled\n",
        "",
    )
    same(shell.call("client", "enable", "shop"), 0, "the client shop is enabled\n", KNOWN)
    same(shell.call("client", "enable", "shop"), 0, "the client shop is enabled already\n", "")


KNOWN = "the functions know it within 60 s\n"


def test_a_client_is_not_created_over_another(shell: Shell) -> None:
    shell.store.put_client(a_client(id="shop", disabled=True))
    said = "there is a client shop already; `lingpai client rotate-secret shop` gives it a new secret\n"
    same(shell.call("client", "create", "shop", "--dialect", "standard", "--json"), 1, "", said)
    assert shell.store.get_client("shop") == a_client(id="shop", disabled=True)


def test_of_many_operators_one_creates_it(shell: Shell, services: Services) -> None:
    """And the secret that one of them reads is the one that is good."""
    started = [shell.start("client", "create", "shop", "--dialect", "standard", "--json") for _ in range(6)]
    outs = [process.communicate(timeout=120)[0] for process in started]
    assert sorted(process.returncode for process in started) == [0, 1, 1, 1, 1, 1]
    (out,) = filter(None, outs)
    assert authenticated(services, "shop", hushed(json.loads(out)["client_secret"])) is not None


def test_who_is_asked_while_another_acts_overwrites_nothing(shell: Shell) -> None:
    """The secret that somebody else was given meanwhile stays good."""
    before = a_client(id="shop")
    shell.store.put_client(before)
    after = replace(before, secret_hash=hash_secret("of somebody else"))

    def meanwhile() -> None:
        assert shell.store.change_client(before, after)

    ended = at_a_terminal(shell, ("client", "rotate-secret", "shop"), "y", meanwhile)
    assert (ended.code, ended.out) == (1, "")
    assert "somebody else changed the client shop meanwhile, and nothing was done: run it again" in ended.err
    assert shell.store.get_client("shop") == after


def test_a_client_is_changed(shell: Shell, services: Services) -> None:
    """What was asked for is changed, told and told from when on; the secret and all else stay."""
    shell.store.put_client(replace(STANDARD, valid_from=7, disabled=True))
    change = ("--name", "The shop", "--access-ttl", "600", "--scope", "read", "--scope", "admin", "--first-party")
    same(
        shell.call("client", "update", "shop", *change),
        0,
        "field             before      now\n"
        "scopes            read write  read admin\n"
        "access_token_ttl  3600        600\n"
        "first_party       no          yes\n"
        "name              –           The shop\n",
        KNOWN,
    )
    after = replace(
        STANDARD,
        valid_from=7,
        disabled=True,
        name="The shop",
        access_ttl=600,
        scopes=("read", "admin"),
        first_party=True,
    )
    assert services.store.get_client("shop") == after
    assert authenticated(services, "shop", "the-secret") is None  # it is still disabled
    same(shell.call("client", "update", "shop", *change), 0, "the client shop is like that already\n", "")
    told = shell.call("client", "update", "shop", "--name", "Another", "--json")
    assert (told.code, told.err) == (0, KNOWN)
    assert told.json["changed"] == {"name": ["The shop", "Another"]}
    assert told.json["name"] == "Another"
    assert "secret" not in told.out
    again = shell.call("client", "update", "shop", "--name", "Another", "--json")
    assert (again.code, again.json, again.err) == (0, {**told.json, "changed": {}}, "")


def test_each_field_that_is_created_can_be_changed_and_cleared(shell: Shell) -> None:
    """Every option of `client create` changes what it makes; cleared, all is as without it."""
    shell.store.put_client(new_client("shop", "standard", "the-secret"))
    plain = shell.call("client", "list", "--json").json["clients"][0]
    changed = shell.call("client", "update", "shop", *CREATE_SHOP[5:], "--json")
    assert changed.code == 0
    assert {name: value for name, value in changed.json.items() if name != "changed"} == SHOP
    assert set(changed.json["changed"]) == {name for name, value in plain.items() if value != SHOP[name]}
    options = [word.removeprefix("--") for word in CREATE_SHOP[5:] if word.startswith("--")]
    assert {"--api", *(f"--{name}" for name in options)} == {
        option
        for option in re.findall(r"--[a-z-]+", shell.call("client", "create", "--help").out)
        if option not in {"--dialect", "--public", "--stack", "--local", "--json", "--help"}
    }
    cleared = shell.call(
        "client", "update", "shop", *(word for name in options for word in ("--clear", name)), "--json"
    )
    assert cleared.code == 0
    assert {name: value for name, value in cleared.json.items() if name != "changed"} == plain
    client = shell.store.get_client("shop")
    assert client == new_client("shop", "standard", "the-secret")


def test_entries_are_added_to_lists_and_taken_from_them(shell: Shell) -> None:
    """Each list, in the order that they were given in; an entry that is there, or is not, is no fault."""
    shell.store.put_client(
        replace(STANDARD, redirect_uris=("https://a.example/?x=1", "https://b.example/"), resources=("urn:a",))
    )
    added = shell.call(
        *("client", "update", "shop", "--json", "--add", "redirect-uri=https://c.example/?next=a=b"),
        *("--remove", "redirect-uri=https://a.example/?x=1", "--add", "scope=admin", "--add", "scope=read"),
        *("--add", "grant=urn:lingpai:grant:mobile-code", "--remove", "grant=refresh_token", "--add", "role=clerk"),
        *(
            "--add",
            "claim=roles",
            "--add",
            "codes-from=app",
            "--remove",
            "resource=urn:a",
            "--remove",
            "resource=urn:b",
        ),
        *("--remove", "resource=urn:b", "--add", "post-logout-redirect-uri=https://a.example/bye"),
    )
    assert (added.code, added.err) == (
        0,
        "there is no role clerk yet: until there is, it gives the client nothing\n" + KNOWN,
    )
    assert added.json["changed"] == {
        "grant_types": [["client_credentials", "refresh_token"], ["client_credentials", "mobile"]],
        "scopes": [["read", "write"], ["read", "write", "admin"]],
        "roles": [[], ["clerk"]],
        "claims": [[], ["roles"]],
        "codes_from": [[], ["app"]],
        "redirect_uris": [
            ["https://a.example/?x=1", "https://b.example/"],
            ["https://b.example/", "https://c.example/?next=a=b"],
        ],
        "post_logout_redirect_uris": [[], ["https://a.example/bye"]],
        "resources": [["urn:a"], []],
    }
    none = shell.call("client", "update", "shop", "--remove", "scope=nothing")
    same(none, 0, "the client shop is like that already\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing is to be changed: name a field, such as --name, or --add, --remove or --clear\n"),
        (("--clear", "secret"), "--clear: 'secret' is no option of `client create`; there are: grant, scope, role, "),
        (("--clear", "dialect"), "--clear: 'dialect' is no option of `client create`; there are: grant, scope, role, "),
        (("--add", "name=x"), "--add: 'name=x' is not LIST=ENTRY, with one of the lists grant, scope, role, claim, "),
        (("--remove", "scope"), "--remove: 'scope' is not LIST=ENTRY, with one of the lists grant, scope, role, "),
        (("--scope", "a", "--add", "scope=b"), "scope: is to be set, extended and cleared at once; ask for one of"),
        (("--name", "a", "--clear", "name"), "name: is to be set, extended and cleared at once; ask for one of these"),
        (("--add", "scope=a", "--clear", "scope"), "scope: is to be set, extended and cleared at once; ask for one"),
        (("--grant", "implicit"), "grant_types: there is no grant 'implicit'; there are: "),
        (("--add", "grant=authorization_code"), "grant_types: authorization_code needs redirect_uris, or challenge"),
        (("--add", "claim=address"), "claims: must be 'roles' or 'username'\n"),
        (("--claim", "roles", "--access-ttl", "3601"), "claims: what tokens say of a user grows old: they need an "),
        (("--api", "admin"), "api: the tokens of a standard client open what their scopes say: lingpai:account, "),
        (("--redirect-uri", "http://shop.example/"), "redirect_uris: 'http://shop.example/' is no"),
        (("--sign-provider", "wechat"), "sign_provider: there is no 'wechat' in this deployment's settings; there are"),
        (("--redirect-uri", "com.example:/a"), "redirect_uris: 'com.example:/a' is no"),
        (("--redirect-uri", "com.example:/a", "--sign-provider", "trusted"), "redirect_uris: 'com.example:/a' is no"),
        (("--scope", ""), "scopes"),
        (("--access-ttl", "0"), "must be at least 1"),
        (("--dialect", "spring"), "No such option: --dialect"),
        (("--public",), "No such option: --public"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    shell.store.put_client(STANDARD)
    ended = shell.call("client", "update", "shop", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert shell.store.get_client("shop") == STANDARD


def test_a_client_keeps_a_provider_that_is_unknown_here(shell: Shell) -> None:
    """The tables' provider may be a setting of the functions alone; only a change of it needs to know it."""
    shell.store.put_client(replace(STANDARD, sign_provider="wechat", sign_app="wx1"))
    assert shell.call("client", "update", "shop", "--name", "The shop").code == 0
    ended = shell.call("client", "update", "shop", "--sign-app", "wx2")
    assert (ended.code, ended.out) == (2, "")
    assert "sign_provider: there is no 'wechat' in this deployment's settings" in ended.err


def test_two_who_change_a_client_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one field, and of fields that a rule compares, one change is refused; a new secret stays good."""
    change = DynamoStore.change_client
    for first, arguments, good in (
        ({"name": "Another"}, ("--name", "The shop"), False),
        ({"claims": frozenset({"roles"})}, ("--access-ttl", "7200"), False),
        ({"secret_hash": hash_secret("of somebody else")}, ("--name", "The shop"), True),
        ({"disabled": True}, ("--access-ttl", "7200"), True),
    ):
        shell.store.put_client(STANDARD)

        def meanwhile(store: DynamoStore, *given: Any, _first: dict[str, Any] = first, **named: Any) -> bool:
            assert change(shell.store, STANDARD, replace(STANDARD, **_first))
            return change(store, *given, **named)

        monkeypatch.setattr(DynamoStore, "change_client", meanwhile)
        ended = shell.call("client", "update", "shop", *arguments)
        monkeypatch.undo()
        now = shell.store.get_client("shop")
        if good:
            assert ended.code == 0
            changed = {"name": "The shop"} if "--name" in arguments else {"access_ttl": 7200}
            assert now == replace(STANDARD, **first, **changed)
        else:
            said = "somebody else changed the client shop meanwhile, and nothing was done: run it again\n"
            same(ended, 1, "", said)
            assert now == replace(STANDARD, **first)


def test_a_public_client_has_no_secret_to_rotate(shell: Shell) -> None:
    shell.store.put_client(a_client(id="app", secret_hash=None))
    said = "the client app is public: it has no secret\n"
    same(shell.call("client", "rotate-secret", "app", "--yes"), 1, "", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dialect", "standard", "--grant", "implicit"), "grant_types: there is no grant 'implicit'; there are: "),
        (("--dialect", "standard", "--scope", ""), "scopes: is empty"),
        (
            ("--dialect", "standard", "--sign-provider", "x"),
            "sign_provider: there is no 'x' in this deployment's settings; there are: trusted",
        ),
        (("--dialect", "standard", "--sign-app", "a:b"), "sign_app: does not have the form"),
        (("--dialect", "summer"), "'summer' is not one of"),
        (("--dialect", "standard", "--access-ttl", "0"), "must be at least 1"),
        ((), "Missing option '--dialect'"),
        (
            ("--dialect", "standard", "--redirect-uri", "http://shop.example/"),
            "redirect_uris: 'http://shop.example/' is no",
        ),
        (
            ("--dialect", "standard", "--redirect-uri", "com.example:/x"),
            "redirect_uris: 'com.example:/x' is no address",
        ),
        (("--dialect", "standard", "--colour", "red"), "colour: 'red' is no colour as #rrggbb"),
    ],
)
def test_a_client_that_cannot_be(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    ended = shell.call("client", "create", "shop", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert shell.store.list_clients() == ()


def test_an_id_that_no_request_could_name(shell: Shell) -> None:
    for client_id in ("", "x" * 256, "shop ", "sh\u200bop", "sh\x07op"):
        ended = shell.call("client", "create", client_id, "--dialect", "standard")
        same(ended, 2, "", "ID: must have 1 to 255 visible characters, and no space at its ends\n")


# --- users -------------------------------------------------------------------------------------------------


def test_a_user_logs_in_by_the_password_that_was_shown(shell: Shell, services: Services) -> None:
    assert [roles.save(services, name) for name in ("admin", "editor")] == [1, 2]
    made = shell.run("user", "create", "mei", "--mobile", "13312341234", "--role", "editor", "--json")
    password = hushed(made.json["password"])
    user_id = made.json["id"]
    user = services.store.get_user(user_id)
    assert user is not None
    assert made.json == {
        "id": user_id,
        "username": "mei",
        "mobile": MOBILE,
        "openids": {},
        "roles": ["editor"],
        "created_at": user.created_at,
        "disabled": False,
        "closes_at": None,
        "has_password": True,
        "password_set_at": user.created_at,
        "digest_login": False,
        "password": password,
    }
    assert (made.code, made.err) == (0, "")
    assert password not in str(user.password)
    for name in ("mei", "13312341234"):
        assert logins.by_password(services, WEB, (), name, password, "192.0.2.1").user_id == user_id


@pytest.mark.security("F27")
def test_a_user_is_made_and_found_as_pasted(shell: Shell, services: Services) -> None:
    shell.run("user", "create", "\u00a0mei\u200b", "--mobile", "\u202a１３３ 1234\u3000 1234\u202c", "--no-password")
    user = services.store.get_user(identities.find_by_name(services, "mei") or 0)
    assert user is not None
    assert (user.username, user.mobile) == ("mei", "+8613312341234")
    for who in ("\u3000mei ", "１３３ 1234 1234\u200b"):
        assert shell.run("user", "show", who).code == 0


def test_users_for_people(shell: Shell, services: Services) -> None:
    roles.save(services, "admin")
    made = shell.call("user", "create", "mei", "--role", "admin")
    user_id, password = made.out.split()[1], hushed(made.out.split()[5])
    same(
        made,
        0,
        f"id        {user_id}\nusername  mei\npassword  {password}\nroles     admin\n",
        "Save the password now. It is not shown again: only its hash is stored.\n",
    )
    user = services.store.get_user(int(user_id))
    assert user is not None
    sheet = (
        f"id              {user_id}\n"
        "username        mei\n"
        "mobile          –\n"
        "openids         –\n"
        "roles           admin\n"
        f"created         {at(user.created_at)}\n"
        "state           enabled\n"
        f"password        set {at(user.created_at)}\n"
        "digest login    no\n"
        "second factors  –\n"
        "sessions        0\n"
    )
    for who in ("mei", "MEI", user_id, f"id:{user_id}", "name:mei"):
        same(shell.call("user", "show", who), 0, sheet, "")


def test_a_password_comes_by_standard_input_or_not_at_all(shell: Shell, services: Services) -> None:
    made = shell.call("user", "create", "mei", "--password-stdin", "--json", given=PASSWORD + "\n")
    assert (made.code, made.json["password"], made.json["has_password"]) == (0, None, True)
    assert logins.by_password(services, WEB, (), "mei", PASSWORD, "192.0.2.1").user_id == made.json["id"]
    made = shell.call("user", "create", "--mobile", MOBILE, "--no-password", "--json")
    assert (made.code, made.json["password"], made.json["has_password"]) == (0, None, False)
    assert services.store.find_user_id(identities.mobile_key(MOBILE)) == made.json["id"]
    number = shell.call("user", "create", "13312341235", "--mobile", "13312341235", "--no-password", "--json")
    assert (number.json["username"], number.json["mobile"]) == (None, "+8613312341235")


@pytest.mark.parametrize(
    ("arguments", "given", "code", "said"),
    [
        ((), None, 2, "an account needs a USERNAME or a --mobile"),
        (("", "--mobile", ""), None, 2, "an account needs a USERNAME or a --mobile"),
        (("zoe", "--no-password"), None, 2, "--no-password: an account without a --mobile could never log in"),
        (("zoe", "--no-password", "--password-stdin"), "x", 2, "--password-stdin and --no-password: name one of them"),
        (("--mobile", "12"), None, 2, "--mobile: is not a mobile number"),
        (("zoe", "--role", "none"), None, 3, "there is no role none; there are: admin. `lingpai seed` makes roles"),
        (("zoe", "--password-stdin"), "short", 1, "A password needs at least 8 characters"),
        (("zoe", "--password-stdin"), "", 1, "A password needs at least 8 characters"),
        (("mei",), None, 1, "This username is taken"),
        (("13312341239",), None, 1, "A username that looks like a mobile number can be used only by the account"),
        (("a\u200bb",), None, 1, "it holds an invisible character or a space at its end"),
    ],
)
def test_a_user_that_cannot_be(
    shell: Shell, services: Services, arguments: tuple[str, ...], given: str | None, code: int, said: str
) -> None:
    roles.save(services, "admin")
    accounts.add(services, User(id=1, created_at=1, username="mei"))
    ended = shell.call("user", "create", *arguments, given=given)
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert said in ended.err
    assert [user.id for user in services.store.list_users(10, None).users] == [1]


def test_who_is_meant(shell: Shell, services: Services) -> None:
    """Somebody may have taken another's id for a name: nobody is hit by mistake."""
    accounts.add(services, User(id=12345, created_at=1, username="victim", mobile=MOBILE))
    accounts.add(services, User(id=2, created_at=1, username="12345"))
    accounts.add(services, User(id=3, created_at=1, username="name:victim"))

    def shown(who: str) -> int:
        found = shell.call("user", "show", who, "--json")
        assert (found.code, found.err) == (0, "")
        user_id: int = found.json["id"]
        return user_id

    assert [shown(who) for who in ("victim", "13312341234", MOBILE, "id:12345", "name:victim")] == [12345] * 5
    assert [shown(who) for who in ("name:12345", "2", "id:2")] == [2] * 3
    assert shown("name:name:victim") == 3
    for command in ("show", "disable", "logout", "sessions"):
        ended = shell.call("user", command, "12345", *(("--yes",) if command in {"disable", "logout"} else ()))
        said = "12345 is the id of one account and the name of another: say id:12345 or name:12345\n"
        same(ended, 2, "", said)
    user = services.store.get_user(12345)
    assert user is not None
    assert not user.disabled


def test_what_an_account_is(shell: Shell, services: Services) -> None:
    """No hash is shown, nor a role that was deleted since."""
    for name in ("admin", "old", "editor"):
        roles.save(services, name)
    openids = (("trusted:default", "o-1"), ("wechat:wx1", "o-2"))
    user = User(
        7,
        1_700_000_000,
        "mei",
        MOBILE,
        openids=openids,
        password="$argon2id$x",
        digests="$argon2id$y",
        roles=frozenset({1, 2, 3}),
    )
    accounts.add(services, user)
    roles.delete(services, 2)
    shown = shell.call("user", "show", "mei", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert shown.json == {
        "id": 7,
        "username": "mei",
        "mobile": MOBILE,
        "openids": {"trusted:default": "o-1", "wechat:wx1": "o-2"},
        "roles": ["admin", "editor"],
        "created_at": 1_700_000_000,
        "disabled": False,
        "closes_at": None,
        "has_password": True,
        "password_set_at": None,
        "digest_login": True,
        "second_factors": [],
        "sessions": 0,
    }
    assert "argon2" not in shell.call("user", "show", "mei").out


@pytest.mark.security("ASVS-7.4.5")
def test_sessions_are_listed_without_secrets_and_ended(shell: Shell, services: Services) -> None:
    """Those that have ended are not listed; another's are left alone."""
    now = Clock().now()
    hours_ago = replace(services, clock=Clock(time=lambda: now - 7200))
    for user_id, name in ((7, "mei"), (8, "zoe")):
        accounts.add(services, User(user_id, 1, name))
    first = sessions.issue(hours_ago, replace(WEB, id="old"), ("read", "write"), 7)
    assert first.refresh_token is not None
    second = sessions.issue(replace(services, clock=Clock(time=lambda: now)), WEB, (), 7)
    ended = sessions.issue(hours_ago, replace(WEB, access_ttl=1, refresh_ttl=2), (), 7)
    others = sessions.issue(services, WEB, (), 8)
    at_now = replace(services, clock=Clock(time=lambda: now))
    refreshed = rotation.refresh(at_now, replace(WEB, id="old"), first.refresh_token, None)
    listed = shell.call("user", "sessions", "mei", "--json")
    assert (listed.code, listed.err) == (0, "")
    month = 30 * 86400
    assert listed.json == {
        "id": 7,
        "sessions": [
            {"client_id": "web", "scope": [], "created_at": now, "refreshed_at": None, "ends_at": now + month},
            {
                "client_id": "old",
                "scope": ["read", "write"],
                "created_at": now - 7200,
                "refreshed_at": now,
                "ends_at": now + month,
            },
        ],
    }
    people = shell.call("user", "sessions", "mei")
    assert people.out == (
        "client  scope       created                  refreshed                ends, unless refreshed\n"
        f"web     –           {at(now)}  –                        {at(now + month)}\n"
        f"old     read write  {at(now - 7200)}  {at(now)}  {at(now + month)}\n"
    )
    for tokens in (first, second, ended, refreshed):
        for token in filter(None, (tokens.access_token, tokens.refresh_token)):
            for part in token.split("."):
                assert part not in listed.out + people.out

    out = shell.call("user", "logout", "mei", "--yes", "--json")
    assert (out.code, out.json, out.err) == (0, {"id": 7, "ended": 3}, "")
    assert services.store.sessions_of(7) == ()
    assert sessions.check(services.store, others.access_token, now, 30).key.owner == 8
    same(shell.call("user", "logout", "mei", "--yes"), 0, "0 sessions of mei (7) ended\n", "")


def test_what_an_account_lets_clients_have_is_listed_and_taken_back(shell: Shell, services: Services) -> None:
    """The sessions of that client end, and no other's; what it had is asked for again."""
    accounts.add(services, User(7, 1, "mei"))
    shell.store.put_client(WEB)
    for client, scope in ((STANDARD, ("read",)), (WEB, ("web",)), (STANDARD, ("write",))):
        consents.grant(services, 7, client, scope)
    for client in (STANDARD, WEB, STANDARD):
        sessions.issue(services, client, (), 7)
    same(shell.call("consents", "list", "mei"), 0, "client  scopes\nshop    read write\nweb     web\n", "")
    listed = shell.call("consents", "list", "mei", "--json")
    both = [{"client_id": "shop", "scopes": ["read", "write"]}, {"client_id": "web", "scopes": ["web"]}]
    assert (listed.code, listed.json, listed.err) == (0, {"id": 7, "consents": both}, "")

    said = "the client shop has nothing of mei (7) any more, and its sessions have ended\n"
    same(shell.call("consents", "revoke", "mei", "shop", "--yes"), 0, said, "")
    assert consents.list_consents(services, 7) == {"web": ("web",)}
    left = shell.call("user", "sessions", "mei", "--json").json["sessions"]
    assert [session["client_id"] for session in left] == ["web"]
    again = shell.call("consents", "revoke", "mei", "shop", "--yes")
    same(again, 3, "", "mei (7) has let the client shop have nothing: `lingpai consents list` has what there is\n")
    told = shell.call("consents", "revoke", "mei", "web", "--yes", "--json")
    assert (told.code, told.json, told.err) == (0, {"id": 7, "client_id": "web", "revoked": True}, "")
    assert shell.call("consents", "list", "mei", "--json").json == {"id": 7, "consents": []}


@pytest.mark.security("ASVS-7.4.2")
def test_a_disabled_account_is_out_until_it_is_enabled(shell: Shell, services: Services) -> None:
    user = accounts.with_password(services, User(7, 1, "mei", MOBILE), PASSWORD)
    accounts.add(services, user)
    tokens = logins.by_password(services, WEB, (), "mei", PASSWORD, "192.0.2.1")
    off = shell.run("user", "disable", "mei", "--yes", "--json")
    assert (off.code, off.json, off.err) == (0, {"id": 7, "disabled": True, "changed": True, "ended": 1}, "")
    with pytest.raises(LingpaiError):
        sessions.check(services.store, tokens.access_token, Clock().now(), 30)
    with pytest.raises(LingpaiError):
        logins.by_password(services, WEB, (), "mei", PASSWORD, "192.0.2.1")
    again = shell.call("user", "disable", "mei", "--yes")
    same(again, 0, "mei (7) is disabled already; 0 sessions ended\n", "")
    said = "mei (7) is disabled, and cannot be changed: `lingpai user enable` comes first\n"
    roles.save(services, "admin")
    same(shell.call("user", "grant-role", "mei", "admin"), 1, "", said)
    on = shell.call("user", "enable", "mei", "--json")
    assert (on.code, on.json, on.err) == (0, {"id": 7, "disabled": False, "changed": True}, "")
    assert logins.by_password(services, WEB, (), "mei", PASSWORD, "192.0.2.1").user_id == 7
    same(shell.call("user", "enable", "mei"), 0, "mei (7) is enabled already\n", "")
    assert services.store.get_user(7) == user


def test_somebody_who_has_lost_their_phone(shell: Shell, services: Services) -> None:
    """All second factors and recovery codes go, and all sessions end; the account itself stays as it is."""
    accounts.add(services, User(7, 1, "mei", MOBILE))
    set_up(services, 7)
    tokens = sessions.issue(services, WEB, (), 7)
    assert shell.call("user", "show", "mei", "--json").json["second_factors"] == ["totp"]
    assert re.search("second factors +totp\n", shell.call("user", "show", "mei").out)
    done = shell.run("user", "remove-second-factor", "mei", "--yes", "--json")
    assert (done.code, done.json, done.err) == (0, {"id": 7, "removed": ["totp"]}, "")
    assert services.store.get_user(7) == User(7, 1, "mei", MOBILE)
    assert services.store.list_factor_ids(7) == ()
    with pytest.raises(LingpaiError):
        sessions.check(services.store, tokens.access_token, Clock().now(), 30)
    again = shell.call("user", "remove-second-factor", "mei", "--yes")
    same(again, 0, "mei (7) has no second factor anyway; its sessions have ended\n", "")
    asked = shell.call("user", "remove-second-factor", "mei")
    assert (asked.code, "loses its second factors" in asked.err) == (1, True)


def test_roles_are_granted_and_taken(shell: Shell, services: Services) -> None:
    for name in ("admin", "editor"):
        roles.save(services, name)
    accounts.add(services, User(7, 1, "mei", roles=frozenset({2})))
    given = shell.call("user", "grant-role", "mei", "admin", "--json")
    assert (given.code, given.json, given.err) == (0, {"id": 7, "roles": ["admin", "editor"], "changed": True}, "")
    same(shell.call("user", "grant-role", "mei", "admin"), 0, "mei (7) has the role admin already\n", "")
    taken = shell.call("user", "revoke-role", "mei", "editor", "--yes", "--json")
    assert (taken.code, taken.json, taken.err) == (0, {"id": 7, "roles": ["admin"], "changed": True}, "")
    same(shell.call("user", "revoke-role", "mei", "editor"), 0, "mei (7) does not have the role editor anyway\n", "")
    user = services.store.get_user(7)
    assert user is not None
    assert user.roles == {1}
    said = "there is no role none; there are: admin, editor. `lingpai seed` makes roles\n"
    same(shell.call("user", "grant-role", "mei", "none"), 3, "", said)


# --- what is not there, what is asked, where options stand -----------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        *(("client", command, "none") for command in ("rotate-secret", "disable", "enable")),
        ("client", "update", "none", "--name", "x"),
        *(("user", command, "none") for command in ("show", "disable", "enable", "sessions", "logout")),
        *(("user", command, "none", "admin") for command in ("grant-role", "revoke-role")),
        ("consents", "list", "none"),
        ("consents", "revoke", "none", "web"),
        *(("user", "show", who) for who in ("", "9" * 17, "id:x", "id:", "name:", "x" * 5000, "٣")),
    ],
    ids=" ".join,
)
def test_what_is_not_there(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Exit code 3, before anything is asked, and a hint."""
    ended = shell.call(*arguments)
    assert (ended.code, ended.out) == (3, "")
    hint = "`lingpai client list` has those" if arguments[0] == "client" else "WHO is a username, a mobile number"
    assert hint in ended.err


LAST_ADMIN = "No other admin was found: there may be none left."
ASKING = {
    ("client", "rotate-secret", "web"): (
        "the secret of the client web is replaced; whoever uses the old one is refused. "
        "All tokens that the client was given end, those of its users too."
    ),
    ("client", "rotate-secret", "web", "--keep-tokens"): (
        "the secret of the client web is replaced; whoever uses the old one is refused."
    ),
    ("client", "disable", "web"): (
        "the client web is refused; all tokens that it was given end, those of its users too."
    ),
    ("client", "disable", "web", "--keep-tokens"): (
        "the client web is refused; access tokens that it has stay good until they expire."
    ),
    ("sessions", "end", "--client", "web"): "all tokens that the client web was given end, those of its users too.",
    ("sessions", "end", "--all"): "all sessions and tokens end: everybody logs in again.",
    ("consents", "revoke", "mei", "web"): (
        "the client web loses what mei (7) has let it have, and its sessions of the account end."
    ),
    ("user", "disable", "mei"): f"mei (7) is disabled, and all of its sessions end. {LAST_ADMIN}",
    ("user", "logout", "mei"): "all sessions of mei (7) end.",
    ("user", "revoke-role", "mei", "admin"): f"mei (7) loses the role admin. {LAST_ADMIN}",
    ("user", "set-password", "mei"): "mei (7) gets another password, and all of its sessions end.",
    ("user", "delete", "mei"): f"mei (7) is deleted for good, with its names and its profile. {LAST_ADMIN}",
}


@pytest.fixture
def inhabited(shell: Shell, services: Services) -> Shell:
    """With the client web, the role admin, and mei who has it, logged in once, and lets the client read."""
    services.store.put_client(WEB)
    roles.save(services, "admin")
    accounts.add(services, User(7, 1, "mei", roles=frozenset({1})))
    sessions.issue(services, WEB, (), 7)
    consents.grant(services, 7, WEB, ("read",))
    return shell


def everything(shell: Shell) -> str:
    tables = (getattr(shell.store.settings, f"{name}_table") for name in ("clients", "users", "sessions"))
    return str([shell.store.call("Scan", TableName=table)["Items"] for table in tables])


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_it_asks_before_it_destroys(inhabited: Shell, arguments: tuple[str, ...]) -> None:
    """Without a terminal it refuses, and says how to go on; at one, anything but yes is no."""
    before = everything(inhabited)
    place = f"DynamoDB at {inhabited.endpoint}"
    question = f"{place}: {ASKING[arguments]}"
    said = f"{question}\nnothing was done: there is no terminal to ask on; --yes answers it\n"
    same(inhabited.call(*arguments), 1, "", said)
    ended = at_a_terminal(inhabited, arguments, "n")
    assert (ended.code, ended.out) == (1, "")
    assert question in ended.err
    assert "nothing was done" in ended.err
    assert everything(inhabited) == before
    ended = at_a_terminal(inhabited, arguments, "y")
    assert ended.code == 0
    assert ended.out
    assert everything(inhabited) != before


@pytest.mark.security("F18")
def test_it_does_not_warn_of_the_last_admin_where_there_is_another(inhabited: Shell, services: Services) -> None:
    accounts.add(services, User(8, 1, "another", roles=frozenset({1})))
    for command in (("disable", "mei"), ("delete", "mei"), ("revoke-role", "mei", "admin")):
        ended = inhabited.call("user", *command)
        assert ended.code == 1
        assert LAST_ADMIN not in ended.err


@pytest.mark.parametrize("answer", ["", "yesterday", "\x04", "\x03"])
def test_whatever_is_not_yes_is_no(inhabited: Shell, answer: str) -> None:
    """Also the end of the input, and Ctrl-C."""
    before = everything(inhabited)
    ended = at_a_terminal(inhabited, ("user", "logout", "mei"), answer)
    assert (ended.code, ended.out) == (130 if answer == "\x03" else 1, "")
    assert everything(inhabited) == before


def at_a_terminal(
    shell: Shell, arguments: tuple[str, ...], answer: str, meanwhile: Callable[[], None] = lambda: None
) -> Ended:
    """Run it with a terminal for standard input and error; once it asks, call `meanwhile`, then type the answer."""
    ours, theirs = pty.openpty()
    process = shell.start(*arguments, stdin=theirs, stderr=theirs, preexec_fn=_take_terminal)
    try:
        os.close(theirs)
        said = ""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 10)[0]:
                # Python's readline misses a Ctrl-C between its prompt and its wait. A person types it again.
                if answer == "\x03" and "[y/N]" in said:
                    os.write(ours, answer.encode())
                continue
            try:
                got = os.read(ours, 65536).decode()
            except OSError:
                break
            asked = "[y/N]" in said
            said += got
            if "[y/N]" in said and not asked:
                meanwhile()
                os.write(ours, answer.encode() + (b"" if answer in {"\x03", "\x04"} else b"\n"))
        out, _ = process.communicate(timeout=60)
        return Ended(process.returncode, out, " ".join(said.split()))
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        os.close(ours)


def _take_terminal() -> None:
    """Ctrl-C reaches who has the terminal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "client", "list"),
        ("client", "--json", "list"),
        ("client", "list", "--json"),
        ("--json", "client", "--json", "list", "--json"),
    ],
    ids=" ".join,
)
def test_options_stand_before_or_after_the_command(shell: Shell, arguments: tuple[str, ...]) -> None:
    same(shell.call(*arguments), 0, '{\n  "clients": []\n}\n', "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stack", "a", "client", "list", "--stack", "b"), "--stack: names both a and b"),
        (("--local", "client", "list", "--stack", "b"), "--stack and --local: name one of them"),
        (("client", "--stack", "a", "list", "--local"), "--stack and --local: name one of them"),
        (("client", "list", "--yes"), "No such option: --yes"),
        (("clients", "list"), "No such command 'clients'"),
        (("client", "rotate"), "No such command 'rotate'"),
        (("user", "show"), "Missing argument 'WHO'"),
    ],
    ids=str,
)
def test_what_is_no_command(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    ended = shell.call(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("client",), ("user",), ("keys",), ("prefix",), ("users",), ("--help",), ("client", "create", "-h")],
)
def test_help_needs_no_deployment(shell: Shell, arguments: tuple[str, ...]) -> None:
    shell.settings["DYNAMODB_ENDPOINT"] = "http://127.0.0.1:9"
    ended = shell.call(*arguments)
    assert "Usage: lingpai" in ended.out + ended.err


# --- keys --------------------------------------------------------------------------------------------------


def test_keys_are_made_published_and_used_in_their_turn(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "keys.json"
    shell.settings["KEYS_FILE"] = str(path)
    assert shell.call("keys", "list", "--json").json == {"keys": []}
    before = int(time.time())
    first = shell.run("keys", "rotate", "--json")
    assert (first.code, first.err) == (0, "")
    es, rs = first.json["keys"]
    assert [(key["algorithm"], key["number"]) for key in (es, rs)] == [("ES256", 1), ("RS256", 1)]
    assert all(before <= key["signs_from"] <= time.time() for key in (es, rs)), "the first keys sign at once"
    ring = signing_keys.KeyRing(FileKeys(path), LocalKeyWrapper(), Clock(), 0)
    assert ring.signing("ES256", int(time.time())).kid == es["kid"]

    second = shell.call("keys", "rotate", "--algorithm", "ES256", "--json")
    ((following),) = second.json["keys"]
    assert before + signing_keys.LEAD <= following["signs_from"] <= time.time() + signing_keys.LEAD
    assert ring.signing("ES256", int(time.time())).kid == es["kid"]
    assert ring.signing("ES256", following["signs_from"]).kid == following["kid"]
    listed = shell.call("keys", "list", "--json")
    until = following["signs_from"]
    assert (listed.code, listed.err) == (0, "")
    assert listed.json == {
        "keys": [
            {**es, "state": "signing", "signs_until": until, "published_until": until + signing_keys.RETENTION},
            {**following, "state": "next", "signs_until": None, "published_until": None},
            {**rs, "state": "signing", "signs_until": None, "published_until": None},
        ]
    }
    assert shell.call("keys", "list").out == (
        f"key      {'kid':43}  state    signs from               signs until              published until\n"
        f"ES256.1  {es['kid']}  signing  {at(es['signs_from'])}  {at(until)}  {at(until + signing_keys.RETENTION)}\n"
        f"ES256.2  {following['kid']}  next     {at(until)}  –                        –\n"
        f"RS256.1  {rs['kid']}  signing  {at(rs['signs_from'])}  –                        –\n"
    )
    for key in FileKeys(path).load_keys():
        assert base64.b64encode(key.private or b"")[-40:].decode() not in first.out + second.out + listed.out


def test_rotating_asks_where_it_could_harm(shell: Shell, tmp_path: Path) -> None:
    """One more key than is needed, or one that signs before everybody knows it."""
    store = FileKeys(tmp_path / "keys.json")
    shell.settings["KEYS_FILE"] = str(tmp_path / "keys.json")
    signing_keys.first_keys(store, LocalKeyWrapper(), Clock())
    ended = shell.call("keys", "rotate", "--lead", "60")
    assert (ended.code, ended.out) == (1, "")
    assert "who keeps a copy of the keys for longer than 60 s refuses the new tokens meanwhile." in ended.err
    assert len(store.load_keys()) == 2
    assert shell.call("keys", "rotate", "--lead", "60", "--yes").code == 0
    ended = shell.call("keys", "rotate")
    assert (ended.code, ended.out) == (1, "")
    assert "a next key is there already (ES256, RS256); one more is made." in ended.err
    assert len(store.load_keys()) == 4
    assert shell.call("keys", "rotate", "--algorithm", "RS256", "--yes").code == 0
    assert len(store.load_keys()) == 5


def test_a_deployment_without_a_place_for_keys(shell: Shell) -> None:
    for command in ("list", "rotate"):
        said = "this deployment has no place for keys: neither KEYS_KMS_KEY nor KEYS_FILE names one\n"
        same(shell.call("keys", command), 2, "", said)


def test_where_a_key_stands() -> None:
    """The rules of `lingpai.signing_keys.service`, in words."""
    day = 86400
    made = [StoredKey("ES256", i + 1, f"k{i}", i * day, b"", None) for i in (0, 2, 10)]
    other = StoredKey("RS256", 1, "r", 0, b"", None)

    def states(now: int) -> dict[str, str]:
        return {each.key.kid: each.state for each in signing_keys.standing([*reversed(made), other], now)}

    assert states(day) == {"k0": "signing", "k2": "next", "k10": "next", "r": "signing"}
    assert states(2 * day) == {"k0": "retired", "k2": "signing", "k10": "next", "r": "signing"}
    assert states(10 * day) == {"k0": "retired", "k2": "retired", "k10": "signing", "r": "signing"}
    assert states(2 * day + signing_keys.RETENTION - 1)["k0"] == "retired"
    assert states(2 * day + signing_keys.RETENTION) == {"k0": "gone", "k2": "retired", "k10": "signing", "r": "signing"}
    assert signing_keys.standing([], 0) == []
    twin = replace(made[1], number=4, kid="twin")
    of_twins = {each.key.kid: each.state for each in signing_keys.standing([twin, *made], 3 * day)}
    assert of_twins == {"k0": "retired", "k2": "retired", "twin": "signing", "k10": "next"}, "as the key ring has it"


# --- prefixes ----------------------------------------------------------------------------------------------


def test_a_stopped_prefix_is_shown_and_lifted(shell: Shell, services: Services) -> None:
    shell.settings["SMS_UNPROVEN"] = "3"
    few = replace(services, settings=services.settings.model_copy(update={"sms_unproven": 3}))
    if time.time() % 86400 > 86340:
        time.sleep(61)  # the day of a prefix ends at midnight
    fresh = {"prefix": "+861331", "stopped": False, "sent": 0, "unproven": 0, "verified": 0}
    limits = {"limit_sent": 2000, "limit_unproven": 3}
    assert shell.call("prefix", "show", "+861331", "--json").json == {**fresh, **limits}
    for _ in range(2):
        budget.increment(few, budget.destination(few, MOBILE))
    not_yet = shell.call("prefix", "lift", "+861331")
    same(not_yet, 0, "+861331 is not stopped: 2 sent, 2 unproven, 0 verified so far\n", "")
    budget.increment(few, budget.destination(few, MOBILE))
    assert budget.increment(few, budget.destination(few, MOBILE)).stopped
    same(
        shell.call("prefix", "show", MOBILE),
        0,
        "prefix    +861331\nstate     stopped\nsent      3 of 2000\nunproven  3 of 3\nverified  0\n",
        "",
    )
    lifted = shell.run("prefix", "lift", "+86 133-1", "--json")
    assert lifted.code == 0
    assert lifted.json == {**fresh, **limits, "lifted": True, "was": {"sent": 3, "unproven": 3, "verified": 0}}
    assert lifted.err == "not one code came back from it today: it will be stopped again if that goes on\n"
    budget.increment(few, budget.destination(few, MOBILE))
    assert budget.traffic(few, "+861331").sent == 1


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("861331", "PREFIX: begins with + and the calling code, as in +861331"),
        ("+86133x", "PREFIX: begins with + and the calling code, as in +861331"),
        ("+", "PREFIX: begins with + and the calling code, as in +861331"),
        ("+86133", "PREFIX: has 4 digits behind the calling code +86 (SMS_PREFIX_DIGITS)"),
        ("+9991234", "PREFIX: its calling code is no country's; it begins as in +861331"),
    ],
)
def test_what_is_no_prefix(shell: Shell, prefix: str, said: str) -> None:
    for command in ("show", "lift"):
        same(shell.call("prefix", command, prefix), 2, "", said + "\n")


# --- how it ends -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody_answers() -> Iterator[tuple[str, socket.socket]]:
    """An address where connections are taken and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped(shell: Shell, number: signal.Signals) -> None:
    with nobody_answers() as (url, listening):
        shell.settings["DYNAMODB_ENDPOINT"] = url
        process = shell.start("client", "list")
        listening.settimeout(60)
        connection, _ = listening.accept()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, out, err) == (130, "", "stopped\n")


def test_a_store_that_does_not_answer(shell: Shell) -> None:
    shell.settings.update({"STORE_READ_TIMEOUT": "0.2", "STORE_ATTEMPTS": "1"})
    with nobody_answers() as (url, _):
        shell.settings["DYNAMODB_ENDPOINT"] = url
        ended = shell.call("client", "create", "shop", "--dialect", "standard", "--json")
    same(ended, 2, "", f'the store does not answer: Read timeout on endpoint URL: "{url}/"\n')


def test_a_table_that_is_not_there(shell: Shell) -> None:
    shell.settings["CLIENTS_TABLE"] = "None"
    ended = shell.call("client", "list")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("the store refuses: ")
    assert ended.err.endswith("is this the right deployment? Name it by --stack or --local, or by its tables\n")


@pytest.mark.parametrize(
    ("arguments", "lost"),
    [
        (
            ("client", "create", "shop", "--dialect", "standard"),
            "`lingpai client rotate-secret shop` makes another secret: nobody saw this one\n",
        ),
        (("user", "create", "mei"), "nobody saw its password: have an admin set another (/users/save)\n"),
        (("client", "list"), ""),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_nobody_reads_it(shell: Shell, arguments: tuple[str, ...], lost: str, form: tuple[str, ...]) -> None:
    """A secret that nobody saw is told of, and not shown elsewhere."""
    ours, theirs = os.pipe()
    os.close(ours)
    process = shell.start(*arguments, *form, stdout=theirs)
    os.close(theirs)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, f"nobody reads the output any more\n{lost}")


def test_settings_that_are_wrong_are_named(shell: Shell) -> None:
    shell.settings["SMS_UNPROVEN"] = "many"
    ended: Any = shell.call("client", "list")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("SMS_UNPROVEN: ")


# --- accounts found, changed, deleted ----------------------------------------------------------------------


@pytest.fixture
def peopled(shell: Shell, services: Services) -> Shell:
    """With the role admin and five accounts, one of each kind."""
    roles.save(services, "admin")
    for user in (
        User(1, 1_700_000_000, "Alice", roles=frozenset({1})),
        User(2, 1_700_000_000, "bob", mobile=MOBILE),
        User(3, 1_700_000_000, openids=(("wechat:wx1", "oABC"),), profile=Profile(name="王小明")),
        User(4, 1_700_000_000, "malice", disabled=True),
        User(5, 1_700_000_000, mobile="+8613900000126"),
    ):
        accounts.add(services, user)
    return shell


def ids(ended: Ended) -> list[int]:
    assert (ended.code, ended.err) == (0, "")
    return sorted(user["id"] for user in ended.json["users"])


@pytest.mark.security("F4")
def test_users_are_listed(peopled: Shell) -> None:
    listed = peopled.run("user", "list", "--json")
    assert ids(listed) == [1, 2, 3, 4, 5]
    assert listed.json["next"] is None
    (admin,) = peopled.call("user", "list", "--role", "admin", "--json").json["users"]
    shown = peopled.call("user", "show", "alice", "--json").json
    assert {**admin, "second_factors": [], "sessions": 0} == shown
    assert (admin["id"], admin["username"], admin["roles"]) == (1, "Alice", ["admin"])
    same(
        peopled.call("user", "list", "--role", "admin"),
        0,
        "id  username  mobile  roles  created                  state\n"
        "1   Alice     –       admin  2023-11-14 22:13:20 UTC  enabled\n",
        "",
    )
    same(
        peopled.call("user", "list", "--role", "boss"),
        3,
        "",
        "there is no role boss; there are: admin. `lingpai seed` makes roles\n",
    )


@pytest.mark.security("F4")
def test_users_are_listed_page_by_page(peopled: Shell) -> None:
    """Each account on one page, and no word of more behind the last."""
    seen: list[int] = []
    after: tuple[str, ...] = ()
    for _ in range(3):
        page = peopled.call("user", "list", "--limit", "2", "--json", *after)
        seen += [user["id"] for user in page.json["users"]]
        after = ("--after", str(page.json["next"]))
        assert page.err == (f"there are more: --after {seen[-1]} goes on\n" if page.json["next"] else "")
    assert sorted(seen) == [1, 2, 3, 4, 5]
    assert after == ("--after", "None")


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ALICE", [1, 4]),
        ("Ｂｏｂ", [2]),
        ("1331234", [2]),
        ("+86139", [5]),
        ("oab", [3]),
        ("小明", [3]),
        ("13", [2, 5]),
    ],
)
def test_users_are_found_by_a_part_of_what_they_are_called(peopled: Shell, text: str, found: list[int]) -> None:
    assert ids(peopled.call("user", "find", text, "--json")) == found


@pytest.mark.security("F4")
def test_nobody_is_found(peopled: Shell) -> None:
    same(
        peopled.call("user", "find", "zoe"),
        3,
        "",
        "no account has this in its username, number, openids or name\n",
    )
    assert peopled.call("user", "find", "").code == 2


@pytest.mark.security("F4")
def test_a_password_is_set(inhabited: Shell, services: Services) -> None:
    """The one made is shown once and good at once; every session has ended."""
    ended = inhabited.call("user", "set-password", "mei", "--yes", "--json")
    assert (ended.code, ended.err) == (0, "")
    made = hushed(ended.json["password"])
    assert ended.json["has_password"] is True
    assert services.store.sessions_of(7) == ()
    logins.by_password(services, WEB, (), "mei", made, "192.0.2.1")
    given = inhabited.call("user", "set-password", "mei", "--yes", "--password-stdin", given=f"{PASSWORD}\n")
    assert (given.code, given.err) == (0, "")
    assert PASSWORD not in given.out
    assert services.store.sessions_of(7) == ()
    logins.by_password(services, WEB, (), "mei", PASSWORD, "192.0.2.1")


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("arguments", "given", "code", "said"),
    [
        (("nobody",), None, 3, "there is no such account"),
        (("mei", "--password-stdin"), "short\n", 1, "at least 8 characters"),
        (("mei", "--password-stdin"), "password\n", 1, "common"),
        (("id:8",), None, 1, "has neither username nor number: nobody could log in by a password"),
        (("id:9",), None, 1, "is disabled, and cannot be changed"),
    ],
)
def test_a_password_that_is_not_set(
    inhabited: Shell, services: Services, arguments: tuple[str, ...], given: str | None, code: int, said: str
) -> None:
    accounts.add(services, User(8, 1, openids=(("wechat:wx1", "o"),)))
    accounts.add(services, User(9, 1, "off", disabled=True))
    before = everything(inhabited)
    ended = inhabited.call("user", "set-password", *arguments, "--yes", given=given)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert everything(inhabited) == before


@pytest.mark.security("F4")
def test_an_account_is_deleted(inhabited: Shell, services: Services) -> None:
    same(inhabited.run("user", "delete", "mei", "--yes"), 0, "mei (7) is deleted\n", "")
    assert services.store.get_user(7) is None
    assert services.store.find_user_id("username:mei") is None
    assert services.store.sessions_of(7) == ()
    assert inhabited.call("user", "delete", "mei", "--yes").code == 3
    accounts.add(services, User(8, 1, "mei", disabled=True))
    assert inhabited.call("user", "delete", "mei", "--yes", "--json").json == {"id": 8, "deleted": True}


@pytest.mark.security("F4")
def test_the_version(shell: Shell) -> None:
    version = importlib.metadata.version("lingpai")
    same(shell.run("--version"), 0, f"lingpai {version}\n", "")


# --- errors ------------------------------------------------------------------------------------------------


def nowhere(shell: Shell, *arguments: str, **environment: str) -> Ended:
    """The command where nothing names a deployment, and no credentials are found."""
    kept = {
        name: value
        for name, value in shell.environment().items()
        if not name.startswith(("AWS_", "DYNAMODB_")) and name not in ("HOME", "SSL_CERT_FILE")
    }
    alone = {**kept, "HOME": str(shell.folder), "AWS_EC2_METADATA_DISABLED": "true", **environment}
    process = shell.start(*arguments, env=alone)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return Ended(process.returncode, out, err)


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "list"),
        ("user", "show", "mei"),
        ("users", "export", "out.csv"),
        ("client", "list", "--stack", "lingpai-dev"),
        ("doctor", "--stack", "lingpai-dev"),
    ],
    ids=" ".join,
)
def test_where_credentials_are_missing_one_line_tells_what_to_name(shell: Shell, arguments: tuple[str, ...]) -> None:
    line = ""
    for region in ({}, {"AWS_REGION": "us-east-1"}):
        ended = nowhere(shell, *arguments, **region)
        assert (ended.code, ended.out) == (2, "")
        (line,) = ended.err.splitlines()
        assert "--local" in line
        assert "--stack" in line
        assert "AWS_PROFILE" in line
    assert line.startswith("there are no AWS credentials: ")
    (line,) = nowhere(shell, *arguments, AWS_PROFILE="nobody", AWS_REGION="us-east-1").err.splitlines()
    assert line.startswith("there is no profile nobody, which AWS_PROFILE names: ")


@pytest.mark.security("F4")
def test_doctor_tells_what_to_name_where_credentials_are_missing(shell: Shell) -> None:
    ended = nowhere(shell, "doctor", "--json", AWS_REGION="us-east-1")
    (store,) = [each for each in ended.json["checks"] if each["check"] == "store"]
    assert (ended.code, store["state"]) == (1, "fail")
    assert store["text"].startswith("there are no AWS credentials: name the local server by --local")


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("client", "create", "x", "--dialect", "standard", "--access-ttl", "0"), "must be at least 1"),
        (("client", "create", "x", "--dialect", "standard", "--access-ttl", "long"), "is not a whole number"),
        (("client", "create", "x", "--dialect", "summer"), "'summer' is not one of 'django', 'passport', "),
        (("client", "create", "x", "--dialect", "standard", "--scope", ""), "scopes: is empty"),
        (("users", "import", "seed.json", "--parallel", "65"), "must be at most 64"),
        (("user", "list", "--limit", "none"), "is not a whole number"),
        (("keys", "rotate", "--algorithm", "HS256"), "'HS256' is not one of 'ES256', 'RS256'"),
        (("seed", "seed.json"), "clients[0] (x): access_token_ttl: must be more than 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_error_speaks_as_pydantic_does(shell: Shell, arguments: tuple[str, ...], said: str) -> None:
    content = {"clients": [{"client_id": "x", "dialect": "standard", "access_token_ttl": 0}]}
    shell.file("seed.json", json.dumps(content))
    ended = shell.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert not re.search(r"pydantic|Input should|Value error|valid (integer|string)|parse string", ended.err)


@pytest.mark.security("F4")
def test_no_setting_is_refused_as_pydantic_does(shell: Shell) -> None:
    """Each as an operator would spell it wrong."""
    wrong = {"CODE_TTL": "ten minutes", "LOGIN_TRIES": "-1", "DIGEST_LOGIN": "maybe", "AWS_TRANSPORT": "carrier pigeon"}
    ended = replace(shell, settings=wrong).run("client", "list")
    assert (ended.code, ended.out) == (2, "")
    assert sorted(ended.err.splitlines()) == [
        "AWS_TRANSPORT: must be 'bare' or 'botocore'",
        "CODE_TTL: is not a whole number",
        "DIGEST_LOGIN: is neither true nor false",
        "LOGIN_TRIES: must be at least 0",
    ]
