"""Authentication by a name and its password, or by digests of the password (seed 002)."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from lingpai.accounts import closing, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import REHASHED, ChangeUser, CheckUser, RememberAddresses
from lingpai.authentication import login_limits, password_age
from lingpai.authentication.model import Authenticated
from lingpai.kernel.errors import LingpaiError, invalid_grant
from lingpai.kernel.writes import Conflict
from lingpai.passwords import service as passwords
from lingpai.rate_limits import unanswered
from lingpai.services import Services
from lingpai.sessions import login_methods


@dataclass(frozen=True)
class _Verified:
    """A right password: the write that checks the account, and see `Authenticated` for the others."""

    unchanged: CheckUser | ChangeUser
    refusal: LingpaiError | None = None
    new_password: ChangeUser | None = field(default=None, repr=False)


# Checks the password of an account (None: of nobody) with these roles; raises for a wrong one.
_Verify = Callable[[User | None, Collection[str]], _Verified]


def authenticate(services: Services, name: str, password: str, address: str) -> Authenticated:
    """Authenticate by a username or number and its password.

    LingpaiError `invalid_grant`, the same for an unknown name, a disabled account and a wrong password; 429 after too
    many wrong passwords for the name or from the address (see `login_limits`). The writes replace a hash made with old
    parameters or by another system. Those of a closed account fail: `account_closing` then. One with a password that is
    too old is refused: `password_expired`.
    """
    settings = services.settings

    def verified(user: User | None, roles: Collection[str]) -> _Verified:
        user, stored = _of_password(services, user, password)
        unchanged: CheckUser | ChangeUser = CheckUser(user.id, stored)
        if passwords.needs_rehash(stored, settings) or (settings.digest_login and not user.digests):
            unchanged = ChangeUser(user, accounts.hashed(services, user, password), why=REHASHED)
        return _Verified(unchanged, password_age.refusal(services, user, roles))

    return _authenticate(services, name, address, verified)


def renew(services: Services, name: str, old: str, new: str, address: str) -> Authenticated:
    """As `authenticate`, by the password `old`, however old it is: `new` takes its place when the login is complete.

    LingpaiError `invalid_request` for a new password that is refused or no other; that it is the account's name is told
    to none but the holder of the old one.

    Can be repeated in a block of `renewal_noted`: if the first request has set the password, it is set again.
    """
    passwords.check_new(new, name, services.settings)
    passwords.check_differs(new, old)

    def verified(user: User | None, _roles: Collection[str]) -> _Verified:
        try:
            user, stored = _of_password(services, user, old)
        except LingpaiError:
            if not unanswered.is_repeat(services, *_renewal(name, address)):
                raise
            user, stored = _of_password(services, user, new)
        unchanged = CheckUser(user.id, stored)
        try:
            passwords.check_new(new, identities.display_name(services, user), services.settings)
        except LingpaiError as error:
            return _Verified(unchanged, error)
        new_password = ChangeUser(user, accounts.with_password(services, user, new))
        return _Verified(unchanged, new_password=new_password)

    return _authenticate(services, name, address, verified)


def renewal_noted(services: Services, name: str, address: str) -> AbstractContextManager[None]:
    """A block that completes a login of `renew`: after a 503 the same request may be repeated."""
    return unanswered.noted(services, *_renewal(name, address))


def _renewal(name: str, address: str) -> tuple[object, ...]:
    return ("renew", name, address)


def _of_password(services: Services, user: User | None, password: str) -> tuple[User, str]:
    """The account and its hash if it is the account's password; LingpaiError `invalid_grant` if not."""
    stored = user.password if user else None
    if not passwords.verify(password, stored, services.settings) or user is None or stored is None:
        raise invalid_grant("bad_credentials")
    return user, stored


def authenticate_by_digests(services: Services, name: str, md5: str, sha1: str, address: str) -> Authenticated:
    """Authenticate by a name and the MD5 and SHA-1 of its password (seed 002); both must match."""
    digests = passwords.joined_digests(md5, sha1)

    def verified(user: User | None, roles: Collection[str]) -> _Verified:
        if not passwords.verify(digests, user.digests if user else None, services.settings) or user is None:
            raise invalid_grant("bad_credentials")
        return _Verified(CheckUser(user.id, user.password), password_age.refusal(services, user, roles))

    return _authenticate(services, name, address, verified)


def _authenticate(services: Services, name: str, address: str, verified: _Verify) -> Authenticated:
    """Authenticate the holder of the name. `verified` checks the password, and gives a write that checks the account.

    That write fails if the password has changed since; then the login is tried again. It fails, too, if the account is
    closed: LingpaiError `account_closing` if the password is right. For a missing or disabled account `verified` gets
    None: it takes the same time, and raises.
    """
    attempt = login_limits.begin(services, identities.login_key(services, name), address)

    def look(*, again: bool = False) -> Authenticated:
        user, roles = password_age.read(services, attempt.user_id)
        try:
            found = verified(None if user is None or user.disabled else user, roles)
        except LingpaiError:
            login_limits.failed(services, attempt)
            raise
        if user is None:
            raise invalid_grant("bad_credentials")
        if again and user.closes_at is not None:
            raise closing.refusal_of(services, user)
        counted = login_limits.checks_of(attempt) if found.refusal else login_limits.succeeded(attempt, user.id)
        return Authenticated(
            user.id,
            (login_methods.PASSWORD,),
            services.clock.now(),
            writes=(found.unchanged, *counted),
            after_conflict=after_conflict,
            refusal=found.refusal,
            new_password=found.new_password,
        )

    def after_conflict(conflict: Conflict) -> Authenticated:
        login_limits.raise_if_limited(attempt, conflict)
        if isinstance(conflict.write, RememberAddresses):
            # The name now belongs to another account, or to none.
            raise invalid_grant("bad_credentials")
        return look(again=True)

    return look()
