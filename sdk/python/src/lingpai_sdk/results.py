"""What calls give: frozen, and without a secret in their repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any


@dataclass(frozen=True)
class Tokens:
    """An access token and, where the grant gives one, the refresh token for the next.

    `expires_in` is in seconds, as the server said it; `expires_at` (UTC) is counted from when the request was sent,
    so it is never later than the truth by a clock that runs right. `scope` is empty where the server names none.
    `id_token` is there where the scope has `openid`; it is not verified, which TLS makes up for as long as it stays
    where it came (OpenID Connect Core section 3.1.3.7).
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    expires_at: datetime
    scope: tuple[str, ...] = ()
    id_token: str | None = field(default=None, repr=False)

    def expired(self, leeway: float = 0.0) -> bool:
        """Whether the access token is no longer good, or will not be in `leeway` seconds."""
        return datetime.now(timezone.utc) + timedelta(seconds=leeway) >= self.expires_at


@dataclass(frozen=True)
class NextStep:
    """A step of a challenge was taken, and there is one more.

    `next` names the parameters that may come (`code`, `totp`, `captcha`, …; the README says which method sends which).
    `reason` is the server's word for why (`factor_required`, `captcha_required`, `bad_captcha`). `captcha` is what
    shows the captcha. `passkey_options` are those for `navigator.credentials.get`. `resend_in` is in how many seconds
    another code can be asked for. They are None where the server does not say them.
    """

    next: tuple[str, ...]
    reason: str | None = None
    captcha: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    passkey_options: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    resend_in: int | None = None


@dataclass(frozen=True)
class Role:
    """A role of the deployment."""

    id: int
    name: str


@dataclass(frozen=True)
class User:
    """A user. An account made by a mobile number is called by it; one made by a third party's id may have no name.

    `created` is `yyyy-MM-dd HH:mm:ss` in the deployment's own time, as the server writes it.
    """

    id: int
    username: str | None
    phone: str | None = field(repr=False)
    open_id: str | None = field(repr=False)
    roles: tuple[Role, ...]
    created: str


@dataclass(frozen=True)
class Introspection:
    """What the server says of a token (RFC 7662 section 2.2). Of one that is not active it says nothing else.

    `sub` is the id of the user in digits or, for a token that a client got for itself, the client's id. `token_type`
    is None for a refresh token. Times are UTC.
    """

    active: bool
    client_id: str | None = None
    sub: str | None = None
    scope: tuple[str, ...] = ()
    token_type: str | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class ServerMetadata:
    """What the server is and offers (RFC 8414 section 2); `everything` holds all that it said."""

    issuer: str
    token_endpoint: str
    jwks_uri: str | None
    introspection_endpoint: str | None
    revocation_endpoint: str | None
    grant_types: tuple[str, ...]
    everything: Mapping[str, Any] = field(repr=False, hash=False)
