"""The API whose way to DynamoDB breaks as told, and what a request did there."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lingpai.clients.service import new_client
from tests.faults.tables import Dump, Tables
from tests.support import breaking_proxy, browsers, openid, stores, vendor, wechat
from tests.support.api import Answer, Api, make_api
from tests.support.breaking_proxy import BreakingProxy
from tests.support.challenges import mobile_app
from tests.support.openid import OpenId
from tests.support.stores import Transport
from tests.support.wechat import MINI, WeChat

# Nonces of the content security policy, and the values that bind forms to a browser.
_NEW_OF_PAGE = re.compile(r'(nonce|value)="[\w-]{22,}"')
GOOGLE_CLIENT = ("google-client", "google-secret")
MINI_CLIENT = ("mini-client", "mini-secret")
# Those that log their users in without a browser, besides `mobile-app`.
MINI_PROGRAM, GOOGLE_APP = "mini-program", "google-app"


@dataclass
class House:
    """The API, the proxy, the tables behind it, and the third parties."""

    api: Api
    proxy: BreakingProxy
    tables: Tables
    google: OpenId
    wechat: WeChat
    transport: Transport

    def id_token(self, subject: str) -> str:
        """A good ID token of this subject."""
        return self.google.token(subject, at=int(self.api.time.at))


@contextmanager
def opened(endpoint: str, transport: Transport) -> Iterator[House]:
    """The house, by this transport. No client's record is kept between requests, and no pause is waited for."""
    google, chat = OpenId(), WeChat()
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        breaking_proxy.store_behind(endpoint, transport, store_attempts=2) as (proxy, store, direct),
        vendor.serving(google) as to_google,
        vendor.serving(chat) as to_wechat,
    ):
        google.issuer = to_google.url
        monkeypatch.setattr("time.sleep", lambda _: None)
        api = make_api(
            monkeypatch,
            store,
            client_cache_ttl=0,
            wechat_apps=wechat.APPS,
            wechat_url=to_wechat.url,
            oidc_providers=openid.setting(to_google.url, client_id=openid.OTHER_AUDIENCE),
            link_providers="google",
            sms_unproven=50,
            password_max_age_days=3650,
            webauthn_rp_id="login.example",
            webauthn_origins="https://login.example",
            api_docs=True,
            **stores.GUARDED,
        )
        for name, secret, provider, app in (
            (*GOOGLE_CLIENT, "google", "default"),
            (*MINI_CLIENT, "wechat", MINI),
        ):
            record = new_client(name, "spring", secret, scopes=("web",), sign_provider=provider, sign_app=app)
            api.services.store.put_client(record)
        for client in (
            browsers.web_app(first_party=False),
            mobile_app(),
            mobile_app(MINI_PROGRAM, sign_provider="wechat", sign_app=MINI),
            mobile_app(GOOGLE_APP, sign_provider="google"),
        ):
            api.services.store.put_client(client)
        tables = Tables(direct.client, direct.settings)
        yield House(api, proxy, tables, google, chat, transport)


@dataclass(frozen=True)
class Run:
    """What a request came to: its answer, the messages it sent, its calls, and the tables after it."""

    answer: Answer
    messages: int
    calls: list[str]
    dump: Dump


def masked(body: str) -> Any:
    """The answer's JSON, or its page, with the same word for everything that is new each time."""
    try:
        return _masked(json.loads(body))
    except ValueError:
        return _NEW_OF_PAGE.sub(r'\1="new"', body)


def _masked(value: Any) -> Any:
    match value:
        case dict():
            return {name: _masked(part) for name, part in value.items() if name != "jti"}
        case list():
            return [_masked(part) for part in value]
        case str() if value.startswith("{"):
            return masked(value)
        case str() if len(value) > 40 and " " not in value:
            return "new"
        case int() if value >= 2**40:
            return "new"
    return value
