"""Passkeys and the challenges of their ceremonies. Times are whole seconds since 1970."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

# What a challenge was issued for. It is good for that alone.
Purpose = Literal["register", "login", "second-factor"]


@dataclass(frozen=True)
class Challenge:
    """A challenge that a browser was given (WebAuthn level 3 section 13.4.3): `value` is 32 random bytes.

    `user_id` is the account that it was issued to; 0 for a login, whose account is not known yet.
    """

    value: bytes = field(repr=False)
    purpose: Purpose
    user_id: int
    expires_at: int


@dataclass(frozen=True)
class Passkey:
    """A credential of an account (the "credential record" of WebAuthn level 3 section 4).

    `credential` is the attested credential data (section 6.5.1): AAGUID, credential id and COSE public key. `counter`
    is the authenticator's signature counter at the last use. `backup_eligible` never changes; `backed_up` is as the
    authenticator said at the last use. `transports` are as the browser gave them. `used_at` is 0 before the first use.
    """

    user_id: int
    id: bytes = field(repr=False)
    credential: bytes = field(repr=False)
    counter: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]
    name: str
    created_at: int
    used_at: int = 0

    @property
    def mark(self) -> bytes:
        """What it is stored and named by: SHA-256 of the credential id, which may have 1,023 bytes."""
        return mark_of(self.id)


@dataclass(frozen=True)
class Passkeys:
    """The passkeys of an account, the oldest first; `version` grows with each that is added or removed."""

    listed: tuple[Passkey, ...] = ()
    version: int = 0


def mark_of(credential_id: bytes) -> bytes:
    """The `Passkey.mark` of a credential id."""
    return hashlib.sha256(credential_id).digest()
