"""The interface of captchas."""

from collections.abc import Mapping
from typing import Any, Protocol

from lingpai.captcha.model import Solved, Subject


class BadSolution(Exception):
    """The solution is wrong, expired, used, or for another number or client."""


class Unavailable(Exception):
    """The provider could not be asked. `detail` is for the log: the provider and the error, nothing of the solution."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Captcha(Protocol):
    """Makes challenges and verifies their solutions."""

    def challenge(self, subject: Subject) -> Mapping[str, Any]:
        """What a client needs to show the captcha, as JSON: `provider`, and the provider's own fields."""
        ...

    def verify(self, solution: str, subject: Subject, address: str) -> Solved:
        """The solved challenge; BadSolution or Unavailable without one. `address` is that of the end user.

        It may be called twice for one solution: the caller sees to it that each counts once.
        """
        ...
