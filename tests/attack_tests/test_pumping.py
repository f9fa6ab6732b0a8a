"""SMS pumping: somebody has messages sent to numbers of their own, and is paid for each."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.storage import Counters
from lingpai.sms import budget
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.captcha import EASY, solve
from tests.support.crowd import crowd
from tests.support.tokens import spring_tokens

WEB = ("web-client", "web-secret")
PREFIX = "+861331"


@pytest.fixture
def house(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes an API on DynamoDB Local with these settings."""
    with stores.on_dynamodb_local(dynamodb_endpoint) as store:
        yield lambda **limits: make_api(monkeypatch, store, **limits)


def ask(api: Api, mobile: str, address: str, solution: str = "") -> Answer:
    form = {"mobile": mobile, "captcha": solution}
    return api.post("/mobile/code/get", form=form, basic=WEB, source_ip=address)


def gets_one(api: Api, mobile: str) -> bool:
    """Whether a message is sent to who asks; the answer tells nothing of it."""
    before = api.sent
    assert ask(api, mobile, "198.51.100.1").status == 200
    return api.sent > before


def bought(count: int) -> list[str]:
    """Numbers of one prefix."""
    return [f"1331{n:07d}" for n in random.sample(range(10_000_000), count)]


def rented(count: int) -> list[str]:
    """Addresses, each in a network of its own."""
    return [f"203.{n}.113.9" for n in range(count)]


def test_five_thousand_numbers_of_one_prefix(house: Any) -> None:
    """From 200 addresses, through one client, with the limits as they come; and forty people among them."""
    api: Api = house()
    attack = [("pump", number, address) for number, address in zip(bought(5000), rented(200) * 25, strict=True)]
    people = [("person", f"139{n:04d}1234", f"198.51.{n}.7") for n in range(40)]
    asked = attack + people
    random.shuffle(asked)
    answers = crowd([partial(ask, api, to, at) for _, to, at in asked])

    told = Counter(
        (who, answer.status, answer.json.get("error")) for (who, _, _), answer in zip(asked, answers, strict=True)
    )
    settings = api.services.settings
    assert told == {
        ("pump", 200, None): 5000,
        ("person", 200, None): 40,
    }
    assert api.sent == settings.sms_unproven + 40

    # The operator sees the stop, once, and how many messages went where.
    assert api.counted[f"PrefixStopped country=CN prefix={PREFIX}"] == 1
    assert api.counted[f"CodesSent country=CN prefix={PREFIX}"] == settings.sms_unproven
    assert sum(n for name, n in api.counted.items() if name.startswith("CodesSent")) == settings.sms_unproven + 40
    assert budget.traffic(api.services, PREFIX) == budget.Traffic(settings.sms_unproven, settings.sms_unproven, 0)
    # What was refused took nothing from everybody.
    assert counted(api.services.store, "sms:client:web-client", rate_limits.HOUR, api) == settings.sms_unproven + 40
    assert counted(api.services.store, "sms:all", rate_limits.DAY, api) == settings.sms_unproven + 40

    # The people log in, and their prefixes know it.
    codes = {message.to: message.code for message in api.outbox}
    for _, mobile, address in people[:5]:
        form = {"mobile": mobile, "code": codes[f"+86{mobile}"]}
        spring_tokens(api.post("/mobile/token", form=form, basic=WEB, source_ip=address))
    assert api.counted["CodesVerified country=CN prefix=+861390"] == 5

    # By time, or by the operator, the prefix is open again.
    assert not gets_one(api, "13319999997")
    budget.lift(api.services, PREFIX)
    assert gets_one(api, "13319999998")
    api.time.advance(rate_limits.DAY)
    assert gets_one(api, "13319999999")


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"limit_sms_ip": 7}, 40 * 7),
        ({"limit_sms_net": 11}, 40 * 11),
        ({"limit_sms_prefix": 123}, 123),
        ({"sms_unproven": 45}, 45),
        ({"limit_sms_client": 210}, 210),
        ({"limit_sms_day": 321}, 321),
        ({"limit_sms_client": 300, "limit_sms_day": 299, "limit_sms_prefix": 301}, 299),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_no_budget_is_exceeded_by_one(house: Any, limits: dict[str, int], most: int) -> None:
    """Nor is anything of it left: with room in every other limit, exactly as many are sent as each allows."""
    off = dict.fromkeys(
        (
            "limit_sms_ip",
            "limit_sms_net",
            "limit_sms_prefix",
            "limit_sms_client",
            "limit_sms_day",
            "sms_unproven",
        ),
        0,
    )
    api: Api = house(**{**off, **limits})
    pairs = list(zip(bought(600), rented(40) * 15, strict=True))
    answers = crowd([partial(ask, api, to, at) for to, at in pairs])
    # Under a stopped prefix everybody is answered alike.
    refused = 0 if "sms_unproven" in limits else 600 - most
    assert Counter(answer.status for answer in answers) == Counter({200: 600 - refused, 429: refused})
    assert api.sent == most
    for name, window in (("sms:client:web-client", rate_limits.HOUR), ("sms:all", rate_limits.DAY)):
        assert counted(api.services.store, name, window, api) in (0, most)


