"""Codes sent to mobile numbers: made, counted, compared, used up.

A guess is counted before it is compared, for the number and not for the code, so that neither a hundred
guesses at once nor a new code buys more than `CODE_TRIES` of them in a window.
"""

import hmac
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lingpai import prefixes, throttle, typed
from lingpai.clock import CODE_DIGITS
from lingpai.errors import invalid_grant, invalid_request, too_many_requests, unavailable
from lingpai.frozen import frozen
from lingpai.messages import CODE_MESSAGE
from lingpai.model import Code, Language, Message, Purpose
from lingpai.ports import ConsumeCode, MaybeSent, NotSent, Services

if TYPE_CHECKING:
    from lingpai.settings import Settings

_CODE_SHAPE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_SAVE_ATTEMPTS = 5


@frozen
class Proof:
    """A code that was given back right: the write that uses it up, and which sending it belongs to."""

    consume: ConsumeCode
    sent_at: int
    known: bool


def send(
    services: Services, number: str, client_id: str, address: str, language: Language, purpose: Purpose = "login"
) -> None:
    """Send a new code to `number` (E.164), unless a limit is reached: the number's, or one of those around it.

    Those are asked from the narrow to the wide, so that who runs into a narrow one takes nothing from everybody; and
    what a message that was not sent has taken from the wide ones is given back.
    """
    settings, now = services.settings, services.clock.now()
    before = services.store.get_code(number)
    _refuse_resend(services, before, now)
    throttle.spend(services, throttle.address_limit(settings, "sms", address, now))
    destination = prefixes.destination(services, number)
    by_client = throttle.limit_of(f"sms:client:{client_id}", {"all": settings.limit_sms_client}, throttle.HOUR, now)
    by_day = throttle.limit_of("sms:all", {"all": settings.limit_sms_day}, throttle.DAY, now)
    try:
        with throttle.given_back(services) as taken:
            taken.append(prefixes.spend(services, destination))
            taken.append(throttle.spend(services, by_client))
            taken.append(throttle.spend(services, by_day))
            code = services.clock.new_code()
            after = _save(services, number, before, _digest(services, number, code), now)
            _deliver(services, _message(settings, number, code, now, language, purpose), before, after)
    except MaybeSent as error:
        raise unavailable("maybe_sent", settings.code_resend or 1, error.detail) from error
    prefixes.sent(services, destination)


def verify(services: Services, number: str, code: str, address: str) -> None:
    """Whether the code is right, as a LingpaiError where it is not. It stays good, and the asking counts as a guess."""
    proof = check(services, number, code, address)
    if not proof.known and services.store.mark_proven(number, proof.consume.digest):
        prefixes.proven(services, number, proof.sent_at)


def check(services: Services, number: str, code: str, guesser: str | None) -> Proof:
    """Count one guess and compare it; the write of the proof uses the code up, and `consumed` is to follow it.

    LingpaiError `invalid_grant` for a code that is wrong, used or expired, 429 when the number's guesses are spent, or
    those of the address `guesser`: one that guesses at a number after the other keeps their holders out.
    """
    code = typed.digits(code)
    if not _CODE_SHAPE.fullmatch(code):
        # What cannot be a code is wrong and counts as no guess.
        raise invalid_grant("bad_code")
    settings, now = services.settings, services.clock.now()
    if guesser is not None:
        throttle.spend(services, throttle.address_limit(settings, "verify", guesser, now))
    known = services.store.count_try(number, now, settings.code_tries_window)
    if known.tries > settings.code_tries:
        raise too_many_requests("too_many_tries", retry_after=max(1, known.tries_until - now))
    digest = _digest(services, number, code)
    if known.digest is None or now >= known.expires_at or not hmac.compare_digest(digest, known.digest):
        raise invalid_grant("bad_code")
    return Proof(ConsumeCode(number, digest, now), known.sent[-1], known.proven)


def consumed(services: Services, proof: Proof) -> None:
    """The code was used up: whoever has the number has proven it, if not before."""
    if not proof.known:
        prefixes.proven(services, proof.consume.number, proof.sent_at)


def _message(settings: "Settings", number: str, code: str, now: int, language: Language, purpose: Purpose) -> Message:
    minutes = settings.code_ttl // 60
    text = CODE_MESSAGE[language].format(code=code, minutes=minutes)
    return Message(number, code, text, now, minutes, language, purpose)


def _save(services: Services, number: str, before: Code | None, digest: bytes, now: int) -> Code:
    """Keep the new code, and give what is kept.

    Guesses counted meanwhile are no reason to fail; another sending is. A code that was used up meanwhile stays so,
    should this one not be sent.
    """
    settings = services.settings
    for _ in range(_SAVE_ATTEMPTS):
        known = before or Code(number)
        after = replace(
            known,
            digest=digest,
            expires_at=now + settings.code_ttl,
            sent=(*(at for at in known.sent if at > now - throttle.DAY), now),
            proven=False,
        )
        if known.tries_until <= now:
            after = replace(after, tries=0, tries_until=now + settings.code_tries_window)
        if services.store.save_code(before, after, _ttl(settings, now)):
            return after
        before = services.store.get_code(number)
        _refuse_resend(services, before, now)
    raise unavailable()


def _deliver(services: Services, message: Message, before: Code | None, after: Code) -> None:
    """Send the message; LingpaiError where nobody will get it, MaybeSent where nobody knows.

    A number that was to get it and cannot have it may ask again at once: its code is as it was `before`.
    """
    try:
        services.sms.send(message)
    except NotSent as error:
        if error.bad_number:
            raise invalid_request("number_unreachable", detail=error.detail) from error
        _unsend(services, before, after)
        raise unavailable("not_sent", services.settings.code_resend or 1, error.detail) from error


def _unsend(services: Services, before: Code | None, after: Code) -> None:
    """Put back what was known of the number before a code that nobody got, guesses apart: they count.

    Where more has happened since, it stays.
    """
    earlier = replace(before or Code(after.number), tries=after.tries, tries_until=after.tries_until)
    services.store.save_code(after, earlier, _ttl(services.settings, services.clock.now()))


def _ttl(settings: "Settings", now: int) -> int:
    return now + 2 * max(throttle.DAY, settings.code_ttl)


def _refuse_resend(services: Services, known: Code | None, now: int) -> None:
    """LingpaiError 429 when the number has had its codes: one in 60 s, 5 an hour, 10 a day by default."""
    sent = known.sent if known else ()
    settings = services.settings
    _refuse_after(sent, 1, settings.code_resend, now, "resend_too_soon")
    _refuse_after(sent, settings.code_per_hour, throttle.HOUR, now, "too_many_codes")
    _refuse_after(sent, settings.code_per_day, throttle.DAY, now, "too_many_codes")


def _refuse_after(sent: tuple[int, ...], count: int, window: int, now: int, reason: str) -> None:
    """LingpaiError 429 where `count` sendings lie within the last `window` seconds; a count or window of 0 is off."""
    recent = [at for at in sent if at > now - window]
    if count and len(recent) >= count:
        raise too_many_requests(reason, retry_after=recent[-count] + window - now)


def _digest(services: Services, number: str, code: str) -> bytes:
    """HMAC-SHA256 under the deployment's pepper: who reads the table alone cannot try the million codes."""
    return hmac.digest(services.pepper(), f"{number}:{code}".encode(), "sha256")
