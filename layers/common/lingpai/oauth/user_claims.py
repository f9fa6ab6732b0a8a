"""The claims about a user that a scope asks for (OpenID Connect Core section 5.4)."""

from collections.abc import Collection
from typing import Any

from lingpai.accounts.model import User

# The scopes that ask for claims, and the claims.
SCOPES: dict[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "preferred_username", "picture", "gender", "birthdate"),
    "phone": ("phone_number", "phone_number_verified"),
    "roles": ("roles",),
}


def of_user(user: User, roles: Collection[str], scope: Collection[str]) -> dict[str, Any]:
    """The user's claims for the scope, without those that have no value; `roles` are names.

    `phone_number` is the proven number alone, never what a profile says.
    """
    profile = user.profile
    known: dict[str, Any] = {
        "sub": str(user.id),
        "name": profile.name,
        "preferred_username": user.username,
        "picture": profile.picture if (profile.picture or "").startswith("https://") else None,
        "gender": profile.gender,
        "birthdate": profile.birthdate,
        "phone_number": user.mobile,
        "phone_number_verified": True if user.mobile else None,
        "roles": sorted(roles),
    }
    asked = {claim for name, claims in SCOPES.items() if name in scope for claim in claims}
    return {name: value for name, value in known.items() if name in asked and value not in (None, "")}
