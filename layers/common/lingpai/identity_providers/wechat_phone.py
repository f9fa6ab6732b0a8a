"""The number that a user of a mini-program has confirmed by its button (getPhoneNumber, getRealtimePhoneNumber).

https://developers.weixin.qq.com/miniprogram/dev/server/API/user-info/phone-number/api_getphonenumber
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.identity_providers import https
from lingpai.identity_providers.wechat_api import NAME, TOO_OFTEN, answered, not_usable, refusal
from lingpai.identity_providers.wechat_tokens import WeChatTokens
from lingpai.kernel.errors import invalid_grant

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings

_PATH = "/wxa/business/getuserphonenumber"
# The codes of the buttons have 64 hexadecimal digits today. What could be none is refused here, and costs no call.
_CODE = re.compile(r"[0-9A-Za-z_-]{16,256}")
_COUNTRY = re.compile(r"[0-9]{1,4}")
_NATIONAL = re.compile(r"[0-9]{4,15}")

# WeChat's error codes. Those of the caller: the reason of the refusal.
_BAD_CODE = {
    40003: "bad_phone_code",  # invalid openid: the code is another user's
    40013: "bad_phone_code",  # invalid appid: the code is of another app (a wrong app id has no access token)
    40029: "bad_phone_code",  # invalid code: made up, expired, or used
    40163: "bad_phone_code",  # code been used
}
# invalid credential, invalid access_token, access_token expired. The code was not looked at.
_TOKEN_REFUSED = (40001, 40014, 42001)


def check_shape(phone_code: str) -> None:
    """LingpaiError for a text that can be no code of a button."""
    if not _CODE.fullmatch(phone_code):
        raise invalid_grant("bad_phone_code")


def exchange(
    settings: "IdentityProviderSettings", tokens: WeChatTokens, app: str, secret: str, phone_code: str, openid: str
) -> str:
    """The number, in digits with a plus and its country code, that the user of this openid confirmed in the app.

    The code works once. An access token that WeChat does not take is renewed once. LingpaiError `invalid_grant` for a
    code that is wrong, used, or of another user or app; 429 or 503 if WeChat does not answer.
    """

    def ask(token: str) -> dict[str, Any]:
        url = f"{settings.wechat_url.rstrip('/')}{_PATH}?{urlencode({'access_token': token})}"
        # With the openid WeChat checks that the code is this user's.
        content = {"code": phone_code, "openid": openid}
        return answered(app, lambda: https.post_json(settings, url, content))

    token = tokens.get(app, secret)
    answer = ask(token)
    if answer.get("errcode") in _TOKEN_REFUSED:
        answer = ask(tokens.get(app, secret, refused=token))
    return _number(app, answer)


def _number(app: str, answer: dict[str, Any]) -> str:
    code = answer.get("errcode", 0)
    if code != 0:
        raise refusal(app, code, _BAD_CODE, TOO_OFTEN, "an answer without a number")
    # WeChat's documentation has the country code as a text, and its example as a number.
    match answer.get("phone_info"):
        case {
            "countryCode": str() | int() as country,
            "purePhoneNumber": str(national),
            "watermark": {"appid": str(owner)},
        } if _COUNTRY.fullmatch(str(country)) and _NATIONAL.fullmatch(national):
            if owner != app:
                raise invalid_grant("bad_phone_code", detail=f"{NAME} {app}: a number of another app")
            return f"+{country}{national}"
        case _:
            raise not_usable(app, "an answer without a number")
