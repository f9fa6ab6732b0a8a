"""Protocol Sender, as several in a row have it: one message, never two, and a breaker that all environments share."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lingpai.kernel.errors import unavailable
from lingpai.rate_limits.storage import Counters
from lingpai.sms.model import Message
from lingpai.sms.senders.breaker import Breaker
from lingpai.sms.senders.chain import Chain
from lingpai.sms.senders.send_errors import Refused
from tests.support.contention import failure
from tests.support.deadlines import run_out, within
from tests.support.fake_sms import ALIYUN, NUMBER, TENCENT, TWILIO, VENDORS, Vendor
from tests.support.memory_store import MemoryStore
from tests.support.races import RACERS, race
from tests.support.samples import WholeStore
from tests.support.sms import HASTY, MESSAGE, PATIENT, Metered, Shop, outcome
from tests.support.time import Time

# Each is the first once, and the second once.
PAIRS = [*itertools.pairwise((*VENDORS, VENDORS[0]))]
pairs = pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda vendor: vendor.name)
# The first may hang, and the second be slow on a busy machine.
IMPATIENT = {"SMS_CONNECT_TIMEOUT": "1", "SMS_READ_TIMEOUT": "20", "SMS_DEADLINE": "60"}
BREAKER = {**PATIENT, "SMS_BREAKER_FAILURES": "3", "SMS_BREAKER_PAUSE": "30"}


# --- one message -------------------------------------------------------------------------------------------------


@pairs
@pytest.mark.parametrize("mode", ["full", "no handshake", "closed", "hang up"])
def test_the_next_sends_what_the_first_never_got(shop: Shop, first: Vendor, second: Vendor, mode: str) -> None:
    hanging, well, meter = shop.open(first, mode), shop.open(second), Metered()
    assert outcome(shop.sender([first, second], IMPATIENT, meter=meter)) == "sent"
    assert (len(hanging.calls), len(well.calls)) == (0, 1)
    assert second.read(well.calls[0])["to"] in NUMBER
    assert meter.counted == {f"SmsFailed {first.name} unreachable": 1, f"SmsSent {second.name}": 1}


@pairs
@pytest.mark.parametrize("mode", ["late", "cut", "cut early"])
def test_nobody_sends_again_what_the_first_may_have_sent(shop: Shop, first: Vendor, second: Vendor, mode: str) -> None:
    lost, well = shop.open(first, mode), shop.open(second)
    told = outcome(shop.sender([first, second], {**HASTY, "SMS_CONNECT_TIMEOUT": "20"}))
    assert told.startswith(f"maybe sent: {first.name}: answer lost, ")
    assert (len(lost.calls), len(well.calls), well.connections) == (0 if mode == "cut early" else 1, 0, 0)


@pairs
def test_nobody_tries_again_a_number_that_nobody_reaches(shop: Shop, first: Vendor, second: Vendor) -> None:
    reply, told = first.refusals["bad_number"]
    refusing, well = shop.open(first, reply=reply), shop.open(second)
    assert outcome(shop.sender([first, second])) == f"bad number: {first.name}: {told}"
    assert (len(refusing.calls), well.connections) == (1, 0)


@pairs
@pytest.mark.parametrize("case", ["throttled", "suspended", "misconfigured", "refused"])
def test_the_next_sends_what_the_first_refused(shop: Shop, first: Vendor, second: Vendor, case: str) -> None:
    refusing, well = shop.open(first, reply=first.refusals[case][0]), shop.open(second)
    assert outcome(shop.sender([first, second])) == "sent"
    assert (len(refusing.calls), len(well.calls)) == (1, 1)


def test_a_failure_tells_of_each_in_order(shop: Shop) -> None:
    shop.open(ALIYUN, reply=ALIYUN.refusals["suspended"][0])
    shop.open(TENCENT, "closed")
    shop.open(TWILIO, reply=TWILIO.refusals["refused"][0])
    assert outcome(shop.sender([ALIYUN, TENCENT, TWILIO])) == (
        "not sent: aliyun: isv.AMOUNT_NOT_ENOUGH (suspended); tencent: ConnectionRefusedError (unreachable); "
        "twilio: 29999 (refused)"
    )


def test_a_doubt_tells_what_was_before_it(shop: Shop) -> None:
    shop.open(ALIYUN, "closed")
    shop.open(TENCENT, reply=TENCENT.refusals["in_doubt"][0])
    well = shop.open(TWILIO)
    assert outcome(shop.sender([ALIYUN, TENCENT, TWILIO])) == (
        "maybe sent: aliyun: ConnectionRefusedError (unreachable); tencent: InternalError.SendAndRecvFail (in_doubt)"
    )
    assert well.connections == 0


def test_nothing_is_begun_that_cannot_end_in_time(shop: Shop) -> None:
    """The caller would be gone before the answer came."""
    shop.open(ALIYUN, "no handshake")
    well, meter = shop.open(TWILIO), Metered()
    hurried = {"SMS_CONNECT_TIMEOUT": "0.4", "SMS_READ_TIMEOUT": "0.4", "SMS_DEADLINE": "1"}
    assert outcome(shop.sender([ALIYUN, TWILIO], hurried, meter=meter)) == (
        "not sent: aliyun: TimeoutError (unreachable); twilio: no time left"
    )
    assert well.connections == 0
    assert meter.counted == {"SmsFailed aliyun unreachable": 1, "SmsFailed twilio no_time": 1}


def test_nothing_is_begun_that_the_request_cannot_wait_for(shop: Shop) -> None:
    """What came before took most of its time. Lambda would end the function with the message on its way."""
    first, second, meter = shop.open(ALIYUN), shop.open(TWILIO), Metered()
    sender = shop.sender([ALIYUN, TWILIO], {"SMS_CONNECT_TIMEOUT": "2", "SMS_READ_TIMEOUT": "2"}, meter=meter)
    with within(3.5):
        assert outcome(sender) == "not sent: aliyun: no time left; twilio: no time left"
    assert (first.connections, second.connections) == (0, 0)
    assert meter.counted == {"SmsFailed aliyun no_time": 1, "SmsFailed twilio no_time": 1}
    with within(9.5):
        assert outcome(sender) == "sent"


def test_who_is_given_up_is_not_thought_unwell() -> None:
    """What was left of the request's time a secret took that had to be read first: the vendor was never asked."""

    def act() -> None:
        run_out()
        raise Refused("one", "no time left", "unreachable")

    store, meter = MemoryStore(), Metered()
    breaker = Breaker(store, Time().clock(), meter, failures=1, pause=30)
    chain = Chain({"one": Scripted(act)}, breaker, meter, longest_try=1, deadline=60)
    for _ in range(3):
        with within(5):
            assert outcome(chain) == "not sent: one: no time left (unreachable)"
    assert meter.counted == {"SmsFailed one no_time": 3}
    assert breaker.state("one") == "closed"


