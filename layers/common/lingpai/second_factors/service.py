"""Second factors: set up, prove, replace and remove.

A guess is counted before it is compared, for the account: at most `CODE_TRIES` wrong ones in a window of
`CODE_TRIES_WINDOW` seconds, at codes of the app and recovery codes together, on all routes. A right code is not counted
as a guess. Each time step of an app and each recovery code is used up by the transaction that it is proven for.

A change of a factor ends every session of the account but the one that asks for it, those known by then in the same
transaction. It keeps `User.second_factors` in step with the items.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace

from lingpai.accounts import ended_accounts
from lingpai.accounts.model import User
from lingpai.accounts.storage import ChangeUser, CheckUser, DeleteFactor
from lingpai.kernel.errors import LingpaiError, conflict, forbidden, invalid_grant, not_found
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.service import Limit
from lingpai.second_factors import recovery_codes, totp
from lingpai.second_factors.model import AccountFactors, ProvenFactor, RecoveryCodes
from lingpai.second_factors.storage import (
    RECOVERY,
    TOTP,
    BeginTotp,
    ConfirmTotp,
    SaveRecoveryCodes,
    UseRecoveryCode,
    UseTotpStep,
)
from lingpai.services import Services
from lingpai.sessions import factor_policy, login_methods
from lingpai.sessions.model import SessionKey

# How long an app waits to be confirmed, in seconds.
SET_UP_TTL = 1800
# How somebody has proven a second factor by a code of the app, or by a recovery code.
METHODS = (login_methods.OTP, login_methods.TWO_FACTORS)
_ATTEMPTS = 5
# A change of an account, and what is written with it.
type Plan = Callable[[User], tuple[User, tuple[Write, ...]]]


# --- proving ----------------------------------------------------------------------------------------------


def verify_totp(services: Services, user_id: int, code: str) -> ProvenFactor:
    """Verify a code of the account's app.

    LingpaiError `invalid_grant` for a code that is wrong or used, and for an account without an app; 429 where no
    guesses are left. A text that cannot be a code is wrong, and counts as no guess.
    """
    parsed = totp.parse_code(code)
    if parsed is None:
        raise _wrong()
    limit = _count_guess(services, user_id)
    known = services.store.get_factors(user_id).totp
    if known is None or known.secret is None:
        raise _wrong()
    step = totp.find_step(services.totp_secrets.unwrap(known.secret, user_id), parsed, services.clock.now())
    if step is None or step <= known.last_step:
        raise _wrong()
    _refund(services, limit)
    return ProvenFactor(METHODS, (UseTotpStep(user_id, known.secret, step),))


def verify_recovery_code(services: Services, user_id: int, code: str) -> ProvenFactor:
    """Verify one of the account's recovery codes. Errors as for `verify_totp`."""
    parsed = recovery_codes.parse(code)
    if parsed is None:
        raise _wrong()
    limit = _count_guess(services, user_id)
    known = services.store.get_factors(user_id).recovery
    mark = recovery_codes.mark(services, user_id, parsed)
    if not any(hmac.compare_digest(mark, left) for left in (known.marks if known else ())):
        raise _wrong()
    _refund(services, limit)
    return ProvenFactor(METHODS, (UseRecoveryCode(user_id, mark),))


def _wrong() -> LingpaiError:
    """One error for a wrong code, a used one, and an account without the factor."""
    return invalid_grant("bad_second_factor")


def _count_guess(services: Services, user_id: int) -> Limit | None:
    """Count a guess at the account's second factor, and return the limit; LingpaiError 429 if no guess is left."""
    settings = services.settings
    tries = {"all": settings.code_tries}
    limit = rate_limits.limit_of(f"second-factor:{user_id}", tries, settings.code_tries_window, services.clock.now())
    return rate_limits.increment(services, limit, "slow_down")


def _refund(services: Services, limit: Limit | None) -> None:
    """The guess was right, so it is not counted."""
    if limit is not None:
        services.store.refund(limit.key, "all")


# --- setting up -------------------------------------------------------------------------------------------


def may_set_up(services: Services) -> bool:
    """Whether people may set up second factors here (`MFA`)."""
    return services.settings.mfa != "off"


def begin_totp(services: Services, user_id: int) -> bytes:
    """A secret for a new app of the account, which waits for SET_UP_TTL seconds to be confirmed by a code.

    It replaces one that waits already; an app in use stays until then. LingpaiError `access_denied` where MFA is off.
    """
    if not may_set_up(services):
        raise forbidden("second_factors_off")
    secret = services.clock.random_bytes(totp.SECRET_BYTES)
    until = services.clock.now() + SET_UP_TTL
    try:
        services.store.commit(
            CheckUser(user_id), BeginTotp(user_id, services.totp_secrets.wrap(secret, user_id), until)
        )
    except Conflict:
        raise not_found("user_not_found") from None
    return secret


def waiting_totp(services: Services, user_id: int) -> bytes | None:
    """The secret that waits to be confirmed; None where none does."""
    wrapped = _waiting(services, services.store.get_factors(user_id))
    return services.totp_secrets.unwrap(wrapped, user_id) if wrapped is not None else None


