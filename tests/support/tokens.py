"""What the answers of the token endpoints must be, whole: status, headers and body; and a store that fails."""

import functools
import inspect
import json
import re
import string
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lingpai.kernel.messages import TEXTS
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.api import NO_STORE, Answer, Api
from tests.support.expect import refuses_token
from tests.support.memory_store import MemoryStore
from tests.support.stores import TABLE_FIELDS

WEB = ("web-client", "web-secret")
APP = ("app-client", "app-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE = ("machine-client", "machine-secret")
ALICE = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}

FIFTEEN_DAYS = 1296000
CHALLENGE = {"www-authenticate": 'Basic realm="lingpai", charset="UTF-8"'}
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}")
TOKEN_PATHS = ("/oauth/token", "/oauth/token/", "/o/token", "/o/token/")

_STORED = tuple(name.removesuffix("_table") for name in TABLE_FIELDS if name != "keys_table")


def compact(content: Any) -> str:
    """JSON as the API writes it."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def error(status: int, code: str, description: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal of RFC 6749 section 5.2 with its reason, never kept by a cache."""
    content = {"error": code, "error_description": description, "reason": reason_of(description)}
    return Answer(status, {**NO_STORE, **(headers or {})}, compact(content))


# What some dialects say in their own words.
_WORDINGS = {"Invalid credentials given.": "bad_credentials", "Bad client credentials": "bad_client"}


@functools.cache
def reason_of(description: str) -> str:
    """The one reason whose English text this is, with any values filled in."""
    if description in _WORDINGS:
        return _WORDINGS[description]
    (found,) = [reason for reason, (_, english) in TEXTS.items() if _pattern(english).fullmatch(description)]
    return found


def _pattern(text: str) -> re.Pattern[str]:
    said = [re.escape(part) + ("" if name is None else ".+") for part, name, _, _ in string.Formatter().parse(text)]
    return re.compile("".join(said))


def envelope(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal of the other endpoints of seed 003, the status in the body as well."""
    return Answer(status, {**NO_STORE, **(headers or {})}, compact({"status": status, "error": text}))


DONE = Answer(200, NO_STORE, '{"status":200}')
# `spring` and `standard` differ in this text alone.
BAD_SPRING_CLIENT = error(401, "invalid_client", "Bad client credentials", CHALLENGE)
BAD_CLIENT = error(401, "invalid_client", "Client authentication failed", CHALLENGE)
# The record of a client that is known says how it is refused.
REFUSED_CLIENT = {"web-client": BAD_SPRING_CLIENT, "app-client": BAD_SPRING_CLIENT}
BAD_CREDENTIALS = error(400, "invalid_grant", "Bad credentials")
BAD_REFRESH_TOKEN = error(400, "invalid_grant", "Invalid refresh token")
BAD_CODE = error(400, "invalid_grant", "The code is wrong, used or expired")
BAD_SCOPE = error(400, "invalid_scope", "The scope is unknown, malformed or wider than what was granted")
BUSY = error(503, "temporarily_unavailable", "The service is busy: try again in a moment", headers={"retry-after": "1"})


def not_allowed(grant: str) -> Answer:
    """The refusal of a grant that the client's record lacks."""
    return error(400, "unauthorized_client", f"This client may not use the grant {grant}")


def missing(name: str) -> Answer:
    """The refusal of a token request that lacks the parameter `name`."""
    return error(400, "invalid_request", f"The parameter {name} is missing")


def spring_tokens(answer: Answer, scope: str = "web", expires_in: int = FIFTEEN_DAYS, *, refresh: bool = True) -> Any:
    """The tokens of an answer that is seed 003's to the byte, the order of its fields included."""
    expected: dict[str, Any] = {"access_token": None, "token_type": "bearer"}
    if refresh:
        expected["refresh_token"] = None
    return _tokens(answer, {**expected, "expires_in": expires_in, "scope": scope})


def standard_tokens(
    answer: Answer, scope: str | None = "read write", expires_in: int = 3600, *, refresh: bool = True
) -> Any:
    """The tokens of an answer of RFC 6749 section 5.1, checked to the byte."""
    expected: dict[str, Any] = {"access_token": None, "token_type": "Bearer", "expires_in": expires_in}
    if refresh:
        expected["refresh_token"] = None
    if scope is not None:
        expected["scope"] = scope
    return _tokens(answer, expected)


def _tokens(answer: Answer, expected: dict[str, Any]) -> Any:
    """The body, which must be `expected`, with a token wherever that has None."""
    assert (answer.status, answer.headers) == (200, NO_STORE), answer
    given = answer.json
    for name in ("access_token", "refresh_token"):
        if name in expected:
            assert TOKEN.fullmatch(given[name])
            expected[name] = given[name]
    assert answer.body == compact(expected)
    assert given["access_token"] != given.get("refresh_token")
    return given


def opens(api: Api, tokens: Any) -> Any:
    """The account that the access token is for; what it opens of Lingpai's own API does not matter."""
    answer = api.post("/user/getUserByToken", bearer=tokens["access_token"])
    assert answer.json["status"] == 1, answer
    return answer.json["data"]


def opens_nothing(api: Api, tokens: Any) -> None:
    """The access token is refused."""
    refuses_token(api.post("/users/current", bearer=tokens["access_token"]))


def refresh(api: Api, token: str, client: tuple[str, str] = WEB, **more: str) -> Answer:
    """A request to refresh."""
    form = {"grant_type": "refresh_token", "refresh_token": token, **more}
    return api.post("/oauth/token", form=form, basic=client)


def stored(api: Api) -> dict[str, list[str]]:
    """All that the store keeps, by table: equal before and after what wrote nothing."""
    if isinstance(api.services.store, MemoryStore):
        return stores.shown(api.services.store)
    store = _store(api)
    names = {kind: getattr(store.settings, f"{kind}_table") for kind in _STORED}
    return {
        kind: sorted(str(sorted(item.items())) for item in store.call("Scan", TableName=name)["Items"])
        for kind, name in names.items()
    }


def remove_client(api: Api, client_id: str) -> None:
    """Delete a client's record, which no command does."""
    if isinstance(api.services.store, MemoryStore):
        del api.services.store.clients[client_id]
    else:
        store = _store(api)
        store.call("DeleteItem", TableName=store.settings.clients_table, Key={"client_id": {"S": client_id}})


def on_call(
    patch: pytest.MonkeyPatch, api: Api, happens: Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
) -> None:
    """Let `happens(operation, call)` take the place of every call to DynamoDB; `call()` is the real one."""
    store = _store(api)
    client = store.client
    real = client.call

    def instead(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return happens(operation, lambda: real(operation, arguments))

    patch.setattr(client, "call", instead)


def calls(patch: pytest.MonkeyPatch, api: Api) -> list[str]:
    """The operations sent to DynamoDB from now on; of a store in memory, its methods that are called."""
    operations: list[str] = []
    if isinstance(api.services.store, MemoryStore):
        for name in _METHODS:
            patch.setattr(api.services.store, name, _noting(operations, name, getattr(api.services.store, name)))
        return operations

    def count(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        operations.append(operation)
        return call()

    on_call(patch, api, count)
    return operations


_METHODS = tuple(name for name, _ in inspect.getmembers(MemoryStore, inspect.isfunction) if not name.startswith("_"))


def _noting(names: list[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        names.append(name)
        return method(*arguments, **named)

    return call


def _store(api: Api) -> DynamoStore:
    store = api.services.store
    assert isinstance(store, DynamoStore)
    return store