# --- the breaker -------------------------------------------------------------------------------------------------


def test_a_breaker_opens_for_all_environments(shop: Shop, store: WholeStore) -> None:
    sick, well = shop.open(ALIYUN, reply=ALIYUN.refusals["throttled"][0]), shop.open(TWILIO)
    time, meter = Time(), Metered()
    here = shop.sender([ALIYUN, TWILIO], BREAKER, counters=store, time=time)
    there = shop.sender([ALIYUN, TWILIO], BREAKER, counters=store, time=time, meter=meter)
    assert [outcome(sender) for sender in (here, there, here)] == ["sent"] * 3
    assert (len(sick.calls), len(well.calls)) == (3, 3)
    assert [outcome(sender) for sender in (here, there)] == ["sent"] * 2
    assert (len(sick.calls), len(well.calls)) == (3, 5)
    assert meter.counted == {
        "SmsFailed aliyun throttled": 1,
        "SmsFailed aliyun open": 1,
        "SmsSent twilio": 2,
    }


def test_a_breaker_is_half_open_after_its_pause(shop: Shop, store: WholeStore) -> None:
    """One message finds out; where it fails, the next one may only after a further pause."""
    sick, well = shop.open(ALIYUN, reply=ALIYUN.refusals["throttled"][0]), shop.open(TWILIO)
    time = Time()
    sender = shop.sender([ALIYUN, TWILIO], BREAKER, counters=store, time=time)
    for _ in range(3):
        outcome(sender)
    tried = []
    for seconds in (29, 1, 0, 29, 1, 1):
        time.advance(seconds)
        before = len(sick.calls)
        assert outcome(sender) == "sent"
        tried.append(len(sick.calls) - before)
    assert tried == [0, 1, 0, 0, 1, 0]

    sick.answer = ALIYUN.answer
    time.advance(30)
    well.calls.clear()
    assert [outcome(sender) for _ in range(3)] == ["sent"] * 3
    assert well.calls == []


