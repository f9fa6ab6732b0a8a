"""A login at `/oauth/challenge`, step by step (draft-ietf-oauth-first-party-apps-04). No I/O.

`Flow` makes the request of a step and reads its answer. The functions make the parameters of each kind of step.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lingpai_sdk import _answers, _arguments
from lingpai_sdk._client import Client, Scope
from lingpai_sdk._transport import Answer, Repeat, Request
from lingpai_sdk.errors import BadAnswer
from lingpai_sdk.results import NextStep

if TYPE_CHECKING:
    from lingpai_sdk.dpop import DPoPKey

# Seconds after its use for which the server answers a code with the same tokens. A third of them is for the way there.
_REDEEM_AGAIN = 30.0


class Flow:
    """One login: its authorization request, its PKCE verifier, and the `auth_session` of the answer before.

    The arguments are those of `Lingpai.challenge`.
    """

    def __init__(
        self,
        client: Client,
        *,
        scope: Scope,
        acr_values: str | Iterable[str] | None,
        max_age: int | None,
        resource: str | Iterable[str] | None,
        redirect_uri: str | None,
        dpop_key: "DPoPKey | None",
    ) -> None:
        self.client = client
        self._dpop_key = dpop_key
        self._verifier = secrets.token_urlsafe(32)
        self._auth_session: str | None = None
        self._redirect = {} if redirect_uri is None else _arguments.texts(redirect_uri=redirect_uri)
        digest = hashlib.sha256(self._verifier.encode()).digest()
        request: dict[str, str | list[str]] = {
            "response_type": "code",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **self._redirect,
        }
        for name, given in (("scope", scope), ("acr_values", acr_values)):
            if words := _arguments.words(name, given):
                request[name] = words
        if max_age is not None:
            if max_age < 0:
                raise ValueError("max_age: must not be negative")
            request["max_age"] = str(max_age)
        resources = [resource] if isinstance(resource, str) else list(resource or ())
        if resources:
            request["resource"] = [_arguments.text("resource", each) for each in resources]
        self._authorization_request = request

    def step(self, fields: Mapping[str, str]) -> Request:
        """The request of a step with these parameters."""
        begun = self._auth_session
        context = self._authorization_request if begun is None else {"auth_session": begun}
        # Once sent it may have used up a code, a guess or the auth_session.
        return self.client.request("/oauth/challenge", Repeat.UNSENT, {**context, **fields}, dpop_key=self._dpop_key)

    def read(self, answer: Answer) -> NextStep | Request:
        """What the step led to: the next one, or the request that redeems the authorization code.

        InvalidSession, RedirectToWeb, Refused, BadAnswer.
        """
        self._auth_session = _answers.auth_session(answer) or self._auth_session
        found = _answers.challenge(answer)
        return found if isinstance(found, NextStep) else self.redeem(found)

    def read_next(self, answer: Answer) -> NextStep:
        """The next step, after a step that proves nothing. The errors are those of `read`."""
        found = self.read(answer)
        if isinstance(found, NextStep):
            return found
        raise BadAnswer("the answer to a step that proves nothing is an authorization code", answer.status)

    def redeem(self, code: str) -> Request:
        """The request for the tokens of an authorization code."""
        form = {
            "grant_type": "authorization_code",
            "code": _arguments.token("code", code),
            "code_verifier": self._verifier,
            **self._redirect,
        }
        within = _REDEEM_AGAIN * 2 / 3
        return self.client.request("/oauth/token", Repeat.ANY, form, within=within, dpop_key=self._dpop_key)


def mobile(number: str, captcha: str | None) -> dict[str, str]:
    """Have a code sent."""
    return _arguments.texts(mobile=number) | _optional(captcha=captcha)


def code(value: str) -> dict[str, str]:
    """The code that was sent."""
    return _arguments.texts(code=value)


def password(username: str, value: str) -> dict[str, str]:
    """A username or mobile number, and its password."""
    return _arguments.texts(username=username, password=value)


def wechat(js_code: str, phone_code: str | None) -> dict[str, str]:
    """The code of `wx.login`, and the code of `getPhoneNumber`."""
    return _arguments.texts(js_code=js_code) | _optional(phone_code=phone_code)


def id_token(token: str, nonce: str | None) -> dict[str, str]:
    """An ID token of the client's OpenID provider, and the nonce that it was asked for with."""
    return {"id_token": _arguments.token("id_token", token)} | _optional(id_token_nonce=nonce)


def passkey(answer: str | Mapping[str, Any]) -> dict[str, str]:
    """What `navigator.credentials.get` gave, as JSON text or its content."""
    return _arguments.texts(passkey=json.dumps(answer) if isinstance(answer, Mapping) else answer)


def totp(value: str) -> dict[str, str]:
    """The code of an authenticator app."""
    return _arguments.texts(totp=value)


def recovery_code(value: str) -> dict[str, str]:
    """A recovery code."""
    return _arguments.texts(recovery_code=value)


def _optional(**fields: str | None) -> dict[str, str]:
    return {name: _arguments.text(name, value) for name, value in fields.items() if value is not None}


# To be asked for WebAuthn options, and for what may come.
PASSKEY_OPTIONS: Mapping[str, str] = {"passkey_options": "true"}
NOTHING: Mapping[str, str] = {}
