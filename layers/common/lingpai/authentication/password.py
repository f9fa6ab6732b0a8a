"""Authentication by a name and its password, or by digests of the password (seed 002)."""

from collections.abc import Callable

from lingpai.accounts import closing, identities
from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import REHASHED, ChangeUser, CheckUser, RememberAddresses
from lingpai.authentication import login_limits
from lingpai.authentication.model import Authenticated
from lingpai.kernel.errors import LingpaiError, invalid_grant
from lingpai.kernel.writes import Conflict, Write
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.sessions import login_methods


def authenticate(services: Services, name: str, password: str, address: str) -> Authenticated:
    """Authenticate by a username or number and its password.

    LingpaiError `invalid_grant`, the same for an unknown name, a disabled account and a wrong password; 429 after too
    many wrong passwords for the name or from the address (see `login_limits`). The writes replace a hash made with old
    parameters or by another system. Those of a closed account fail: `account_closing` then.
    """
    settings = services.settings

    def verified(user: User | None) -> Write:
        stored = user.password if user else None
        if not passwords.verify(password, stored, settings) or user is None or stored is None:
            raise invalid_grant("bad_credentials")
        if passwords.needs_rehash(stored, settings) or (settings.digest_login and not user.digests):
            return ChangeUser(user, accounts.with_password(services, user, password), why=REHASHED)
        return CheckUser(user.id, stored)

    return _authenticate(services, name, address, verified)


def authenticate_by_digests(services: Services, name: str, md5: str, sha1: str, address: str) -> Authenticated:
    """Authenticate by a name and the MD5 and SHA-1 of its password (seed 002); both must match."""
    digests = passwords.joined_digests(md5, sha1)

    def verified(user: User | None) -> Write:
        if not passwords.verify(digests, user.digests if user else None, services.settings) or user is None:
            raise invalid_grant("bad_credentials")
        return CheckUser(user.id, user.password)

    return _authenticate(services, name, address, verified)


def _authenticate(
    services: Services, name: str, address: str, verified: Callable[[User | None], Write]
) -> Authenticated:
    """Authenticate the holder of the name. `verified` checks the password, and returns a write that checks the account.

    That write fails if the password has changed since; then the login is tried again. It fails, too, if the account is
    closed: LingpaiError `account_closing` if the password is right. For a missing or disabled account `verified` gets
    None: it takes the same time, and raises.
    """
    attempt = login_limits.begin(services, identities.login_key(services, name), address)

    def look(*, again: bool = False) -> Authenticated:
        user = accounts.user_or_nobody(services, attempt.user_id)
        try:
            unchanged = verified(None if user is None or user.disabled else user)
        except LingpaiError:
            login_limits.failed(services, attempt)
            raise
        if user is None:
            raise invalid_grant("bad_credentials")
        if again and user.closes_at is not None:
            raise closing.refusal_of(services, user)
        writes = (unchanged, *login_limits.succeeded(attempt, user.id))
        return Authenticated(user.id, (login_methods.PASSWORD,), services.clock.now(), writes, after_conflict)

    def after_conflict(conflict: Conflict) -> Authenticated:
        login_limits.raise_if_limited(attempt, conflict)
        if isinstance(conflict.write, RememberAddresses):
            # The name now belongs to another account, or to none.
            raise invalid_grant("bad_credentials")
        return look(again=True)

    return look()
