"""What authorization codes and pushed requests need from a store."""

from dataclasses import dataclass, field, replace
from typing import Protocol

from lingpai.authorization.model import AuthorizationCode, PushedRequest
from lingpai.kernel.writes import Write


@dataclass(frozen=True)
class PutAuthorizationCode(Write):
    """A new code. Its digest is random: where one stands there already, it is this one, put before."""

    code: AuthorizationCode

    def opened_at(self, at: int) -> "PutAuthorizationCode":
        """The write for the same code, of a login whose session is opened at `at`."""
        return replace(self, code=replace(self.code, login=replace(self.code.login, opened_at=at)))


@dataclass(frozen=True)
class UseAuthorizationCode(Write):
    """The code of this digest is used up at `now`. Fails where it is gone, used, or expired by then."""

    digest: bytes = field(repr=False)
    now: int


@dataclass(frozen=True)
class PutPushedRequest(Write):
    """A new pushed request. Its digest is random: where one stands there already, it is this one, put before."""

    request: PushedRequest


@dataclass(frozen=True)
class UsePushedRequest(Write):
    """The pushed request of this digest is gone. Fails where it was gone before."""

    digest: bytes = field(repr=False)


class Authorizations(Protocol):
    """Codes and pushed requests. An expired one may still be found: callers check the expiry."""

    def get_authorization_code(self, digest: bytes) -> AuthorizationCode | None:
        """The code, used or not; sees all writes before it."""
        ...

    def get_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """The pushed request; sees all writes before it."""
        ...
