"""Codes over a line to DynamoDB that breaks: no number waits for a message that was not sent, no guess counts twice."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lingpai.bootstrap import build
from lingpai.clients.service import new_client
from lingpai.kernel.errors import LingpaiError
from lingpai.services import Services
from lingpai.sms.model import Message
from lingpai.sms.sender import NotSent
from lingpai.sms.senders.console import ConsoleSender
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter
from tests.support import breaking_proxy, logins
from tests.support.breaking_proxy import (
    BreakingProxy,
    Fault,
    conflict,
    cut_after,
    cut_before,
    first,
    late,
    late_first,
    throttled,
)
from tests.support.samples import NUMBER
from tests.support.time import Time

CLIENT = new_client("web-client", "spring", "web-secret", scopes=("web",))
ASKED = sms_codes.SendRequest(NUMBER, CLIENT.id, "en")
ADDRESS = "192.0.2.1"
# A code request: what is known of the number; the address, the prefix, the client, the day; the code is saved.
CALLS = ["GetItem", *["UpdateItem"] * 5]


@dataclass
class Scene:
    """The use cases behind the proxy."""

    proxy: BreakingProxy
    services: Services
    time: Time

    def outbox(self) -> list[Message]:
        """The messages sent."""
        assert isinstance(self.services.sms, ConsoleSender)
        return self.services.sms.outbox

    def logs_in(self, code: str) -> bool:
        """Whether the code opens the account of its number."""
        presenter = Presenter(CLIENT, ADDRESS)
        return logins.by_code(self.services, CLIENT, ("web",), NUMBER, code, presenter).user_id is not None


@pytest.fixture(params=["bare", "botocore"])
def scene(request: pytest.FixtureRequest, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with breaking_proxy.store_behind(dynamodb_endpoint, request.param) as (proxy, store, _):
        time = Time()
        yield Scene(proxy, build(store.settings, store, time.clock()), time)


@pytest.mark.security("F23")
@pytest.mark.parametrize("at", range(len(CALLS)))
@pytest.mark.parametrize("fault", [cut_before, cut_after, throttled, conflict, late], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("arrives", ["before", "after"])
def test_after_a_request_that_failed_the_number_does_not_wait(
    scene: Scene, at: int, fault: Fault, arrives: str
) -> None:
    """Whichever call failed, and whether it was done, not done, or `arrives` before or after the next request."""
    if CALLS[at] == "GetItem" and fault is conflict:
        pytest.skip("reads meet no transactions")
    scene.proxy.plan(at, fault)
    with pytest.raises(LingpaiError) as failed:
        sms_codes.send(scene.services, ASKED, ADDRESS)
    assert failed.value.status == 503
    assert scene.proxy.calls[: at + 1] == CALLS[: at + 1]
    assert scene.outbox() == []
    scene.proxy.plan()
    if arrives == "before":
        scene.proxy.release()
    sms_codes.send(scene.services, ASKED, ADDRESS)
    scene.proxy.release()
    (message,) = scene.outbox()
    assert scene.logs_in(message.code)


@pytest.mark.security("F23")
def test_the_code_before_stays_good(scene: Scene) -> None:
    """A request that failed takes nothing away; nor does one that no sender took."""
    sms_codes.send(scene.services, ASKED, ADDRESS)
    scene.time.advance(60)
    scene.proxy.plan(len(CALLS) - 1, cut_after)
    with pytest.raises(LingpaiError):
        sms_codes.send(scene.services, ASKED, ADDRESS)
    scene.proxy.plan()
    assert scene.logs_in(scene.outbox()[0].code)


@pytest.mark.security("F23")
def test_a_message_that_nobody_took_makes_nobody_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: Message) -> None:
        raise NotSent("x: refused")

    with monkeypatch.context() as patch:
        patch.setattr(scene.services.sms, "send", refuse)
        with pytest.raises(LingpaiError, match="not_sent"):
            sms_codes.send(scene.services, ASKED, ADDRESS)
    sms_codes.send(scene.services, ASKED, ADDRESS)
    assert scene.logs_in(scene.outbox()[0].code)


@pytest.mark.security("F22")
@pytest.mark.parametrize("fault", [first(cut_after), late_first], ids=["lost answer", "late first try"])
def test_three_right_answers_are_three_guesses(scene: Scene, fault: Fault) -> None:
    """And not six, which would lock the number for an hour."""
    sms_codes.send(scene.services, ASKED, ADDRESS)
    (message,) = scene.outbox()
    for _ in range(3):
        scene.proxy.plan(1, fault)
        sms_codes.verify(scene.services, NUMBER, message.code, ADDRESS)
        assert scene.proxy.tries[1] > 1, "the guess was not sent again"
    scene.proxy.plan()
    known = scene.services.store.get_code(NUMBER)
    assert known is not None
    assert (known.tries, known.guesses) == (3, 3)
    assert scene.logs_in(message.code)
