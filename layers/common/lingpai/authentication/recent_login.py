"""Proof of the account's owner before a login method changes: a stolen access token alone must not suffice.

Login methods (factors) are the password, the number and the identities at third parties. The owner may change
one after a recent login in the same session, or with fresh proof in the same request.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from lingpai.accounts.model import User
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import Identity
from lingpai.kernel.errors import LingpaiError, insufficient_user_authentication, recent_login_required
from lingpai.kernel.writes import Write
from lingpai.passwords import service as passwords
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits import unanswered
from lingpai.rate_limits.storage import IncrementCounter
from lingpai.services import Services
from lingpai.sessions import factor_policy, login_methods
from lingpai.sessions.model import Session
from lingpai.sms_codes import service as sms_codes
from lingpai.sms_codes.model import Presenter


@dataclass(frozen=True)
class FreshProof:
    """Proof in the same request: the account's password, an identity proven by a third party, or a code.

    The code is one for `change`, sent to the account's current number.
    """

    password: str | None = field(default=None, repr=False)
    identity: Identity | None = None
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Evidence:
    """Single-use proof, which the change uses up.

    `codes` were sent to the account's number; `once` are the writes that use up an ID token. `note` identifies the
    proof if the request is repeated because its response was lost (see `unanswered`).
    """

    codes: tuple[sms_codes.VerifiedCode, ...] = ()
    once: tuple[IncrementCounter, ...] = ()
    note: tuple[object, ...] = field(default=(), repr=False)

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes that use up the proof."""
        return (*(code.consume for code in self.codes), *self.once)


# A recent login or a password, which can be used again.
NOTHING_USED = Evidence()


class LoggedIn(Protocol):
    """A client's or a browser's session: when its user logged in (0 if unknown), and how (`login_methods`)."""

    @property
    def auth_time(self) -> int:
        """Seconds since 1970."""
        ...

    @property
    def methods(self) -> tuple[str, ...]:
        """As `amr` values."""
        ...


def is_recent(services: Services, session: LoggedIn) -> bool:
    """Whether the user logged in to this session within RECENT_LOGIN seconds; False if the time is unknown."""
    age = services.clock.now() - session.auth_time
    return bool(session.auth_time) and age <= services.settings.recent_login


def may_change(services: Services, user: User, session: LoggedIn) -> bool:
    """Whether the session may change how the account is logged in to, without fresh proof."""
    return is_recent(services, session) and not _lacks_factor(services, user, session)


def refuse_one_factor(services: Services, user: User, session: LoggedIn) -> None:
    """LingpaiError if the session has one factor and the account two: it may not change how to log in to the account.

    Whoever has stolen one factor could take the account over by it.
    """
    if _lacks_factor(services, user, session):
        raise insufficient_user_authentication(login_methods.ACR_TWO)


def _lacks_factor(services: Services, user: User, session: LoggedIn) -> bool:
    return bool(user.second_factors) and factor_policy.has_one(services.settings, session.methods)


def require(services: Services, user: User, session: Session, given: FreshProof, presenter: Presenter) -> Evidence:
    """The evidence that the change uses up; LingpaiError `recent_login_required` without valid proof.

    A recent login is enough, but a session of one factor proves nothing where the account has two (LingpaiError
    `insufficient_user_authentication`). Wrong passwords and codes count as guesses, as on other routes. If the response
    of a request was lost, its repeat may bring the code that it has used up.
    """
    refuse_one_factor(services, user, session)
    try:
        return _require(services, user, session, given, presenter)
    except LingpaiError as error:
        if error.code != "recent_login_required" or given.code is None:
            raise
        if user.mobile is None:
            # With a number, the guess was counted for the number.
            count_password_try(services, user.id)
        if not unanswered.is_repeat(services, *_note(session, given.code)):
            raise
        return NOTHING_USED


def noted(services: Services, evidence: Evidence) -> AbstractContextManager[None]:
    """A block that uses up the evidence. If it ends with a 503, a repeat of the request may bring the same evidence."""
    return unanswered.noted(services, *evidence.note) if evidence.note else nullcontext()


def _note(session: Session, evidence: str) -> tuple[object, ...]:
    return ("proven", session.key.owner, session.key.id, evidence)


def _require(services: Services, user: User, session: Session, given: FreshProof, presenter: Presenter) -> Evidence:
    if is_recent(services, session):
        return NOTHING_USED
    if given.password is not None:
        check_password(services, user, given.password)
        return NOTHING_USED
    if given.identity is not None and set(given.identity.names) & set(user.openids):
        once = identity_providers.single_use(given.identity)
        return Evidence(once=once, note=_note(session, once[0].key) if once else ())
    if given.code is not None and user.mobile is not None:
        return Evidence((_old_code(services, user.mobile, given.code, presenter),), note=_note(session, given.code))
    raise recent_login_required()


def count_password_try(services: Services, user_id: int) -> None:
    """Count a password try of a signed-in user; LingpaiError 429 if no try is left."""
    settings, tries = services.settings, {"all": services.settings.login_tries}
    limit = rate_limits.limit_of(f"oldpassword:{user_id}", tries, settings.login_window, services.clock.now())
    rate_limits.increment(services, limit, "slow_down")


def check_password(services: Services, user: User, password: str) -> None:
    """LingpaiError unless it is the account's password; the try is counted first."""
    count_password_try(services, user.id)
    if not passwords.verify(password, user.password, services.settings):
        raise recent_login_required("wrong_password")


def _old_code(services: Services, number: str, code: str, presenter: Presenter) -> sms_codes.VerifiedCode:
    try:
        return sms_codes.check(services, number, code, presenter, "change")
    except LingpaiError as error:
        if error.code != "invalid_grant":
            raise
        raise recent_login_required(error.reason) from error
