"""A login in the app's own forms, step by step (draft-ietf-oauth-first-party-apps-04)."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from lingpai_sdk import _answers, _challenge
from lingpai_sdk._challenge import Flow
from lingpai_sdk._transport import AsyncTransport, Transport
from lingpai_sdk.results import NextStep, Tokens

Result = Tokens | NextStep
_Transport = TypeVar("_Transport", Transport, AsyncTransport)


class _Challenge(Generic[_Transport]):
    def __init__(self, transport: _Transport, flow: Flow) -> None:
        self._transport: _Transport = transport
        self._flow = flow

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._flow.client.id!r})"


class Challenge(_Challenge[Transport]):
    """One login, made by `Lingpai.challenge`. A step gives the tokens, or a NextStep that says what may come.

    It keeps what the login stands on (`auth_session`, the PKCE verifier) in memory alone, for one thread at a time.

    A step raises Refused for what was wrong (`reason` says what), after which it may be taken again; InvalidSession
    where the login cannot go on, RedirectToWeb where it cannot in the app; TransportError and BadAnswer as any call.
    A step that was sent is never repeated: where its answer was lost, begin anew unless it is known what it did.
    An argument that is empty is a ValueError.
    """

    def next_step(self) -> NextStep:
        """What may come, without a step: at the beginning the first factors that the client may use."""
        return self._ask(_challenge.NOTHING)

    def send_code(self, mobile: str, captcha: str | None = None) -> NextStep:
        """Have a code sent to the number; again for a new code, or for another number.

        `captcha` is the solution of the captcha that a NextStep with `captcha` asked for. Refused with
        `too_many_requests` and `retry_after` where the number, the client or the address had enough.
        """
        return self._ask(_challenge.mobile(mobile, captcha))

    def enter_code(self, code: str) -> Result:
        """The code that was sent. Refused (`invalid_grant`, reason `bad_code`) where it is not."""
        return self._step(_challenge.code(code))

    def password(self, username: str, password: str) -> Result:
        """A username or mobile number, and its password. Refused with the reason `bad_credentials`."""
        return self._step(_challenge.password(username, password))

    def wechat(self, js_code: str, phone_code: str | None = None) -> Result:
        """WeChat's mini-program: the code of `wx.login` and, to prove the number, that of `getPhoneNumber`.

        Refused with the reason `sign_unknown`, `bad_phone_code`, …
        """
        return self._step(_challenge.wechat(js_code, phone_code))

    def id_token(self, token: str, nonce: str | None = None) -> Result:
        """An ID token of the client's OpenID provider, and the nonce that it was asked for with."""
        return self._step(_challenge.id_token(token, nonce))

    def passkey_options(self) -> NextStep:
        """Ask for the options of a passkey: `passkey_options` of the NextStep."""
        return self._ask(_challenge.PASSKEY_OPTIONS)

    def passkey(self, answer: str | Mapping[str, Any]) -> Result:
        """What the browser or the app answered to the options: JSON, or its content. Refused with `bad_passkey`.

        It may be the first or the second factor.
        """
        return self._step(_challenge.passkey(answer))

    def totp(self, code: str) -> Result:
        """Second factor: the code of an authenticator app. Refused with the reason `bad_second_factor`."""
        return self._step(_challenge.totp(code))

    def recovery_code(self, code: str) -> Result:
        """Second factor: a recovery code, which works once. Refused with the reason `bad_second_factor`."""
        return self._step(_challenge.recovery_code(code))

    def redeem(self, code: str) -> Tokens:
        """The tokens for the code that the authorization endpoint sent back, after RedirectToWeb."""
        return _answers.oauth_tokens(self._transport.send(self._flow.redeem(code)))

    def _ask(self, fields: Mapping[str, str]) -> NextStep:
        return self._flow.read_next(self._transport.send(self._flow.step(fields)))

    def _step(self, fields: Mapping[str, str]) -> Result:
        found = self._flow.read(self._transport.send(self._flow.step(fields)))
        if isinstance(found, NextStep):
            return found
        return _answers.oauth_tokens(self._transport.send(found))


class AsyncChallenge(_Challenge[AsyncTransport]):
    """As `Challenge`, for asyncio; made by `AsyncLingpai.challenge`."""

    async def next_step(self) -> NextStep:
        """As `Challenge.next_step`."""
        return await self._ask(_challenge.NOTHING)

    async def send_code(self, mobile: str, captcha: str | None = None) -> NextStep:
        """As `Challenge.send_code`."""
        return await self._ask(_challenge.mobile(mobile, captcha))

    async def enter_code(self, code: str) -> Result:
        """As `Challenge.enter_code`."""
        return await self._step(_challenge.code(code))

    async def password(self, username: str, password: str) -> Result:
        """As `Challenge.password`."""
        return await self._step(_challenge.password(username, password))

    async def wechat(self, js_code: str, phone_code: str | None = None) -> Result:
        """As `Challenge.wechat`."""
        return await self._step(_challenge.wechat(js_code, phone_code))

    async def id_token(self, token: str, nonce: str | None = None) -> Result:
        """As `Challenge.id_token`."""
        return await self._step(_challenge.id_token(token, nonce))

    async def passkey_options(self) -> NextStep:
        """As `Challenge.passkey_options`."""
        return await self._ask(_challenge.PASSKEY_OPTIONS)

    async def passkey(self, answer: str | Mapping[str, Any]) -> Result:
        """As `Challenge.passkey`."""
        return await self._step(_challenge.passkey(answer))

    async def totp(self, code: str) -> Result:
        """As `Challenge.totp`."""
        return await self._step(_challenge.totp(code))

    async def recovery_code(self, code: str) -> Result:
        """As `Challenge.recovery_code`."""
        return await self._step(_challenge.recovery_code(code))

    async def redeem(self, code: str) -> Tokens:
        """As `Challenge.redeem`."""
        return _answers.oauth_tokens(await self._transport.send(self._flow.redeem(code)))

    async def _ask(self, fields: Mapping[str, str]) -> NextStep:
        return self._flow.read_next(await self._transport.send(self._flow.step(fields)))

    async def _step(self, fields: Mapping[str, str]) -> Result:
        found = self._flow.read(await self._transport.send(self._flow.step(fields)))
        if isinstance(found, NextStep):
            return found
        return _answers.oauth_tokens(await self._transport.send(found))
