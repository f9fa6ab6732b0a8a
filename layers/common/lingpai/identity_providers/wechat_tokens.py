"""The access tokens of WeChat's apps (getStableAccessToken): one for each app, shared by all functions.

A process keeps the token that it knows. Functions share it in the store, where one of them at a time renews it; the
others use the one before, or wait for the new one.

https://developers.weixin.qq.com/miniprogram/dev/server/API/mp-access-token/api_getstableaccesstoken
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lingpai.identity_providers import https
from lingpai.identity_providers.model import AppToken
from lingpai.identity_providers.sealed_tokens import seal, unseal
from lingpai.identity_providers.storage import AppTokens
from lingpai.identity_providers.wechat_api import NAME, TOO_OFTEN, answered, not_usable, refusal
from lingpai.kernel import deadline
from lingpai.kernel.clock import Clock
from lingpai.kernel.errors import LingpaiError, unavailable

if TYPE_CHECKING:
    from lingpai.identity_providers.settings import IdentityProviderSettings

_PATH = "/cgi-bin/stable_token"
# Seconds before its end from which a token is renewed. WeChat gives a new one in the last 300, and takes both then.
_EARLY = 240
_LONGEST = 7200
# Seconds that a renewal may take before somebody else may begin one.
_CLAIM = 10
# How often the store is looked at for somebody else's renewal, with a pause in seconds between.
_LOOKS = 50
_PAUSE = 0.1
# WeChat asks for room for 512 characters.
_TOKEN_MAX = 2048


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    expires_at: int


class WeChatTokens:
    """Gives the apps' access tokens. `pause` waits before the store is looked at again."""

    def __init__(
        self,
        settings: "IdentityProviderSettings",
        clock: Clock,
        store: AppTokens,
        pause: Callable[[], None] = lambda: time.sleep(_PAUSE),
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._pause = pause
        self._kept: dict[str, _Token] = {}

    def get(self, app: str, secret: str, refused: str | None = None) -> str:
        """The access token of the app with this secret; another one than `refused`, which WeChat did not take.

        LingpaiError 429 or 503 if there is none to be had.
        """
        kept = self._kept.get(app)
        if kept is not None and kept.text != refused and not self._is_due(kept):
            return kept.text
        return self._shared(app, secret, refused)

    def _shared(self, app: str, secret: str, refused: str | None) -> str:
        """The token in the store, renewed if it has to be, by this process or another one."""
        for _ in range(_LOOKS):
            stored = self._store.get_app_token(_name(app))
            text = unseal(secret, stored.app, stored.sealed) if stored.sealed else None
            token = _Token(text, stored.expires_at) if text is not None and text != refused else None
            if token is not None and not self._is_due(token):
                self._kept[app] = token
                return token.text
            now, claim = self._clock.now(), self._clock.new_secret()
            if stored.claimed_until <= now and self._store.claim_app_token(stored, claim, now, now + _CLAIM):
                return self._renewed(app, secret, refused, claim)
            if token is not None and now < token.expires_at:
                return token.text
            if deadline.is_over():
                break
            self._pause()
        raise unavailable("provider_unavailable", detail=f"{NAME} {app}: another function is renewing the token")

    def _renewed(self, app: str, secret: str, refused: str | None, claim: bytes) -> str:
        """A token from WeChat, kept for all if nobody has taken the claim over."""
        try:
            token = self._ask(app, secret, by_force=False)
            # WeChat still takes it for good. By force it makes another, twenty times a day at most.
            if token.text == refused:
                token = self._ask(app, secret, by_force=True)
        except LingpaiError:
            with suppress(LingpaiError):
                self._store.release_app_token(_name(app), claim)
            raise
        sealed = seal(secret, _name(app), token.text, self._clock.new_secret())
        # Without the store, the token still serves this request.
        with suppress(LingpaiError):
            if self._store.put_app_token(AppToken(_name(app), sealed, token.expires_at), claim):
                self._kept[app] = token
        return token.text

    def _ask(self, app: str, secret: str, *, by_force: bool) -> _Token:
        asked_at = self._clock.now()
        content = {"grant_type": "client_credential", "appid": app, "secret": secret, "force_refresh": by_force}
        url = f"{self._settings.wechat_url.rstrip('/')}{_PATH}"
        answer = answered(app, lambda: https.post_json(self._settings, url, content))
        code = answer.get("errcode", 0)
        if code != 0:
            raise refusal(app, code, {}, TOO_OFTEN, "an answer without a token")
        token, life = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not _is_token(token) or not isinstance(life, int) or life <= 0:
            raise not_usable(app, "an answer without a token")
        return _Token(token, asked_at + min(life, _LONGEST))

    def _is_due(self, token: _Token) -> bool:
        return self._clock.now() >= token.expires_at - _EARLY


def _name(app: str) -> str:
    return f"{NAME}:{app}"


def _is_token(text: str) -> bool:
    return 0 < len(text) <= _TOKEN_MAX and text.isascii() and text.isprintable()
