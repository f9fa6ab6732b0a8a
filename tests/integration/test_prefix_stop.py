"""A stopped prefix: everybody is answered alike, and only numbers that have an account are sent a code."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lingpai.rate_limits import service as rate_limits
from lingpai.sms import budget
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms.senders.breaker import Breaker
from lingpai.sms.senders.chain import Chain
from tests.support import stores
from tests.support.api import Answer, Api, make_api
from tests.support.meter import MemoryMeter
from tests.support.tokens import DONE, WEB, spring_tokens

pytestmark = pytest.mark.security("F40")

ALICES = "13312341234"
STRANGER = "13312349999"
PREFIX = "+861331"


@pytest.fixture
def open_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    with stores.on_moto() as store:
        yield lambda **settings: make_api(monkeypatch, store, **settings)


def get(api: Api, mobile: str) -> Answer:
    return api.post("/mobile/code/get", form={"mobile": mobile}, basic=WEB)


def stop(api: Api) -> None:
    """Use up the allowance of the prefix."""
    for n in range(api.services.settings.sms_unproven):
        assert get(api, f"1331{n:07d}") == DONE


def test_only_numbers_with_an_account_are_sent_one_and_the_answer_is_the_same(open_api: Callable[..., Api]) -> None:
    api = open_api(sms_unproven=3)
    stop(api)
    assert get(api, STRANGER) == get(api, ALICES) == DONE
    assert [message.to for message in api.outbox[3:]] == ["+86" + ALICES]
    assert get(api, STRANGER) == get(api, ALICES)
    assert get(api, ALICES).status == 429
    spring_tokens(api.post("/mobile/token", form={"mobile": ALICES, "code": api.last_code}, basic=WEB))


@pytest.mark.parametrize("limit", ["limit_sms_client", "limit_sms_day", "limit_sms_prefix"])
def test_a_limit_is_told_to_all_alike(open_api: Callable[..., Api], limit: str) -> None:
    """A number without an account takes nothing from it."""
    api = open_api(sms_unproven=3, **{limit: 4})
    stop(api)
    for n in range(5):
        assert get(api, f"13312340{n:03d}") == DONE
    assert get(api, ALICES) == DONE
    api.time.advance(60)
    assert get(api, STRANGER) == get(api, ALICES)
    assert get(api, ALICES).status == 429
    assert api.sent == 4


@pytest.mark.parametrize(
    "failure", [NotSent("x"), NotSent("x", bad_number=True), MaybeSent("x")], ids=("refused", "bad number", "lost")
)
def test_a_message_that_fails_tells_nothing(
    open_api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    api = open_api(sms_unproven=3)
    stop(api)

    def fail(message: Message) -> None:
        raise failure

    monkeypatch.setattr(api.services.sms, "send", fail)
    assert get(api, ALICES) == get(api, STRANGER) == DONE
    assert get(api, ALICES) == get(api, STRANGER)


def test_the_work_is_the_same(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same calls, in the same order."""
    seen: list[str] = []

    def listen(client: Any) -> None:
        client.meta.events.register(
            "before-send.dynamodb", lambda request, **_: seen.append(request.headers["X-Amz-Target"].decode())
        )

    with stores.on_dynamodb_local(dynamodb_endpoint, listen, transport="botocore") as store:
        api = make_api(monkeypatch, store, sms_unproven=3)
        stop(api)
        calls = []
        for mobile in (ALICES, STRANGER):
            seen.clear()
            assert get(api, mobile) == DONE
            calls.append(list(seen))
    assert calls[0] == calls[1]


class Slow:
    """A sender that takes its time."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def send(self, message: Message) -> None:
        self.clock[0] += 0.7


def test_it_takes_as_long_as_a_message(api: Api) -> None:
    """As the last one did; before the first, as is usual."""
    clock, pauses = [0.0], list[float]()
    services, meter = api.services, MemoryMeter()
    chain = Chain(
        {"slow": Slow(clock)},
        Breaker(services.store, services.clock, meter, 5, 30),
        meter,
        longest_try=4.5,
        deadline=8.0,
        seconds=lambda: clock[0],
        pause=pauses.append,
    )
    chain.pretend()
    chain.send(Message("+8613912345678", "123456", "text", 0))
    chain.pretend()
    assert pauses == [pytest.approx(0.3), pytest.approx(0.7)]


# --- proofs -----------------------------------------------------------------------------------------------


def log_in(api: Api, mobile: str) -> None:
    assert get(api, mobile) == DONE
    spring_tokens(api.post("/mobile/token", form={"mobile": mobile, "code": api.last_code}, basic=WEB))


def unproven(api: Api) -> int:
    return budget.traffic(api.services, PREFIX).unproven


def test_a_number_gives_its_prefix_one_proof_a_day(api: Api) -> None:
    """So who has one number cannot keep its prefix open for many."""
    for n in range(10):
        assert get(api, f"1331{n:07d}") == DONE
    assert unproven(api) == 10
    seen = []
    for _ in range(3):
        log_in(api, ALICES)
        seen.append(unproven(api))
        api.time.advance(60)
    assert seen == [7, 8, 9]
    log_in(api, STRANGER)
    assert unproven(api) == 6
    assert api.counted[f"CodesVerified country=CN prefix={PREFIX}"] == 4


def test_verifying_and_logging_in_are_one_proof(api: Api) -> None:
    for n in range(10):
        assert get(api, f"1331{n:07d}") == DONE
    for _ in range(2):
        assert get(api, ALICES) == DONE
        form = {"mobile": ALICES, "code": api.last_code}
        assert api.post("/mobile/code/verify", form=form) == DONE
        spring_tokens(api.post("/mobile/token", form=form, basic=WEB))
        api.time.advance(60)
    assert unproven(api) == 10 + 2 - 4


def test_the_next_day_it_gives_another(api: Api) -> None:
    log_in(api, ALICES)
    api.time.advance(rate_limits.DAY)
    for n in range(5):
        assert get(api, f"1331{n:07d}") == DONE
    log_in(api, ALICES)
    assert unproven(api) == 2
