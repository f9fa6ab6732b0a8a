"""Several senders, one after the other, until one of them has the message. Never two.

Only a message that was certainly not sent is passed to the next sender: one that may have been sent ends the chain, and
so does an invalid number.
"""

import time
from collections.abc import Callable, Mapping

from lingpai.kernel.deadline import is_over, left_of
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.meter import Meter
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent, Sender
from lingpai.sms.senders.breaker import Breaker
from lingpai.sms.senders.send_errors import Reason, Refused

# The reasons that count as a failure of the provider, not merely of one message or number.
AILING: frozenset[Reason] = frozenset(("unreachable", "in_doubt", "throttled", "suspended"))


# How long a provider takes to answer, in seconds.
_USUAL = 0.3


class Chain:
    """Sends by the first of `senders` (in their order) that takes the message.

    A sender is not tried if less than `longest_try` is left of the `deadline` (both in seconds) or of the request's own
    deadline, since the request could end before its result.
    """

    def __init__(
        self,
        senders: Mapping[str, Sender],
        breaker: Breaker,
        meter: Meter,
        *,
        longest_try: float,
        deadline: float,
        seconds: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._senders = senders
        self._breaker = breaker
        self._meter = meter
        self._longest_try = longest_try
        self._deadline = deadline
        self._seconds = seconds
        self._pause = pause
        self._last_took = _USUAL

    def send(self, message: Message) -> None:
        """See `Sender`. The detail of a failure has the failure of each sender, in order."""
        begun = self._seconds()
        met: list[str] = []
        for name, sender in self._senders.items():
            if left_of(self._deadline - (self._seconds() - begun)) < self._longest_try:
                met.append(f"{name}: no time left")
                self._meter.count("SmsFailed", provider=name, reason="no_time")
                continue
            state = self._breaker.state(name)
            if state == "open":
                met.append(f"{name}: breaker open")
                self._meter.count("SmsFailed", provider=name, reason="open")
                continue
            try:
                _send(name, sender, message)
            except MaybeSent as error:
                self._settle(name, "in_doubt", trying=state == "trying")
                raise MaybeSent("; ".join((*met, error.detail))) from error
            except NotSent as error:
                reason = error.reason if isinstance(error, Refused) else "refused"
                self._settle(name, reason, trying=state == "trying")
                met.append(error.detail)
                if error.bad_number:
                    raise NotSent("; ".join(met), bad_number=True) from error
            else:
                self._last_took = self._seconds() - begun
                self._meter.count("SmsSent", provider=name)
                if state == "trying":
                    self._breaker.recovered(name)
                return
        raise NotSent("; ".join(met))

    def pretend(self) -> None:
        """See `Messenger`: as long as the last message took, or as is usual where there was none yet."""
        self._pause(max(0.0, min(self._last_took, left_of(self._deadline))))

    def _settle(self, name: str, reason: Reason, *, trying: bool) -> None:
        """Count a failure. A refusal that is about the message shows that the provider is well."""
        given_up = is_over()
        unreached = given_up and reason == "unreachable"
        self._meter.count("SmsFailed", provider=name, reason="no_time" if unreached else reason)
        if given_up:
            return
        if reason in AILING:
            self._breaker.failed(name)
        elif trying:
            self._breaker.recovered(name)


def _send(name: str, sender: Sender, message: Message) -> None:
    """Send, or raise NotSent or MaybeSent."""
    try:
        sender.send(message)
    except LingpaiError as error:
        # Before anything is sent a sender reads its secret, and nothing else of ours.
        raise Refused(name, "secret unavailable", "misconfigured") from error
