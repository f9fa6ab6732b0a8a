"""What is counted: one line of CloudWatch's embedded metrics for each request that counts something, nobody in it."""

import ast
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from lingpai import bootstrap
from lingpai.http import metrics
from lingpai.http.metrics import DIMENSIONS, EmfMeter, NoMeter
from lingpai.kernel.errors import SettingsError
from lingpai.settings import Settings
from tests.support.api import Api, make_api
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.stores import ROOT
from tests.support.time import Time
from tests.support.tokens import ALICE, STANDARD, WEB, on_call, refresh

NAMESPACE = "Lingpai/test"
NUMBER = "13912345678"
USERCENTER = {"client_id": "23", "username": "alice", "grant_type": "password"}


@dataclass
class Watched:
    """An API whose metrics are kept, line by line."""

    api: Api
    lines: list[str] = field(default_factory=list)

    def of(self, act: Callable[[], object]) -> list[Any]:
        """The documents that `act` writes."""
        self.lines.clear()
        act()
        for line in self.lines:
            assert line.endswith("\n")
            assert line.count("\n") == 1
            LOGS.add(line)
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    api = make_api(monkeypatch, MemoryStore(), sms_unproven=1)
    made = Watched(api)
    emf = EmfMeter(NAMESPACE, api.services.clock, made.lines.append)
    made.api.services = services = replace(api.services, meter=emf)
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    # The lines that `of` adds are searched with all others, at the end of the suite.
    return made


def directive(dimensions: list[str], *names: str) -> dict[str, Any]:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": [["service", *dimensions]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in names],
    }


def document(watched: Watched, *directives: dict[str, Any], **members: Any) -> dict[str, Any]:
    at = watched.api.services.clock.now() * 1000
    return {"_aws": {"Timestamp": at, "CloudWatchMetrics": list(directives)}, "service": "lingpai", **members}


def test_a_token_is_counted_by_grant_and_dialect(watched: Watched) -> None:
    expected = document(
        watched, directive(["grant", "dialect"], "TokensIssued"), grant="password", dialect="spring", TokensIssued=1
    )
    assert watched.of(lambda: watched.api.post("/oauth/token", form=ALICE, basic=WEB)) == [expected]


@pytest.mark.parametrize(
    ("basic", "form", "grant", "dialect"),
    [
        (STANDARD, {"grant_type": "client_credentials"}, "client_credentials", "standard"),
        (("django-app", "django-secret"), ALICE, "password", "django"),
        (("2", "passport-secret"), ALICE, "password", "passport"),
        (None, {**ALICE, "client_id": "23"}, "password", "usercenter"),
    ],
)
def test_each_dialect_by_its_name(watched: Watched, basic: Any, form: dict[str, str], grant: str, dialect: str) -> None:
    (counted,) = watched.of(lambda: watched.api.post("/oauth/token", form=form, basic=basic))
    assert (counted["TokensIssued"], counted["grant"], counted["dialect"]) == (1, grant, dialect)


def test_a_refresh_is_counted_at_either_address(watched: Watched) -> None:
    token = watched.api.log_in("alice", "correct horse battery")["refresh_token"]
    expected = document(
        watched,
        directive(["grant", "dialect"], "TokensIssued"),
        grant="refresh_token",
        dialect="spring",
        TokensIssued=1,
    )
    assert watched.of(lambda: refresh(watched.api, token)) == [expected]
    form = {"refreshToken": token}
    path = "/oauth/refreshAccessToken"
    assert watched.of(lambda: watched.api.post(path, form=form, basic=WEB)) == [expected]


@pytest.mark.parametrize(
    ("path", "form", "reason"),
    [
        ("/oauth/token", {**ALICE, "password": "wrong horse battery"}, "bad_credentials"),
        ("/oauth/token", {"grant_type": "of-my-own"}, "unknown_grant"),
        ("/oauth/token?password=x", ALICE, "credentials_in_query"),
        ("/users/register", {"username": "alice"}, "malformed_body"),
        # The answers below have status 200.
        ("/oauth/token", {**USERCENTER, "password": "wrong horse battery"}, "bad_credentials"),
        ("/user/checkOauthToken", {"accessToken": "not-a-token"}, "bad_token"),
    ],
)
def test_a_refusal_is_counted_by_its_reason(watched: Watched, path: str, form: dict[str, str], reason: str) -> None:
    """What the caller typed is nowhere in it."""
    basic = None if "client_id" in form or path.startswith("/user") else WEB
    expected = document(watched, directive(["reason"], "Refused"), reason=reason, Refused=1)
    assert watched.of(lambda: watched.api.post(path, form=form, basic=basic)) == [expected]


