"""Pending logins. Times are whole seconds since 1970."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FirstFactor:
    """A first factor that is proven: who (`user_id`), how (`methods`, see `login_methods`), and when.

    `identity` is the identity that it proved, and `password_hash` is SHA-256 of the stored hash of the password that it
    proved; None if it proved none. A login whose identity or password is another by now is not completed.

    `new_password` is the hash of a new password, and `new_digests` that of its digests: they take the place of the
    present ones when the login is completed. None where nothing changes.
    """

    user_id: int
    methods: tuple[str, ...]
    auth_time: int
    identity: str | None = field(default=None, repr=False)
    password_hash: bytes | None = field(default=None, repr=False)
    new_password: str | None = field(default=None, repr=False)
    new_digests: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AppRequest:
    """What an app asked for when it began the login: its client, and the parameters of its authorization request.

    `pushed` is the digest of the pushed request that they came from. `jkt` is the thumbprint of the key that each of
    its requests proves (RFC 9449); None for none. `number` (E.164) is where a code was sent; None if none was.
    """

    client_id: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    pushed: bytes | None = field(default=None, repr=False)
    jkt: str | None = None
    number: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PendingLogin:
    """A login that is not complete, found by the digest of a secret that its browser or app has.

    `first` is None until a first factor is proven, and `app` is None for a login on the pages.
    """

    digest: bytes = field(repr=False)
    expires_at: int
    first: FirstFactor | None = None
    app: AppRequest | None = None
