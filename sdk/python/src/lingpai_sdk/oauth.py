"""The grants and endpoints of OAuth 2.0, and the codes sent to mobile numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lingpai_sdk import _answers, _arguments
from lingpai_sdk._base import Base, Options
from lingpai_sdk._transport import Answer, Repeat, Request
from lingpai_sdk.results import Introspection, ServerMetadata, Tokens, User

if TYPE_CHECKING:
    from typing_extensions import Unpack

Scope = str | Iterable[str] | None


class Lingpai(Base):
    """The token service, for a client whose dialect is `standard`.

    Clients of the dialects `spring`, `django` and `passport` are served as well, by the grants that they have; the
    grants of `mobile_code` and `sign` are for `standard` alone. A client with a secret proves itself by Basic
    (RFC 6749 section 2.3.1), one without is public and sends its id. The keyword arguments are those of UserCenter.

    `scope` is text with spaces between its words, or the words; without it the client gets all that it may have.

    All calls raise LingpaiSDKError: `Timeout` or `ConnectionFailed` without an answer, `Refused` with the server's
    code (`invalid_grant`, `invalid_client`, …), `BadAnswer`. An empty argument is a ValueError.
    """

    def __init__(
        self, base_url: str, client_id: str, client_secret: str | None = None, **options: "Unpack[Options]"
    ) -> None:
        super().__init__(base_url, client_id, **options)
        self._secret = None if client_secret is None else _arguments.text("client_secret", client_secret)

    # --- tokens ------------------------------------------------------------------------------------------

    def password(self, username: str, password: str, scope: Scope = None) -> Tokens:
        """Tokens for a username or mobile number and its password (RFC 6749 section 4.3)."""
        return self._issue("password", Repeat.REFUSED, scope, _arguments.texts(username=username, password=password))

    def refresh(self, refresh_token: str, scope: Scope = None) -> Tokens:
        """New tokens for a refresh token (RFC 6749 section 6), which works once. Keep the new one before anything else.

        `scope` may narrow the access token, never widen it.
        """
        fields = {"refresh_token": _arguments.token("refresh_token", refresh_token)}
        return self._issue("refresh_token", Repeat.ANY, scope, fields, within=self._refresh_within)

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

    def send_code(self, mobile: str) -> None:
        """Have a code sent to the number; it is good for ten minutes by default.

        Refused with `too_many_requests` and `retry_after` where the number, the client or the address had enough.
        """
        _answers.success(self._ask("/mobile/code/get", Repeat.UNSENT, _arguments.texts(mobile=mobile)))

    def verify_code(self, mobile: str, code: str) -> None:
        """Whether the code is the one sent to the number: Refused (`bad_request`) where it is not.

        The code stays good; the asking counts as one of the few guesses that the number has.
        """
        fields = _arguments.texts(mobile=mobile, code=code)
        _answers.success(self._transport.send(Request("POST", "/mobile/code/verify", Repeat.UNSENT, form=fields)))

    # --- what tokens are good for ------------------------------------------------------------------------

    def current_user(self, access_token: str) -> User:
        """The user whose token it is; Refused with `invalid_token` for one that is not good."""
        bearer = _arguments.token("access_token", access_token)
        return _answers.user(self._transport.send(Request("GET", "/users/current", Repeat.ANY, bearer=bearer)))

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

    def _issue(
        self, grant: str, repeat: Repeat, scope: Scope, fields: dict[str, str], within: float | None = None
    ) -> Tokens:
        form = {"grant_type": grant, **fields}
        if words := _arguments.scope_text(scope):
            form["scope"] = words
        return _answers.oauth_tokens(self._ask("/oauth/token", repeat, form, within))

    def _ask(self, path: str, repeat: Repeat, form: dict[str, str], within: float | None = None) -> Answer:
        """The answer to the form, sent by the client."""
        proof: dict[str, Any] = {}
        if self._secret is None:
            form = {**form, "client_id": self._client_id}
        elif ":" in self._client_id:
            # Basic cannot hold such an id (RFC 7617 section 2).
            form = {**form, "client_id": self._client_id, "client_secret": self._secret}
        else:
            proof["basic"] = (self._client_id, self._secret)
        return self._transport.send(Request("POST", path, repeat, form=form, within=within, **proof))
