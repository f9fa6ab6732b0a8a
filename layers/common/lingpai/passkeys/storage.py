"""What passkeys need from a store: their writes and reads.

A passkey is an item of its account in the table of factors; `accounts.storage.DeleteFactor` deletes it.
"""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.kernel import base64url
from lingpai.kernel.writes import Write
from lingpai.passkeys.model import Challenge, Passkey, Passkeys, Purpose

# The id of the item that holds the version of an account's list, and the beginning of the ids of the passkeys.
LIST, PREFIX = "passkeys", "passkey:"


def item_id(mark: bytes) -> str:
    """The id of the item of a passkey, by its `Passkey.mark`."""
    return f"{PREFIX}{base64url.encode(mark)}"


@dataclass(frozen=True)
class PutChallenge(Write):
    """A new challenge. Its value is random: where one stands there already, it is this one, put before."""

    challenge: Challenge


@dataclass(frozen=True)
class UseChallenge(Write):
    """The challenge is gone. Fails unless it was there, for this purpose and account, and not expired at `now`."""

    value: bytes = field(repr=False)
    purpose: Purpose
    user_id: int
    now: int


@dataclass(frozen=True)
class PutPasskey(Write):
    """A new passkey of an account. Fails if the account has it already."""

    passkey: Passkey


@dataclass(frozen=True)
class ChangePasskeys(Write):
    """The account's list of passkeys changes from this `version` on. Fails where it has changed since."""

    user_id: int
    version: int


@dataclass(frozen=True)
class UsePasskey(Write):
    """The passkey was used at `now`, with this signature counter and backup state.

    Fails if the passkey is gone, or unless the counter is larger than the stored one; both may be 0, which is what
    authenticators without a counter send.
    """

    user_id: int
    mark: bytes = field(repr=False)
    counter: int
    backed_up: bool
    now: int


@dataclass(frozen=True)
class RenamePasskey(Write):
    """The passkey has this name. Fails if it is gone."""

    user_id: int
    mark: bytes = field(repr=False)
    name: str


class PasskeyStore(Protocol):
    """The passkeys of accounts. Each read sees all writes before it."""

    def get_passkey(self, user_id: int, mark: bytes) -> Passkey | None:
        """The account's passkey of this `Passkey.mark`."""
        ...

    def list_passkeys(self, user_id: int) -> Passkeys:
        """All passkeys of the account, in one call."""
        ...
