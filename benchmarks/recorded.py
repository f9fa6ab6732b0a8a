"""First requests with the answers that AWS gives to them: recorded on moto, then played to processes over HTTPS.

What is measured is the function and not the store, so the store is a server elsewhere that only plays.
"""

import base64
import json
import time
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.adapters.keys import MemoryKeys, OpenVault
from lingpai.clock import Clock
from lingpai.keys import first_keys
from lingpai.settings import Settings
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.background import answering
from tests.support.fake_web import make_certificate
from tests.support.stores import ROOT

PEPPER = "a-pepper-for-benchmarks"
MOBILE = "13312341234"
# The parameters of argon2id that a deployment has.
HASHING = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("argon2_")}
# Codes and tokens are made as if it were later, so that they outlive the measuring.
_AHEAD = 86400
_READ_SECRET = "secretsmanager.GetSecretValue"
_SECRET = {
    "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
    "Name": "pepper",
    "SecretString": PEPPER,
}


@dataclass(frozen=True)
class First:
    """A first request: the function that takes it, its event, and the answers of AWS, each with its operation."""

    name: str
    function: str
    event: dict[str, Any]
    answers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class _Case:
    event: str
    function: str
    values: Callable[[Api], Mapping[str, str]] = lambda _: {}
    # Another client than the event's, and the name of the case with it.
    client: tuple[str, str] | None = None
    name: str = ""


def _bearer(username: str, password: str) -> Callable[[Api], Mapping[str, str]]:
    return lambda api: {"token": api.token(username, password)}


def _refresh(api: Api) -> Mapping[str, str]:
    return {"refresh_token": api.log_in("alice", "correct horse battery")["refresh_token"]}


def _code(api: Api) -> Mapping[str, str]:
    answer = api.post("/mobile/code/get", form={"mobile": MOBILE}, basic=("web-client", "web-secret"))
    assert answer.status == 200, answer
    return {"code": api.last_code}


# The first of each function stands for it.
_CASES = (
    _Case("token-client-credentials", "TokenFunction"),
    _Case("oauth-introspect", "TokenFunction", _bearer("alice", "correct horse battery")),
    _Case("token-refresh", "TokenFunction", _refresh),
    _Case("token-password", "TokenFunction"),
    _Case("mobile-code-get", "MobileFunction"),
    _Case("mobile-token", "MobileFunction", _code),
    _Case("sign-token", "SignFunction"),
    _Case("users-current", "UsersFunction", _bearer("alice", "correct horse battery")),
    _Case("roles-list", "RolesFunction", _bearer("admin", "admin-of-the-gate")),
)


# What is asked again and again of a function that has answered before.
_WARM_CASES = (
    _Case("token-client-credentials", "TokenFunction"),
    _Case(
        "token-client-credentials",
        "TokenFunction",
        client=("machine-jwt", "machine-jwt-secret"),
        name="token-client-credentials, signed",
    ),
    _Case("oauth-introspect", "TokenFunction", _bearer("alice", "correct horse battery")),
    _Case("token-refresh", "TokenFunction", _refresh),
    _Case("token-password", "TokenFunction"),
)


def record() -> list[First]:
    """Each case, answered once by the handlers of this checkout on moto."""
    return [_record(case) for case in _CASES]


def record_warm() -> list[tuple[First, First]]:
    """Each operation as the first request, which reads the client's record as well, and as one where that is known."""
    return [_twice(_record(case), _record(case, warm=True)) for case in _WARM_CASES]


def _twice(cold: First, warm: First) -> tuple[First, First]:
    """Both of one recording: what the other begins with besides is the client's record, the same in each."""
    besides = cold.answers[: len(cold.answers) - len(warm.answers)]
    return replace(warm, answers=(*besides, *warm.answers)), warm


def _record(case: _Case, *, warm: bool = False) -> First:
    heard: list[tuple[str, bytes]] = []

    def hear(response_dict: Mapping[str, Any], event_name: str, **_: Any) -> None:
        heard.append((event_name.rpartition(".")[2], response_dict["body"]))

    settings = {**stores.GUARDED, **HASHING, "code_pepper": PEPPER}
    with stores.on_moto() as store, pytest.MonkeyPatch.context() as patch:
        api = make_api(patch, store, **settings)
        api.time.at = time.time() + _AHEAD
        event = _filled(case, case.values(api))
        # Another one: it has not read a client yet.
        cold = make_api(patch, store, populated=False, **settings)
        cold.time.at = api.time.at
        # Keys that sign today: those of the tests sign later.
        keys = MemoryKeys()
        first_keys(keys, OpenVault(), Clock())
        built = bootstrap.build(cold.services.settings, store, cold.time.clock(), keys)
        services = replace(cold.services, keys=built.keys)
        patch.setattr(bootstrap, "services", lambda: services)
        if warm:
            for client_id in ("web-client", "standard-client", "machine-client", "machine-jwt"):
                cold.services.clients.get_client(client_id)
        client = store._connect()  # noqa: SLF001  where the answers pass
        client.meta.events.register("response-received.dynamodb", hear)
        answer: Any = cold._gateway.invoke(case.function, event)  # noqa: SLF001  the event as it is
        client.meta.events.unregister("response-received.dynamodb", hear)
    assert answer["statusCode"] == 200, (case.event, answer)
    return First(case.name or case.event, case.function, event, tuple(heard))


def _filled(case: _Case, values: Mapping[str, str]) -> dict[str, Any]:
    """The event of `events/` with live values in the place of its examples."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{case.event}.json").read_text("utf-8"))
    if case.client:
        event["headers"]["authorization"] = "Basic " + base64.b64encode(":".join(case.client).encode()).decode()
    if "token" in values and event["headers"].get("authorization", "").startswith("Bearer "):
        event["headers"]["authorization"] = f"Bearer {values['token']}"
    elif values:
        form = dict(urllib.parse.parse_qsl(base64.b64decode(event["body"]).decode())) | dict(values)
        event["body"] = base64.b64encode(urllib.parse.urlencode(form).encode()).decode()
    return event


@dataclass
class Player:
    """Answers by HTTPS what was recorded, in its order; `missed` is what was asked and is not in the record."""

    url: str
    authority: Path
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    again: tuple[tuple[str, bytes], ...] = ()

    def play(self, first: First, again: First | None = None) -> None:
        """From here on, the answers to this request; then, for ever, those to the other."""
        self.answers, self.missed = list(first.answers), []
        self.again = again.answers if again else ()

    def take(self, target: str) -> bytes | None:
        """The answer to the next call."""
        if target == _READ_SECRET:
            return json.dumps(_SECRET).encode()
        operation = target.partition(".")[2]
        self.answers = self.answers or list(self.again)
        for index, (recorded, body) in enumerate(self.answers):
            if recorded == operation:
                del self.answers[index]
                return body
        self.missed.append(target)
        return None


@contextmanager
def playing(folder: Path) -> Iterator[Player]:
    """A player at an address of its own; its certificate is made in `folder`."""
    certificate = make_certificate(folder)
    player = Player("", certificate.path)

    class Handler(_Handler):
        served = player

    with answering(Handler, certificate) as player.url:
        yield player


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece: in two, the second waits 40 ms for the first to be acknowledged.
    wbufsize = -1
    served: Player

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.headers.get("x-amz-target", "")
        body = self.served.take(target)
        self.send_response(200 if body is not None else 400)
        # What AWS says besides, since reading it is of the cost.
        self.send_header("Connection", "keep-alive")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if target.startswith("DynamoDB"):
            self.send_header("x-amz-crc32", str(zlib.crc32(body or b"")))
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        """Nothing: what is measured prints enough."""
