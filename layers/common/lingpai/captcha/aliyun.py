"""Aliyun's captcha 2.0: VerifyIntelligentCaptcha of 2023-03-05, signed by ACS3-HMAC-SHA256.

https://help.aliyun.com/zh/captcha/captcha2-0/use-cases/server-api-access
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.captcha import questions
from lingpai.captcha.model import Solved, Subject
from lingpai.captcha.provider import BadSolution, Unavailable
from lingpai.kernel.clock import Clock
from lingpai.outbound import acs3
from lingpai.outbound.https import Https

if TYPE_CHECKING:
    from lingpai.captcha.settings import CaptchaSettings

NAME = "aliyun"
# The scene of the settings is not known there, which is no fault of the solution.
_UNKNOWN_SCENE = "F005"
# Aliyun takes a solution for 20 minutes after the captcha was shown. A used one is remembered for longer, in seconds.
_KEPT = 3600


class Aliyun:
    """See `Captcha`. `key` returns the AccessKey secret."""

    def __init__(self, settings: "CaptchaSettings", key: Callable[[], str], https: Https, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._https = https
        self._clock = clock

    def challenge(self, subject: Subject) -> Mapping[str, Any]:  # noqa: ARG002  Aliyun has no field for it
        """See `Captcha`: what its script is started with."""
        settings = self._settings
        region = "sgp" if "ap-southeast" in self._host else "cn"
        return {"provider": NAME, "sceneId": settings.captcha_id, "prefix": settings.captcha_prefix, "region": region}

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:  # noqa: ARG002  as above
        """See `Captcha`: `solution` is the `CaptchaVerifyParam` that the script gives, unchanged."""
        if len(solution) > questions.LONGEST:
            raise BadSolution
        body = urlencode({"CaptchaVerifyParam": solution, "SceneId": self._settings.captcha_id}).encode()
        headers = acs3.headers(self._host, "VerifyIntelligentCaptcha", "2023-03-05", body, self._clock)
        headers["content-type"] = "application/x-www-form-urlencoded"
        headers["authorization"] = acs3.authorization(self._settings.captcha_key_id, self._key(), "", headers)
        found = questions.ask(NAME, self._https, f"https://{self._host}/", headers, body)
        # `Success` says that the question was answered, `VerifyResult` what the answer is.
        result = found.get("Result")
        if found.get("Success") is not True or not isinstance(result, dict):
            raise Unavailable(f"{NAME}: refused the question")
        if result.get("VerifyCode") == _UNKNOWN_SCENE:
            raise Unavailable(f"{NAME}: {_UNKNOWN_SCENE}")
        if result.get("VerifyResult") is not True:
            raise BadSolution
        return Solved(solution, self._clock.now() + _KEPT)

    @property
    def _host(self) -> str:
        return self._settings.captcha_endpoint or "captcha.cn-shanghai.aliyuncs.com"
