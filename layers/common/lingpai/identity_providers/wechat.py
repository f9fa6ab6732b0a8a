"""Users of WeChat mini-programs: `sign` is the `js_code` of wx.login, exchanged by code2session.

https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from lingpai.clients.model import Client
from lingpai.identity_providers import https, wechat_phone
from lingpai.identity_providers.model import Identity, ProviderCredential, is_union
from lingpai.identity_providers.settings import wechat_apps
from lingpai.identity_providers.wechat_api import MINUTE, NAME, answered, not_usable, refusal
from lingpai.identity_providers.wechat_tokens import WeChatTokens
from lingpai.kernel.errors import invalid_grant, unavailable

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings

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
_TOO_OFTEN = {45011: MINUTE}  # minute quota: again in the next one
_NOBODY = "an answer without an openid"
# Any other is the operator's to see to (wrong app id or secret 40013, 40125, 41002, 41004; the address not on the app's
# list 40164; the day's quota 45009; the interface closed 48001, 48004), or was not there when this was written.


class WeChat:
    """The provider `wechat`, see `IdentityProvider` and `NumberProvider`.

    `apps` gives the apps' secrets as WECHAT_APPS has them, `tokens` their access tokens.
    """

    proves = True

    def __init__(self, settings: "IdentityProviderSettings", apps: Callable[[], str], tokens: WeChatTokens) -> None:
        self._settings = settings
        self._apps = apps
        self._tokens = tokens

    def asks(self, client: Client, credential: ProviderCredential) -> bool:  # noqa: ARG002  each code is asked about
        """See `IdentityProvider`."""
        check_shape(credential.sign)
        return True

    def resolve(self, client: Client, credential: ProviderCredential) -> Identity:
        """The user of the client's mini-program who got this js_code. It works once, so nothing is asked twice."""
        check_shape(credential.sign)
        return self.exchange(_PATH, client.sign_app, "js_code", credential.sign)

    def exchange(self, path: str, app: str, name: str, code: str) -> Identity:
        """The user of the app who got this code, which the request to `path` has as the parameter `name`."""
        query = {"appid": app, "secret": self._secret(app), name: code, "grant_type": "authorization_code"}
        url = f"{self._settings.wechat_url.rstrip('/')}{path}?{urlencode(query)}"
        return _identity(app, answered(app, lambda: https.get(self._settings, url, _ANSWER_MAX)))

    def check_phone_code(self, phone_code: str) -> None:
        """See `NumberProvider`."""
        wechat_phone.check_shape(phone_code)

    def phone_number(self, client: Client, phone_code: str, openid: str) -> str:
        """See `NumberProvider`: the number that the user of the client's mini-program confirmed by its button."""
        wechat_phone.check_shape(phone_code)
        app = client.sign_app
        return wechat_phone.exchange(self._settings, self._tokens, app, self._secret(app), phone_code, openid)

    def identity(self, client: Client, openid: str) -> Identity:
        """See `IdentityProvider`."""
        return Identity(NAME, client.sign_app, openid)

    def app(self, issuer: str) -> str | None:
        """See `IdentityProvider`: the app id of a mini-program whose secret is here."""
        provider, _, app = issuer.partition(":")
        return app if provider == NAME and not is_union(issuer) and app in self._secrets() else None

    def _secret(self, app: str) -> str:
        secret = self._secrets().get(app)
        if secret is None:
            raise not_usable(app, "WECHAT_APPS has no such app")
        return secret

    def _secrets(self) -> dict[str, str]:
        try:
            return wechat_apps(self._apps())
        except ValueError as error:
            raise unavailable("provider_unavailable", detail=f"WECHAT_APPS_SECRET: {error}") from None


def check_shape(code: str) -> None:
    """LingpaiError for a text that can be no code of WeChat's."""
    if not _CODE.fullmatch(code):
        raise invalid_grant("sign_unknown")


def _identity(app: str, answer: dict[str, Any]) -> Identity:
    """The ids in an answer. Its session key is not used."""
    code = answer.get("errcode", 0)
    if code != 0:
        raise refusal(app, code, _REFUSED, _TOO_OFTEN, _NOBODY)
    if answer.get("is_snapshotuser"):
        raise invalid_grant("sign_preview")
    openid, union = answer.get("openid"), answer.get("unionid") or None
    if not isinstance(openid, str) or not _ID.fullmatch(openid) or not _is_union(union):
        raise not_usable(app, _NOBODY)
    return Identity(NAME, app, openid, union)


def _is_union(value: object) -> bool:
    return value is None or (isinstance(value, str) and _ID.fullmatch(value) is not None)
