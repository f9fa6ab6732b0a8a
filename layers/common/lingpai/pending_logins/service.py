"""Logins in several steps: a code was sent, or the first factor is proven and the second is awaited.

A pending login is found by a secret of 32 random bytes, of which the store keeps a digest: that of a cookie, or the
`auth_session` of an app. Each step is one transaction: it uses up what was proven, deletes the pending login of the
step before, and puts the next one, or opens the session. So each step is taken once, and nothing but the two factors
together opens a session.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace

from lingpai.accounts import closing
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckIdentity, CheckUser, PutIdentity
from lingpai.authentication import password_age
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import complete
from lingpai.kernel.errors import LingpaiError, invalid_grant, invalid_session
from lingpai.kernel.writes import Conflict, Write
from lingpai.pending_logins.model import AppRequest, FirstFactor, PendingLogin
from lingpai.pending_logins.storage import PutPendingLogin, UsePendingLogin
from lingpai.services import Services

# In seconds: time to find the phone.
LIFETIME = 600


def begin(
    services: Services,
    authenticated: Authenticated,
    app: AppRequest | None = None,
    previous: PendingLogin | None = None,
) -> bytes:
    """Use up the first factor, and keep that it was proven; return the secret that finds the pending login. One call.

    `app` is the request of the app that the login is for; None for the pages. The pending login takes the place of
    `previous`. LingpaiError as from `authentication.service.complete`, and `invalid_session` if `previous` was used.
    """

    def put(who: Authenticated) -> bytes:
        identity, password_hash = _proven(who.writes)
        first = FirstFactor(who.user_id, who.methods, who.auth_time, identity, password_hash)
        if who.new_password is not None:
            after = who.new_password.after
            first = replace(first, new_password=after.password, new_digests=after.digests)
        secret = services.clock.new_secret()
        _put(services, secret, first, app, previous, who.writes)
        return secret

    return complete(services, authenticated, put)


def begin_with_code(services: Services, app: AppRequest, secret: bytes) -> None:
    """Keep that a code is sent to the number of the app's request; the new `secret` finds the pending login. One call.

    LingpaiError where the store is unavailable.
    """
    _put(services, secret, None, app, None, ())


def forget(services: Services, login: PendingLogin) -> None:
    """Delete a pending login that another one has replaced. One that is there still proves nothing: it may stay."""
    with suppress(Conflict, LingpaiError):
        services.store.commit(UsePendingLogin(login.digest, services.clock.now()))


def put_back(services: Services, login: PendingLogin) -> None:
    """Put a pending login again, which may have been used up by a request that was answered 503."""
    services.store.commit(PutPendingLogin(login))


def _put(
    services: Services,
    secret: bytes,
    first: FirstFactor | None,
    app: AppRequest | None,
    previous: PendingLogin | None,
    writes: tuple[Write, ...],
) -> None:
    now = services.clock.now()
    login = PendingLogin(digest(secret, of_app=app is not None), now + LIFETIME, first, app)
    used = () if previous is None else (UsePendingLogin(previous.digest, now),)
    try:
        services.store.commit(*used, *writes, PutPendingLogin(login))
    except Conflict as conflict:
        if conflict.write in used:
            raise invalid_session() from None
        raise


def find(services: Services, secret: bytes, *, of_app: bool = False) -> PendingLogin | None:
    """The pending login of the secret; None if there is none, or if it has expired. One call.

    The secret of an app finds no login on the pages, and the other way round.
    """
    login = services.store.get_pending_login(digest(secret, of_app=of_app))
    return login if login is not None and services.clock.now() < login.expires_at else None


def completed(
    services: Services, login: PendingLogin, user: User, methods: tuple[str, ...], writes: tuple[Write, ...]
) -> Authenticated:
    """The login with both factors. `methods` and `writes` are those of the second factor, `user` is its account.

    The writes delete the pending login, use up the second factor, and check that the first factor is still good: the
    account is not disabled, and has the identity or the password that was proven. LingpaiError `invalid_grant` if not.
    A new password is set then. Without one, a password that has become too old meanwhile logs nobody in.
    """
    first = login.first
    if first is None:
        raise invalid_grant("login_expired")
    if not is_good(first, user):
        raise invalid_grant("login_expired")
    still: tuple[Write, ...] = (CheckUser(user.id, user.password if first.password_hash is not None else None),)
    if first.identity is not None:
        still = (*still, CheckIdentity(first.identity, user.id))
    use = UsePendingLogin(login.digest, services.clock.now())

    def refuse(conflict: Conflict) -> Authenticated:
        if conflict.write in writes:
            raise invalid_grant("bad_second_factor")
        if isinstance(conflict.write, CheckUser | ChangeUser) and conflict.user and not conflict.user.is_active:
            raise closing.refusal_of(services, conflict.user)
        raise invalid_grant("login_expired")

    new_password = _new_password(services, first, user)
    return Authenticated(
        user.id,
        tuple(dict.fromkeys((*first.methods, *methods))),
        first.auth_time,
        writes=(use, *writes, *still),
        after_conflict=refuse,
        refusal=None if new_password else _too_old(services, first, user),
        new_password=new_password,
    )


def of_closed(services: Services, login: PendingLogin, user: User) -> Authenticated | None:
    """The login to a closed account, which opens the account again; None if its first factor is no longer good.

    The writes delete the pending login and open the account. LingpaiError `login_expired` if one of both is done. With
    a password that is too old the account is opened again, and nobody is logged in.
    """
    first = login.first
    if first is None or not is_good(first, user):
        return None

    def refuse(_conflict: Conflict) -> Authenticated:
        raise invalid_grant("login_expired")

    writes = (UsePendingLogin(login.digest, services.clock.now()), closing.reopened(user))
    refusal = _too_old(services, first, user)
    return Authenticated(user.id, first.methods, first.auth_time, writes, refuse, refusal=refusal)


def proof_of_closed(authenticated: Authenticated) -> Authenticated:
    """The same proof, with writes that demand that the account is closed, where the others demand that it is not.

    It changes nothing yet, and logs nobody in: `of_closed` looks at the password's age.
    """

    def closed(write: Write) -> Write:
        match write:
            case CheckUser(user_id=user_id, password=password):
                return CheckUser(user_id, password, closed=True)
            case ChangeUser(before=before):
                return CheckUser(before.id, before.password, closed=True)
            case _:
                return write

    return replace(authenticated, writes=tuple(map(closed, authenticated.writes)), refusal=None, new_password=None)


def _too_old(services: Services, first: FirstFactor, user: User) -> LingpaiError | None:
    """The refusal of a login that proved a password which is too old by now; None for any other."""
    return password_age.refusal_now(services, user) if first.password_hash is not None else None


def _new_password(services: Services, first: FirstFactor, user: User) -> ChangeUser | None:
    if first.new_password is None:
        return None
    after = replace(user, password=first.new_password, digests=first.new_digests)
    return ChangeUser(user, replace(after, password_set_at=services.clock.now()))


def is_good(first: FirstFactor, user: User) -> bool:
    """Whether the account still has the password that was proven, if one was."""
    return first.password_hash is None or first.password_hash == _hash_of(user.password)


def digest(secret: bytes, *, of_app: bool = False) -> bytes:
    """What the store keeps of the secret."""
    return hashlib.sha256((b"auth session" if of_app else b"pending login") + secret).digest()


def _proven(writes: tuple[Write, ...]) -> tuple[str | None, bytes | None]:
    """The identity and the hash of the password's hash that the writes of a first factor check or set."""
    identity, password = None, None
    for write in writes:
        match write:
            case CheckIdentity(key=key) | PutIdentity(key=key):
                identity = identity or key
            case CheckUser(password=checked):
                password = checked
            case ChangeUser(before=before, after=after) if after.password != before.password or write.reopens:
                password = after.password
            case _:
                pass
    return identity, _hash_of(password)


def _hash_of(password: str | None) -> bytes | None:
    return hashlib.sha256(password.encode()).digest() if password is not None else None
