"""Geetest, version 4.

https://docs.geetest.com/gt4/deploy/server
"""

import hmac
import json
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

NAME = "geetest"
# Error codes that say nothing of the solution: an error of Geetest's own, and those about the captcha's id
# (https://docs.geetest.com/gt4/apirefer/errorcode/server).
_NOT_OF_THE_SOLUTION = {"-50000", "-50101", "-50102", "-50103", "-50104", "-50105"}
_FIELDS = ("lot_number", "captcha_output", "pass_token", "gen_time")
# Geetest does not say for how long it takes a solution. So long a used one is remembered here, in seconds.
_KEPT = 86400


class Geetest:
    """See `Captcha`. `key` returns the captcha's key."""

    def __init__(self, settings: "CaptchaSettings", key: Callable[[], str], https: Https, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._https = https
        self._clock = clock

    def challenge(self, subject: Subject) -> Mapping[str, Any]:  # noqa: ARG002  Geetest has no field for it
        """See `Captcha`."""
        return {"provider": NAME, "captchaId": self._settings.captcha_id}

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:  # noqa: ARG002  as above
        """See `Captcha`: `solution` is what `getValidate()` returns, as JSON."""
        given = _read(solution)
        signed = hmac.digest(self._key().encode(), given["lot_number"].encode(), "sha256").hex()
        body = urlencode({"captcha_id": self._settings.captcha_id, **given, "sign_token": signed}).encode()
        url = f"https://{self._settings.captcha_endpoint or 'gcaptcha4.geetest.com'}/validate"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        found = questions.ask(NAME, self._https, url, headers, body)
        # `status` says whether the question could be answered, `result` what the answer is.
        match found:
            case {"status": "success", "result": "success"}:
                return Solved(given["lot_number"], self._clock.now() + _KEPT)
            case {"status": "success", "result": "fail"}:
                raise BadSolution
            case {"status": "error", "code": str(code)} if code not in _NOT_OF_THE_SOLUTION:
                raise BadSolution
            case _:
                raise Unavailable(f"{NAME}: refused the question")


def _read(solution: str) -> dict[str, str]:
    """The fields of the solution; BadSolution where one is missing or no text."""
    if len(solution) > questions.LONGEST:
        raise BadSolution
    try:
        content = json.loads(solution)
        given = {name: content[name] for name in _FIELDS}
        for value in given.values():
            value.encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BadSolution from None
    return given
