"""Code that nobody here wrote, against the running server: it takes the tokens, and its rules are kept.

And one account in every dialect at once, each client seeing its own shapes alone.
"""

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from authlib.integrations.requests_client import OAuth2Session

from tests.e2e.server import Server, serving
from tests.support import npm

PASSWORD = "correct horse battery"
ALICE = {"username": "alice", "password": PASSWORD}
PASSPORT = {"client_id": "2", "client_secret": "passport-secret"}
WRONG = "not her password"

SEED: dict[str, Any] = {
    "clients": [
        {"client_id": "web-client", "client_secret": "web-secret", "dialect": "spring", "scopes": ["web"]},
        {"client_id": "django-app", "client_secret": "django-secret", "dialect": "django"},
        {**PASSPORT, "dialect": "passport"},
        {"client_id": "23", "dialect": "usercenter"},
        {
            "client_id": "jwt-client",
            "client_secret": "jwt-secret",
            "dialect": "standard",
            "grant_types": ["password", "refresh_token"],
            "scopes": ["read", "write", "lingpai:account"],
            "token_format": "jwt",
        },
        {
            "client_id": "machine-jwt",
            "client_secret": "machine-jwt-secret",
            "dialect": "standard",
            "grant_types": ["client_credentials"],
            "scopes": ["read"],
            "token_format": "jwt",
        },
    ],
    "roles": [{"id": 1, "roleName": "admin"}, {"id": 2, "roleName": "user"}],
    "users": [{**ALICE, "mobile": "13312341234", "roles": ["user"]}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: keys made on its first run, clients that get signed tokens."""
    folder = tmp_path_factory.mktemp("third-party")
    seed = folder / "seed.json"
    seed.write_text(json.dumps(SEED))
    with serving(folder, SEED=str(seed), KEYS_FILE=str(folder / "keys.json")) as started:
        yield started


def form(server: Server, **fields: str) -> Any:
    """The token answer, which must be a success."""
    status, tokens = server.post("/oauth/token", form=fields)
    assert status == 200, tokens
    server.hush(tokens["access_token"], *([tokens["refresh_token"]] if "refresh_token" in tokens else []))
    return tokens


def current(server: Server, token: str) -> Any:
    """The user of the token, whatever else the token opens."""
    status, answer = server.post("/user/getUserByToken", form={"accessToken": token})
    assert (status, answer["status"]) == (200, 1), answer
    return answer["data"]


# --- PyJWT ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "typ", "algorithm"),
    [(PASSPORT, "JWT", "RS256"), ({"client_id": "jwt-client", "client_secret": "jwt-secret"}, "at+jwt", "ES256")],
    ids=["passport", "RFC 9068"],
)
def test_pyjwt_verifies_by_the_key_set(server: Server, client: dict[str, str], typ: str, algorithm: str) -> None:
    """It fetches the keys, finds the one that the token names, and checks times, audience and issuer."""
    token = form(server, grant_type="password", **ALICE, **client)["access_token"]
    keys = pyjwt.PyJWKClient(f"{server.url}/.well-known/jwks.json")
    key = keys.get_signing_key_from_jwt(token)
    assert key.algorithm_name == algorithm
    audience = "2" if typ == "JWT" else server.url
    required: Any = {"require": ["iss", "exp", "aud", "sub", "iat", "jti"]}
    claims = pyjwt.decode_complete(
        token, key, algorithms=[algorithm], audience=audience, issuer=server.url, options=required
    )
    assert claims["header"]["typ"] == typ
    assert claims["payload"]["sub"] == str(current(server, token)["id"])
    with pytest.raises(pyjwt.InvalidAudienceError):
        pyjwt.decode(token, key, algorithms=[algorithm], audience="another", issuer=server.url)
    with pytest.raises(pyjwt.InvalidSignatureError):
        pyjwt.decode(token[:-8] + "AAAAAAAA", key, algorithms=[algorithm], audience=audience, issuer=server.url)


def test_the_keys_outlive_the_server(tmp_path: Path) -> None:
    """Made on the first run and kept, readable by nobody else: what was signed before is good after."""
    file = tmp_path / "keys.json"
    sets = []
    for _ in range(2):
        with serving(tmp_path, KEYS_FILE=str(file)) as started:
            sets.append(started.get("/.well-known/jwks.json"))
        assert file.stat().st_mode & 0o777 == 0o600
    assert sets[0] == sets[1]
    assert len(sets[0][1]["keys"]) == 2


# --- Authlib ----------------------------------------------------------------------------------------------------


def test_authlib(server: Server) -> None:
    """Password, refresh, introspection and revocation, by Basic, over the addresses that the metadata give."""
    _, metadata = server.get("/.well-known/oauth-authorization-server")
    with OAuth2Session(
        "jwt-client",
        "jwt-secret",
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method="client_secret_basic",
        revocation_endpoint_auth_method="client_secret_basic",
        scope="read lingpai:account",
    ) as session:
        first = dict(session.fetch_token(**ALICE))
        server.hush(first["access_token"], first["refresh_token"])
        assert (first["token_type"], first["scope"]) == ("Bearer", "read lingpai:account")
        assert session.get(f"{server.url}/users/current").json()["message"]["username"] == "alice"

        second = dict(session.refresh_token(metadata["token_endpoint"], first["refresh_token"]))
        server.hush(second["access_token"], second["refresh_token"])
        assert second["refresh_token"] != first["refresh_token"]

        def introspect(kind: str) -> Any:
            answer = session.introspect_token(
                metadata["introspection_endpoint"], token=second[kind], token_type_hint=kind
            )
            assert answer.status_code == 200
            return answer.json()

        told = introspect("access_token")
        assert told["active"] is True
        assert told["scope"] == "read lingpai:account"
        assert (told["client_id"], told["iss"]) == ("jwt-client", metadata["issuer"])
        assert introspect("refresh_token")["active"] is True

        revoked = session.revoke_token(  # type: ignore[no-untyped-call]
            metadata["revocation_endpoint"], token=second["refresh_token"], token_type_hint="refresh_token"
        )
        assert revoked.status_code == 200
        assert introspect("access_token") == introspect("refresh_token") == {"active": False}
        session.token = {**second, "expires_at": int(time.time()) + 3600}
        assert session.get(f"{server.url}/users/current").status_code == 401


# --- oauth4webapi -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("npm_clients")
def test_oauth4webapi(server: Server) -> None:
    """Discovery, client credentials, RFC 9068, password, refresh, introspection, revocation and refusals.

    The package checks every answer against its RFC and throws at the first thing amiss.
    """
    given = {
        "client": "jwt-client",
        "secret": "jwt-secret",
        **ALICE,
        "machine": "machine-jwt",
        "machineSecret": "machine-jwt-secret",
    }
    ran = subprocess.run(  # noqa: S603
        [npm.NODE, str(npm.SCRIPT), server.url, str(npm.OAUTH4WEBAPI)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    for tokens in (found["own"], found["first"], found["second"]):
        server.hush(*(tokens[name] for name in ("access_token", "refresh_token") if name in tokens))
    assert found["server"]["issuer"] == server.url
    assert "refresh_token" not in found["own"]
    assert found["own"]["scope"] == "read"
    claims = found["claims"]
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("machine-jwt", "machine-jwt", server.url)
    assert found["second"]["refresh_token"] != found["first"]["refresh_token"]
    assert (found["before"]["active"], found["refreshBefore"]["active"]) == (True, True)
    assert (found["after"], found["refreshAfter"]) == ({"active": False}, {"active": False})
    assert found["reused"] == "invalid_grant"
    assert found["challenged"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE basic"


# --- all dialects at once ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialect:
    """What a client of the dialect sends with a password, and what it must and must not see."""

    fields: Callable[[str], dict[str, str]]
    basic: str | None
    success: frozenset[str]
    failure: frozenset[str]
    refused: int
    access: Callable[[Any], str]


def _digests(password: str) -> dict[str, str]:
    raw = password.encode()
    return {
        "sysid": "aaaa",
        "client_id": "23",
        "username": "alice",
        "md5password": hashlib.md5(raw).hexdigest(),  # noqa: S324  as seed 002 has it
        "shapassword": hashlib.sha1(raw).hexdigest(),  # noqa: S324
    }


def _password(**client: str) -> Callable[[str], dict[str, str]]:
    return lambda password: {"grant_type": "password", "username": "alice", "password": password, **client}


def _access(answer: Any) -> str:
    return str(answer["access_token"])


_FLAT = frozenset({"access_token", "token_type", "expires_in", "refresh_token", "scope"})
_RFC_6749 = frozenset({"error", "error_description", "reason"})

DIALECTS = {
    "django": Dialect(
        _password(client_id="django-app", client_secret="django-secret"),
        None,
        _FLAT | {"text", "status_code"},
        _RFC_6749,
        400,
        lambda answer: str(answer["text"]["access_token"]),
    ),
    "passport": Dialect(
        _password(**PASSPORT, scope=""), None, _FLAT - {"scope"}, frozenset({"error", "message"}), 401, _access
    ),
    "usercenter": Dialect(
        _digests,
        None,
        frozenset({"status", "result", "data", "msg"}),
        frozenset({"status", "msg"}),
        200,
        lambda answer: str(json.loads(answer["result"])["accessToken"]),
    ),
    "spring": Dialect(_password(), "web-client:web-secret", _FLAT, _RFC_6749, 400, _access),
    "standard": Dialect(_password(), "jwt-client:jwt-secret", _FLAT, _RFC_6749, 400, _access),
}
# What tells the answers of one dialect from those of the others.
MARKS: dict[str, Callable[[Any], object]] = {
    "django": lambda answer: (answer["text"]["scope"], answer["status_code"], answer["expires_in"]),
    "passport": lambda answer: (list(answer), answer["expires_in"], answer["access_token"].count(".")),
    "usercenter": lambda answer: (answer["status"], answer["data"]["expires_in"]),
    "spring": lambda answer: (answer["token_type"], answer["expires_in"], answer["scope"]),
    "standard": lambda answer: (answer["token_type"], answer["expires_in"], answer["access_token"].count(".")),
}
EXPECTED: dict[str, object] = {
    "django": ("read write groups", 200, 604800),
    "passport": (["token_type", "expires_in", "access_token", "refresh_token"], 31536000, 2),
    "usercenter": (1, "86400"),
    "spring": ("bearer", 1296000, "web"),
    "standard": ("Bearer", 3600, 2),
}
ROUNDS = 4


def _log_in(server: Server, name: str, start: threading.Barrier) -> list[str]:
    """Log in again and again, rightly and wrongly, with the clients of all other dialects; gives the user ids seen."""
    dialect, seen = DIALECTS[name], []
    start.wait(timeout=30)
    for _ in range(ROUNDS):
        status, answer = server.post("/oauth/token", form=dialect.fields(PASSWORD), basic=dialect.basic)
        assert (status, frozenset(answer)) == (200, dialect.success), name
        assert MARKS[name](answer) == EXPECTED[name], name
        token = dialect.access(answer)
        server.hush(token)
        seen.append(str(current(server, token)["id"]))
        status, answer = server.post("/oauth/token", form=dialect.fields(WRONG), basic=dialect.basic)
        assert (status, frozenset(answer)) == (dialect.refused, dialect.failure), name
    return seen


def test_one_account_logs_in_through_every_dialect_at_once(server: Server) -> None:
    """One thread for each kind of client: the same account, and nobody sees another's shapes, errors included."""
    start = threading.Barrier(len(DIALECTS))
    with ThreadPoolExecutor(len(DIALECTS)) as pool:
        running = {name: pool.submit(_log_in, server, name, start) for name in DIALECTS}
        seen = {name: future.result() for name, future in running.items()}
    assert {len(ids) for ids in seen.values()} == {ROUNDS}
    assert len({user_id for ids in seen.values() for user_id in ids}) == 1
