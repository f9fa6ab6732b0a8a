"""Identities that a third party has proven, and the tokens by which this server asks it."""

from dataclasses import dataclass, field

OPENID_MAX = 256


@dataclass(frozen=True)
class SingleUse:
    """A proof that may be used once: its key in the store, when it expires (Unix seconds), and an id of this use."""

    key: str
    until: int
    use: str


@dataclass(frozen=True)
class Identity:
    """A user's identity at a third party: unique by provider, app and the id in that app.

    `union` is the id of the same user in all apps of the provider, if it has one (WeChat's unionid). `single_use` is
    for the transaction that uses up the proof; None if the third party itself accepts the proof only once.
    """

    provider: str
    app: str
    openid: str = field(repr=False)
    union: str | None = field(default=None, repr=False)
    single_use: SingleUse | None = field(default=None, repr=False, compare=False)

    @property
    def issuer(self) -> str:
        """Provider and app as one text, separated by a colon; colons in the app are escaped."""
        return f"{self.provider}:{self.app.replace('%', '%25').replace(':', '%3A')}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """The entries that an account stores (see `User.openids`): the id in the app, then the one in all apps."""
        own = ((self.issuer, self.openid),)
        return own if self.union is None else (*own, (union_issuer(self.provider), self.union))


# In the place of an app: no provider that gives such ids has an app of this name.
_UNION = "unionid"


def union_issuer(provider: str) -> str:
    """The issuer under which an account stores the id of a user in all apps of the provider."""
    return f"{provider}:{_UNION}"


def is_union(issuer: str) -> bool:
    """Whether an id of this issuer is valid in all apps of a provider."""
    return issuer == union_issuer("wechat")


@dataclass(frozen=True)
class ProviderCredential:
    """A credential of a third party: `sign`, and the `nonce` with which it was requested."""

    sign: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AppToken:
    """The access token of one of this server's apps at a provider, as the store keeps it: encrypted.

    `app` is provider and app as one text. `sealed` is empty if there is no token. `claimed_until` is when the claim of
    whoever is renewing it ends; 0 for nobody. Times are Unix seconds.
    """

    app: str
    sealed: bytes = field(default=b"", repr=False)
    expires_at: int = 0
    claimed_until: int = 0
