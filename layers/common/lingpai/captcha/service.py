"""Ask for a captcha, and use up its solution."""

from typing import TYPE_CHECKING

from lingpai.captcha.model import Subject
from lingpai.captcha.provider import BadSolution, Unavailable
from lingpai.kernel.clock import LEEWAY
from lingpai.kernel.errors import LingpaiError, captcha_required, unavailable
from lingpai.rate_limits import service as rate_limits
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.captcha.provider import Captcha

# What a client waits for before it asks again, while the provider cannot be asked, in seconds.
_RETRY_AFTER = 10


def asked(captcha: "Captcha", services: Services, subject: Subject, reason: str = "captcha_required") -> LingpaiError:
    """The error that asks for a captcha, with a new challenge."""
    services.meter.count("CaptchasAsked")
    return captcha_required(captcha.challenge(subject), reason)


def use(captcha: "Captcha", services: Services, subject: Subject, solution: str, address: str) -> None:
    """Use up the solution. Each one counts once, whatever becomes of the request.

    LingpaiError `captcha_required` with a new challenge for a wrong or used one, 503 if the provider cannot be asked.
    """
    try:
        solved = captcha.verify(solution, subject, address)
    except BadSolution:
        raise asked(captcha, services, subject, "bad_captcha") from None
    except Unavailable as error:
        services.meter.count("CaptchasUnchecked")
        raise unavailable("captcha_unavailable", _RETRY_AFTER, error.detail) from error
    key = f"captcha:{rate_limits.hashed(solved.id)}"
    if not services.store.increment(key, {"used": 1}, solved.expires_at + LEEWAY).done:
        raise asked(captcha, services, subject, "bad_captcha")
    services.meter.count("CaptchasSolved")
