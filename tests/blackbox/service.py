"""The API as its clients reach it: over HTTP, at an address, and nothing of it known but the contract."""

import base64
import functools
import json
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from lingpai.passwords import password_filter
from tests.blackbox.target import Lack, Target
from tests.support.api import Answer, hush
from tests.support.logs import LOGS

PASSWORD_LENGTH = 20

# What HTTP itself, an HTTP API and the servers in front add to each answer, and what every answer carries.
_OF_THE_WAY = {
    "apigw-requestid",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "x-amz-request-id",
    "x-amz-id-2",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-content-type-options",
}


@dataclass
class Service:
    """Calls a target; `called` are the (method, path) it has been asked for."""

    target: Target
    read_code: Callable[[str], str]
    called: set[tuple[str, str]] = field(default_factory=set)
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        trusted = self.target.certificates
        verify = ssl.create_default_context(cafile=trusted) if trusted else True
        self._http = httpx.Client(timeout=60, trust_env=False, verify=verify)

    def call(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json_body: Any = None,
        body: bytes | None = None,
        files: Mapping[str, tuple[None, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
    ) -> Answer:
        """One request: a form, a JSON body, a multipart form or a raw body."""
        sent = dict(headers or {})
        if basic is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        content: Any = body
        if json_body is not None:
            content, sent["Content-Type"] = json.dumps(json_body).encode(), "application/json"
        hush({**(form or {}), **(json_body if isinstance(json_body, dict) else {})})
        self.called.add((method, path.partition("?")[0]))
        reply = self._http.request(
            method,
            self.target.url + path,
            data=dict(form) if form is not None else None,
            files=files,
            content=content,
            headers=sent,
        )
        self._http.cookies.clear()  # whoever keeps cookies is a `Visitor`
        answer = Answer(
            reply.status_code,
            {name.lower(): value for name, value in reply.headers.items() if name.lower() not in _OF_THE_WAY},
            reply.text,
        )
        if answer.body.startswith("{"):
            hush(answer.json)
        return answer

    def post(self, path: str, **arguments: Any) -> Answer:
        """A POST; the arguments are those of `call`."""
        return self.call("POST", path, **arguments)

    def get(self, path: str, **arguments: Any) -> Answer:
        """A GET; the arguments are those of `call`."""
        return self.call("GET", path, **arguments)

    def raw(self, method: str, path: str) -> httpx.Response:
        """The whole response to a request without a body."""
        self.called.add((method, path))
        return self._http.request(method, self.target.url + path)

    def needs(self, what: Lack) -> None:
        """Leave the test out, loudly, where the target cannot do this."""
        reason = self.target.lacks.get(what)
        if reason is not None:
            pytest.skip(f"{what}: {reason}")

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # --- people

    def client(self, client_id: str) -> tuple[str, str]:
        """The client's id and secret, for Basic."""
        return self.target.client(client_id)

    def by_body(self, client_id: str) -> dict[str, str]:
        """The client's id and secret, for a body."""
        name, secret = self.target.client(client_id)
        return {"client_id": name, "client_secret": secret}

    def admin(self) -> str:
        """An access token of the admin."""
        token: str = self.log_in(*self.target.admin)["access_token"]
        return token

    def log_in(self, username: str, password: str) -> Any:
        """The token answer for a password by the client web-client, which must be a success."""
        form = {"grant_type": "password", "username": username, "password": password}
        answer = self.post("/oauth/token", form=form, basic=self.client("web-client"))
        assert answer.status == 200, answer
        return answer.json

    def code_for(self, number: str, client: tuple[str, str] | None = None, **more: str) -> str:
        """The code for a number, asked for by the client (web-client by default) and read just now."""
        self.needs("codes")
        basic = client or self.client("web-client")
        answer = self.post("/mobile/code/get", form={"mobile": number, **more}, basic=basic)
        assert answer.status == 200, answer
        code = self.read_code(f"+86{number}")
        LOGS.hush("code", code)
        return code


@dataclass(frozen=True)
class Person:
    """An account made for a test, with names that nobody has. `number` is as clients write it."""

    service: Service = field(repr=False)
    id: int
    username: str
    password: str = field(repr=False)
    number: str | None = None

    def log_in(self) -> Any:
        """The token answer for the password."""
        return self.service.log_in(self.username, self.password)

    @property
    def token(self) -> str:
        """A new access token."""
        token: str = self.log_in()["access_token"]
        return token

    @property
    def by_password(self) -> dict[str, str]:
        """The form that logs the account in."""
        return {"grant_type": "password", "username": self.username, "password": self.password}


def somebody(service: Service, admin: str, *, number: bool = False) -> Person:
    """A new account, made by the admin: making many of them meets no limit for an address."""
    username, password = new_name(), new_password()
    saved = service.post("/users/save", json_body={"username": username, "password": password}, bearer=admin)
    assert saved.status == 200, saved
    person = Person(service, saved.json["message"], username, password, new_number() if number else None)
    if number:
        body = {"id": person.id, "phone": person.number}
        assert service.post("/users/update", json_body=body, bearer=admin).status == 200
    return person


def new_name() -> str:
    """A username that nobody has."""
    return f"box-{secrets.token_hex(8)}"


def new_number() -> str:
    """A mobile number that nobody has, or so chance will have it."""
    return f"139{secrets.randbelow(10**8):08d}"


def new_password() -> str:
    """A password that nobody has, and that the shipped filter does not take for a common one, as it may."""
    while _refused().refuses(password := secrets.token_urlsafe(PASSWORD_LENGTH)):
        pass
    return password


@functools.cache
def _refused() -> password_filter.PasswordFilter:
    return password_filter.load(password_filter.SHIPPED)
