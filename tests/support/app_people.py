"""A server on a port of this machine, and people who log in to it from apps by every first and second factor."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lingpai import bootstrap
from lingpai.accounts import service as accounts
from lingpai.clients.model import Client
from lingpai.clients.service import new_client
from lingpai.identity_providers.model import Identity
from lingpai.kernel.clock import Clock
from lingpai.passkeys import service as passkeys
from lingpai.sessions.model import SessionKey
from lingpai.signing_keys.service import first_keys
from lingpai.signing_keys.stores import LocalKeyWrapper, MemoryKeys
from local import functions, gateway, http_server
from tests.support import authenticator, openid, people
from tests.support.api import Api, make_api
from tests.support.memory_store import MemoryStore
from tests.support.openid import OTHER_AUDIENCE, OpenId
from tests.support.passkeys import Authenticator
from tests.support.stores import ROOT, TEMPLATE
from tests.support.vendor import serving
from tests.support.wechat import APPS, MINI, WeChat

FIRST_FACTORS = ("code", "password", "wechat", "wechatAndNumber", "idToken", "passkey")
SECOND_FACTORS = ("totp", "recoveryCode", "passkey")
NONCE = "a-nonce-of-the-app"
MINI_PROGRAM, OPENID_APP = "mini-program", "openid-app"
_numbers = itertools.count(1)


@dataclass
class AppServer:
    """The server: `api` is what is behind it, `url` where it is; and what it asks."""

    api: Api
    url: str
    wechat: WeChat
    google: OpenId

    def client_for(self, first: str) -> str:
        """The client whose users can log in by this factor: a client has one provider."""
        return OPENID_APP if first == "idToken" else MINI_PROGRAM


@dataclass
class AppPerson:
    """An account with a name, a password, a number, and identities at WeChat and Google.

    `app` and `recovery_codes` are second factors; None and empty where the account has none. `phone` has its passkey.
    """

    server: AppServer
    user_id: int
    username: str
    number: str
    openid: str
    subject: str
    phone: Authenticator
    app: authenticator.Authenticator | None = None
    recovery_codes: list[str] = field(default_factory=list)

    def answer(self, asked: dict[str, Any]) -> str:
        """What the person, or their phone, answers to a question of the app."""
        server = self.server
        match asked["ask"]:
            case "mobile":
                return self.number
            case "code":
                return server.api.last_code
            case "username":
                return self.username
            case "password":
                return people.PASSWORD
            case "phoneCode":
                return server.wechat.confirm_number(self.number, self.openid)
            case "idToken":
                return server.google.token(self.subject, at=int(time.time()), aud=OTHER_AUDIENCE, nonce=NONCE)
            case "nonce":
                return NONCE
            case "passkey":
                return self.phone.get(asked["options"])
            case "totp" if self.app is not None:
                return self.app.code(time.time())
            case "recoveryCode":
                return self.recovery_codes.pop()
            case other:
                raise AssertionError(f"nobody answers {other}")

    def js_codes(self, count: int = 1) -> list[str]:
        """What `wx.login` gives."""
        return [self.server.wechat.log_in(self.openid) for _ in range(count)]


def somebody(server: AppServer, *, second: bool, known_to_wechat: bool = True) -> AppPerson:
    """A new account, with (`second`) an authenticator app, recovery codes and a passkey.

    Unless it is `known_to_wechat`, WeChat's id of the person leads nowhere, and only the number to the account.
    """
    services, number = server.api.services, next(_numbers)
    made = people.somebody(server.api, number=True)
    openid_of, subject = f"openid-of-{number}", f"subject-of-{number}"
    names = Identity("oidc", server.google.issuer, subject).names
    if known_to_wechat:
        names = (*Identity("wechat", MINI, openid_of).names, *names)
    accounts.change(services, made.id, lambda user: replace(user, openids=names))
    session = SessionKey(made.id, services.clock.new_session_id())
    phone = Authenticator(server.url)
    assert made.username is not None
    assert made.number is not None
    person = AppPerson(server, made.id, made.username, made.number, openid_of, subject, phone)
    if second:
        person.app, codes = authenticator.set_up(services, made.id, session)
        person.recovery_codes = list(codes)
        answer = phone.create(passkeys.begin_registration(services, made.stored()))
        passkeys.register(services, made.id, answer, "a phone", session)
    return person


@contextmanager
def serve(monkeypatch: pytest.MonkeyPatch, origins: tuple[str, ...] = (), **settings: Any) -> Iterator[AppServer]:
    """Serve the API at localhost, with the clock of this machine.

    Pages of `origins` may call it, and ask for passkeys.
    """
    wechat, google = WeChat(clock=time.time), OpenId()
    with http_server.bind(0) as listener, serving(google) as to_google, serving(wechat) as to_wechat:
        port = http_server.port_of(listener)
        url = f"http://localhost:{port}"
        google.issuer = to_google.url
        api = make_api(
            monkeypatch,
            MemoryStore(),
            issuer=url,
            limit_sms_ip=0,
            limit_sms_net=0,
            cors_origins=origins,
            webauthn_origins=(url, *origins),
            wechat_apps=APPS,
            wechat_url=to_wechat.url,
            oidc_providers=openid.setting(to_google.url),
            **settings,
        )
        clock, keys, before = Clock(), MemoryKeys(), api.services
        first_keys(keys, LocalKeyWrapper(), clock)
        api.services = replace(bootstrap.build(before.settings, before.store, clock, keys), meter=before.meter)
        monkeypatch.setattr("lingpai.bootstrap.services", lambda: api.services)
        store: Any = api.services.store
        for client in _clients(origins):
            store.put_client(client)
        routes = gateway.Gateway(
            routes=TEMPLATE.routes,
            invoke=functions.load(TEMPLATE, ROOT),
            domain="localhost",
            port=port,
            cors=replace(TEMPLATE.cors, headers=api.services.settings.cors_headers),
            origins=origins,
        )
        with http_server.serving(listener, lambda request: gateway.answer(routes, request)):
            yield AppServer(api, url, wechat, google)


def _clients(origins: tuple[str, ...]) -> tuple[Client, ...]:
    """Public clients of apps: one's users may come from WeChat, the other's from Google."""
    fields: dict[str, Any] = {
        "first_party": True,
        "grants": ("authorization_code", "refresh_token", "challenge"),
        "scopes": ("openid", "profile", "phone"),
        "redirect_uris": tuple(f"{origin}/" for origin in origins) or ("com.example.app:/callback",),
    }
    return (
        new_client(MINI_PROGRAM, "standard", None, sign_provider="wechat", sign_app=MINI, **fields),
        new_client(OPENID_APP, "standard", None, sign_provider="google", **fields),
    )
