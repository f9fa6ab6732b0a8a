"""The age of passwords: PASSWORD_MAX_AGE_DAYS, and PASSWORD_MAX_AGE_ROLES.

A password that is too old logs nobody in. Only who knows it is told so, and may choose a new one (`password.renew`).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.kernel.errors import LingpaiError, password_expired
from lingpai.services import Services

if TYPE_CHECKING:
    from lingpai.passwords.settings import PasswordSettings

_DAY = 86400


def is_limited(settings: "PasswordSettings") -> bool:
    """Whether passwords become too old here."""
    return bool(settings.password_max_age_days)


def read(services: Services, user_id: int | None) -> tuple[User | None, frozenset[str]]:
    """The account that logs in, and the names of its roles where the age of its password depends on them. One call."""
    if not _asks_for_roles(services.settings):
        return accounts.user_or_nobody(services, user_id), frozenset()
    directory = services.store.directory(accounts.NOBODY if user_id is None else user_id)
    user = directory.users.get(user_id) if user_id is not None else None
    return user, directory.roles.names_of(user.roles) if user else frozenset()


def refusal(services: Services, user: User, roles: Collection[str]) -> LingpaiError | None:
    """LingpaiError `password_expired` if the account's password is too old; None if it is not. `roles` are its own."""
    settings = services.settings
    if not _is_over(settings, user, services.clock.now()):
        return None
    if settings.password_max_age_roles and set(settings.password_max_age_roles).isdisjoint(roles):
        return None
    return password_expired(f"{services.issuer}/login")


def refusal_now(services: Services, user: User) -> LingpaiError | None:
    """As `refusal`, for an account whose roles are not known. One call where they matter, and the password is old."""
    settings = services.settings
    if not (_asks_for_roles(settings) and _is_over(settings, user, services.clock.now())):
        return refusal(services, user, frozenset())
    _, roles = read(services, user.id)
    return refusal(services, user, roles)


def _asks_for_roles(settings: "PasswordSettings") -> bool:
    return bool(settings.password_max_age_days and settings.password_max_age_roles)


def _is_over(settings: "PasswordSettings", user: User, now: int) -> bool:
    set_at = user.created_at if user.password_set_at is None else user.password_set_at
    return 0 < settings.password_max_age_days * _DAY <= now - set_at
