"""The API as its clients see it: a request becomes the event that API Gateway would send to the real handlers."""

import base64
import functools
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.accounts import identities, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.clients.service import new_client
from lingpai.passwords.service import hash_password
from lingpai.services import Services
from lingpai.signing_keys.model import StoredKey
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from lingpai.sms.model import Message
from lingpai.sms.senders.console import ConsoleSender
from local import functions, gateway
from tests.support import stores
from tests.support.logs import LOGS
from tests.support.meter import MemoryMeter
from tests.support.stores import ROOT, TEMPLATE, settings
from tests.support.time import Time

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache", "content-type": "application/json;charset=UTF-8"}

# Bearer tokens are refused as RFC 6750 has it; a fault of ours has no reason to tell.
_WITHOUT_REASON = {
    "unauthorized",
    "invalid_token",
    "insufficient_scope",
    "insufficient_user_authentication",
    "server_error",
}
_SECURITY_HEADERS = {"strict-transport-security", "x-content-type-options"}
_SECRET_FIELDS = {
    "password": "password",
    "oldPassword": "password",
    "newPassword": "password",
    "client_secret": "client secret",
    "code": "code",
    "validateCode": "code",
    "md5password": "digest of a password",
    "shapassword": "digest of a password",
    "refresh_token": "token",
    "refreshToken": "token",
    "access_token": "token",
    "accessToken": "token",
    "accesstoken": "token",
    "token": "token",
    "mobile": "phone number",
    "phone": "phone number",
    "sign": "sign",
}

_invoke = functions.load(TEMPLATE, ROOT)


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case, without the gateway's own and what every answer has) and body."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Api:
    """Calls the handlers; `time` is the clock they see, `services` what is behind them."""

    services: Services
    time: Time
    _gateway: gateway.Gateway = field(default_factory=lambda: gateway.Gateway(routes=TEMPLATE.routes, invoke=_invoke))

    def call(
        self,
        method: str,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        json_body: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
        source_ip: str = "192.0.2.1",
    ) -> Answer:
        """One request: a form, a JSON body or a raw one; `basic` and `bearer` become the Authorization header."""
        sent = dict(headers or {})
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif json_body is not None:
            body = json.dumps(json_body).encode()
            sent.setdefault("Content-Type", "application/json")
        if basic is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
            LOGS.hush("client secret", basic[1])
            LOGS.hush("basic header", sent["Authorization"].removeprefix("Basic "))
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        hush({**(form or {}), **(json_body if isinstance(json_body, dict) else {})})
        request = gateway.Request(method, target, tuple(sent.items()), body or b"", source_ip)
        reply = gateway.answer(self._gateway, request)
        told: dict[str, str] = {}
        for name, value in reply.headers:
            if name.lower() != "apigw-requestid":
                # Cookies alone may be set by several headers: one a line.
                told[name] = f"{told[name]}\n{value}" if name in told else value
        answer = Answer(reply.status, own_headers(told), reply.body.decode())
        if reply.body != gateway.message(500, "Internal Server Error").body:
            assert ("X-Content-Type-Options", "nosniff") in reply.headers
        if answer.body.startswith("{"):
            hush(answer.json)
            if answer.json.keys() >= {"error", "error_description"} and answer.json["error"] not in _WITHOUT_REASON:
                assert "reason" in answer.json, f"not in http/reasons.py: {answer.json}"
        return answer

    def post(self, target: str, **arguments: Any) -> Answer:
        """A POST; the arguments are those of `call`."""
        return self.call("POST", target, **arguments)

    @property
    def outbox(self) -> list[Message]:
        """The messages sent, newest last."""
        sender = self.services.sms
        assert isinstance(sender, ConsoleSender)
        return sender.outbox

    @property
    def last_code(self) -> str:
        """The code of the last message sent."""
        code = self.outbox[-1].code
        LOGS.hush("code", code)
        return code

    @property
    def counted(self) -> Mapping[str, int]:
        """What the operator's metrics show."""
        meter = self.services.meter
        assert isinstance(meter, MemoryMeter)
        return meter.counted

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return len(self.outbox)

    def log_in(self, username: str, password: str, client: tuple[str, str] = ("web-client", "web-secret")) -> Any:
        """The token answer for a password, which must be a success."""
        form = {"grant_type": "password", "username": username, "password": password}
        answer = self.post("/oauth/token", form=form, basic=client)
        assert answer.status == 200, answer
        return answer.json

    def token(self, username: str = "alice", password: str = "correct horse battery") -> str:
        """An access token of this user, by the client web-client."""
        token: str = self.log_in(username, password)["access_token"]
        return token

    def admin(self) -> str:
        """An access token of the admin."""
        return self.token("admin", "admin-of-the-gate")

    def user_id(self, name: str) -> int:
        """The id of the user of this name or number."""
        user_id = identities.find_by_name(self.services, name)
        assert user_id is not None
        return user_id


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer, names in lower case, without those that every answer carries."""
    return {name.lower(): value for name, value in headers.items() if name.lower() not in _SECURITY_HEADERS}


def make_api(monkeypatch: pytest.MonkeyPatch, store: Any, *, populated: bool = True, **overrides: Any) -> Api:
    """An API on `store` with a clock that stands still, and these inhabitants.

    Clients: web-client / web-secret (spring, scope web, trusted signs), app-client / app-secret (spring, no sign),
    standard-client / standard-secret (standard, every grant, scopes read, write, lingpai:account and lingpai:admin; may
    introspect), public-client (standard, no secret, password), machine-client / machine-secret (standard, scope
    lingpai:admin, role admin); django-app / django-secret (django), 2 / passport-secret (passport), 23 (usercenter, no
    secret); with signed tokens jwt-client / jwt-secret (standard, every grant, scopes read and write) and machine-jwt /
    machine-jwt-secret (standard, client credentials, scope read).
    Roles: 1 admin, 2 user. Users: admin / admin-of-the-gate (role admin), alice / correct horse battery (role user,
    mobile 13312341234), bob / battery staple correct.

    Tokens are signed with the keys of `signing_keys`; `overrides` are settings (digest_login is off without one).
    """
    time = Time()
    named = getattr(store, "settings", None) or settings()
    tables = {name: getattr(named, name) for name in stores.TABLE_FIELDS}
    built = bootstrap.build(settings(**{**tables, **overrides}), store, time.clock(), MemoryKeys(*signing_keys()))
    services = replace(built, meter=MemoryMeter())
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    if populated:
        hashing = tuple(value for name, value in services.settings.model_dump().items() if name.startswith("argon2_"))
        stores.fill(store, ("inhabitants", hashing), lambda: populate(services))
    return Api(services, time)


@functools.cache
def signing_keys() -> tuple[StoredKey, ...]:
    """A key pair for each algorithm, good from the start of every test's clock: made once, since RSA takes long."""
    made = MemoryKeys()
    first_keys(made, LocalKeyWrapper(), Time().clock())
    return made.load_keys()


