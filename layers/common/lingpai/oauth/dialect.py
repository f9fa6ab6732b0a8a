"""What the token endpoint needs of the dialects: how each reads the grant and writes the answer."""

from collections.abc import Mapping
from typing import Protocol

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
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


class Dialects(Protocol):
    """What the module of all dialects has (`legacy.dialects`)."""

    @property
    def PARAMETERS(self) -> frozenset[str]:  # noqa: N802  a constant of the module
        """The parameters that only clients of one dialect send."""
        ...

    def get_dialect(self, name: str) -> Dialect:
        """The dialect that a client's record names."""
        ...

    def guess_dialect(self, request: Request, given: Mapping[str, str]) -> Dialect:
        """The dialect in which to refuse a client that is not known, by what its request looks like."""
        ...