def test_a_code_sent_and_a_prefix_stopped_are_one_line(watched: Watched) -> None:
    """The prefix is no dimension: there are hundreds, and each would be paid for."""
    told = {"country": "CN", "prefix": "+861391"}
    expected = document(
        watched,
        directive([], "PrefixStopped", "CodesSent"),
        PrefixStopped=1,
        CodesSent=1,
        details={"PrefixStopped": told, "CodesSent": told},
    )
    ask = {"mobile": NUMBER}
    assert watched.of(lambda: watched.api.post("/mobile/code/get", form=ask, basic=WEB)) == [expected]
    login = {"mobile": NUMBER, "code": watched.api.last_code}
    expected = document(
        watched,
        directive([], "CodesVerified"),
        directive(["grant", "dialect"], "TokensIssued"),
        grant="mobile",
        dialect="spring",
        CodesVerified=1,
        TokensIssued=1,
        details={"CodesVerified": told},
    )
    assert watched.of(lambda: watched.api.post("/mobile/token", form=login, basic=WEB)) == [expected]


def test_who_has_to_wait_is_counted(watched: Watched) -> None:
    form = {"mobile": NUMBER}
    watched.api.post("/mobile/code/get", form=form, basic=WEB)
    expected = document(
        watched,
        directive(["reason"], "Refused"),
        directive([], "Throttled"),
        reason="resend_too_soon",
        Refused=1,
        Throttled=1,
    )
    assert watched.of(lambda: watched.api.post("/mobile/code/get", form=form, basic=WEB)) == [expected]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/refreshAccessToken"])
def test_a_stolen_refresh_token_is_counted(watched: Watched, path: str) -> None:
    token = watched.api.log_in("alice", "correct horse battery")["refresh_token"]
    refresh(watched.api, token)
    watched.api.time.advance(601)
    form = {"grant_type": "refresh_token", "refresh_token": token}
    expected = document(
        watched,
        directive(["reason"], "Refused"),
        directive([], "RefreshReuse"),
        reason="bad_refresh_token",
        Refused=1,
        RefreshReuse=1,
    )
    assert watched.of(lambda: watched.api.post(path, form=form, basic=WEB)) == [expected]


@pytest.mark.moto
def test_a_store_that_does_not_answer_is_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the answer has status 200, too: the metrics of the API do not see that one."""

    def happens(*_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    lines: list[str] = []
    services = replace(api.services, meter=EmfMeter(NAMESPACE, api.services.clock, lines.append))
    monkeypatch.setattr(bootstrap, "services", lambda: services)
    on_call(monkeypatch, api, happens)
    answers = [
        api.post("/oauth/token", form=ALICE, basic=WEB),
        api.post("/user/checkOauthToken", form={"accessToken": "A" * 22 + "." + "A" * 43}),
    ]
    assert [answer.status for answer in answers] == [503, 200]
    expected = document(
        Watched(api),
        directive(["reason"], "Refused"),
        directive([], "StoreErrors"),
        reason="store_unavailable",
        Refused=1,
        StoreErrors=1,
    )
    assert [json.loads(line) for line in lines] == [expected, expected]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_counts_nothing_writes_nothing(watched: Watched, method: str) -> None:
    assert watched.of(lambda: watched.api.call(method, "/health")) == []


def test_what_breaks_leaves_no_counts_to_the_next(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that ends in a 500 writes down what it had counted until then, and that alone."""
    watched.api.post("/mobile/code/get", form={"mobile": NUMBER}, basic=WEB)
    login = {"mobile": NUMBER, "code": watched.api.last_code}

    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(watched.api.services.store, "refund", broken)
        (counted,) = watched.of(lambda: watched.api.post("/mobile/token", form=login, basic=WEB))
    assert counted["CodesVerified"] == 1
    assert "TokensIssued" not in counted
    (counted,) = watched.of(lambda: watched.api.post("/oauth/token", form=ALICE, basic=WEB))
    assert "CodesVerified" not in counted


