"""Users of WeChat mini-programs: `sign` is the `js_code` of wx.login, exchanged by code2session.

https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
"""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.clients.model import Client
from lingpai.identity_providers import https
from lingpai.identity_providers.model import Identity, ProviderCredential, is_union
from lingpai.identity_providers.settings import wechat_apps
from lingpai.kernel.errors import LingpaiError, invalid_grant, too_many_requests, unavailable

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings

NAME = "wechat"
_PATH = "/sns/jscode2session"
_ANSWER_MAX = 16 * 1024
# WeChat's codes have 32 letters and digits today. What could be none is refused here, and costs no call.
_CODE = re.compile(r"[0-9A-Za-z_-]{8,128}")
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")

# WeChat's error codes. Those of the caller: the reason of the refusal.
_REFUSED = {
    40029: "sign_unknown",  # invalid code: made up, expired, or of another app
    40163: "sign_used",  # code been used
    40226: "sign_blocked",  # code blocked: WeChat holds the user for a high risk
    41008: "sign_unknown",  # missing code
    50002: "sign_blocked",  # user limited: frozen or closed
}
_BUSY = -1  # system error: try again
_TOO_OFTEN = 45011  # minute quota: again in the next one
_MINUTE = 60
# Any other is the operator's to see to (wrong app id or secret 40013, 40125, 41002, 41004; the address not on the app's
# list 40164; the day's quota 45009; the interface closed 48001, 48004), or was not there when this was written.


class WeChat:
    """The provider `wechat`, see `IdentityProvider`. `apps` gives the apps' secrets as WECHAT_APPS has them."""

    proves = True

    def __init__(self, settings: "IdentityProviderSettings", apps: Callable[[], str]) -> None:
        self._settings = settings
        self._apps = apps

    def asks(self, client: Client, credential: ProviderCredential) -> bool:  # noqa: ARG002  each code is asked about
        """See `IdentityProvider`."""
        _check_shape(credential)
        return True

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The user of the client's mini-program who got this js_code. It works once, so nothing is asked twice."""
        _check_shape(credential)
        app = client.sign_app
        secret = self._secrets().get(app)
        if secret is None:
            raise _unavailable(app, "WECHAT_APPS has no such app")
        query = {"appid": app, "secret": secret, "js_code": credential.sign, "grant_type": "authorization_code"}
        url = f"{self._settings.wechat_url.rstrip('/')}{_PATH}?{urlencode(query)}"
        try:
            body = https.get(self._settings, url, _ANSWER_MAX)
        except https.NotAnswered as error:
            raise _unavailable(app, error.detail) from None
        return _identity(app, body)

    def identity(self, client: Client, openid: str) -> Identity:
        """See `IdentityProvider`."""
        return Identity(NAME, client.sign_app, openid)

    def app(self, issuer: str) -> str | None:
        """See `IdentityProvider`: the app id of a mini-program whose secret is here."""
        provider, _, app = issuer.partition(":")
        return app if provider == NAME and not is_union(issuer) and app in self._secrets() else None

    def _secrets(self) -> dict[str, str]:
        try:
            return wechat_apps(self._apps())
        except ValueError as error:
            raise unavailable("provider_unavailable", detail=f"WECHAT_APPS_SECRET: {error}") from None


def _check_shape(credential: ProviderCredential) -> None:
    """LingpaiError for a text that can be no js_code."""
    if not _CODE.fullmatch(credential.sign):
        raise invalid_grant("sign_unknown")


def _identity(app: str, body: bytes) -> Identity:
    """The ids in an answer; its session key is left where it lies."""
    answer = _object(body)
    code = answer.get("errcode", 0)
    if code != 0:
        raise _refusal(app, code)
    openid, union = answer.get("openid"), answer.get("unionid") or None
    if not isinstance(openid, str) or not _ID.fullmatch(openid) or not _is_union(union):
        raise _unavailable(app, "an answer without an openid")
    return Identity(NAME, app, openid, union)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object; an empty one for anything else, which thus has no openid."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(app: str, code: object) -> LingpaiError:
    """The error for WeChat's error code. WeChat's text is not repeated, since its content is not documented."""
    if not isinstance(code, int):
        return _unavailable(app, "an answer without an openid")
    if code in _REFUSED:
        return invalid_grant(_REFUSED[code])
    if code == _TOO_OFTEN:
        return too_many_requests("provider_busy", retry_after=_MINUTE)
    if code == _BUSY:
        return unavailable("provider_unavailable")
    return _unavailable(app, f"errcode {code}")


def _is_union(value: object) -> bool:
    return value is None or (isinstance(value, str) and _ID.fullmatch(value) is not None)


def _unavailable(app: str, detail: str) -> LingpaiError:
    return unavailable("provider_unavailable", detail=f"{NAME} {app}: {detail}")
