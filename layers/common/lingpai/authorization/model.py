"""Authorization requests, pushed requests and codes. Times are whole seconds since 1970."""

from dataclasses import dataclass, field
from typing import Literal

from lingpai.kernel.errors import LingpaiError
from lingpai.sessions.model import SessionKey

ResponseMode = Literal["query", "form_post"]
Prompt = Literal["none", "login", "consent", "select_account"]
# The parameters of a request in their order, each name as often as it was sent.
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AuthorizationRequest:
    """What a client asks of the authorization endpoint (RFC 6749 section 4.1.1, OpenID Connect Core 3.1.2.1), checked.

    `code_challenge` is of the method S256 (RFC 7636). `subject` is the user of a verified `id_token_hint`. `pushed` is
    the digest of the pushed request that it came from (RFC 9126). `jkt` is the thumbprint of the key that its code
    needs (RFC 9449 section 10). `redirect_uri` is empty for an app that logs its user in without a browser.
    """

    client_id: str
    redirect_uri: str
    code_challenge: str = field(repr=False)
    scope: tuple[str, ...]
    response_mode: ResponseMode = "query"
    state: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    prompt: frozenset[Prompt] = frozenset()
    max_age: int | None = None
    login_hint: str | None = field(default=None, repr=False)
    ui_locales: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    subject: int | None = None
    pushed: bytes | None = field(default=None, repr=False)
    jkt: str | None = None


class AuthorizationError(LingpaiError):
    """A refusal that goes back to the client by its redirect URI (RFC 6749 section 4.1.2.1): see `response.failure`."""

    def __init__(
        self, error: LingpaiError, client_id: str, redirect_uri: str, response_mode: ResponseMode, state: str | None
    ) -> None:
        super().__init__(
            error.code,
            error.status,
            error.reason,
            retry_after=error.retry_after,
            detail=error.detail,
            **error.values,
        )
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.response_mode = response_mode
        self.state = state


@dataclass(frozen=True)
class Login:
    """The login that a code is issued for: who, how (`login_methods`), when, and the browser session that keeps it.

    `opened_at` is when the browser session was opened, and `sid` what ID tokens call it, None for its id. With `once`,
    the session is kept for the code alone, and ends when the code is used: an app has logged its user in without a
    browser.
    """

    user_id: int
    methods: tuple[str, ...]
    auth_time: int
    session: SessionKey
    opened_at: int
    once: bool = False
    sid: str | None = None


@dataclass(frozen=True)
class AuthorizationCode:
    """A code as it is kept (RFC 6749 section 4.1.2): by its digest, with all that it is bound to.

    It opens the session `opens`, once, until `expires_at`; `used_at` is 0 until then. `salt` makes the tokens of it.
    `epoch` is the client's `valid_from` at that time (`epochs`). `jkt` is the key that the token request has to prove;
    None for any or none.
    """

    digest: bytes = field(repr=False)
    client_id: str
    redirect_uri: str
    code_challenge: str = field(repr=False)
    scope: tuple[str, ...]
    resource: tuple[str, ...]
    nonce: str | None = field(repr=False)
    login: Login
    opens: SessionKey
    salt: bytes = field(repr=False)
    expires_at: int
    epoch: int = 0
    used_at: int = 0
    jkt: str | None = None


@dataclass(frozen=True)
class PushedRequest:
    """An authorization request that a client has sent ahead (RFC 9126), good until `expires_at`."""

    digest: bytes = field(repr=False)
    client_id: str
    parameters: Pairs = field(repr=False)
    expires_at: int
