"""Hooks of schemathesis: credentials of the demo data, and values that the local server knows.

In: the environment (`BASE_URL`, `KNOWN_VALUES`, a JSON object of values by the name of the field), set by
`tools.fuzzing.run`. Runs in the environment of schemathesis, which has no other module of this project.
"""

import json
import os
import random
import time
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from requests.auth import _basic_auth_str

_URL = os.environ["BASE_URL"]
_KNOWN: dict[str, list[Any]] = json.loads(os.environ["KNOWN_VALUES"])
# A fuzzed request may end the session that a token belongs to.
_TOKEN_LIFE = 2.0
_CLIENTS = (("web-client", "web-secret"), ("standard-client", "standard-secret"), ("web-client", "wrong"))
_MACHINE = ("machine-client", "machine-secret")
_ADMIN = {"grant_type": "client_credentials", "scope": "lingpai:admin"}
_ALICE = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}


class _Tokens:
    """Access tokens of a machine that is an admin and of a user, each fetched again after `_TOKEN_LIFE` seconds."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, str]] = {}

    def get(self, who: str) -> str:
        fetched_at, token = self._kept.get(who, (0.0, ""))
        if time.monotonic() - fetched_at > _TOKEN_LIFE:
            token = self._fetch(who)
            self._kept[who] = (time.monotonic(), token)
        return token

    def _fetch(self, who: str) -> str:
        client, fields = (_MACHINE, _ADMIN) if who == "machine" else (_CLIENTS[0], _ALICE)
        answer = requests.post(f"{_URL}/oauth/token", data=fields, auth=client, timeout=30)
        # The user may be deleted by now, or stopped after wrong passwords: then the request is made without a token.
        return answer.json().get("access_token", "")


_tokens = _Tokens()
_random = random.Random(0)  # noqa: S311  it protects nothing


@schemathesis.hook
def flatmap_body(context: Any, body: Any) -> Any:  # noqa: ARG001  schemathesis gives both by name
    """The body, with some of its fields, and sometimes all of them, replaced by values that the server knows."""
    if not isinstance(body, dict):
        return st.just(body)
    fields = {
        name: st.one_of(st.sampled_from(_KNOWN[name]), st.just(value)) if name in _KNOWN else st.just(value)
        for name, value in body.items()
    }
    return st.fixed_dictionaries(fields)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001  schemathesis gives all three
    """Authenticate the request as the document says the route may be, unless it has credentials already."""
    schemes = {name for way in case.operation.definition.raw.get("security", []) for name in way}
    headers = case.headers or {}
    if not schemes or any(name.lower() == "authorization" for name in headers):
        return
    if "client" in schemes:
        value = _random.choice(("", *(_basic_auth_str(*client) for client in _CLIENTS)))
    else:
        token = _tokens.get(_random.choice(("machine", "alice")))
        value = _random.choice((f"Bearer {token}",) * 6 + ("", "Bearer no-token")) if token else ""
    if value:
        case.headers = {**headers, "Authorization": value}
