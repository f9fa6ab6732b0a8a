"""An API behind which a fake WeChat and a fake OpenID provider stand, and clients that use them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lingpai.clients.service import new_client
from tests.support import openid, wechat
from tests.support.api import Answer, Api
from tests.support.expect import standing_api
from tests.support.openid import OpenId
from tests.support.stores import ApiStore
from tests.support.vendor import Line, quickly, serving
from tests.support.wechat import MINI, SECOND, WeChat

MINI_CLIENT = ("mini-client", "mini-secret")
SECOND_CLIENT = ("second-client", "second-secret")
GOOGLE_CLIENT = ("google-client", "google-secret")
STANDARD_CLIENT = ("std-google", "std-google-secret")
PUBLIC_CLIENT = "public-mini"


@dataclass
class Town:
    """The API, the third parties, and the ways to them."""

    api: Api
    wechat: WeChat
    google: OpenId
    to_wechat: Line
    to_google: Line

    def sign(self, client: tuple[str, str], sign: str, **more: str) -> Answer:
        """A request to `/sign/token`."""
        return self.api.post("/sign/token", form={"sign": sign, **more}, basic=client)

    def token(self, client: tuple[str, str], sign: str, **more: str) -> str:
        """An access token for the proof, which must be good."""
        answer = self.sign(client, sign, **more)
        assert answer.status == 200, answer
        token: str = answer.json["access_token"]
        return token

    def id_token(self, subject: str = "subject-of-alice", **claims: Any) -> str:
        """An ID token that is good by the API's clock."""
        return self.google.token(subject, at=int(self.api.time.at), **claims)

    def whole(self) -> None:
        """Nothing is wrong with the third parties any more."""
        self.wechat.says = None
        self.to_wechat.fault = self.to_google.fault = None


@contextmanager
def town(on: ApiStore = "memory", provider: Mapping[str, Any] | None = None, **overrides: Any) -> Iterator[Town]:
    """All of it. `provider` is what the entry of google has besides.

    Clients: mini-client (spring, the app MINI), second-client (spring, SECOND), google-client (spring), std-google
    (standard), public-mini (standard, no secret, MINI), and one of each other dialect for google.
    """
    chat, google = WeChat(), OpenId()
    with serving(chat) as to_wechat, serving(google) as to_google:
        google.issuer = to_google.url
        chosen = {
            "wechat_apps": wechat.APPS,
            "wechat_url": to_wechat.url,
            "wechat_open_url": to_wechat.url,
            "oidc_providers": openid.setting(to_google.url, **(provider or {})),
            "link_providers": "google",
            **quickly(),
            **overrides,
        }
        with standing_api(on, **chosen) as api:
            store: Any = api.services.store
            grants = ("sign", "refresh_token", "client_credentials")
            for client in (
                new_client(
                    "mini-client", "spring", "mini-secret", scopes=("web",), sign_provider="wechat", sign_app=MINI
                ),
                new_client(
                    "second-client", "spring", "second-secret", scopes=("web",), sign_provider="wechat", sign_app=SECOND
                ),
                new_client("google-client", "spring", "google-secret", scopes=("web",), sign_provider="google"),
                new_client("std-google", "standard", "std-google-secret", grants=grants, sign_provider="google"),
                new_client("public-mini", "standard", grants=("sign",), sign_provider="wechat", sign_app=MINI),
                new_client("django-google", "django", "django-secret", grants=grants, sign_provider="google"),
                new_client("passport-google", "passport", "passport-secret", grants=grants, sign_provider="google"),
                new_client("usercenter-google", "usercenter", grants=grants, sign_provider="google"),
            ):
                store.put_client(client)
            yield Town(api, chat, google, to_wechat, to_google)
