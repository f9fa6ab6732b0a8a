"""Limits for password guesses that do not lock out the owner of an account.

The number of wrong tries in a window is limited for each name, and for each address and its network. An address from
which the name was recently logged in to has a separate limit, which others cannot use up. The counters are read
together with the name, and checked before the password is compared. The transaction that opens the session or counts
the wrong try checks them again, so concurrent requests cannot exceed the limits.
"""

from dataclasses import dataclass

from lingpai.accounts.model import KnownAddress
from lingpai.accounts.storage import RememberAddresses
from lingpai.kernel.writes import Conflict, Write
from lingpai.rate_limits import service as rate_limits
from lingpai.rate_limits.service import Limit
from lingpai.rate_limits.storage import CheckCounter, IncrementCounter
from lingpai.services import Services

_REMEMBERED = 8
# Seconds after which the record of a known address is written again.
_FRESH = 86400


@dataclass(frozen=True)
class LoginAttempt:
    """An allowed try to log in to `user_id` (None: no such account), and the `limits` that count it."""

    key: str
    user_id: int | None
    address: str
    at: int
    known: tuple[KnownAddress, ...]
    limits: tuple[Limit, ...]


def begin(services: Services, key: str, address: str) -> LoginAttempt:
    """Look up the identity `key` and its limits in one call; LingpaiError 429 if a limit is reached.

    A name without an account is answered alike.
    """
    settings, now = services.settings, services.clock.now()
    mark = rate_limits.address_mark(key, address)

    def tries_of(subject: str) -> Limit | None:
        return rate_limits.limit_of(f"login:{subject}", {"all": settings.login_tries}, settings.login_window, now)

    of_address = rate_limits.address_limit(settings, "login", address, now)
    strangers = tuple(filter(None, (tries_of(rate_limits.hashed(key)), of_address)))
    familiar = tuple(filter(None, (tries_of(mark),)))
    lookup = services.store.look_up_login(key, tuple(limit.key for limit in strangers + familiar))
    lately = tuple(known for known in lookup.addresses if known.at > now - settings.login_memory)
    limits = familiar if any(known.mark == mark for known in lately) else strangers
    for limit in limits:
        if limit.reached(lookup.counters[limit.key]):
            raise limit.refusal(now, "slow_down")
    return LoginAttempt(key, lookup.user_id, mark, now, lately, limits)


def failed(services: Services, attempt: LoginAttempt) -> None:
    """Count a wrong password; LingpaiError 429 if concurrent tries have reached the limit."""
    if not attempt.limits:
        return
    try:
        services.store.commit(*(limit.increment for limit in attempt.limits))
    except Conflict as conflict:
        raise_if_limited(attempt, conflict)
        raise


def checks_of(attempt: LoginAttempt) -> tuple[Write, ...]:
    """The writes that check the limits: those of a correct password that logs nobody in, whose address is not known."""
    return tuple(limit.check for limit in attempt.limits)


def succeeded(attempt: LoginAttempt, user_id: int) -> tuple[Write, ...]:
    """The writes for the session after a correct password: check the limits, and record the address."""
    checks = checks_of(attempt)
    if not checks:
        return ()
    if any(known.mark == attempt.address and known.at > attempt.at - _FRESH for known in attempt.known):
        return checks
    others = sorted((known for known in attempt.known if known.mark != attempt.address), key=lambda known: known.at)
    kept = (*others[-(_REMEMBERED - 1) :], KnownAddress(attempt.address, attempt.at))
    return (*checks, RememberAddresses(attempt.key, user_id, kept))


def raise_if_limited(attempt: LoginAttempt, conflict: Conflict) -> None:
    """LingpaiError 429 if the failed write is that of a limit."""
    if isinstance(conflict.write, CheckCounter | IncrementCounter):
        key = conflict.write.key
        limit = next(limit for limit in attempt.limits if limit.key == key)
        raise limit.refusal(attempt.at, "slow_down") from None
