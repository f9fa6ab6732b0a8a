"""The store interface of second factors. Each is an item of its account (see `accounts.storage.DeleteFactor`)."""

from dataclasses import dataclass, field
from typing import Protocol

from lingpai.kernel.writes import Write
from lingpai.second_factors.model import AccountFactors, RecoveryCodes

# The ids of the items.
TOTP = "totp"
RECOVERY = "recovery"


@dataclass(frozen=True)
class BeginTotp(Write):
    """Keep the wrapped secret of an app that is being set up, in place of an earlier one. It never fails.

    An app in use stays as it is. That the account is there has to be checked in the same transaction.
    """

    user_id: int
    secret: bytes = field(repr=False)
    until: int


@dataclass(frozen=True)
class ConfirmTotp(Write):
    """Use the app that was being set up, by a code for this time step, from `now` on, in place of an earlier one.

    Fails unless `secret` is the wrapped secret that waits, and waits still.
    """

    user_id: int
    secret: bytes = field(repr=False)
    step: int
    now: int


@dataclass(frozen=True)
class UseTotpStep(Write):
    """Accept a code for this time step, and none for it or an earlier one again (RFC 6238 section 5.2).

    Fails where that was done before, and where the app with this wrapped secret is no longer in use.
    """

    user_id: int
    secret: bytes = field(repr=False)
    step: int


@dataclass(frozen=True)
class SaveRecoveryCodes(Write):
    """The recovery codes `before` (None for none) are replaced by `after`.

    Fails where they are others by now: some were used, or all replaced. That the account is there has to be checked in
    the same transaction.
    """

    user_id: int
    before: RecoveryCodes | None
    after: RecoveryCodes


@dataclass(frozen=True)
class UseRecoveryCode(Write):
    """Use up the recovery code of this mark. Fails where it is not left."""

    user_id: int
    mark: str = field(repr=False)


class SecondFactors(Protocol):
    """The second factors of accounts."""

    def get_factors(self, user_id: int) -> AccountFactors:
        """What the account has; sees all writes before it."""
        ...