def populate(services: Services) -> None:
    """Put the inhabitants that `make_api` names into the store."""
    store: Any = services.store
    everything = ("client_credentials", "refresh_token", "password", "mobile", "sign")
    for client in (
        new_client("web-client", "spring", "web-secret", scopes=("web",), sign_provider="trusted"),
        new_client("app-client", "spring", "app-secret", scopes=("app",)),
        new_client(
            "standard-client",
            "standard",
            "standard-secret",
            grants=everything,
            scopes=("read", "write", "lingpai:account", "lingpai:admin"),
            sign_provider="trusted",
            introspect=True,
        ),
        new_client("public-client", "standard", grants=everything, scopes=("read",), sign_provider="trusted"),
        new_client("machine-client", "standard", "machine-secret", scopes=("lingpai:admin",), roles=("admin",)),
        new_client("django-app", "django", "django-secret"),
        new_client("2", "passport", "passport-secret"),
        new_client("23", "usercenter", codes_from=("web-client",)),
        new_client(
            "jwt-client",
            "standard",
            "jwt-secret",
            grants=everything,
            scopes=("read", "write"),
            token_format="jwt",
            sign_provider="trusted",
        ),
        new_client(
            "machine-jwt",
            "standard",
            "machine-jwt-secret",
            grants=("client_credentials",),
            scopes=("read",),
            token_format="jwt",
        ),
    ):
        store.put_client(client)
    roles.save(services, "admin")
    roles.save(services, "user")
    for name, password, role_ids, mobile in (
        ("admin", "admin-of-the-gate", {1}, None),
        ("alice", "correct horse battery", {2}, "+8613312341234"),
        ("bob", "battery staple correct", set(), None),
    ):
        LOGS.hush("password", password)
        accounts.add(
            services,
            User(
                id=services.clock.new_user_id(),
                created_at=services.clock.now(),
                username=name,
                password=hash_password(password, services.settings),
                roles=frozenset(role_ids),
                mobile=mobile,
            ),
        )


def hush(fields: Mapping[str, Any]) -> None:
    """Remember the secrets among the fields of a request or an answer, which no log may show."""
    for name, value in fields.items():
        if isinstance(value, dict):
            hush(value)
        elif name in _SECRET_FIELDS and isinstance(value, str | int):
            LOGS.hush(_SECRET_FIELDS[name], str(value))
        elif name == "result" and "." in str(value):
            LOGS.hush("temporary token", str(value))