# --- the meter alone ------------------------------------------------------------------------------------------


def emf() -> tuple[EmfMeter, list[str]]:
    lines: list[str] = []
    return EmfMeter(NAMESPACE, Time().clock(), lines.append), lines


def test_a_dimension_with_two_values_takes_two_lines() -> None:
    """A line has one value for each dimension; what fits goes into the first."""
    meter, lines = emf()
    meter.count("SmsFailed", provider="first", reason="throttled")
    meter.count("SmsSent", provider="second")
    meter.count("CodesSent")
    meter.count("CodesSent")
    meter.flush()
    meter.flush()
    found = [json.loads(line) for line in lines]
    assert [{name: value for name, value in line.items() if name not in ("_aws", "service")} for line in found] == [
        {"provider": "first", "SmsFailed": 1, "CodesSent": 2, "details": {"SmsFailed": {"reason": "throttled"}}},
        {"provider": "second", "SmsSent": 1},
    ]
    assert found[0]["_aws"]["CloudWatchMetrics"] == [directive(["provider"], "SmsFailed"), directive([], "CodesSent")]


def test_who_pays_for_it_has_the_codes_of_each_prefix_told_apart() -> None:
    """Beside the count of all, so that the alarms go on looking at that."""
    lines: list[str] = []
    meter = EmfMeter(NAMESPACE, Time().clock(), lines.append, by_prefix=True)
    for name in ("CodesSent", "PrefixStopped"):
        meter.count(name, country="CN", prefix="+861391")
    meter.count("Throttled")
    meter.flush()
    (written,) = map(json.loads, lines)
    (codes, others) = written.pop("_aws")["CloudWatchMetrics"]
    assert codes["Dimensions"] == [["service"], ["service", "country", "prefix"]]
    assert [metric["Name"] for metric in codes["Metrics"]] == ["CodesSent", "PrefixStopped"]
    assert others == directive([], "Throttled")
    assert written == {
        "service": "lingpai",
        "country": "CN",
        "prefix": "+861391",
        "CodesSent": 1,
        "PrefixStopped": 1,
        "Throttled": 1,
    }


def test_each_thread_writes_what_it_counted() -> None:
    """The local server answers each request in a thread of its own."""
    meter, lines = emf()
    together = threading.Barrier(8)

    def work(index: int) -> None:
        together.wait()
        for _ in range(100 + index):
            meter.count("SmsSent", provider=f"p{index}")
        together.wait()
        meter.flush()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {content["provider"]: content["SmsSent"] for content in map(json.loads, lines)}
    assert len(lines) == 8
    assert found == {f"p{index}": 100 + index for index in range(8)}


def test_it_is_written_to_the_log_and_only_where_it_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Time().clock()
    for chosen, kind in ((Settings(), NoMeter), (Settings(metrics_namespace=NAMESPACE), EmfMeter)):
        meter = metrics.meter(chosen, clock)
        assert isinstance(meter, kind)
        meter.count("Throttled")
        meter.flush()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["Throttled"] == 1


def test_a_wrong_setting_is_answered_all_the_same(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without services there is no meter, either."""

    def services() -> None:
        raise SettingsError("PASSWORD_FILTER: is not there")

    monkeypatch.setattr(bootstrap, "services", services)
    assert api.post("/oauth/token", form=ALICE, basic=WEB).status == 500


def test_every_count_has_its_dimensions() -> None:
    """What the code counts is what `DIMENSIONS` holds; a dimension is always told."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "layers" / "common" / "lingpai").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("meter.count"):
                name = ast.literal_eval(node.args[0])
                told = {keyword.arg for keyword in node.keywords if keyword.arg}
                found[name] = found.get(name, told) & told
    assert {name: set(DIMENSIONS[name]) - told for name, told in found.items() if set(DIMENSIONS[name]) - told} == {}
    # Counted by the senders of messages.
    senders = {"SmsSent", "SmsFailed", "SmsBreakerBlind"}
    assert set(found) | senders == set(DIMENSIONS)
