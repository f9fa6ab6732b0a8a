"""Identities that a third party has proven."""

from dataclasses import dataclass, field

OPENID_MAX = 256


@dataclass(frozen=True)
class SingleUse:
    """A proof that may be used once: the key to remember it by, until when (Unix seconds), and an id of this use."""

    key: str
    until: int
    use: str


@dataclass(frozen=True)
class Identity:
    """Who a third party says is there: unique by provider, its app and the id in that app.

    `union` is the id that the same person has in all apps of that provider, where it gives one (WeChat's unionid).
    `single_use` is for the transaction that acts on the proof, None where the third party itself takes it once.
    """

    provider: str
    app: str
    openid: str = field(repr=False)
    union: str | None = field(default=None, repr=False)
    single_use: SingleUse | None = field(default=None, repr=False, compare=False)

    @property
    def issuer(self) -> str:
        """Provider and app as one text, in which no colon of the app's own can be mistaken for the one between."""
        return f"{self.provider}:{self.app.replace('%', '%25').replace(':', '%3A')}"

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What an account keeps of it (see `User.openids`): the id in the app first, then the one in all of them."""
        own = ((self.issuer, self.openid),)
        return own if self.union is None else (*own, (union_issuer(self.provider), self.union))


# In the place of an app: no provider that gives such ids has an app of this name.
_UNION = "unionid"


def union_issuer(provider: str) -> str:
    """The issuer under which an account keeps the id that a person has in all apps of the provider."""
    return f"{provider}:{_UNION}"


def is_union(issuer: str) -> bool:
    """Whether ids of this issuer are a person's in all apps of a provider."""
    return issuer == union_issuer("wechat")


@dataclass(frozen=True)
class ProviderCredential:
    """What somebody presents to be known by a third party: `sign`, and the `nonce` that it was asked for with."""

    sign: str = field(repr=False)
    nonce: str | None = field(default=None, repr=False)