def test_a_prefix_whose_codes_come_back_is_not_stopped(house: Any) -> None:
    """Ten times as many messages as may be unproven, and each code given back."""
    addresses = dict.fromkeys(("limit_sms_ip", "limit_sms_net", "limit_verify_ip", "limit_verify_net"), 0)
    api: Api = house(sms_unproven=20, limit_sms_client=0, **addresses)

    def visit(number: str) -> Answer:
        assert ask(api, number, "198.51.100.1").status == 200
        code = next(message.code for message in reversed(api.outbox) if message.to == f"+86{number}")
        return api.post("/mobile/token", form={"mobile": number, "code": code}, basic=WEB)

    answers = crowd([partial(visit, number) for number in bought(200)], threads=8)
    assert Counter(answer.status for answer in answers) == {200: 200}
    traffic = budget.traffic(api.services, PREFIX)
    assert (traffic.sent, traffic.verified) == (200, 200)
    assert traffic.unproven <= 4
    assert f"PrefixStopped country=CN prefix={PREFIX}" not in api.counted


def counted(store: Counters, key: str, window: int, api: Api) -> int:
    """What was taken from this limit in the window that is open."""
    now = int(api.time.at)
    return store.counts(f"{key}:{window}:{now - now % window}").get("all", 0)


# --- with a captcha ----------------------------------------------------------------------------------------------


def ask_as_a_person(api: Api, mobile: str, address: str) -> Answer:
    """Ask, and solve the captcha where there is one."""
    answer = ask(api, mobile, address)
    if answer.status != 403:
        return answer
    return ask(api, mobile, address, solve(answer.json["captcha"]["challenge"]))


@pytest.mark.security("F42")
def test_ordinary_numbers_of_a_flooded_prefix_still_log_in(house: Any) -> None:
    """New ones, and some with an account; the attacker, who solves nothing, has half of the allowance."""
    api: Api = house(**EASY)
    half = api.services.settings.sms_unproven // 2
    attack = [partial(ask, api, to, at) for to, at in zip(bought(1500), rented(150) * 10, strict=True)]
    numbers = [*bought(29), "13312341234"]
    people = [partial(ask_as_a_person, api, to, f"198.51.{n}.7") for n, to in enumerate(numbers)]
    asked = attack[500:] + people
    random.shuffle(asked)
    pumped = crowd(attack[:500])
    assert Counter(answer.status for answer in pumped) == {200: half, 403: 500 - half}
    answers = crowd(asked)
    assert Counter(answer.status for answer in answers) == {200: 30, 403: 1000}
    assert api.sent == half + 30
    assert f"PrefixStopped country=CN prefix={PREFIX}" not in api.counted

    codes = {message.to: message.code for message in api.outbox}
    for n, mobile in enumerate(numbers):
        form = {"mobile": mobile, "code": codes[f"+86{mobile}"]}
        spring_tokens(api.post("/mobile/token", form=form, basic=WEB, source_ip=f"198.51.{n}.7"))
    # Their codes came back, so the prefix takes no captcha any more.
    assert gets_one(api, "13319999999")


@pytest.mark.security("F42")
def test_who_solves_captchas_is_bounded_by_the_reserve(house: Any) -> None:
    """Exactly: the allowance of the prefix and its reserve, and no other prefix pays for it."""
    api: Api = house(**EASY)
    settings = api.services.settings
    most = settings.sms_unproven + settings.captcha_reserve
    attack = [partial(ask_as_a_person, api, to, at) for to, at in zip(bought(400), rented(100) * 4, strict=True)]
    answers = crowd(attack)
    assert Counter(answer.status for answer in answers) == {200: 400}
    assert api.sent == most
    assert counted(api.services.store, "sms:all", rate_limits.DAY, api) == most
    assert api.counted[f"PrefixStopped country=CN prefix={PREFIX}"] == 1
    assert gets_one(api, "13900000001")


def test_the_day_holds_for_solved_captchas(house: Any) -> None:
    api: Api = house(limit_sms_day=120, **EASY)
    attack = [partial(ask_as_a_person, api, to, at) for to, at in zip(bought(300), rented(100) * 3, strict=True)]
    answers = crowd(attack)
    assert api.sent == 120
    assert {answer.status for answer in answers} <= {200, 429}


def test_a_solution_that_many_send_at_once_counts_once(house: Any) -> None:
    api: Api = house(
        sms_unproven=2, code_resend=0, code_per_hour=0, code_per_day=0, limit_sms_ip=0, limit_sms_net=0, **EASY
    )
    assert ask(api, "13310000001", "198.51.100.1").status == 200
    found = ask(api, "13310000002", "198.51.100.1").json["captcha"]["challenge"]
    answers = crowd([partial(ask, api, "13310000002", "198.51.100.1", solve(found))] * 32)
    assert Counter(answer.status for answer in answers) == {200: 1, 403: 31}
    assert api.sent == 2
