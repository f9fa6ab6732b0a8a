"""Codes sent to mobile numbers: generate, send, verify and use up.

A guess is counted before it is compared. It is counted for the number, or for the name that was given: at most
`CODE_TRIES` guesses in a window, even if many arrive at once or a new code is sent. It is also counted for the code,
which is invalid after five. A code is valid only for the client that requested it, and for its purpose.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lingpai.accounts import identities
from lingpai.captcha import service as captcha
from lingpai.captcha.model import Subject
from lingpai.kernel import typed_text
from lingpai.kernel.clock import CODE_DIGITS
from lingpai.kernel.errors import LingpaiError, invalid_grant, invalid_request, too_many_requests, unavailable
from lingpai.kernel.language import Language
from lingpai.rate_limits import service as rate_limits
from lingpai.services import Services
from lingpai.sms import budget, texts
from lingpai.sms.model import Message, Purpose
from lingpai.sms.sender import MaybeSent, NotSent
from lingpai.sms_codes.model import Code, Guess, Presenter
from lingpai.sms_codes.storage import ConsumeCode

if TYPE_CHECKING:
    from lingpai.captcha.provider import Captcha
    from lingpai.rate_limits.service import Limit
    from lingpai.settings import Settings

# Guesses at one code, on all routes together.
GUESSES_PER_CODE = 5

_CODE_SHAPE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_SAVE_ATTEMPTS = 5
# The purposes of a code that was requested without one.
_BY_DEFAULT = ("login", "link")


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class SendRequest:
    """A request to send a code: its number (E.164), client, language and purpose (None: to log in and to link).

    `solution` is that of a captcha, if one was solved.
    """

    number: str
    client_id: str
    language: Language
    purpose: Purpose | None = None
    solution: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class VerifiedCode:
    """A correct code: the write that uses it up, when it expires and when it was sent.

    `is_known`: it was entered correctly before. `counts`: it is the number's first correct code of that day.
    """

    consume: ConsumeCode
    expires_at: int
    sent_at: int
    is_known: bool
    counts: bool


# --- sending ----------------------------------------------------------------------------------------------


def send(services: Services, asked: SendRequest, address: str, prepare: Callable[[], None] = _nothing) -> None:
    """Send a new code, unless a limit is reached: the number's, or one of those around it.

    `prepare` is called when nothing refuses the code any more, and before the message is sent. If it raises a
    LingpaiError, nothing is sent, and the number may ask again at once.

    Narrow limits are checked first, so that a request which they refuse does not count for the shared ones. A message
    that was not sent is refunded to all of them. Where captchas are on, a request without a solved one may use only a
    part of the limits of its address and prefix. Then it is refused with a challenge, and not counted.
    """
    settings, now = services.settings, services.clock.now()
    before = services.store.get_code(asked.number)
    _refuse_resend(services, before, now)
    guard = services.captcha if asked.solution is None else None
    subject = Subject(asked.number, asked.client_id)
    _count_address(services, rate_limits.address_limit(settings, "sms", address, now), guard, subject)
    if services.captcha is not None and asked.solution is not None:
        captcha.use(services.captcha, services, subject, asked.solution, address)
    destination = budget.destination(services, asked.number)
    try:
        with rate_limits.refund_on_refusal(services) as taken:
            prefix = budget.increment(services, destination, settings.captcha_prefix_percent if guard else 100)
            if guard is not None and (prefix.guarded or prefix.stopped):
                raise captcha.asked(guard, services, subject)
            if prefix.stopped:
                _send_under_a_stop(services, asked, destination, before, now, prepare)
                return
            taken.append(prefix.limit)
            for limit in rate_limits.message_limits(settings, asked.client_id, now):
                taken.append(rate_limits.increment(services, limit))
            code = services.clock.new_code()
            after = _save(services, asked, before, code, now)
            _prepare(services, before, after, prepare)
            _deliver(services, _message(settings, asked, code, now), before, after)
    except MaybeSent as error:
        raise unavailable("maybe_sent", settings.code_resend or 1, error.detail) from error
    budget.sent(services, destination)


def _count_address(services: Services, limit: "Limit | None", guard: "Captcha | None", subject: Subject) -> None:
    """Count a request for its address; LingpaiError 429 at the limit, and the captcha `guard` at a part of it."""
    if guard is None or limit is None:
        rate_limits.increment(services, limit)
        return
    part = limit.share(services.settings.captcha_address_percent)
    counted = services.store.increment(part.key, part.counts, part.ttl)
    if counted.done:
        return
    if limit.reached(counted.counts):
        raise limit.refusal(services.clock.now())
    raise captcha.asked(guard, services, subject)


def _send_under_a_stop(
    services: Services,
    asked: SendRequest,
    destination: budget.Destination,
    before: Code | None,
    now: int,
    prepare: Callable[[], None],
) -> None:
    """Send a code to a number that has an account; do the same for any other, but send nothing.

    The answer is the same whether a message was sent or not, so it does not tell who has an account. With a solved
    captcha every number is sent one from the prefix's reserve. Numbers with an account use it up as well: else what is
    left of it would tell who has one.
    """
    has_account = bool(services.store.find_user_ids(identities.mobile_key(asked.number)))
    with rate_limits.refund_on_refusal(services) as taken:
        is_solved = services.captcha is not None and asked.solution is not None
        reserve = budget.reserve(services, destination, now) if is_solved else None
        taken.append(reserve)
        is_sent = has_account or reserve is not None
        for limit in budget.message_limits(services, destination, asked.client_id, now):
            counted = rate_limits.increment(services, limit, amount=1 if is_sent else 0)
            if is_sent:
                taken.append(counted)
        code = services.clock.new_code()
        after = _save(services, asked, before, code, now)
        _prepare(services, before, after, prepare)
    if not is_sent:
        services.sms.pretend()
        return
    try:
        services.sms.send(_message(services.settings, asked, code, now))
    except (NotSent, MaybeSent):
        # An error would show that the number has an account. The chain has counted it.
        return
    budget.sent(services, destination)


def _prepare(services: Services, before: Code | None, after: Code, prepare: Callable[[], None]) -> None:
    """Call `prepare`; if it fails, the code is as it was `before`."""
    try:
        prepare()
    except LingpaiError:
        _unsend(services, before, after)
        raise


def _message(settings: "Settings", asked: SendRequest, code: str, now: int) -> Message:
    minutes = settings.code_ttl // 60
    purpose = asked.purpose or "login"
    text = texts.text(purpose, asked.language, {"code": code, "minutes": minutes})
    return Message(asked.number, code, text, now, minutes, asked.language, purpose)


def _save(services: Services, asked: SendRequest, before: Code | None, code: str, now: int) -> Code:
    """Store the new code, and return the stored record.

    Guesses that are counted meanwhile do not matter; if another code is sent meanwhile, the number's limits are checked
    again. A code that was used up meanwhile does not become valid again if this one is not sent. If the store does not
    tell whether it has stored the code, the write is undone, and nothing is sent.
    """
    settings = services.settings
    sending = services.clock.random_bytes(8).hex()
    for _ in range(_SAVE_ATTEMPTS):
        known = before or Code(asked.number)
        after = replace(
            known,
            digest=_digest(services, asked.number, code),
            expires_at=now + settings.code_ttl,
            sent=(*(at for at in known.sent if at > now - rate_limits.DAY), now),
            proven=False,
            client_id=asked.client_id,
            purpose=asked.purpose,
            guesses=0,
        )
        if known.tries_until <= now:
            after = replace(after, tries=0, tries_until=now + settings.code_tries_window)
        try:
            saved = services.store.save_code(before, after, _ttl(settings, now), sending)
        except LingpaiError:
            _unsend(services, before, after, sending)
            raise
        if saved:
            return after
        before = services.store.get_code(asked.number)
        _refuse_resend(services, before, now)
    raise unavailable()


def _deliver(services: Services, message: Message, before: Code | None, after: Code) -> None:
    """Send the message; LingpaiError where it was not sent, MaybeSent where that is not known.

    After a failure of the providers the number may ask again at once: its code is as it was `before`.
    """
    try:
        services.sms.send(message)
    except NotSent as error:
        if error.bad_number:
            raise invalid_request("number_unreachable", detail=error.detail) from error
        _unsend(services, before, after)
        raise unavailable("not_sent", services.settings.code_resend or 1, error.detail) from error


def _unsend(services: Services, before: Code | None, after: Code, sending: str = "") -> None:
    """Put back what was known of the number before a code that nobody got, guesses apart: they count.

    A later sending or login is left as it is. With `sending` it is not known whether `after` was saved: then `before`
    is marked, so that the write does nothing if it still arrives.
    """
    ttl = _ttl(services.settings, services.clock.now())
    earlier = replace(before or Code(after.number), tries=after.tries, tries_until=after.tries_until, unsent=sending)
    if services.store.save_code(after, earlier, ttl) or not sending:
        return
    services.store.save_code(before, replace(before or Code(after.number), unsent=sending), ttl)


def _ttl(settings: "Settings", now: int) -> int:
    return now + 2 * max(rate_limits.DAY, settings.code_ttl)


def _refuse_resend(services: Services, known: Code | None, now: int) -> None:
    """LingpaiError 429 when the number has had its codes: one in 60 s, 5 an hour, 10 a day by default."""
    sent = known.sent if known else ()
    settings = services.settings
    _refuse_after(sent, 1, settings.code_resend, now, "resend_too_soon")
    _refuse_after(sent, settings.code_per_hour, rate_limits.HOUR, now, "too_many_codes")
    _refuse_after(sent, settings.code_per_day, rate_limits.DAY, now, "too_many_codes")


def _refuse_after(sent: tuple[int, ...], count: int, window: int, now: int, reason: str) -> None:
    """LingpaiError 429 where `count` sendings lie within the last `window` seconds; a count or window of 0 is off."""
    recent = [at for at in sent if at > now - window]
    if count and len(recent) >= count:
        raise too_many_requests(reason, retry_after=recent[-count] + window - now)


# --- giving back ------------------------------------------------------------------------------------------


def begin(services: Services, key: str, presenter: Presenter) -> int | None:
    """The user whom the identity `key` finds; LingpaiError 429 where the client has no wrong guesses left.

    One call, whether somebody is found or not. To be called before `check` where the client is known.
    """
    limit = _client_limit(services, presenter)
    lookup = services.store.look_up_login(key, (limit.key,) if limit else ())
    if limit is not None and limit.reached(lookup.counters[limit.key]):
        raise limit.refusal(services.clock.now())
    return lookup.user_id


def verify(services: Services, number: str, code: str, address: str) -> None:
    """Whether the code is right, as a LingpaiError where it is not. It stays good, and the asking counts as a guess.

    It tests the number's newest code, whatever its client and purpose.
    """
    verified = check(services, number, code, Presenter(None, address), None)
    consume = verified.consume
    if not verified.is_known and services.store.mark_proven(number, consume.digest, consume.proof_day):
        _proven(services, verified)


def check(
    services: Services, number: str, code: str, presenter: Presenter, purpose: Purpose | None, *, by_name: bool = False
) -> VerifiedCode:
    """Count one guess and compare it; `consume` uses the code up, and `consumed` is to follow it.

    `number` is in E.164, or stands for a name without one. LingpaiError `invalid_grant` for a code that is wrong, used,
    expired, another client's or for another purpose (None: for any). 429 where no guesses are left for the number, for
    the name of its account (`by_name`), for the address or for the client.
    """
    code = typed_text.digits(code)
    if not _CODE_SHAPE.fullmatch(code):
        # What cannot be a code is wrong and counts as no guess.
        raise invalid_grant("bad_code")
    settings, now = services.settings, services.clock.now()
    if presenter.address is not None:
        rate_limits.increment(services, rate_limits.address_limit(settings, "verify", presenter.address, now))
    guess = Guess(now, settings.code_tries_window, settings.code_tries, by_name)
    known = services.store.count_try(number, guess)
    tries, until = known.tries_at(guess)
    if tries > settings.code_tries:
        raise too_many_requests("too_many_tries", retry_after=max(1, until - now))
    digest = _digest(services, number, code)
    is_good = known.guesses <= GUESSES_PER_CODE and now < known.expires_at and _serves(known, presenter, purpose)
    if not hmac.compare_digest(digest, known.digest or bytes(len(digest))) or not is_good:
        rate_limits.increment(services, _client_limit(services, presenter))
        raise invalid_grant("bad_code")
    sent_at = known.sent[-1]
    day = sent_at // rate_limits.DAY
    consume = ConsumeCode(number, digest, now, day, by_name, services.clock.random_bytes(8).hex())
    return VerifiedCode(consume, known.expires_at, sent_at, known.proven, counts=known.proof_day != day)


def reopen(services: Services, verified: VerifiedCode) -> None:
    """Make the code good again, if this login has used it up: the caller got nothing for it."""
    services.store.reopen_code(verified.consume, verified.expires_at)


def consumed(services: Services, verified: VerifiedCode) -> None:
    """The code was used up: whoever has the number has proven it, if not before."""
    if not verified.is_known:
        _proven(services, verified)


def _proven(services: Services, verified: VerifiedCode) -> None:
    budget.proven(services, verified.consume.number, verified.sent_at, counts=verified.counts)


def _serves(known: Code, presenter: Presenter, purpose: Purpose | None) -> bool:
    """Whether the code was asked for by this client, or one whose codes it takes, and for this purpose."""
    if purpose is not None and purpose not in (_BY_DEFAULT if known.purpose is None else (known.purpose,)):
        return False
    client = presenter.client
    # Codes sent before clients were kept name none.
    if client is None or known.client_id in (None, client.id):
        return True
    return client.dialect == "usercenter" and known.client_id in client.codes_from


def _client_limit(services: Services, presenter: Presenter) -> "Limit | None":
    """The limit for wrong guesses of a client that does not tell its end users' addresses; None otherwise."""
    if presenter.address is not None or presenter.client is None:
        return None
    return rate_limits.client_limit(services.settings, "verify", presenter.client.id, services.clock.now())


def _digest(services: Services, number: str, code: str) -> bytes:
    """HMAC-SHA256 under the deployment's pepper: who reads the table alone cannot try the million codes."""
    return hmac.digest(services.pepper(), f"{number}:{code}".encode(), "sha256")
