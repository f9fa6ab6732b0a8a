"""How each kind of client is spoken to (docs: the wire contract, section 1): one module each.

The client's record names its dialect. What is not a client of ours is answered in the dialect that its
request resembles; that decides the looks of the refusal, never the trust.
"""

from collections.abc import Mapping
from typing import Protocol

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
from lingpai.legacy import django, passport, spring, usercenter
from lingpai.oauth import standard
from lingpai.sessions.model import TokenSet


class Dialect(Protocol):
    """What a dialect module has."""

    def grant(self, given: Mapping[str, str]) -> str:
        """The name of the grant that the parameters ask for."""
        ...

    def success(self, tokens: TokenSet, request: Request) -> Reply:
        """The token answer."""
        ...

    def failure(self, error: LingpaiError, request: Request) -> Reply:
        """The refusal."""
        ...


REGISTRY: dict[str, Dialect] = {
    "django": django,
    "passport": passport,
    "spring": spring,
    "standard": standard,
    "usercenter": usercenter,
}


def of_record(name: str) -> Dialect:
    """The dialect that a client's record names."""
    return REGISTRY[name]


def resembled(request: Request, given: Mapping[str, str]) -> Dialect:
    """The dialect in which to refuse a client that is not known, by what its request looks like."""
    if "grant_type" not in given and usercenter.PARAMETERS & given.keys():
        return usercenter
    if request.headers.get("authorization", "").strip().lower().startswith("basic"):
        return spring
    return passport if "scope" in given else standard