def confirm_totp(
    services: Services, user_id: int, code: str, session: SessionKey | None, *also: Write
) -> tuple[str, ...]:
    """Use the app that waits, by its first code; every session but `session` ends.

    The writes `also` are part of the transaction.
    Returns recovery codes, if the account had none left: they are shown once. LingpaiError as for `verify_totp`;
    `conflict` where no app waits.
    """
    parsed = totp.parse_code(code)
    if parsed is None:
        raise _wrong()
    limit = _count_guess(services, user_id)
    factors, now = services.store.get_factors(user_id), services.clock.now()
    wrapped = _waiting(services, factors)
    if wrapped is None:
        raise conflict("set_up_expired")
    step = totp.find_step(services.totp_secrets.unwrap(wrapped, user_id), parsed, now)
    if step is None:
        raise _wrong()
    _refund(services, limit)
    codes = () if factors.recovery and factors.recovery.marks else recovery_codes.make(services.clock)
    writes: tuple[Write, ...] = (ConfirmTotp(user_id, wrapped, step, now), *also)
    if codes:
        writes += (_save(services, user_id, factors, codes),)
    change(services, user_id, lambda user: (_with(user, user.second_factors | {TOTP}), writes), session)
    return codes


def replace_recovery_codes(services: Services, user_id: int, session: SessionKey) -> tuple[str, ...]:
    """Ten new recovery codes, which are shown once, in place of the old; every session but `session` ends.

    LingpaiError `not_found` for an account without a second factor.
    """
    codes = recovery_codes.make(services.clock)

    def plan(user: User) -> tuple[User, tuple[Write, ...]]:
        if not user.second_factors:
            raise not_found("factor_not_found")
        return user, (_save(services, user_id, services.store.get_factors(user_id), codes),)

    change(services, user_id, plan, session)
    return codes


# --- removing ---------------------------------------------------------------------------------------------


def remove_totp(services: Services, user_id: int, session: SessionKey) -> None:
    """Remove the account's app; every session but `session` ends.

    With the last second factor the recovery codes are removed. LingpaiError `not_found` where there is no app,
    `conflict` if it is the last second factor of an account that needs one.
    """

    def plan(user: User) -> tuple[User, tuple[Write, ...]]:
        if TOTP not in user.second_factors:
            raise not_found("factor_not_found")
        after = _with(user, user.second_factors - {TOTP})
        keep_one(services, after)
        return after, (DeleteFactor(user_id, TOTP), *without_last(services, after))

    change(services, user_id, plan, session)


def keep_one(services: Services, after: User) -> None:
    """LingpaiError `conflict` if the owner leaves no second factor to an account that needs one (MFA, MFA_ROLES)."""
    if not after.second_factors and factor_policy.is_demanded(services, after.id):
        raise conflict("last_second_factor")


def without_last(services: Services, after: User) -> tuple[Write, ...]:
    """The writes that remove the recovery codes of an account that has no second factor any more; else none."""
    if after.second_factors or RECOVERY not in services.store.list_factor_ids(after.id):
        return ()
    return (DeleteFactor(after.id, RECOVERY),)


def remove_all(services: Services, user_id: int) -> None:
    """Remove all second factors of the account and its recovery codes; all of its sessions end. Can be repeated.

    For the operator, when somebody has lost theirs.
    """

    def plan(user: User) -> tuple[User, tuple[Write, ...]]:
        ids = services.store.list_factor_ids(user_id)
        return _with(user, frozenset()), tuple(DeleteFactor(user_id, factor_id) for factor_id in ids)

    change(services, user_id, plan, None)


def _waiting(services: Services, factors: AccountFactors) -> bytes | None:
    """The wrapped secret that waits to be confirmed."""
    known = factors.totp
    return known.pending if known is not None and services.clock.now() < known.pending_until else None


def _save(services: Services, user_id: int, factors: AccountFactors, codes: tuple[str, ...]) -> SaveRecoveryCodes:
    parsed = (code.replace("-", "") for code in codes)
    marks = frozenset(recovery_codes.mark(services, user_id, code) for code in parsed)
    return SaveRecoveryCodes(user_id, factors.recovery, RecoveryCodes(marks, services.clock.now()))


def _with(user: User, second_factors: frozenset[str]) -> User:
    return replace(user, second_factors=second_factors)


def change(
    services: Services, user_id: int, plan: Plan, session: SessionKey | None, once: type[Write] | None = None
) -> None:
    """Commit what `plan` says, again where something changes meanwhile, and end the account's sessions but `session`.

    Conflict of a write of the type `once`, which no later try can make succeed.
    """
    for _ in range(_ATTEMPTS):
        user = services.store.get_user(user_id)
        if user is None or not user.is_active:
            raise not_found("user_not_found")
        after, writes = plan(user)
        # Without a session, the operator removes as many factors as there are: the transaction has to hold them.
        ended = ended_accounts.ending(services, user_id, session) if session else ()
        try:
            services.store.commit(ChangeUser(user, after), *writes, *ended)
        except Conflict as failed:
            if once is not None and isinstance(failed.write, once):
                raise
            continue
        ended_accounts.end_all(services, user_id, keep=session)
        return
    raise conflict("changed_meanwhile")
