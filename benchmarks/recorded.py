"""Requests with the answers that AWS gives to them: recorded on moto, then played to processes over HTTPS.

What is measured is the function and not the store, so the store is a server elsewhere that only plays.
"""

import base64
import contextlib
import json
import time
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from benchmarks.operations import MACHINE_JWT, PASSWORD, WEB, Wire, silence
from lingpai import bootstrap
from lingpai.kernel.clock import Clock
from lingpai.settings import Settings
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.storage import KeyStore
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from lingpai.store import DynamoStore
from tests.support import stores
from tests.support.api import Api, make_api
from tests.support.background import answering
from tests.support.fake_web import make_certificate
from tests.support.stores import ROOT

PEPPER = "a-pepper-for-benchmarks"
MOBILE = "13312341234"
_UNKNOWN_MOBILE = "13512341234"
# The parameters of argon2id that a deployment has.
HASHING = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("argon2_")}
_READ_SECRET = "secretsmanager.GetSecretValue"
_SECRET = {
    "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:pepper",
    "Name": "pepper",
    "SecretString": PEPPER,
}


@dataclass(frozen=True)
class First:
    """A request: the function that takes it, its event, the answers of AWS, each with its operation, and its own."""

    name: str
    function: str
    event: dict[str, Any]
    answers: tuple[tuple[str, bytes], ...]
    status: int
    body: str


@dataclass(frozen=True)
class Units:
    """What DynamoDB is asked for one request: the calls by name, read units, write units."""

    calls: tuple[str, ...]
    read: float
    written: float


@dataclass(frozen=True)
class _Case:
    event: str
    function: str
    values: Callable[[Api], Mapping[str, str]] = lambda _: {}
    # Another client than the event's, and the name of the case with it.
    client: tuple[str, str] | None = None
    name: str = ""
    # With a password: argon2id is most of it.
    slow: bool = False
    status: int = 200
    # Seconds: codes and tokens are made as if it were later, so that they outlive the measuring.
    ahead: int = 86400

    @property
    def title(self) -> str:
        return self.name or self.event


def _bearer(username: str, password: str) -> Callable[[Api], Mapping[str, str]]:
    return lambda api: {"token": api.token(username, password)}


def _refresh(api: Api) -> Mapping[str, str]:
    return {"refresh_token": api.log_in("alice", "correct horse battery")["refresh_token"]}


def _code(api: Api, mobile: str = MOBILE) -> Mapping[str, str]:
    answer = api.post("/mobile/code/get", form={"mobile": mobile}, basic=WEB)
    assert answer.status == 200, answer
    return {"mobile": mobile, "code": api.last_code}


def _machine_token(api: Api) -> Mapping[str, str]:
    answer = api.post("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE_JWT)
    assert answer.status == 200, answer
    return {"token": answer.json["access_token"]}


def _access(api: Api) -> Mapping[str, str]:
    return {"accessToken": api.token()}


def _known(path: str, form: Mapping[str, str]) -> Callable[[Api], Mapping[str, str]]:
    """The account is there and its address known: it has logged in so before."""

    def values(api: Api) -> Mapping[str, str]:
        answer = api.post(path, form=form, basic=WEB, source_ip="127.0.0.1")
        assert answer.status == 200, answer
        return {}

    return values


_by_password = _known("/oauth/token", PASSWORD)
_by_sign = _known("/sign/token", {"sign": "oGZUI0egBJY1zhBYw2KhdUfwVJJE"})

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
        client=MACHINE_JWT,
        name="token-client-credentials, signed",
    ),
    _Case("oauth-introspect", "TokenFunction", _bearer("alice", "correct horse battery")),
    _Case(
        "oauth-introspect",
        "TokenFunction",
        _machine_token,
        name="oauth-introspect, signed",
        # A signed token says when it was made, and is not good before.
        ahead=-5,
    ),
    _Case("user-check-token", "TokenFunction", _access),
    _Case("user-by-token", "TokenFunction", _access),
    _Case("token-refresh", "TokenFunction", _refresh),
    _Case("oauth-revoke", "TokenFunction", _bearer("alice", "correct horse battery"), client=WEB),
    _Case("token-password", "TokenFunction", _by_password, slow=True),
    _Case("token-password", "TokenFunction", name="token-password, new address", slow=True),
    _Case("token-passport", "TokenFunction", _by_password, slow=True),
    _Case(
        "token-password",
        "TokenFunction",
        lambda _: {"password": "wrong horse"},
        name="token-password, wrong",
        slow=True,
        status=400,
    ),
    _Case("mobile-code-get", "MobileFunction"),
    _Case("mobile-code-verify", "MobileFunction", _code),
    _Case("mobile-token", "MobileFunction", _code),
    _Case(
        "mobile-token",
        "MobileFunction",
        lambda api: _code(api, _UNKNOWN_MOBILE),
        name="mobile-token, new account",
    ),
    _Case("sign-token", "SignFunction", _by_sign),
    _Case("sign-token", "SignFunction", name="sign-token, new account"),
    _Case("users-current", "UsersFunction", _bearer("alice", "correct horse battery")),
    _Case("user-detail-current", "UsersFunction", _bearer("alice", "correct horse battery")),
    _Case("users-register", "UsersFunction", slow=True),
    _Case("roles-list", "RolesFunction", _bearer("admin", "admin-of-the-gate")),
)


