"""What WeChat's interfaces have in common: their answers, and their error codes.

https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from lingpai.identity_providers import https
from lingpai.kernel.errors import LingpaiError, invalid_grant, too_many_requests, unavailable

NAME = "wechat"
MINUTE = 60
HOUR = 3600
# Errors of limits, with the seconds to wait: the day's quota, and the minute's.
TOO_OFTEN = {45009: HOUR, 45011: MINUTE}
# system error: try again
_BUSY = -1


def answered(app: str, ask: Callable[[], bytes]) -> dict[str, Any]:
    """The JSON object that WeChat answers, an empty one for anything else; LingpaiError 503 if it does not answer."""
    try:
        return https.json_object(ask())
    except https.NotAnswered as error:
        raise not_usable(app, error.detail) from None


def refusal(
    app: str, code: object, refused: Mapping[int, str], too_often: Mapping[int, int], missing: str
) -> LingpaiError:
    """The error for a value of `errcode`.

    `refused` are the caller's codes with the reason, `too_often` those of limits with the seconds to wait, and
    `missing` is said of an answer without a code. Any other code is the operator's to see to, and in the log. WeChat's
    text is not repeated, since its content is not documented.
    """
    if not isinstance(code, int):
        return not_usable(app, missing)
    if code in refused:
        return invalid_grant(refused[code])
    if code in too_often:
        return too_many_requests("provider_busy", retry_after=too_often[code], detail=_detail(app, f"errcode {code}"))
    if code == _BUSY:
        return unavailable("provider_unavailable")
    return not_usable(app, f"errcode {code}")


def not_usable(app: str, detail: str) -> LingpaiError:
    """The error 503. `detail` is for the log."""
    return unavailable("provider_unavailable", detail=_detail(app, detail))


def _detail(app: str, detail: str) -> str:
    return f"{NAME} {app}: {detail}"
