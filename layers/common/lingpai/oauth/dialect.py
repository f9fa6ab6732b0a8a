"""The interface of dialects: how each reads the grant and writes the response of the token endpoint."""

from collections.abc import Mapping
from typing import Protocol

from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
from lingpai.sessions.model import TokenSet


class Dialect(Protocol):
    """The interface of a dialect module."""

    def grant(self, given: Mapping[str, str]) -> str:
        """The name of the grant that the parameters request."""
        ...

    def success(self, tokens: TokenSet, request: Request) -> Reply:
        """The response with the tokens."""
        ...

    def failure(self, error: LingpaiError, request: Request) -> Reply:
        """The error response."""
        ...


class Dialects(Protocol):
    """The interface of the module with all dialects (`legacy.dialects`)."""

    @property
    def PARAMETERS(self) -> frozenset[str]:  # noqa: N802  a constant of the module
        """The parameters that only clients of one dialect send."""
        ...

    def get_dialect(self, name: str) -> Dialect:
        """The dialect that a client's record names."""
        ...

    def guess_dialect(self, request: Request, given: Mapping[str, str]) -> Dialect:
        """The dialect for the error to an unknown client, guessed from its request."""
        ...
