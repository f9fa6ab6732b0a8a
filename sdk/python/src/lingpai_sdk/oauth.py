"""The grants and endpoints of OAuth 2.0, and the codes sent to mobile numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lingpai_sdk import _answers, _arguments
from lingpai_sdk._base import AsyncBase, AsyncOptions, Base, Options
from lingpai_sdk._challenge import Flow
from lingpai_sdk._client import Client, Scope
from lingpai_sdk._transport import Answer, Repeat, Request
from lingpai_sdk.challenge import AsyncChallenge, Challenge
from lingpai_sdk.results import Introspection, ServerMetadata, Tokens, User

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lingpai_sdk.dpop import DPoPKey


class Lingpai(Base):
    """The token service, for a client whose dialect is `standard`.

    Clients of the dialects `spring`, `django` and `passport` are served as well, by the grants that they have; the
    grants of `mobile_code` and `sign` are for `standard` alone. A client with a secret proves itself by Basic
    (RFC 6749 section 2.3.1), one without is public and sends its id. The keyword arguments are those of UserCenter.

    `scope` is text with spaces between its words, or the words; without it the client gets all that it may have.
    `dpop_key` is the key that tokens are bound to (`lingpai_sdk.dpop`), None for bearer tokens.

    All calls raise LingpaiSDKError: `Timeout` or `ConnectionFailed` without an answer, `Refused` with the server's
    code (`invalid_grant`, `invalid_client`, …), `BadAnswer`. An empty argument is a ValueError.
    """

    def __init__(
        self, base_url: str, client_id: str, client_secret: str | None = None, **options: "Unpack[Options]"
    ) -> None:
        super().__init__(base_url, client_id, **options)
        self._client = _client(client_id, client_secret)

    # --- logins in the app's own forms --------------------------------------------------------------------

    def challenge(
        self,
        scope: Scope = None,
        *,
        acr_values: str | Iterable[str] | None = None,
        max_age: int | None = None,
        resource: str | Iterable[str] | None = None,
        redirect_uri: str | None = None,
        dpop_key: "DPoPKey | None" = None,
    ) -> Challenge:
        """Begin a login, step by step. Nothing is sent yet.

        `acr_values` and `max_age` say which login is asked for (`2`: with two factors; within so many seconds).
        `resource` names the APIs that the tokens are for (RFC 8707). `redirect_uri` is one of the client's, for a login
        that has to go on at the authorization endpoint (`RedirectToWeb`).
        """
        flow = Flow(
            self._client,
            scope=scope,
            acr_values=acr_values,
            max_age=max_age,
            resource=resource,
            redirect_uri=redirect_uri,
            dpop_key=dpop_key,
        )
        return Challenge(self._transport, flow)

    # --- tokens ------------------------------------------------------------------------------------------

    def password(self, username: str, password: str, scope: Scope = None) -> Tokens:
        """Tokens for a username or mobile number and its password (RFC 6749 section 4.3)."""
        return self._issue("password", Repeat.REFUSED, scope, _arguments.texts(username=username, password=password))

    def refresh(self, refresh_token: str, scope: Scope = None, *, dpop_key: "DPoPKey | None" = None) -> Tokens:
        """New tokens for a refresh token (RFC 6749 section 6), which works once. Keep the new one before anything else.

        `scope` may narrow the access token, never widen it. `dpop_key` is needed where the login had one; a public
        client needs the same one.
        """
        request = self._client.refresh(refresh_token, scope, self._refresh_within, dpop_key)
        return _answers.oauth_tokens(self._transport.send(request))

    def client_credentials(self, scope: Scope = None) -> Tokens:
        """A token for the client itself (RFC 6749 section 4.4), without a refresh token. It needs a secret."""
        return self._issue("client_credentials", Repeat.REFUSED, scope, {})

    def mobile_code(self, mobile: str, code: str, scope: Scope = None) -> Tokens:
        """Tokens for a mobile number and the code sent to it. A code works once; the first login makes the account."""
        fields = _arguments.texts(mobile=mobile, code=code)
        return self._issue("urn:lingpai:grant:mobile-code", Repeat.UNSENT, scope, fields)

    def sign(self, sign: str, scope: Scope = None) -> Tokens:
        """Tokens for a third party's word (an openId, a mini-program's code), by the provider of the client's record.

        The first login makes the account. Such a word may work once.
        """
        return self._issue("urn:lingpai:grant:sign", Repeat.UNSENT, scope, _arguments.texts(sign=sign))

    # --- codes -------------------------------------------------------------------------------------------

    def send_code(self, mobile: str, captcha: str | None = None) -> None:
        """Have a code sent to the number; it is good for ten minutes by default.

        Refused with `too_many_requests` and `retry_after` where the number, the client or the address had enough.
        Refused with the reason `captcha_required` or `bad_captcha` and with `captcha` where one has to be solved: send
        its solution as `captcha`.
        """
        fields = _arguments.texts(mobile=mobile)
        if captcha is not None:
            fields["captcha"] = _arguments.text("captcha", captcha)
        _answers.success(self._ask("/mobile/code/get", Repeat.UNSENT, fields))

    def verify_code(self, mobile: str, code: str) -> None:
        """Whether the code is the one sent to the number: Refused (`bad_request`) where it is not.

        The code stays good; the asking counts as one of the few guesses that the number has.
        """
        fields = _arguments.texts(mobile=mobile, code=code)
        _answers.success(self._transport.send(Request("POST", "/mobile/code/verify", Repeat.UNSENT, form=fields)))

    # --- what tokens are good for ------------------------------------------------------------------------

    def current_user(self, access_token: str, *, dpop_key: "DPoPKey | None" = None) -> User:
        """The user whose token it is; Refused with `invalid_token` for one that is not good.

        `dpop_key` is the key that the token is bound to.
        """
        bearer = _arguments.token("access_token", access_token)
        request = Request("GET", "/users/current", Repeat.ANY, bearer=bearer, dpop_key=dpop_key)
        return _answers.user(self._transport.send(request))

    def introspect(self, token: str) -> Introspection:
        """What an access or refresh token is good for (RFC 7662). The client needs a secret."""
        form = {"token": _arguments.token("token", token)}
        return _answers.introspection(self._ask("/oauth/introspect", Repeat.ANY, form))

    def revoke(self, token: str) -> None:
        """End what an access or refresh token belongs to (RFC 7009). An unknown token is as good as revoked."""
        _answers.success(self._ask("/oauth/revoke", Repeat.ANY, {"token": _arguments.token("token", token)}))

    def metadata(self) -> ServerMetadata:
        """What the server is and offers (RFC 8414). `base_url` must be its issuer, else BadAnswer (section 3.3)."""
        request = Request("GET", "/.well-known/oauth-authorization-server", Repeat.ANY)
        return _answers.metadata(self._transport.send(request), self._base_url)

    def _issue(self, grant: str, repeat: Repeat, scope: Scope, fields: dict[str, str]) -> Tokens:
        form = {"grant_type": grant, **fields}
        if words := _arguments.words("scope", scope):
            form["scope"] = words
        return _answers.oauth_tokens(self._ask("/oauth/token", repeat, form))

    def _ask(self, path: str, repeat: Repeat, form: dict[str, str]) -> Answer:
        """The answer to the form, sent by the client."""
        return self._transport.send(self._client.request(path, repeat, form))


class AsyncLingpai(AsyncBase):
    """The logins of `Lingpai.challenge` for asyncio, and what keeps them going. The arguments are those of Lingpai."""

    def __init__(
        self, base_url: str, client_id: str, client_secret: str | None = None, **options: "Unpack[AsyncOptions]"
    ) -> None:
        super().__init__(base_url, client_id, **options)
        self._client = _client(client_id, client_secret)

    def challenge(
        self,
        scope: Scope = None,
        *,
        acr_values: str | Iterable[str] | None = None,
        max_age: int | None = None,
        resource: str | Iterable[str] | None = None,
        redirect_uri: str | None = None,
        dpop_key: "DPoPKey | None" = None,
    ) -> AsyncChallenge:
        """As `Lingpai.challenge`."""
        flow = Flow(
            self._client,
            scope=scope,
            acr_values=acr_values,
            max_age=max_age,
            resource=resource,
            redirect_uri=redirect_uri,
            dpop_key=dpop_key,
        )
        return AsyncChallenge(self._transport, flow)

    async def refresh(self, refresh_token: str, scope: Scope = None, *, dpop_key: "DPoPKey | None" = None) -> Tokens:
        """As `Lingpai.refresh`."""
        request = self._client.refresh(refresh_token, scope, self._refresh_within, dpop_key)
        return _answers.oauth_tokens(await self._transport.send(request))


def _client(client_id: str, secret: str | None) -> Client:
    return Client(client_id, None if secret is None else _arguments.text("client_secret", secret))
