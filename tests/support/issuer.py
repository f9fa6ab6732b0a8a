"""Lingpai at an address of this machine, for APIs that check its tokens: it answers HTTP, by the machine's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from lingpai.kernel.clock import Clock
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.service import RETENTION, KeyRing, thumbprint
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from local import functions, gateway, http_server, seed
from tests.support.api import Answer, Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT, TEMPLATE

# The API of examples/api and its clients, as the demo data has them.
RESOURCE = "http://127.0.0.1:3001"
NOTES_API = ("notes-api", "notes-api-secret")
NOTES_APP = ("notes-app", "notes-app-secret")
REPORT_APP = ("report-app", "report-app-secret")

_HOUR = 3600


@dataclass
class Issuer:
    """The running server: `api` is what is behind it. `keys` by name: `retired` is published no more."""

    api: Api
    url: str
    keys: dict[str, StoredKey]

    def tokens(self, client: tuple[str, str], **form: str) -> dict[str, Any]:
        """The token answer for the demo's user, for the example's API; an empty parameter is left out."""
        asked = {
            "grant_type": "password",
            "username": "alice",
            "password": "correct horse battery",
            "resource": RESOURCE,
            **form,
        }
        return self.request(client, {name: value for name, value in asked.items() if value})

    def request(self, client: tuple[str, str], form: dict[str, str]) -> dict[str, Any]:
        """The token answer for this request, which must be a success."""
        answer: Answer = self.api.post("/oauth/token", form=form, basic=client)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json
        return found

    def sign(self, key: str = "current", typ: str = "at+jwt", algorithm: str | None = None, **changes: Any) -> str:
        """A token signed by the key of this name: a good one for the example's API, with these changes."""
        chosen = self.keys[key]
        assert chosen.private is not None
        now = Clock().now()
        claims = {
            "iss": self.url,
            "aud": RESOURCE,
            "sub": "7",
            "client_id": "report-app",
            "iat": now - 60,
            "exp": now + 600,
            "jti": "a-jti",
            "scope": "read write",
            **changes,
        }
        private: Any = load_der_private_key(chosen.private, None)
        return jwt.encode(claims, private, algorithm or chosen.algorithm, {"typ": typ, "kid": chosen.kid})


@contextmanager
def open_issuer() -> Iterator[Issuer]:
    """Serve it with the demo's clients of the example's API, and with keys in each state of their lives."""
    with pytest.MonkeyPatch.context() as monkeypatch, http_server.bind(0) as listener:
        url = f"http://127.0.0.1:{http_server.port_of(listener)}"
        keys = _keys()
        api = make_api(monkeypatch, MemoryStore(), issuer=url)
        ring = KeyRing(MemoryKeys(*keys.values()), LocalKeyWrapper(), Clock(), ttl=0)
        api.services = replace(api.services, clock=Clock(), keys=ring)
        monkeypatch.setattr("lingpai.bootstrap.services", lambda: api.services)
        demo = seed.load(None)
        mine = {NOTES_API[0], NOTES_APP[0], REPORT_APP[0]}
        clients = [client for client in demo.clients if client.client_id in mine]
        seed.apply(demo.model_copy(update={"clients": clients, "roles": (), "users": ()}), api.services)
        routes = gateway.Gateway(routes=TEMPLATE.routes, invoke=functions.load(TEMPLATE, ROOT))
        with http_server.serving(listener, lambda request: gateway.answer(routes, request)):
            yield Issuer(api, url, keys)


def _keys() -> dict[str, StoredKey]:
    """A key ring after two rotations: `retired` has outlived its publication, `previous` is published, `current` signs.

    `curve` is the ES256 key.
    """
    now = Clock().now()
    begun = {
        "retired": ("RS256", now - 2 * RETENTION),
        "previous": ("RS256", now - RETENTION - _HOUR),
        "current": ("RS256", now - _HOUR),
        "curve": ("ES256", now - _HOUR),
    }
    made = {}
    for number, (name, (algorithm, signs_from)) in enumerate(begun.items(), 1):
        pair = LocalKeyWrapper().generate(algorithm, number)
        made[name] = StoredKey(algorithm, number, thumbprint(pair.public), signs_from, pair.public, pair.private)
    return made