def test_a_breaker_closes_where_only_the_message_was_refused(shop: Shop) -> None:
    """For then the provider is well."""
    web, time, store = shop.open(ALIYUN, reply=ALIYUN.refusals["suspended"][0]), Time(), MemoryStore()
    sender = shop.sender([ALIYUN], BREAKER, counters=store, time=time)
    for _ in range(3):
        outcome(sender)
    assert outcome(sender) == "not sent: aliyun: breaker open"
    time.advance(30)
    reply, told = ALIYUN.refusals["bad_number"]
    web.answer = lambda call: ALIYUN.answer(call, reply)
    assert outcome(sender) == f"bad number: aliyun: {told}"
    web.answer = ALIYUN.answer
    assert [outcome(sender) for _ in range(2)] == ["sent"] * 2


def test_a_breaker_that_closed_counts_anew(shop: Shop, store: WholeStore) -> None:
    """Also within the minute in which it had opened."""
    reply = ALIYUN.refusals["throttled"][0]
    web, time = shop.open(ALIYUN, reply=reply), Time()
    sender = shop.sender([ALIYUN], {**BREAKER, "SMS_BREAKER_PAUSE": "10"}, counters=store, time=time)
    for _ in range(3):
        outcome(sender)
    time.advance(10)
    web.answer = ALIYUN.answer
    assert outcome(sender) == "sent"
    web.answer = lambda call: ALIYUN.answer(call, reply)
    told = [outcome(sender).rpartition(" ")[2] for _ in range(4)]
    assert told == ["(throttled)", "(throttled)", "(throttled)", "open"]


@pytest.mark.parametrize(
    ("case", "opens"),
    [
        ("bad_number", False),
        ("number_limit", False),
        ("misconfigured", False),
        ("refused", False),
        ("throttled", True),
        ("suspended", True),
        ("in_doubt", True),
    ],
)
def test_only_what_ails_the_provider_opens_its_breaker(shop: Shop, case: str, opens: bool) -> None:
    """Whoever asks for codes for bad numbers does not shut out the others."""
    web = shop.open(ALIYUN, reply=ALIYUN.refusals[case][0])
    sender = shop.sender([ALIYUN], BREAKER)
    for _ in range(6):
        outcome(sender)
    assert len(web.calls) == (3 if opens else 6)


@pytest.mark.parametrize(("mode", "opens"), [("late", True), ("closed", True), ("no handshake", True)])
def test_silence_opens_a_breaker(shop: Shop, mode: str, opens: bool) -> None:
    shop.open(ALIYUN, mode)
    sender = shop.sender([ALIYUN], {**BREAKER, **HASTY})
    told = [outcome(sender) for _ in range(4)]
    assert [line.endswith("breaker open") for line in told] == [False, False, False, opens]


def test_failures_of_different_minutes_do_not_add_up(shop: Shop) -> None:
    web, time = shop.open(ALIYUN, reply=ALIYUN.refusals["throttled"][0]), Time()
    sender = shop.sender([ALIYUN], BREAKER, time=time)
    for _ in range(4):
        assert [outcome(sender) for _ in range(2)] == ["not sent: aliyun: Throttling.User (throttled)"] * 2
        time.advance(60)
    assert len(web.calls) == 8


def test_a_breaker_may_be_turned_off(shop: Shop) -> None:
    web = shop.open(ALIYUN, reply=ALIYUN.refusals["throttled"][0])
    sender = shop.sender([ALIYUN], {**BREAKER, "SMS_BREAKER_FAILURES": "0"})
    for _ in range(8):
        outcome(sender)
    assert len(web.calls) == 8


