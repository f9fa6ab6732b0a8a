"""Log in with WeChat in a browser.

In WeChat's own browser the official account logs the user in. In other browsers WeChat's page shows a QR code (a
website application of the open platform). Neither has PKCE or a nonce: `state` alone binds the login to the browser.

https://developers.weixin.qq.com/doc/oplatform/developers/dev/auth/web.html
https://developers.weixin.qq.com/doc/service/guide/h5/auth.html
"""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from lingpai.clients.model import Client
from lingpai.identity_providers.model import Identity
from lingpai.identity_providers.web_login import Flow
from lingpai.identity_providers.wechat import WeChat, check_shape
from lingpai.identity_providers.wechat_api import NAME

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings

_INSIDE = "MicroMessenger"
_PATH = "/sns/oauth2/access_token"


class WeChatWeb:
    """A `WebLogin` for WeChat's website application and official account."""

    label = "WeChat"

    def __init__(self, settings: "IdentityProviderSettings", wechat: WeChat) -> None:
        self._settings = settings
        self._wechat = wechat

    def app(self, user_agent: str) -> str | None:
        """See `WebLogin`: the official account in WeChat's own browser, else the website application."""
        settings = self._settings
        return (settings.wechat_official_app if _INSIDE in user_agent else settings.wechat_website_app) or None

    def issuer(self, app: str) -> str:
        """See `WebLogin`."""
        return Identity(NAME, app, "").issuer

    def address(self, app: str, flow: Flow) -> str:
        """See `WebLogin`. WeChat requires this order of the parameters, and the fragment."""
        settings = self._settings
        is_inside = app == settings.wechat_official_app
        fields = {
            "appid": app,
            "redirect_uri": flow.redirect_uri,
            "response_type": "code",
            "scope": settings.wechat_scope if is_inside else "snsapi_login",
            "state": flow.state,
        }
        path = "/connect/oauth2/authorize" if is_inside else "/connect/qrconnect"
        return f"{settings.wechat_open_url.rstrip('/')}{path}?{urlencode(fields)}#wechat_redirect"

    def check_issuer(self, issuer: str | None) -> None:
        """See `WebLogin`. Nothing to check: WeChat sends no `iss`. Its own redirect URI keeps providers apart."""

    def redeem(self, client: Client, app: str, code: str, flow: Flow) -> Identity:  # noqa: ARG002  no PKCE, no nonce
        """See `WebLogin`. The access token in WeChat's answer is not used."""
        check_shape(code)
        return self._wechat.exchange(_PATH, app, "code", code)