def record() -> list[First]:
    """Each case, answered once by the handlers of this checkout on moto."""
    keys = make_keys(MemoryKeys())
    return [_record(case, keys) for case in _CASES]


WARM = tuple(case.title for case in _WARM_CASES)
SLOW = {case.title for case in _WARM_CASES if case.slow}


def record_warm(name: str, keys: KeyStore) -> tuple[First, First]:
    """An operation of `WARM` as the first request, which reads the client's record as well, and where that is known.

    What is signed is signed by one of `keys`.
    """
    case = _named(name)
    return _twice(_record(case, keys), _record(case, keys, warm=True))


def count_units(name: str, endpoint: str) -> Units:
    """What an operation of `WARM`, whose client is known, takes from the DynamoDB Local at `endpoint`."""
    wire = Wire()
    with stores.on_dynamodb_local(endpoint, wire.listen, "botocore") as store:
        with _prepared(_named(name), store, make_keys(MemoryKeys()), warm=True) as answered:
            wire.calls, wire.read, wire.written = [], 0, 0
            answered()
        return Units(tuple(wire.calls), wire.read, wire.written)


def shape(body: str) -> object:
    """What an answer says, but for the texts and numbers in it, which differ from one to the next."""

    def of(value: Any) -> object:
        if isinstance(value, dict):
            return {name: of(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [of(inner) for inner in value]
        return value if value is None or isinstance(value, bool) else type(value).__name__

    return of(json.loads(body or "null"))


def _named(name: str) -> _Case:
    return next(case for case in _WARM_CASES if case.title == name)


def make_keys(keys: KeyStore) -> KeyStore:
    """The store, with keys that have signed for an hour: those of the tests sign later."""
    first_keys(keys, LocalKeyWrapper(), Clock(time=lambda: time.time() - 3600))
    return keys


def _twice(cold: First, warm: First) -> tuple[First, First]:
    """Both of one recording: what a first request reads besides are records of clients, the same in each."""
    others = iter(warm.answers)
    answers = tuple(answer if b'"ClientsTable"' in answer[1] else next(others) for answer in cold.answers)
    return replace(warm, answers=answers), warm


@contextlib.contextmanager
def heard_of(store: DynamoStore) -> Iterator[list[tuple[str, bytes]]]:
    """What DynamoDB answers to the store within the block, each answer with its operation."""
    heard: list[tuple[str, bytes]] = []

    def hear(response_dict: Mapping[str, Any], event_name: str, **_: Any) -> None:
        assert response_dict["status_code"] == 200, event_name  # the player plays no refusals
        heard.append((event_name.rpartition(".")[2], response_dict["body"]))

    client = store.client  # where the answers pass
    client.meta.events.register("response-received.dynamodb", hear)
    try:
        yield heard
    finally:
        client.meta.events.unregister("response-received.dynamodb", hear)


def _record(case: _Case, keys: KeyStore, *, warm: bool = False) -> First:
    with stores.on_moto() as store, _prepared(case, store, keys, warm=warm) as answered, heard_of(store) as heard:
        event, body = answered()
    return First(case.title, case.function, event, tuple(heard), case.status, body)


@contextlib.contextmanager
def _prepared(
    case: _Case, store: DynamoStore, keys: KeyStore, *, warm: bool
) -> Iterator[Callable[[], tuple[dict[str, Any], str]]]:
    """What has the case's event answered, once, and gives it and the body; all that has to be there before is."""
    settings = {**stores.GUARDED, **HASHING, "code_pepper": PEPPER}
    with pytest.MonkeyPatch.context() as patch, silence():
        api = make_api(patch, store, **settings)
        api.time.at = int(time.time()) + case.ahead
        api = _signing(api, keys, patch)
        event = _filled(case, case.values(api))
        # Another one: it has not read a client yet.
        cold = make_api(patch, store, populated=False, **settings)
        cold.time.at = api.time.at
        cold = _signing(cold, keys, patch)
        if warm:
            for client_id in ("web-client", "standard-client", "machine-client", "machine-jwt", "2", "23"):
                cold.services.clients.get_client(client_id)

        def answered() -> tuple[dict[str, Any], str]:
            answer: Any = cold._gateway.invoke(case.function, event)  # noqa: SLF001  the event as it is
            assert answer["statusCode"] == case.status, (case.title, answer)
            return event, answer["body"]

        yield answered


def _signing(api: Api, keys: KeyStore, patch: pytest.MonkeyPatch) -> Api:
    """The API with these keys, and a clock that has seen no other time than it shows now."""
    services = api.services
    built = bootstrap.build(services.settings, services.store, api.time.clock(), keys)
    services = replace(services, keys=built.keys, clock=built.clock)
    patch.setattr(bootstrap, "services", lambda: services)
    return Api(services, api.time)


def _filled(case: _Case, values: Mapping[str, str]) -> dict[str, Any]:
    """The event of `events/` with live values in the place of its examples."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{case.event}.json").read_text("utf-8"))
    if case.client:
        event["headers"]["authorization"] = "Basic " + base64.b64encode(":".join(case.client).encode()).decode()
    if "token" in values and event["headers"].get("authorization", "").startswith("Bearer "):
        event["headers"]["authorization"] = f"Bearer {values['token']}"
    elif values:
        event["body"], event["isBase64Encoded"] = _body(event, values), True
    return event


def _body(event: Mapping[str, Any], values: Mapping[str, str]) -> str:
    """The event's body with these values, in base64."""
    given = base64.b64decode(event["body"]).decode() if event["isBase64Encoded"] else event["body"]
    if event["headers"]["content-type"] == "application/json":
        text = json.dumps({**json.loads(given), **values})
    else:
        text = urllib.parse.urlencode({**dict(urllib.parse.parse_qsl(given)), **values})
    return base64.b64encode(text.encode()).decode()


@dataclass
class Player:
    """Answers by HTTPS what was recorded, in its order.

    `asked` counts the calls of DynamoDB; `missed` is what was asked and is not in the record.
    """

    url: str
    authority: Path
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    again: tuple[tuple[str, bytes], ...] = ()
    asked: int = 0

    def play(self, first: First, again: First | None = None) -> None:
        """From here on, the answers to this request; then, for ever, those to the other."""
        self.answers, self.missed, self.asked = list(first.answers), [], 0
        self.again = again.answers if again else ()

    def take(self, target: str) -> bytes | None:
        """The answer to the next call."""
        if target == _READ_SECRET:
            return json.dumps(_SECRET).encode()
        operation = target.partition(".")[2]
        self.asked += 1
        self.answers = self.answers or list(self.again)
        for index, (recorded, body) in enumerate(self.answers):
            if recorded == operation:
                del self.answers[index]
                return body
        self.missed.append(target)
        return None


@contextlib.contextmanager
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