def test_all_breakers_open_is_told_at_once(shop: Shop) -> None:
    shop.open(ALIYUN, "closed")
    shop.open(TWILIO, "closed")
    sender = shop.sender([ALIYUN, TWILIO], BREAKER)
    for _ in range(3):
        outcome(sender)
    assert outcome(sender) == "not sent: aliyun: breaker open; twilio: breaker open"


def test_a_breaker_that_opens_again_and_again_does_not_outgrow_its_item() -> None:
    store, time = MemoryStore(), Time()
    breaker = Breaker(store, time.clock(), Metered(), failures=1, pause=1)
    for _ in range(100):
        breaker.failed("one")
        assert breaker.state("one") == "open"
        time.advance(1)
        assert breaker.state("one") == "trying"
    assert 0 < len(store.counts("sms:breaker:one")) <= 20


@pytest.mark.parametrize(
    "trouble", [unavailable(), failure("AccessDeniedException", "GetItem")], ids=["busy", "forbidden"]
)
def test_without_counters_messages_are_sent_still(shop: Shop, trouble: Exception) -> None:
    """What costs money was counted before, and where that could not be, nobody came here."""
    sick, well, meter = shop.open(ALIYUN, "closed"), shop.open(TWILIO), Metered()

    class Silent(MemoryStore):
        def increment(self, *_: Any) -> Any:
            raise trouble

        def counts(self, *_: Any) -> Any:
            raise trouble

    sender = shop.sender([ALIYUN, TWILIO], BREAKER, counters=Silent(), meter=meter)
    assert [outcome(sender) for _ in range(5)] == ["sent"] * 5
    assert (sick.connections, len(well.calls)) == (0, 5)
    assert meter.counted["SmsBreakerBlind aliyun"] == 10
    assert meter.counted["SmsSent twilio"] == 5


# --- many at once, on DynamoDB Local -----------------------------------------------------------------------------


@dataclass
class Scripted:
    """A sender that does as told, and counts."""

    act: Callable[[], None]
    sent: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Message) -> None:
        with self.lock:
            self.sent[message.to] += 1
        self.act()


def chain_of(sender: Scripted, counters: Counters, time: Time) -> Chain:
    """An environment of its own: what it shares with the others is in the store."""
    meter = Metered()
    breaker = Breaker(counters, time.clock(), meter, failures=5, pause=30)
    return Chain({"one": sender}, breaker, meter, longest_try=1, deadline=60)


def test_failures_at_once_open_the_breaker(reference: WholeStore) -> None:
    def refuse() -> None:
        raise Refused("one", "down", "unreachable")

    time, sender = Time(), Scripted(refuse)
    chains = [chain_of(sender, reference, time) for _ in range(RACERS)]
    told = race([lambda chain=chain: outcome(chain) for chain in chains])  # type: ignore[misc]
    assert set(told) <= {"not sent: one: down (unreachable)", "not sent: one: breaker open"}
    assert sender.sent[NUMBER] >= 5
    before = sender.sent[NUMBER]
    assert {outcome(chain) for chain in chains} == {"not sent: one: breaker open"}
    assert sender.sent[NUMBER] == before


@pytest.mark.parametrize("recovers", [True, False])
def test_a_half_open_breaker_lets_exactly_one_through(reference: WholeStore, recovers: bool) -> None:
    """The one that was let through waits until all others were told: so none of them came after it."""
    time, refused = Time(), threading.Semaphore(0)

    def act() -> None:
        for _ in range(RACERS - 1):
            assert refused.acquire(timeout=60)
        if not recovers:
            raise Refused("one", "down", "unreachable")

    breaker = Breaker(reference, time.clock(), Metered(), failures=5, pause=30)
    for _ in range(5):
        breaker.failed("one")
    time.advance(30)
    sender = Scripted(act)

    def ask() -> str:
        told = outcome(chain_of(sender, reference, time))
        refused.release()
        return told

    told = Counter(race([ask] * RACERS))
    assert told == {
        "not sent: one: breaker open": RACERS - 1,
        "sent" if recovers else "not sent: one: down (unreachable)": 1,
    }
    assert sender.sent == {NUMBER: 1}
    after = chain_of(Scripted(lambda: None), reference, time)
    assert outcome(after, MESSAGE) == ("sent" if recovers else "not sent: one: breaker open")
