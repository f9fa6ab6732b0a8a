"""Cloudflare Turnstile.

https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
https://developers.cloudflare.com/turnstile/get-started/client-side-rendering/ (`cdata`)
"""

import hmac
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.captcha import questions
from lingpai.captcha.model import Solved, Subject
from lingpai.captcha.provider import BadSolution, Unavailable
from lingpai.kernel.clock import Clock
from lingpai.outbound.https import Https

if TYPE_CHECKING:
    from lingpai.captcha.settings import CaptchaSettings

NAME = "turnstile"
# Cloudflare takes a token for so long, in seconds, and refuses longer ones.
_TTL, _LONGEST = 300, 2048
# Error codes that say something of the token; all others are ours or Cloudflare's.
_OF_THE_TOKEN = {"missing-input-response", "invalid-input-response", "timeout-or-duplicate"}


class Turnstile:
    """See `Captcha`. `secret` returns the secret key, `pepper` the deployment's secret."""

    def __init__(
        self,
        settings: "CaptchaSettings",
        secret: Callable[[], str],
        pepper: Callable[[], bytes],
        https: Https,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._pepper = pepper
        self._https = https
        self._clock = clock

    def challenge(self, subject: Subject) -> Mapping[str, Any]:
        """See `Captcha`: `cdata` binds the token, which Cloudflare keeps it with, to the number and client."""
        return {"provider": NAME, "siteKey": self._settings.captcha_id, "cdata": subject.mark(self._pepper())}

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:
        """See `Captcha`: `solution` is the token that the widget gives."""
        if len(solution) > _LONGEST:
            raise BadSolution
        body = urlencode({"secret": self._secret(), "response": solution, "remoteip": address}).encode()
        url = f"https://{self._settings.captcha_endpoint or 'challenges.cloudflare.com'}/turnstile/v0/siteverify"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        found = questions.ask(NAME, self._https, url, headers, body)
        if found.get("success") is not True:
            codes = found.get("error-codes")
            if isinstance(codes, list) and codes and all(code in _OF_THE_TOKEN for code in codes):
                raise BadSolution
            raise Unavailable(f"{NAME}: refused the question")
        if not hmac.compare_digest(str(found.get("cdata")).encode(), subject.mark(self._pepper()).encode()):
            raise BadSolution
        return Solved(solution, self._clock.now() + _TTL)
