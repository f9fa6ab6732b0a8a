"""Webhooks: events queued for who wants them, signed, delivered by HTTPS, and tried again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import standardwebhooks

from lingpai.aws.secret_wrapping import LocalSecretWrapper
from lingpai.events.model import document
from lingpai.kernel import cause
from lingpai.kernel.cause import Cause
from lingpai.kernel.errors import unavailable
from lingpai.webhooks import messages, worker
from lingpai.webhooks import service as webhooks
from lingpai.webhooks.model import OVERLAP, Webhook
from lingpai.webhooks.worker import PAUSES, TRIES
from tests.support.fake_web import Call, Certificate, Mode, Reply, Web
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.webhooks import SHORT, an_event, office, receiver

HOOK = "/hook?token=a-token-of-the-receiver"


@pytest.fixture
def web(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with receiver(certificate, monkeypatch) as running:
        yield running


def url(web: Web, path: str = HOOK) -> str:
    LOGS.hush("receiver's token", "a-token-of-the-receiver")
    return f"https://{web.host}{path}"


def verified(call: Call, secret: str) -> Any:
    """What the library of Standard Webhooks makes of a delivery; it raises for one that is not signed by the secret."""
    return standardwebhooks.Webhook(secret).verify(call.body, dict(call.headers))


@pytest.mark.security("HOOK-signature")
def test_a_delivery_is_what_standard_webhooks_takes(web: Web) -> None:
    here = office()
    _, secret = here.add(url(web))
    event = an_event()
    here.enqueue(event)
    assert here.deliver() == 0
    (call,) = web.calls
    assert verified(call, secret) == document(event)
    assert json.loads(call.body) == {
        "version": 1,
        "id": "users-100-0",
        "type": "user.created",
        "time": "2030-01-01T08:00:00Z",
        "subject": "user:1000",
        "actor": "user:1",
        "client": "web-client",
        "address": "203.0.113.7",
        "request_id": "r-1",
        "action": "/users/save",
        "data": {"name": "爱丽丝"},
    }
    assert (call.method, call.path, call.query) == ("POST", "/hook", "token=a-token-of-the-receiver")
    assert {**call.headers, "webhook-signature": ""} == {
        "host": web.host,
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(call.body)),
        "content-type": "application/json",
        "user-agent": "Lingpai",
        "webhook-id": "users-100-0",
        "webhook-timestamp": str(int(here.time.at)),
        "webhook-signature": "",
    }
    assert here.services.services.meter.counted == {"WebhooksDelivered": 1}  # type: ignore[attr-defined]


@pytest.mark.security("HOOK-signature")
def test_a_body_that_was_changed_is_refused(web: Web) -> None:
    here = office()
    _, secret = here.add(url(web))
    _, other = here.add("https://127.0.0.1/other", "nothing.at_all")
    here.enqueue(an_event())
    here.deliver()
    (call,) = web.calls
    for changed, by in ((replace(call, body=call.body + b" "), secret), (call, other)):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verified(changed, by)


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        (("*",), {"user.created", "session.ended", "sessions.ended"}),
        (("user.*",), {"user.created"}),
        (("session.*",), {"session.ended"}),
        (("session.ended", "user.created"), {"user.created", "session.ended"}),
        (("user.updated", "user"), set()),
    ],
)
def test_each_gets_the_types_that_it_wants(web: Web, types: tuple[str, ...], wanted: set[str]) -> None:
    here = office()
    here.add(url(web), *types)
    sent = ("user.created", "session.ended", "sessions.ended")
    here.enqueue(*(an_event(id=kind, type=kind, subject="client:web") for kind in sent))
    here.deliver()
    assert {json.loads(call.body)["type"] for call in web.calls} == wanted


def test_each_webhook_gets_its_own(web: Web) -> None:
    """Signed by its own secret, under the one id of the event."""
    here = office()
    added = [here.add(url(web, f"/{name}")) for name in ("one", "two")]
    here.enqueue(an_event(), an_event(id="users-101-0"))
    assert len(here.queue._waiting) == 4
    here.deliver()
    for (_, secret), path in zip(added, ("/one", "/two"), strict=True):
        calls = [call for call in web.calls if call.path == path]
        assert sorted(verified(call, secret)["id"] for call in calls) == ["users-100-0", "users-101-0"]


def test_nobody_wants_it(web: Web) -> None:
    here = office()
    here.enqueue(an_event())
    webhook, _ = here.add(url(web))
    here.put(webhooks.switched_off(webhook, here.time.clock(), "operator"))
    here.enqueue(an_event())
    assert here.due() == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(certificate: Certificate, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with receiver(certificate, monkeypatch, status) as web:
        here = office()
        here.add(url(web))
        here.enqueue(an_event())
        assert here.deliver() == 0
        assert here.due() == []


@pytest.mark.security("HOOK-redirect")
@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_anything_else_comes_again(certificate: Certificate, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """A redirect too, which is not followed: nobody but the address in the record gets an event."""
    with receiver(certificate, monkeypatch, status) as web:
        here = office()
        here.add(url(web))
        here.enqueue(an_event())
        assert here.deliver() == 1
        assert len(web.calls) == 1
        assert here.services.services.meter.counted == {"WebhooksFailed": 1}  # type: ignore[attr-defined]


@pytest.mark.security("HOOK-retry", "HOOK-id")
def test_tries_come_later_each_time_and_have_an_end(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The id stays; the time and so the signature is that of each try. After the last one it is given up."""
    with receiver(certificate, monkeypatch, 500) as web:
        here = office()
        _, secret = here.add(url(web))
        here.enqueue(an_event())
        begun = int(here.time.at)
        at = begun
        for pause in (*PAUSES, 0):
            assert here.deliver() == 1
            assert here.due() == [], "not before its time"
            here.time.advance(pause - 1)
            assert here.due() == []
            # A tenth more at most.
            here.time.advance(pause // 10 + 2)
        assert here.due() == []
        assert len(web.calls) == TRIES
        assert [messages.read(text).id for text in here.given_up] == ["users-100-0"]
        times = [int(call.headers["webhook-timestamp"]) for call in web.calls]
        assert times[0] == at
        assert len({call.headers["webhook-signature"] for call in web.calls}) == TRIES
        assert {(call.headers["webhook-id"], call.body) for call in web.calls} == {("users-100-0", web.calls[0].body)}
        assert verified(web.calls[0], secret)["id"] == "users-100-0"
        assert 2 * 86400 <= times[-1] - begun <= 3 * 86400


def test_the_second_try_may_succeed(web: Web) -> None:
    here = office()
    _, secret = here.add(url(web))
    answers = iter([Reply(503, b""), Reply(200, b"thanks")])
    web.answer = lambda _: next(answers)
    here.enqueue(an_event())
    assert here.deliver() == 1
    here.time.advance(6)
    assert here.deliver() == 0
    first, second = web.calls
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 6
    assert verified(second, secret) == verified(first, secret)
    assert here.due() == []


@pytest.mark.security("HOOK-id")
def test_an_event_that_is_told_twice_has_one_id(web: Web) -> None:
    """The queue may bring a message twice, and the stream an event: a receiver knows it by the id."""
    here = office()
    here.add(url(web))
    here.enqueue(an_event())
    here.enqueue(an_event())
    here.deliver()
    assert [call.headers["webhook-id"] for call in web.calls] == ["users-100-0"] * 2


@pytest.mark.security("HOOK-gone")
def test_who_is_gone_gets_nothing_more(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """410: the webhook is disabled, and what waits for it is dropped."""
    with receiver(certificate, monkeypatch, 410) as web:
        here = office()
        webhook, _ = here.add(url(web))
        here.enqueue(an_event())
        assert here.deliver() == 0
        after = replace(webhook, disabled="gone", disabled_at=int(here.time.at))
        assert here.store.list_webhooks() == (after,)
        here.queue.send([messages.write(messages.EventMessage(webhook.id, document(an_event())))])
        here.enqueue(an_event())
        assert here.deliver() == 0
        assert len(web.calls) == 1


@pytest.mark.security("HOOK-gone")
def test_the_answer_of_an_old_address_disables_nothing(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that has moved: the function has the old address in memory for a minute, and that is gone."""
    with receiver(certificate, monkeypatch, 410) as web:
        here = office()
        webhook, _ = here.add(url(web, "/old"))
        here.enqueue(an_event())
        moved = replace(webhook, url=url(web, "/new"))
        assert here.store.change_webhook(webhook, moved)
        web.answer = lambda call: Reply(410 if call.path == "/old" else 204, b"")
        assert here.deliver() == 1
        assert here.store.list_webhooks() == (moved,)
        here.time.advance(6)
        assert here.deliver() == 0
        assert [call.path for call in web.calls] == ["/old", "/new"]


def test_who_disables_a_webhook_whose_receiver_is_gone(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event of the change names it."""
    causes = list[Cause]()
    with receiver(certificate, monkeypatch, 410) as web:
        here = office()
        here.add(url(web))
        here.enqueue(an_event())
        monkeypatch.setattr(here.store, "change_webhook", lambda *_: causes.append(cause.current()))
        assert here.deliver() == 0
    assert causes == [Cause(action="delivery", actor="system")]


def test_a_webhook_that_was_deleted_gets_nothing_more(web: Web) -> None:
    here = office()
    webhook, _ = here.add(url(web))
    here.enqueue(an_event())
    here.store.delete_webhook(webhook.id)
    here.services.subscribers.forget()
    assert here.deliver() == 0
    assert web.calls == []


def test_a_webhook_of_a_moment_ago_is_known(web: Web) -> None:
    """The list that a function keeps for a minute is read again for one that is not in it."""
    here = office()
    assert here.services.subscribers.all() == ()
    webhook, _ = webhooks.new_webhook(here.services.secrets, here.services.services.clock, "new", url(web), ("*",))
    here.store.create_webhook(webhook)
    here.queue.send([messages.write(messages.EventMessage(webhook.id, document(an_event())))])
    assert here.deliver() == 0
    assert len(web.calls) == 1


def test_a_webhook_that_was_enabled_a_moment_ago_gets_events(web: Web) -> None:
    here = office()
    webhook, _ = here.add(url(web))
    here.put(webhooks.switched_off(webhook, here.services.services.clock, "operator"))
    assert here.services.subscribers.get(webhook.id) is not None
    assert here.store.change_webhook(here.store.webhooks[webhook.id], webhook)
    here.queue.send([messages.write(messages.EventMessage(webhook.id, document(an_event())))])
    assert here.deliver() == 0
    assert len(web.calls) == 1


def test_the_list_is_read_once_a_minute(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    here, reads, listed = office(), list[int](), MemoryStore.list_webhooks

    def list_webhooks(store: MemoryStore) -> tuple[Webhook, ...]:
        reads.append(1)
        return listed(store)

    monkeypatch.setattr(MemoryStore, "list_webhooks", list_webhooks)
    here.add(url(web))
    for _ in range(3):
        here.enqueue(an_event())
        here.deliver()
    assert len(reads) == 1
    here.time.advance(61)
    here.enqueue(an_event())
    assert len(reads) == 2


@pytest.mark.parametrize(
    "mode",
    ["late", "cut", "cut early", "half", "endless", "drip", "no handshake", "slow handshake", "hang up", "closed"],
)
def test_a_receiver_that_fails_is_tried_again(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    with receiver(certificate, monkeypatch, 200, mode=mode) as web:
        here = office(**SHORT)
        here.add(url(web))
        here.enqueue(an_event())
        assert here.deliver() == 1
        web.mode = "answer"


def test_a_certificate_that_nobody_vouches_for_is_refused(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    here = office()
    here.add(url(web))
    here.enqueue(an_event())
    assert here.deliver() == 1
    assert web.calls == []


@pytest.mark.security("HOOK-rotation")
def test_a_new_secret_and_the_old_one_sign_for_a_day(web: Web) -> None:
    here = office()
    webhook, old = here.add(url(web))
    after, new = webhooks.rotated(here.services.secrets, here.services.services.clock, webhook)
    LOGS.hush("webhook secret", new)
    here.put(after)
    here.enqueue(an_event())
    here.deliver()
    (call,) = web.calls
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    assert verified(call, old) == verified(call, new)
    # The library compares with the real time: so the end of the day is brought here.
    here.put(replace(after, previous_until=after.previous_until - OVERLAP))
    here.enqueue(an_event())
    here.deliver()
    last = web.calls[-1]
    assert verified(last, new)["id"] == "users-100-0"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(last, old)


@pytest.mark.security("HOOK-log")
def test_no_address_is_logged(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    """However a try ends; the end of the session looks for secrets in all lines."""
    here = office()
    webhook, secret = here.add(url(web))
    answers = iter([Reply(500, b""), Reply(200, b"")])
    web.answer = lambda _: next(answers)
    here.enqueue(an_event())
    here.deliver()
    here.time.advance(6)
    here.deliver()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    shown = [{name: line[name] for name in ("message", "event", "try", "state", "detail")} for line in lines]
    assert shown == [
        {"message": "delivery", "event": "users-100-0", "try": 1, "state": "again", "detail": "500"},
        {"message": "delivery", "event": "users-100-0", "try": 2, "state": "done", "detail": "200"},
    ]
    for line in lines:
        for hidden in (web.host, "a-token-of-the-receiver", secret, webhook.url):
            assert hidden not in json.dumps(line)


def test_what_is_no_message_fails_alone(web: Web) -> None:
    """The others of its batch are delivered, and it ends in the queue of failed deliveries."""
    here = office()
    here.add(url(web))
    here.queue.send(["{", '{"kind":"event"}', '{"kind":"other"}', '{"kind":"event","webhook":"x","event":{}}', "[]"])
    here.enqueue(an_event())
    assert here.deliver() == 5
    assert len(web.calls) == 1


def test_an_error_that_nobody_expected_fails_alone(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    here = office()
    here.add(url(web))
    broken, _ = here.add(url(web, "/broken"))
    here.put(replace(broken, secret="no bytes"))  # type: ignore[arg-type]
    here.enqueue(an_event())
    assert here.deliver() == 1
    assert [call.path for call in web.calls] == ["/hook"]


class _NoKms:
    """A wrapper whose KMS does not answer."""

    def wrap(self, secret: bytes, owner: int | str) -> bytes:
        return secret

    def unwrap(self, wrapped: bytes, owner: int | str) -> bytes:
        raise unavailable(detail="KMS Decrypt: AccessDeniedException")


def test_what_kms_does_not_open_now_is_tried_again(web: Web) -> None:
    here = office(_NoKms())
    here.add(url(web))
    here.enqueue(an_event())
    assert here.deliver() == 1
    assert web.calls == []


class _Counting(LocalSecretWrapper):
    """A wrapper that knows whose secrets it has opened."""

    def __init__(self) -> None:
        self.opened: list[int | str] = []

    def unwrap(self, wrapped: bytes, owner: int | str) -> bytes:
        self.opened.append(owner)
        return super().unwrap(wrapped, owner)


def test_a_secret_is_opened_once(web: Web) -> None:
    counting = _Counting()
    here = office(counting)
    webhook, _ = here.add(url(web))
    for _ in range(3):
        here.enqueue(an_event())
        here.deliver()
    assert counting.opened == [webhook.id]


def test_pauses_vary_a_little() -> None:
    """By a tenth at most, and never beyond what SQS takes: 12 hours."""
    for count, seconds in enumerate(PAUSES, 1):
        least, most = worker.pause(count, lambda _: b"\0"), worker.pause(count, lambda _: b"\xff")
        assert least == seconds
        assert seconds <= most <= seconds * 1.1
        assert most < 12 * 3600
    assert worker.pause(TRIES, bytes) == 1


@pytest.mark.security("HOOK-address")
def test_the_address_of_a_receiver_is_checked_when_it_is_called(web: Web) -> None:
    """Also one that was written when the settings were others."""
    here = office(webhook_loopback=False)
    for address in (url(web), "http://receiver.example/", "https://receiver.example:8443/", "https://u@r.example/"):
        here.add(address)
    here.enqueue(an_event())
    assert here.deliver() == 4
    assert web.connections == 0


def _names(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, ...]) -> list[str]:
    """Have names lead to these addresses, the first time, the second, and so on; gives what was connected to."""
    asked, connected = iter(answers), []

    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        return [(0, 0, 0, "", (address, port)) for address in next(asked)]

    def connect(address: Any, seconds: float) -> Any:
        connected.append(address[4][0])
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    monkeypatch.setattr("lingpai.outbound.addresses.connect", connect)
    return connected


@pytest.mark.security("HOOK-ssrf")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    connected = _names(monkeypatch, (address,))
    here = office(webhook_loopback=False)
    here.add("https://receiver.example/hook")
    here.enqueue(an_event())
    assert here.deliver() == 1
    assert connected == []


@pytest.mark.security("HOOK-rebinding")
def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads outside when it is looked up first, and inside a moment later, is looked up once."""
    connected = _names(monkeypatch, ("93.184.215.14",), ("127.0.0.1",))
    here = office(webhook_loopback=False)
    here.add("https://receiver.example/hook")
    here.enqueue(an_event())
    assert here.deliver() == 1
    assert connected == ["93.184.215.14"]
    here.time.advance(6)
    assert here.deliver() == 1, "the next try looks it up, and checks it, again"
    assert connected == ["93.184.215.14"]


@pytest.mark.security("HOOK-ssrf")
def test_of_several_addresses_only_the_public_ones_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = _names(monkeypatch, ("192.168.0.1", "93.184.215.14", "127.0.0.1", "2606:2800:21f::1"))
    here = office(webhook_loopback=False)
    here.add("https://receiver.example/hook")
    here.enqueue(an_event())
    here.deliver()
    assert connected == ["93.184.215.14", "2606:2800:21f::1"]
