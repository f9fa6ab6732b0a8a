"""What an app asks for in one request, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lingpai.authorization.model import AuthorizationRequest
from lingpai.clients.model import Client
from lingpai.kernel.language import Language
from lingpai.pending_logins.model import AppRequest, PendingLogin
from lingpai.sms_codes.model import Presenter


@dataclass(frozen=True)
class Attempt:
    """One request of an app that logs its user in (section 5.1).

    `asked` is the authorization request that the login is for, and `app` what is kept of it between the steps. `given`
    are the parameters of this request. `login` is the pending login that its `auth_session` finds; None without one.
    `address` is the end user's if the client has forwarded it (`forwarded`), else that of the request.
    """

    client: Client
    asked: AuthorizationRequest
    app: AppRequest
    given: Mapping[str, str] = field(repr=False)
    login: PendingLogin | None
    address: str
    forwarded: bool
    language: Language
    device: str

    @property
    def presenter(self) -> Presenter:
        """The client and address for which a guess at a code is counted."""
        return Presenter.of(self.client, self.address, forwarded=self.forwarded)


@dataclass(frozen=True)
class Issued:
    """The login is complete: the authorization code."""

    code: str = field(repr=False)


@dataclass(frozen=True)
class Insufficient:
    """More is needed (section 5.2.2.1): `next` are the parameters that may come.

    `auth_session` is the secret of the new pending login; None where the present one, if any, stays. `reason` is a key
    of `http.reasons`, and `more` are further fields of the answer.
    """

    next: tuple[str, ...]
    auth_session: bytes | None = field(default=None, repr=False)
    reason: str = "factor_required"
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RedirectToWeb:
    """The user has to log in in a browser (section 5.2.2.1.1), by the pushed request `request_uri`, if there is one.

    `reason` is a key of `http.reasons`.
    """

    request_uri: str | None = field(repr=False)
    reason: str = "no_second_factor"


type Outcome = Issued | Insufficient | RedirectToWeb
