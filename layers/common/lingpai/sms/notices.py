"""Notices to a number that it can no longer log in to its account.

They are counted for the prefix, the client and the day, before anything is changed. The limits of the number itself do
not apply: an attacker could use them up first, to suppress the notice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.language import Language
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.service import Limit
from lingpai.services import Services
from lingpai.sms import budget, texts
from lingpai.sms.model import Message
from lingpai.sms.sender import MaybeSent, NotSent


@dataclass(frozen=True)
class Notice:
    """The client whose limits count the message, and its language."""

    client_id: str
    language: Language


@contextmanager
def counted(services: Services, notice: Notice | None, number: str | None) -> Iterator[Message | None]:
    """The message to send to `number` (E.164) after the block; its counts are refunded if the block fails.

    None without a number or a notice, and if a limit is reached: the change is made in any case.
    """
    with rate_limits.refund_on_refusal(services) as taken:
        if notice is None or number is None or not _is_within_limits(services, notice, number, taken):
            yield None
        else:
            text = texts.text("notice", notice.language, {})
            yield Message(number, "", text, services.clock.now(), language=notice.language, purpose="notice")


def send(services: Services, message: Message) -> None:
    """Send the message. A failure is only counted, since the change is made."""
    try:
        services.sms.send(message)
    except (NotSent, MaybeSent):
        services.meter.count("NoticesLost")


def _is_within_limits(services: Services, notice: Notice, number: str, taken: list[Limit | None]) -> bool:
    now = services.clock.now()
    limits = budget.message_limits(services, budget.destination(services, number), notice.client_id, now)
    try:
        with rate_limits.refund_on_refusal(services) as counted:
            for limit in limits:
                counted.append(rate_limits.increment(services, limit))
    except LingpaiError as error:
        if error.status != 429:
            raise
        services.meter.count("NoticesLost")
        return False
    taken += counted
    return True
