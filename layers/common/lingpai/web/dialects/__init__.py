"""How each kind of client is spoken to (docs: the wire contract, section 1): one module each.

The client's record names its dialect. What is not a client of ours is answered in the dialect that its
request resembles; that decides the looks of the refusal, never the trust.
"""

from collections.abc import Mapping
from typing import Protocol

from lingpai.errors import LingpaiError
from lingpai.model import TokenSet
from lingpai.web.dialects import spring, standard
from lingpai.web.reply import Reply
from lingpai.web.request import Request


class Dialect(Protocol):
    """What a dialect module has. `GRANT_TYPES` maps `grant_type` on the wire to the grant's name."""

    @property
    def GRANT_TYPES(self) -> Mapping[str, str]:  # noqa: N802  a constant of the module
        """The values of `grant_type` that these clients know."""
        ...

    def success(self, tokens: TokenSet) -> Reply:
        """The token answer."""
        ...

    def failure(self, error: LingpaiError) -> Reply:
        """The refusal."""
        ...


REGISTRY: dict[str, Dialect] = {"standard": standard, "spring": spring}


def of_record(name: str) -> Dialect:
    """The dialect that a client's record names."""
    return REGISTRY[name]


def resembled(request: Request) -> Dialect:
    """The dialect in which to refuse a client that is not known."""
    if request.headers.get("authorization", "").strip().lower().startswith("basic"):
        return spring
    return standard
