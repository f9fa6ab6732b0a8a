"""The verified access token, and how to read the token from the header `Authorization`."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lingpai_sdk.resource._errors import InsufficientAuthentication, InsufficientScope, InvalidToken, MissingToken

# RFC 6750 section 2.1.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *")

# What a path may have unescaped (RFC 3986 section 3.3), for frameworks that give the decoded path.
PATH = "/:@!$&'()*+,;=~"


@dataclass(frozen=True)
class AccessToken:
    """A verified access token.

    `subject` is the user's id (digits), or the client's id for a client's own token (client credentials). `roles` is
    empty and `username` is None unless the client's record has these claims. `expires_at` is in UTC. `audience` lists
    the APIs that the token is for. `claims` holds all claims of the signed token or of the introspection answer.
    """

    subject: str
    client_id: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    username: str | None = field(repr=False)
    expires_at: datetime
    audience: tuple[str, ...]
    claims: Mapping[str, Any] = field(repr=False, hash=False)

    @property
    def jkt(self) -> str | None:
        """The thumbprint of the key that it is bound to (RFC 9449 section 6); None for a bearer token."""
        confirmation = self.claims.get("cnf")
        return None if confirmation is None else str(confirmation["jkt"])

    def require(
        self,
        *,
        scopes: Iterable[str] = (),
        roles: Iterable[str] = (),
        acr: str | Iterable[str] = (),
        max_age: int | None = None,
    ) -> None:
        """InsufficientScope unless the token has all of these scopes and all of these roles.

        InsufficientAuthentication unless its user has logged in with one of the `acr` values (`"2"`: two factors) and
        at most `max_age` seconds ago (RFC 9470). A client's own token has no user, and never does.
        """
        wanted, needed = words("scopes", scopes), words("roles", roles)
        if not set(wanted) <= set(self.scopes):
            raise InsufficientScope("The access token lacks a scope that this request needs", wanted)
        if not set(needed) <= set(self.roles):
            raise InsufficientScope("The user or client lacks a role that this request needs", wanted)
        self._require_login((acr,) if isinstance(acr, str) else tuple(acr), max_age)

    def _require_login(self, acr: tuple[str, ...], max_age: int | None) -> None:
        auth_time = self.claims.get("auth_time")
        is_recent = isinstance(auth_time, (int, float)) and time.time() - auth_time <= (max_age or 0)
        if (acr and self.claims.get("acr") not in acr) or (max_age is not None and not is_recent):
            raise InsufficientAuthentication("A different authentication level is required", acr, max_age)


def words(name: str, given: Iterable[str]) -> tuple[str, ...]:
    """The words as a tuple; TypeError for a single string, which would be split into its letters."""
    if isinstance(given, str):
        raise TypeError(f"{name}: must be a list of texts, not one text")
    return tuple(given)


def bearer_token(authorization_header: str | None, scopes: Iterable[str] = ()) -> str:
    """The token in the value of the header `Authorization` (RFC 6750 section 2.1).

    MissingToken, with these scopes, if there is no header or another scheme; InvalidToken if the token is malformed.
    """
    given = (authorization_header or "").strip()
    if given.partition(" ")[0].lower() != "bearer":
        raise MissingToken("The request has no bearer token", words("scopes", scopes))
    found = _BEARER.fullmatch(given)
    if found is None:
        raise InvalidToken("The Authorization header holds no well-formed bearer token")
    return found[1]
