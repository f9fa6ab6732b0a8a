"""What the answers of seed 003's own endpoints must be, whole: status, headers and body."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.support import stores
from tests.support.api import NO_STORE, Answer, Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import ApiStore

_NO_MESSAGE = object()

UNAUTHORIZED = {
    "error": "unauthorized",
    "error_description": "Full authentication is required to access this resource",
}
INVALID_TOKEN = {"error": "invalid_token", "error_description": "The access token is invalid or has expired"}
ADMIN_ONLY = "没有权限：需要管理员"
SELF_OR_ADMIN = "没有权限：只能操作自己的账号"
NO_SUCH_USER = "用户不存在"


def succeeds(answer: Answer, message: Any = _NO_MESSAGE) -> None:
    """A 200 with this `message`, or with none."""
    _same(answer, 200, {}, {"status": 200} if message is _NO_MESSAGE else {"status": 200, "message": message})


def gives(answer: Answer) -> Any:
    """The `message` of a 200 that is whole but for a message which the test has yet to look at."""
    message = answer.json["message"]
    succeeds(answer, message)
    return message


def refuses(answer: Answer, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
    """A refusal with this text; the status stands in the body as well."""
    _same(answer, status, headers or {}, {"status": status, "error": text})


def asks_for_token(answer: Answer) -> None:
    """A 401 to a request without a token."""
    _same(answer, 401, {"www-authenticate": 'Bearer realm="lingpai"'}, UNAUTHORIZED)


def refuses_token(answer: Answer) -> None:
    """A 401 to a token that is malformed, unknown, expired or revoked."""
    _same(answer, 401, {"www-authenticate": 'Bearer realm="lingpai", error="invalid_token"'}, INVALID_TOKEN)


def _same(answer: Answer, status: int, headers: Mapping[str, str], content: Any) -> None:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    assert (answer.status, answer.headers, answer.body) == (status, {**NO_STORE, **headers}, body)


# What changes though nothing of accounts and sessions does.
_APART = {"clients", "codes", "used_by", "counters", "valid_from", "ended"}


def everything(api: Api) -> dict[str, list[str]]:
    """All that the store keeps of users, names, roles and sessions: equal before and after what changed nothing."""
    store: Any = api.services.store
    if isinstance(store, MemoryStore):
        return stores.shown(store, _APART)
    kept = api.services.settings
    tables = {name: getattr(kept, f"{name}_table") for name in ("users", "identities", "roles", "sessions")}
    # Past the API of DynamoDB, which would take ten times as long: the tables grow, and this is asked often.
    backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"]
    return {
        name: sorted(
            str(sorted((name, str(value.value)) for name, value in item.attrs.items()))
            for item in backend.get_table(table).all_items()
            if "deleted" not in item.attrs  # only a tombstone is left of it
        )
        for name, table in tables.items()
    }


@contextmanager
def standing_api(on: ApiStore = "memory", **overrides: Any) -> Iterator[Api]:
    """The API for a whole file of tests none of which changes what another one sees."""
    with pytest.MonkeyPatch.context() as patch, stores.for_api(on) as opened:
        yield make_api(patch, opened, **overrides)
