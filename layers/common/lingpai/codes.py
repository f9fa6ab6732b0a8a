"""Codes sent to mobile numbers: made, counted, compared, used up.

A guess is counted before it is compared, for the number and not for the code, so that neither a hundred
guesses at once nor a new code buys more than `CODE_TRIES` of them in a window.
"""

import hmac
import re
from dataclasses import replace

from lingpai import throttle
from lingpai.clock import CODE_DIGITS
from lingpai.errors import invalid_grant, invalid_request, too_many_requests, unavailable
from lingpai.messages import CODE_MESSAGE
from lingpai.model import Code, Language, Message
from lingpai.ports import ConsumeCode, MaybeSent, NotSent, Services

_CODE_SHAPE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_SAVE_ATTEMPTS = 5


def send(services: Services, number: str, client_id: str, source_ip: str, language: Language) -> None:
    """Send a new code to `number` (E.164), unless a limit for it, the address, the client or the day is reached."""
    settings, now = services.settings, services.clock.now()
    before = services.store.get_code(number)
    _refuse_resend(services, before, now)
    throttle.spend(services, f"sms:ip:{source_ip}", settings.limit_sms_ip, throttle.HOUR)
    throttle.spend(services, f"sms:client:{client_id}", settings.limit_sms_client, throttle.HOUR)
    throttle.spend(services, "sms:all", settings.limit_sms_day, throttle.DAY)
    code = services.clock.new_code()
    _save(services, number, before, _digest(services, number, code), now)
    minutes = settings.code_ttl // 60
    text = CODE_MESSAGE[language].format(code=code, minutes=minutes)
    message = Message(to=number, code=code, text=text, at=now, minutes=minutes, language=language)
    try:
        services.sms.send(message)
    except MaybeSent as error:
        raise unavailable("maybe_sent", settings.code_resend or 1, error.detail) from error
    except NotSent as error:
        if error.bad_number:
            raise invalid_request("number_unreachable", detail=error.detail) from error
        raise unavailable("not_sent", settings.code_resend or 1, error.detail) from error


def check(services: Services, number: str, code: str) -> ConsumeCode:
    """Count one guess and compare it; gives the write that uses the code up.

    LingpaiError `invalid_grant` for a code that is wrong, used or expired, 429 when the number's guesses are spent.
    """
    if not _CODE_SHAPE.fullmatch(code):
        raise invalid_grant("bad_code")
    settings, now = services.settings, services.clock.now()
    known = services.store.count_try(number, now, settings.code_tries_window)
    if known.tries > settings.code_tries:
        raise too_many_requests("too_many_tries", retry_after=max(1, known.tries_until - now))
    digest = _digest(services, number, code)
    if known.digest is None or now >= known.expires_at or not hmac.compare_digest(digest, known.digest):
        raise invalid_grant("bad_code")
    return ConsumeCode(number, digest, now)


def _save(services: Services, number: str, before: Code | None, digest: bytes, now: int) -> None:
    """Keep the new code. Guesses counted meanwhile are no reason to fail; another sending is."""
    settings = services.settings
    for _ in range(_SAVE_ATTEMPTS):
        known = before or Code(number)
        after = replace(
            known,
            digest=digest,
            expires_at=now + settings.code_ttl,
            sent=(*(at for at in known.sent if at > now - throttle.DAY), now),
        )
        if known.tries_until <= now:
            after = replace(after, tries=0, tries_until=now + settings.code_tries_window)
        if services.store.save_code(before, after, ttl=now + 2 * max(throttle.DAY, settings.code_ttl)):
            return
        before = services.store.get_code(number)
        _refuse_resend(services, before, now)
    raise unavailable()


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
