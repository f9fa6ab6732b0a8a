"""Senders as a deployment would have them, in front of vendors on this machine."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.rate_limits.storage import Counters
from lingpai.settings import from_environment
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, Messenger, NotSent
from tests.support.fake_sms import CODE, NUMBER, Vendor
from tests.support.fake_web import Call, Certificate, Reply, Web
from tests.support.logs import LOGS
from tests.support.memory_store import MemoryStore
from tests.support.time import START, Time

MESSAGE = Message(
    to=NUMBER, code=CODE, text=f"您的验证码是 {CODE}，10 分钟内有效。", at=START, minutes=10
)  # fmt: skip
LOGS.hush("code", CODE)
LOGS.hush("phone number", NUMBER)

# A busy machine may be slow, where nothing hangs.
PATIENT = {"SMS_CONNECT_TIMEOUT": "20", "SMS_READ_TIMEOUT": "20", "SMS_DEADLINE": "60"}
# Where something hangs, that is what the test waits for.
HASTY = {"SMS_CONNECT_TIMEOUT": "0.4", "SMS_READ_TIMEOUT": "0.4", "SMS_DEADLINE": "60"}


@dataclass
class Metered:
    """A meter that remembers."""

    counted: Counter[str] = field(default_factory=Counter)

    def count(self, name: str, **dimensions: str) -> None:
        self.counted[" ".join((name, *dimensions.values()))] += 1

    def flush(self) -> None: ...


@dataclass
class Shop:
    """Fakes of vendors, and what a test wants of them."""

    certificate: Certificate
    monkeypatch: pytest.MonkeyPatch
    _stack: ExitStack
    webs: dict[str, Web] = field(default_factory=dict)

    def open(self, vendor: Vendor, mode: Any = "answer", reply: Reply | None = None) -> Web:
        """A fake of the vendor; it runs to the end of the test."""

        def answer(call: Call) -> Reply:
            return vendor.answer(call, reply)

        web = self._stack.enter_context(Web(self.certificate, answer, mode).running())
        self.webs[vendor.name] = web
        for name, value in vendor.environment(web.host).items():
            # botocore reads these itself.
            self.monkeypatch.setenv(name, value)
        return web

    def sender(
        self,
        vendors: Sequence[Vendor],
        environment: Mapping[str, str] | None = None,
        *,
        counters: Counters | None = None,
        time: Time | None = None,
        meter: Metered | None = None,
    ) -> Messenger:
        """The chain of these vendors, made from the environment as in a deployment."""
        whole = {**PATIENT, "SMS_PROVIDER": ",".join(vendor.name for vendor in vendors)}
        for vendor in vendors:
            whole |= vendor.environment(self.webs[vendor.name].host)
        settings = from_environment({**whole, **(environment or {})})
        clock = (time or Time()).clock()
        return bootstrap.sender(settings, counters or MemoryStore(), clock, meter or Metered())


@contextmanager
def open_shop(folder: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose certificate this process trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder.path))
    with ExitStack() as stack:
        yield Shop(folder, monkeypatch, stack)


def outcome(sender: Messenger, message: Message = MESSAGE) -> str:
    """What became of the message, with the detail of a failure."""
    try:
        sender.send(message)
    except NotSent as error:
        return f"{'bad number' if error.bad_number else 'not sent'}: {error.detail}"
    except MaybeSent as error:
        return f"maybe sent: {error.detail}"
    return "sent"
