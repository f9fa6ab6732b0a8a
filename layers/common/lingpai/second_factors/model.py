"""The second factors of an account, as they are kept. Times are whole seconds since 1970."""

from dataclasses import dataclass, field

from lingpai.aws.secret_wrapping import Kind
from lingpai.kernel.writes import Write

# The secrets of authenticator apps, each for its account alone.
SECRETS = Kind("lingpai totp secret", "user")


@dataclass(frozen=True)
class Totp:
    """An authenticator app. Both secrets are wrapped (`SecretWrapper`).

    `secret` is that of the app in use, since `confirmed_at`; None before the first is confirmed. `last_step` is the
    last time step (RFC 6238 section 4) that a code of it was accepted for. `pending` is the secret of an app that is
    being set up, and has to be confirmed by a code before `pending_until`; None where none is.
    """

    secret: bytes | None = field(default=None, repr=False)
    confirmed_at: int = 0
    last_step: int = 0
    pending: bytes | None = field(default=None, repr=False)
    pending_until: int = 0


@dataclass(frozen=True)
class RecoveryCodes:
    """The recovery codes that are left, as keyed hashes, and when all of them were made."""

    marks: frozenset[str] = field(repr=False)
    created_at: int


@dataclass(frozen=True)
class AccountFactors:
    """What an account has in the table of factors; None for what was never set up."""

    totp: Totp | None = None
    recovery: RecoveryCodes | None = None


@dataclass(frozen=True)
class ProvenFactor:
    """A second factor that was proven: how (`login_methods`), and the writes that use up the proof.

    The writes are committed together with the login's own: a Conflict of one means that the proof was used meanwhile.
    """

    methods: tuple[str, ...]
    writes: tuple[Write, ...] = field(repr=False)
